"""Ways to damage a file as a disk, a copy or a hand does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def unseen(path: Path) -> Iterator[None]:
    """Sets the times of a file back to what they were before the block, as far as anybody can."""
    before = path.stat()
    yield
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def flip(path: Path, at: int, bit: int = 0) -> None:
    """Flip a bit where it lies; negative places count from the end."""
    with unseen(path), path.open("r+b") as file:
        file.seek(at, os.SEEK_SET if at >= 0 else os.SEEK_END)
        (value,) = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([value ^ (1 << bit)]))


def truncate(path: Path, lost: int) -> None:
    """Take bytes off the end."""
    with unseen(path):
        os.truncate(path, path.stat().st_size - lost)


def blank(path: Path, at: int, length: int = 4096) -> None:
    """Write zeros, as a file system does for a part that it lost."""
    with unseen(path), path.open("r+b") as file:
        file.seek(at)
        file.write(bytes(length))


def overwrite(path: Path, data: bytes) -> None:
    """Other content in the same file, of the same age.

    It is never empty in between: whoever has mapped it would be killed for reading what is gone.
    """
    with unseen(path), path.open("r+b") as file:
        file.write(data)
        file.truncate()


def swap(one: Path, other: Path) -> None:
    """Each file gets the other one's content."""
    first, second = one.read_bytes(), other.read_bytes()
    overwrite(one, second)
    overwrite(other, first)
