"""Writes a file completely or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_FILE_MODE = 0o600


def write_atomic(
    target: Path, content: bytes, *, scratch: Path | None = None, replace: bool = True
) -> None:
    """Write a file that is on disk, whole and private to its owner, when this returns.

    The content goes to `scratch`, by default a new hidden file beside `target`, which is synced and
    then renamed. A crash or a power cut leaves the old file or the new one. With `replace` false an
    existing target stays as it is. Raises OSError if any step fails.
    """
    scratch = scratch or target.with_name(f".{target.name}-{secrets.token_hex(8)}")
    try:
        with open_synced(scratch) as file:
            file.write(content)
        if replace:
            scratch.rename(target)
        else:
            with suppress(FileExistsError):
                target.hardlink_to(scratch)
        sync_directory(target.parent)
    finally:
        with suppress(OSError):  # it was renamed, or the disk fails
            scratch.unlink(missing_ok=True)


@contextmanager
def open_synced(path: Path) -> Iterator[BinaryIO]:
    """Open a private file to write; its content is on disk when the block ends without an error.

    The file's name is not: sync its directory, or `publish_file` it.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, _FILE_MODE)  # a killed process may have left a file of another mode
        yield file
        file.flush()
        os.fsync(descriptor)


def publish_file(scratch: Path, target: Path) -> None:
    """Rename a synced file to `target` and sync the directory."""
    scratch.rename(target)
    sync_directory(target.parent)


def sync_directory(folder: Path) -> None:
    """Write the names in a directory through to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # from network shares that write names at once
            raise
    finally:
        os.close(descriptor)
