"""Lists the files under a path, and what there is that cannot be read as one."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from ragkit_ingest.model import FileError, Reason

_IGNORED = {"Thumbs.db", "desktop.ini", "__pycache__", "node_modules"}
_BASE_FILE = "ragkit.db"


FileState = tuple[str, int, int, int, int, int]
"""A file's path, device, inode, size and times of change; what is written to changes it."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file. `source` is its path relative to the root, with "/" between parts."""

    source: str
    path: str
    size: int


@dataclass(slots=True)
class Scan:
    """What lies under a path.

    `errors` are of what is not a readable file; below `unreadable` folders nothing is known, so
    nothing there counts as vanished.
    """

    files: list[FoundFile] = field(default_factory=list)
    errors: list[FileError] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    ignored: int = 0


def scan(root: Path, start: Path) -> Scan:
    """List `start` (a file or folder, `root` itself or inside it), sorted by source.

    Hidden files, office lock files and ragkit bases are ignored. Links are followed to files
    inside the root only, so there are no loops and nothing outside comes in.
    """
    result = Scan()
    if start.is_dir():
        _scan_folder(root, start, result)
    else:
        _add(root, str(start), result)
    result.files.sort(key=lambda file: file.source)
    result.errors.sort(key=lambda error: error.source)
    return result


def _scan_folder(root: Path, start: Path, result: Scan) -> None:
    pending = [str(start)]
    while pending:
        folder = pending.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            source = _source(root, folder)
            result.unreadable.append(source)
            result.errors.append(_unreadable(source, error))
            continue
        if any(entry.name == _BASE_FILE for entry in entries):
            result.ignored += 1
            continue
        for entry in entries:
            if _is_ignored(entry.name):
                result.ignored += 1
            elif entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
            else:
                _add(root, entry.path, result)


def _is_ignored(name: str) -> bool:
    return name.startswith((".", "~$")) or name in _IGNORED


def _add(root: Path, path: str, result: Scan) -> None:
    source = _source(root, path)
    try:
        info = os.lstat(path)
        if stat.S_ISLNK(info.st_mode):
            if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
                error = FileError(source, Reason.NOT_A_FILE, "a link out of the folder")
                result.errors.append(error)
                return
            info = os.stat(path)
            if stat.S_ISDIR(info.st_mode):
                result.ignored += 1
                return
    except FileNotFoundError:
        what = "a link to nothing" if os.path.islink(path) else "vanished while it was looked at"
        result.errors.append(FileError(source, Reason.UNREADABLE, what))
        return
    except OSError as error:
        result.errors.append(_unreadable(source, error))
        return
    if stat.S_ISREG(info.st_mode):
        result.files.append(FoundFile(source, path, info.st_size))
    else:
        result.errors.append(FileError(source, Reason.NOT_A_FILE, _kind(info.st_mode)))


def _unreadable(source: str, error: OSError) -> FileError:
    return FileError(source, Reason.UNREADABLE, error.strerror or str(error))


def _kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a named pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def _source(root: Path, path: str) -> str:
    """The path below the root; names that are not UTF-8 are kept apart by escapes."""
    relative = os.path.relpath(path, root).replace(os.sep, "/")
    return relative.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def file_state(path: str) -> FileState:
    """By what a file that is looked at again is known to be unchanged. Raises OSError."""
    info = os.stat(path)
    return path, info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns


def is_within(source: str, folder: str) -> bool:
    """Whether a source lies in a folder of the same root; "." is the root."""
    return folder in (".", source) or source.startswith(f"{folder}/")


def digest_file(path: str) -> bytes | None:
    """Return the SHA-256 of a file's bytes, None if it cannot be opened or read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    digest = hashlib.sha256()
    try:
        while block := os.read(descriptor, 1 << 20):
            digest.update(block)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return digest.digest()
