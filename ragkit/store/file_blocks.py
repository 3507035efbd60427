"""Reads the files of a knowledge base byte by byte, also the database while it is open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw

from ragkit.store.layout import DATABASE_FILE, DATABASE_MEMORY_FILE

_DATABASE_FLAGS = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY


def has_readable_content(path: Path) -> bool:
    """Return False for the memory that SQLite shares between processes, and for links.

    That file holds numbers of pages and locks, no content (sqlite.org/walformat.html, section 2).
    """
    return path.name != DATABASE_MEMORY_FILE and path.is_file() and not path.is_symlink()


def read_blocks(path: Path, start: int, length: int, block_bytes: int) -> Iterator[bytes]:
    """Read at most `length` bytes of a file from `start` on, in blocks of `block_bytes`.

    A process that closes a file loses all its POSIX locks on it, also those of its SQLite
    connections (sqlite.org/howtocorrupt.html, section 2.2). Another process could then delete the
    write-ahead log that they use. SQLite's own file object for a main database, and no other, keeps
    a file open until no connection in this process has a lock on it.
    """
    if path.name == DATABASE_FILE:
        yield from _read_database_blocks(path, start, length, block_bytes)
        return
    with path.open("rb") as file:
        file.seek(start)
        while length > 0 and (block := file.read(min(length, block_bytes))):
            yield block
            length -= len(block)


def _read_database_blocks(path: Path, start: int, length: int, block_bytes: int) -> Iterator[bytes]:
    with closing(_DatabaseFile("", str(path.resolve()), [_DATABASE_FLAGS, 0])) as file:
        end = min(start + length, file.xFileSize())
        for at in range(start, end, block_bytes):
            yield file.xRead(min(block_bytes, end - at), at)


class _DatabaseFile(apsw.VFSFile):
    """A file of SQLite's default VFS, which compares no checksums."""

    def close(self) -> None:
        self.xClose()
