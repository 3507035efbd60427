"""Stores the number of the last commit beside the database, to detect commits that were lost.

SQLite reads its write-ahead log up to the first frame that is damaged, and treats what follows as
never committed (sqlite.org/fileformat2.html, section 4). After a flipped bit or a lost end of the
log, documents would silently be missing. SQLite also reads a truncated last page as zeros, without
comparing its checksum.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import NamedTuple

from ragkit.store.database import Database

_MARKER_LENGTH = 60  # bytes, whatever the numbers: no write changes the size


class CommitMarker(NamedTuple):
    """The sequence number and the number of the last audit record after a commit."""

    seq: int
    record: int


def read_commit(database: Database) -> CommitMarker:
    """Return the last commit that a connection sees."""
    return CommitMarker(
        *database.execute(
            "SELECT (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'seq'), "
            "(SELECT coalesce(max(id), 0) FROM audit)"
        ).fetchone()
    )


def write_marker(descriptor: int, head: CommitMarker) -> None:
    """Store the last commit, which is on disk already; the caller holds the commit lock."""
    text = f"{head.seq} {head.record} "
    os.pwrite(
        descriptor, f"{text}{zlib.crc32(text.encode()):08x}".ljust(_MARKER_LENGTH).encode(), 0
    )


def read_marker(path: Path) -> CommitMarker | None:
    """Return the stored commit, zeros if there was none yet; None if the file is damaged."""
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
    """Return True if a part of the last page is missing; commits must be blocked."""
    _, logged, _ = database.execute("PRAGMA wal_checkpoint(NOOP)").fetchone()
    (page,) = database.execute("PRAGMA page_size").fetchone()
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    size = file.stat().st_size
    return bool(size % page or (logged <= 0 and size < page * pages))
