"""Notes beside the database which commit was the last, to see where SQLite leaves some out.

SQLite reads its write-ahead log up to the first frame that is not what was written, and takes what
follows as never committed (sqlite.org/fileformat2.html, section 4): of a bit that flips in it, or
an end that is lost, nothing is seen but that documents are gone. What is missing of the file's last
page it takes for zeros, and compares no checksum.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import NamedTuple

from ragkit.store.database import Database

_MARKER_LENGTH = 60  # characters, however long the numbers are


class CommitMarker(NamedTuple):
    """The sequence number and the last record of the audit log, after a commit."""

    seq: int
    record: int


def read_commit(database: Database) -> CommitMarker:
    """What a connection sees."""
    return CommitMarker(
        *database.execute(
            "SELECT (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'seq'), "
            "(SELECT coalesce(max(id), 0) FROM audit)"
        ).fetchone()
    )


def write_marker(descriptor: int, head: CommitMarker) -> None:
    """Write down what was committed, which must be on disk; whoever does so holds the lock."""
    text = f"{head.seq} {head.record} "
    os.pwrite(
        descriptor, f"{text}{zlib.crc32(text.encode()):08x}".ljust(_MARKER_LENGTH).encode(), 0
    )


def read_marker(path: Path) -> CommitMarker | None:
    """What was written down, zeros if nothing ever was; None if it cannot be read."""
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        found = b""
    if not found:
        return CommitMarker(0, 0)
    try:
        seq, record, checksum = found.decode("ascii").split()
        if zlib.crc32(f"{seq} {record} ".encode()) == int(checksum, 16):
            return CommitMarker(int(seq), int(record))
    except ValueError:
        pass
    return None


def is_truncated(database: Database, file: Path) -> bool:
    """Whether a part of the last page is missing. Nobody may be committing meanwhile."""
    _, logged, _ = database.execute("PRAGMA wal_checkpoint(NOOP)").fetchone()
    (page,) = database.execute("PRAGMA page_size").fetchone()
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    size = file.stat().st_size
    return bool(size % page or (logged <= 0 and size < page * pages))
