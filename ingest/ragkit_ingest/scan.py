"""The scan: lists the files under a path, and what there cannot be read as a file."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ragkit_ingest.model import FileError, Reason

_IGNORED_NAMES = {"Thumbs.db", "desktop.ini", "__pycache__", "node_modules"}
_KB_FILE = "ragkit.db"
_KB_FILES = {_KB_FILE, f"{_KB_FILE}-wal", f"{_KB_FILE}-shm", f"{_KB_FILE}-journal"}


FileState = tuple[str, int, int, int, int, int]
"""A file's path, device, inode, size and times of change. Writing to the file changes it."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file: its path in the source folder with "/" between parts, and on disk.

    `size` is in bytes. `modified_at` is when it was last modified: UTC, to the second, as ISO text.
    """

    source: str
    path: str
    size: int
    modified_at: str


@dataclass(slots=True)
class Scan:
    """What is under a path, sorted by source path.

    `errors` name what is not a readable file. Below the folders in `unreadable` nothing is known,
    so nothing there counts as vanished. `ignored` counts files and folders that were skipped.
    """

    files: list[FoundFile] = field(default_factory=list)
    errors: list[FileError] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    ignored: int = 0


def scan(root: Path, start: Path) -> Scan:
    """List the files of `start`: the source folder `root`, or a file or folder inside it.

    Skips hidden files, lock files of Office programs, knowledge bases and their database files.
    Follows links only to files inside the root, so that there are no loops and nothing from outside
    comes in. Never raises; the result holds errors with the reasons UNREADABLE and NOT_A_FILE.
    """
    result = Scan()
    if start.is_dir():
        _scan_folder(root, start, result)
    else:
        _add_file(root, str(start), result)
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
            source = _source_path(root, folder)
            result.unreadable.append(source)
            result.errors.append(_unreadable(source, error))
            continue
        if any(entry.name == _KB_FILE for entry in entries):
            result.ignored += 1
            continue
        for entry in entries:
            if _is_ignored(entry.name):
                result.ignored += 1
            elif entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
            else:
                _add_file(root, entry.path, result)


def _is_ignored(name: str) -> bool:
    return name.startswith((".", "~$")) or name in _IGNORED_NAMES


def _add_file(root: Path, path: str, result: Scan) -> None:
    source = _source_path(root, path)
    if os.path.basename(os.path.realpath(path)) in _KB_FILES:  # closing it would end SQLite's locks
        result.ignored += 1
        return
    try:
        info = os.lstat(path)
        if stat.S_ISLNK(info.st_mode):
            if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
                found = "a link out of the source folder; ingest its target instead"
                result.errors.append(FileError(source, Reason.NOT_A_FILE, found))
                return
            info = os.stat(path)
            if stat.S_ISDIR(info.st_mode):
                result.ignored += 1
                return
    except FileNotFoundError:
        what = "a link to a missing file" if os.path.islink(path) else "it vanished during the scan"
        result.errors.append(FileError(source, Reason.UNREADABLE, what))
        return
    except OSError as error:
        result.errors.append(_unreadable(source, error))
        return
    if stat.S_ISREG(info.st_mode):
        result.files.append(FoundFile(source, path, info.st_size, format_time(info.st_mtime)))
    else:
        result.errors.append(FileError(source, Reason.NOT_A_FILE, _describe_kind(info.st_mode)))


def format_time(seconds: float) -> str:
    """Return a time since 1970 as ISO 8601 text, in UTC and to the second.

    A damaged file system may report any time. One outside the years 1 to 9999 becomes 1970.
    """
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC).isoformat(timespec="seconds")


def _unreadable(source: str, error: OSError) -> FileError:
    return FileError(source, Reason.UNREADABLE, error.strerror or str(error))


def _describe_kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a named pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def _source_path(root: Path, path: str) -> str:
    """Return the path below the root. Escapes replace bytes that are not UTF-8."""
    relative = os.path.relpath(path, root).replace(os.sep, "/")
    return relative.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def file_state(path: str) -> FileState:
    """Return a value that changes when the file is written to. Raises OSError."""
    info = os.stat(path)
    return path, info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns


def is_within(source: str, folder: str) -> bool:
    """Return True if a source path is in a folder, or is the folder; "." is the whole root."""
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
