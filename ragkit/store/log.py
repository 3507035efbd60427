"""Finds what SQLite takes for no damage.

It reads its write-ahead log up to the first frame that is not what was written, and takes what
follows as never committed (sqlite.org/fileformat2.html, section 4): of a bit that flips in it
nothing is seen but that documents are gone. And what is missing of the file's last page it takes
for zeros, and compares no checksum.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from ragkit.store.database import Database

_HEAD = 32  # bytes before the first frame
_FRAME_HEAD = 24  # bytes of a frame before its page


def lost_commits(database: Database, log: Path) -> int:
    """How many commits stand in the log behind what can be read of it.

    One may be what a power cut left of a commit that was never acknowledged: each is on disk
    before the next one begins. More of them were committed, and are lost. Nobody may be committing
    meanwhile.
    """
    _, readable, _ = database.execute("PRAGMA wal_checkpoint(NOOP)").fetchone()
    if readable < 0 or not log.exists():
        return 0
    (page,) = database.execute("PRAGMA page_size").fetchone()
    with log.open("rb") as file:
        salt = _salt(file)
        file.seek(_HEAD + readable * (_FRAME_HEAD + page))
        lost = 0
        while len(head := file.read(_FRAME_HEAD)) == _FRAME_HEAD:
            is_commit = head[4:8] != bytes(4)
            lost += is_commit and head[8:16] == salt
            file.seek(page, 1)
    return lost


def is_cut_off(database: Database, file: Path) -> bool:
    """Whether a part of the last page is missing. Nobody may be committing meanwhile."""
    _, readable, _ = database.execute("PRAGMA wal_checkpoint(NOOP)").fetchone()
    (page,) = database.execute("PRAGMA page_size").fetchone()
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    return bool(readable <= 0 and file.stat().st_size < page * pages)


def _salt(file: BinaryIO) -> bytes:
    """What tells the frames of this log from those that it has overwritten so far."""
    head = file.read(_HEAD + _FRAME_HEAD)
    return head[16:24] if _is_intact(head[:_HEAD]) else head[_HEAD + 8 : _HEAD + 16]


def _is_intact(head: bytes) -> bool:
    if len(head) < _HEAD:
        return False
    order = ">" if head[3] & 1 else "<"
    one = two = 0
    for first, second in struct.iter_unpack(f"{order}2I", head[:24]):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return struct.pack(">2I", one, two) == head[24:]
