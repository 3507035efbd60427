"""Power cuts: replays the writes up to each call, without those that no fsync secured."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.interrupted import aftermath, record_calls, task_trap
from tests.faults.operations import Task
from tests.faults.score import Score
from tests.faults.trap import Kind, Record

_PAGE = 4096


@dataclass(slots=True)
class File:
    """The synced content of a file, and what was written since the last fsync.

    A write is (offset, data), with None in place of data for a change of length.
    """

    content: bytearray = field(default_factory=bytearray)
    unsynced: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        for offset, data in self.unsynced:
            _apply(self.content, offset, data)
        self.unsynced.clear()

    def torn(self, pick: random.Random) -> bytearray:
        """Return the content with a part of the unsynced pages."""
        content = bytearray(self.content)
        for write in self.unsynced:
            for offset, data in _pages(*write):
                if pick.random() < 0.5:
                    _apply(content, offset, data)
        return content


def _pages(offset: int, data: bytes | None) -> Iterator[tuple[int, bytes | None]]:
    if data is None:
        yield offset, None
        return
    at = 0
    while at < len(data):
        size = _PAGE - (offset + at) % _PAGE
        yield offset + at, data[at : at + size]
        at += size


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    end = offset + len(data or b"")
    if data is None:
        del content[offset:]
    content.extend(bytes(max(0, end - len(content))))
    if data is not None:
        content[offset:end] = data


Names = dict[str, File | None]
"""The files by their paths; None is a folder."""


@dataclass(slots=True)
class Change:
    """A change of names; an fsync of the folder secures it."""

    at: int
    record: Record
    file: File | None
    secured: bool = False

    def apply(self, names: Names) -> None:
        record = self.record
        if record.kind in (Kind.CREATE, Kind.MKDIR):
            names[record.path] = self.file
        elif record.kind is Kind.LINK:
            names[record.other] = self.file
        elif record.kind is Kind.RENAME:
            names.update(_move(names, record.path, record.other))
        elif record.kind is Kind.EXCHANGE:
            there = _move(names, record.path, record.other)
            names.update(_move(names, record.other, record.path) | there)
        elif record.kind is Kind.RMDIR:  # it was empty, though not every removal may be secured
            _move(names, record.path, "")
        else:
            names.pop(record.path, None)


def _move(names: Names, source: str, target: str) -> Names:
    """Move a name, and all names below it."""
    inside = [path for path in names if path == source or path.startswith(f"{source}/")]
    return {target + path.removeprefix(source): names.pop(path) for path in inside}


Start = dict[str, tuple[int, bytes | None]]
"""Inode and content by path; None is a folder."""


def read_start(folder: Path) -> Start:
    return {
        str(path): (path.stat().st_ino, None if path.is_dir() else path.read_bytes())
        for path in (folder, *sorted(folder.rglob("*")))
    }


class Disk:
    """The start of a folder, and all calls in it since."""

    def __init__(self, start: Start) -> None:
        self._start: Names = {}
        self._by_inode: dict[int, File] = {}
        for path, (inode, content) in start.items():
            if content is not None:
                self._by_inode[inode] = File(bytearray(content))
            self._start[path] = self._by_inode.get(inode)
        self._names = dict(self._start)
        self._changes: list[Change] = []
        self._synced_at = 0

    def replay(self, records: Sequence[Record]) -> None:
        for at, record in enumerate(records):
            self._do(at, record)

    def _do(self, at: int, record: Record) -> None:
        if record.kind is Kind.ACKNOWLEDGE:
            return
        if record.kind is Kind.SYNC:
            self._sync(at, record)
        elif record.kind is Kind.WRITE:
            self._by_inode[record.inode].unsynced.append((record.offset, record.data))
        elif record.kind is Kind.TRUNCATE:
            self._by_inode[record.inode].unsynced.append((record.offset, None))
        elif record.kind is Kind.CREATE and record.path in self._names:
            file = self._names[record.path]
            assert file is not None
            self._by_inode[record.inode] = file
            if record.offset == 0:
                file.unsynced.append((0, None))
        else:
            self._rename(at, record)

    def _sync(self, at: int, record: Record) -> None:
        self._synced_at = at
        if self._names.get(record.path, File()) is None:
            for change in self._changes:
                target = change.record.other or change.record.path
                change.secured |= str(Path(target).parent) == record.path
        else:
            self._by_inode[record.inode].sync()

    def _rename(self, at: int, record: Record) -> None:
        file = None
        if record.kind is Kind.CREATE:
            file = self._by_inode[record.inode] = File()
        elif record.kind is Kind.LINK:
            file = self._names[record.path]
        change = Change(at, record, file)
        change.apply(self._names)
        self._changes.append(change)

    # -- what is found afterwards ----------------------------------------------------------------

    def unwritten(self, pick: random.Random) -> dict[str, bytes | None]:
        """Return all names with the synced contents."""
        return {path: _content(file) for path, file in self._names.items()}

    def torn(self, pick: random.Random) -> dict[str, bytes | None]:
        """Return the names at some moment since the last fsync, with some unsynced pages."""
        last = max((change.at for change in self._changes), default=0)
        until = pick.randint(self._synced_at, max(self._synced_at, last))
        names = dict(self._start)
        for change in self._changes:
            if change.at <= until:
                change.apply(names)
        return {
            path: None if file is None else bytes(file.torn(pick)) for path, file in names.items()
        }

    def unnamed(self, pick: random.Random) -> dict[str, bytes | None]:
        """Return new files, but no rename or removal before an fsync of the folder."""
        names = dict(self._start)
        for change in self._changes:
            if change.secured or change.record.kind in (Kind.CREATE, Kind.MKDIR):
                change.apply(names)
        return {path: _content(file) for path, file in names.items()}


def _content(file: File | None) -> bytes | None:
    return None if file is None else bytes(file.content)


OUTCOMES = (Disk.unwritten, Disk.torn, Disk.unnamed)


def at_power_cuts(task: Task) -> Score:
    """Cut the power after every call of every operation, or after a sample."""
    score = Score("power")
    trap = task_trap(task)
    pick = random.Random(task.seed)
    for operation in task.operations():
        operation.begin(task.kb)
        start = read_start(task.kb.parent)
        records = record_calls(operation, task.kb, trap)
        cuts = [(at, outcome) for at in range(len(records) + 1) for outcome in OUTCOMES]
        if task.points is not None:
            cuts = pick.sample(cuts, min(len(cuts), task.share()))
        for at, outcome in cuts:
            disk = Disk(start)
            disk.replay(records[:at])
            put_back(task.kb.parent, outcome(disk, pick))
            acknowledged = {r.path for r in records[:at] if r.kind is Kind.ACKNOWLEDGE}
            wrong = aftermath(operation, task.kb, acknowledged, finished=at == len(records))
            last = f" ({records[at - 1].kind.name.lower()} {records[at - 1].path})" if at else ""
            score.add(f"{operation.name}, {outcome.__name__} after {at}{last}", wrong)
    return score


def put_back(folder: Path, names: dict[str, bytes | None]) -> None:
    """Write what a power cut left of a folder."""
    shutil.rmtree(folder)
    for path in sorted(names):
        content = names[path]
        if content is None:
            Path(path).mkdir()
        else:
            Path(path).write_bytes(content)
