from __future__ import annotations

import random

import pytest

from tests.faults.power import Disk, Start
from tests.faults.trap import Kind, Record

START: Start = {"/p/a": (1, b"old"), "/p/d": (2, None)}


def record(kind: Kind, path: str, inode: int = 0, offset: int = 0, data: bytes = b"") -> Record:
    return Record(kind, path, "", inode, offset, data)


def rename(path: str, other: str) -> Record:
    return Record(Kind.RENAME, path, other, 0, 0, b"")


WRITTEN = [
    record(Kind.CREATE, "/p/t", 3, -1),
    record(Kind.WRITE, "/p/t", 3, 0, b"new"),
    record(Kind.SYNC, "/p/t", 3),
    record(Kind.WRITE, "/p/t", 3, 3, b"er"),
    rename("/p/t", "/p/d/t"),
]


def test_what_was_not_synced_is_lost() -> None:
    disk = Disk(START)
    disk.replay(WRITTEN)
    found = disk.unwritten(random.Random(1))
    assert found == {"/p/a": b"old", "/p/d": None, "/p/d/t": b"new"}


def test_a_rename_is_lost_until_its_folder_is_synced() -> None:
    disk = Disk(START)
    disk.replay(WRITTEN)
    assert disk.unnamed(random.Random(1)) == {"/p/a": b"old", "/p/d": None, "/p/t": b"new"}
    disk.replay([record(Kind.SYNC, "/p/d", 2)])
    assert disk.unnamed(random.Random(1)) == disk.unwritten(random.Random(1))


def test_some_of_what_was_not_synced_is_torn_off() -> None:
    disk = Disk(START)
    disk.replay(WRITTEN)
    found = [disk.torn(random.Random(seed)) for seed in range(40)]
    contents = {names.get("/p/t", names.get("/p/d/t")) for names in found}
    assert contents == {b"new", b"newer"}
    assert {"/p/t" in names for names in found} == {True, False}


@pytest.mark.parametrize(
    ("done", "content"),
    [
        (record(Kind.TRUNCATE, "/p/a", 1, 1), b"o"),
        (record(Kind.CREATE, "/p/a", 1, 0), b""),
        (record(Kind.WRITE, "/p/a", 1, 5, b"x"), b"old\0\0x"),
    ],
)
def test_a_file_that_was_there_is_changed_in_place(done: Record, content: bytes) -> None:
    disk = Disk(START)
    disk.replay([done])
    assert disk.unwritten(random.Random(1))["/p/a"] == b"old"
    disk.replay([record(Kind.SYNC, "/p/a", 1)])
    assert disk.unwritten(random.Random(1))["/p/a"] == content


def test_a_new_file_of_a_removed_ones_inode_is_another_file() -> None:
    disk = Disk(START)
    disk.replay([record(Kind.UNLINK, "/p/a"), record(Kind.CREATE, "/p/b", 1, -1)])
    assert disk.unwritten(random.Random(1)) == {"/p/b": b"", "/p/d": None}
