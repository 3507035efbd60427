"""Replaces a directory by another one in a single step."""

from __future__ import annotations

import ctypes
import glob
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ragkit.errors import StoreError, StoreLocked
from ragkit.store.atomic import sync_directory
from ragkit.store.locks import lock_exclusive, lock_shared

_AT_FDCWD = -100  # openat(2)
_RENAME_EXCHANGE = 2  # renameat2(2)
_ADVICE = "name another directory; it must not be a mount point"


@contextmanager
def create_sibling(target: Path, purpose: str) -> Iterator[Path]:
    """Create a private directory beside `target`, which is deleted unless the block moves it.

    Directories that killed processes left there for the same purpose are deleted.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for leftover in find_siblings(target, purpose):
        with (
            suppress(StoreLocked, OSError),
            lock_exclusive(leftover),
        ):  # or a file system without locks
            shutil.rmtree(leftover, ignore_errors=True)
    fresh = target.with_name(f".{target.name}.{purpose}-{secrets.token_hex(4)}")
    fresh.mkdir(mode=0o700)
    descriptor = lock_shared(fresh)
    try:
        yield fresh
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        os.close(descriptor)


def find_siblings(target: Path, purpose: str) -> Iterator[Path]:
    """Yield the directories that are in progress beside `target`, or were left there."""
    return target.parent.glob(f".{glob.escape(target.name)}.{purpose}-*")


def exchange_directories(one: Path, other: Path) -> None:
    """Let two directories change places in one step. Raises StoreError if that fails."""
    libc = ctypes.CDLL(None, use_errno=True)
    rename = getattr(libc, "renameat2", None)
    paths = os.fsencode(one), os.fsencode(other)
    if rename is None or rename(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE):
        why = os.strerror(ctypes.get_errno()) if rename else "the system is too old"
        raise StoreError(
            f"{other} cannot be replaced in one step ({why}) and is unchanged; {_ADVICE}"
        )
    sync_directory(other.parent)


def publish_directory(fresh: Path, target: Path) -> None:
    """Rename a new directory to `target`, which may be an empty directory.

    Raises StoreError if that fails.
    """
    try:
        fresh.rename(target)
    except OSError as error:
        raise StoreError(f"{target} cannot be created ({error.strerror}); {_ADVICE}") from error
    sync_directory(target.parent)


def sync_tree(folder: Path) -> None:
    """Write a directory with all its content through to the disk."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        elif path.is_dir():
            sync_directory(path)
    sync_directory(folder)
