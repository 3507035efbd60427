"""Damaged files: bits flip, ends are lost, pages become zeros, two files are swapped."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from ragkit import RagkitError
from ragkit.store.database import connect
from tests.faults import invariants
from tests.faults.commands import Base, ragkit_command
from tests.faults.forks import Ended, run_forked
from tests.faults.operations import Task, contents, create_kb, write
from tests.faults.score import Score

_PAGE = 4096
_POINTS = 1000
_PARTS = 12  # of a document, so that little of the database is empty
_LAST_GONE = "the last commits are gone"
_QUESTIONS = ("KX-ash-1-2", "birch-1", "KX-elm-1-1", "part 3", "Part 2 of cedar-1", "babe dogu")


class Original:
    """A base whose files come back with their inodes and times, as rot in place leaves them.

    `right` are its answers, which rank a little differently where the word index is behind, and
    `earlier` the documents that it had before the last commits.
    """

    def __init__(self, kb: Path, docs: Path, earlier: Collection[list[str]] = ()) -> None:
        self.kb, self.docs, self.earlier = kb, docs, earlier
        self._stash = kb.with_suffix(".stash")
        self._stash.mkdir()
        self.files = sorted(path for path in kb.rglob("*") if path.is_file())
        self._folders = sorted(path for path in kb.rglob("*") if path.is_dir())
        self._contents = [path.read_bytes() for path in self.files]
        self._times = [path.stat().st_mtime_ns for path in self.files]
        for number, path in enumerate(self.files):
            os.link(path, self._stash / str(number))
        self.right: list[dict[str, Any]] = []
        for ingest in (False, True):
            for lose_index in (False, True):
                self.restore()
                if lose_index:
                    shutil.rmtree(kb / "index")
                if ingest:
                    assert run_forked(self.ingest).code == 0
                self.right.append(run_forked(partial(answers, kb)).value)

    def ingest(self) -> None:
        ragkit_command("ingest", str(self.docs), "--kb", str(self.kb))

    def restore(self) -> None:
        shutil.rmtree(self.kb)
        for folder in (self.kb, *self._folders):
            folder.mkdir(mode=0o700)
        kept = zip(self.files, self._contents, self._times, strict=True)
        for number, (path, content, time) in enumerate(kept):
            inode = self._stash / str(number)
            inode.write_bytes(content)
            os.utime(inode, ns=(time, time))
            os.link(inode, path)


Damage = Callable[[Path, Path, random.Random], str]
"""Damages the first file, or swaps it with the other; returns a description."""


def flip(path: Path, other: Path, pick: random.Random) -> str:
    data = bytearray(path.read_bytes() or b"\0")
    bits = [pick.randrange(8 * len(data)) for _ in range(pick.choice((1, 1, 1, 8)))]
    for bit in bits:
        data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    return f"bits {bits} flipped"


def truncate(path: Path, other: Path, pick: random.Random) -> str:
    length = pick.randrange(path.stat().st_size or 1)
    os.truncate(path, length)
    return f"cut to {length} bytes"


def zero(path: Path, other: Path, pick: random.Random) -> str:
    data = bytearray(path.read_bytes())
    page = pick.randrange(max(1, -(-len(data) // _PAGE))) * _PAGE
    end = min(page + _PAGE, len(data))
    data[page:end] = bytes(end - page)
    path.write_bytes(data)
    return f"bytes {page} to {end} zeroed"


def swap(path: Path, other: Path, pick: random.Random) -> str:
    here, there = path.read_bytes(), other.read_bytes()
    path.write_bytes(there)
    other.write_bytes(here)
    return f"swapped with {other.name}"


KINDS: tuple[Damage, ...] = (flip, flip, truncate, zero, swap)


def on_damaged_files(task: Task, *, killed: bool = False) -> Score:
    """Damage the files of a closed knowledge base, or of one whose writer was `killed`.

    SQLite reads a damaged log up to the damage. The last commits may silently be missing, as after
    a power cut; the next ingest must bring them back.
    """
    score = Score("damage-killed" if killed else "damage")
    original = _create_killed(task.work) if killed else _create_closed(task.work)
    groups = _group_files(original)
    tally: dict[tuple[str, str], Counter[bool]] = defaultdict(Counter)
    lost = 0
    for n in range(task.points or _POINTS):
        pick = random.Random(f"{task.seed} {n}")
        group = pick.choice(sorted(groups))
        path = pick.choice(groups[group])
        other = pick.choice([file for file in original.files if file != path])
        kind = pick.choice(KINDS)
        original.restore()
        times = {file: file.stat().st_mtime_ns for file in (path, other)}
        what = kind(path, other, pick)
        if kept := pick.random() < 0.5:  # rot does not change a file's time, a program does
            for file, time in times.items():
                os.utime(file, ns=(time, time))
        wrong = _find_flaws(original)
        if wrong == [_LAST_GONE] and any(file.suffix == ".db-wal" for file in times):
            wrong, lost = [], lost + 1
        name = path.relative_to(original.kb)
        score.add(f"{n}, {name} {what}{', with its time kept' if kept else ''}", wrong)
        tally[group, kind.__name__][bool(wrong)] += 1
    if lost:
        score.notes.append(f"last commits lost with the log until the next ingest: {lost} points")
    score.notes += [
        f"{group}, {kind}: {found.total()} points, {found[True]} violations"
        for (group, kind), found in sorted(tally.items())
    ]
    return score


def _group_files(original: Original) -> dict[str, list[Path]]:
    """Group the files by kind, so that each kind is damaged equally often."""
    groups: dict[str, list[Path]] = defaultdict(list)
    for path in original.files:
        folder = path.parent.relative_to(original.kb).parts
        if path.suffix == ".lock":
            groups["locks"].append(path)
        elif len(folder) > 1:
            groups["words" if len(path.stem) == 32 else "words' lists"].append(path)
        else:
            groups["vectors" if folder else path.name].append(path)
    return groups


def _find_flaws(original: Original) -> list[str]:
    """Return what is wrong with the answers after damage, and after an ingest that repairs it."""
    wrong = _differences(run_forked(partial(answers, original.kb)), original)
    again = run_forked(original.ingest)
    if again.crash:
        wrong.append(f"the ingest {again.crash}")
    elif again.code == 0:
        found = _differences(run_forked(partial(answers, original.kb)), original)
        wrong += [f"after the ingest {line}" for line in found]
    elif unclear := invariants.unclear(again.err, original.kb):
        wrong.append(f"the ingest {unclear}")
    elif "; " not in again.err:
        wrong.append(f"the ingest did not say what to do: {again.err!r}")
    return wrong


def _differences(ended: Ended, original: Original) -> list[str]:
    """Return how the answers differ from those before; an error that says what to do is fine."""
    if ended.value is None:
        return [ended.crash or ended.err[-300:]]
    if "refused" in ended.value:
        refused: str = ended.value["refused"]
        helps = "; " in refused and "\n" not in refused
        return [] if helps else [f"it did not say what to do: {refused!r}"]
    wrong = []
    found, expected = ended.value["documents"], original.right[0]["documents"]
    if found in original.earlier:
        return [_LAST_GONE]
    if found != expected:
        wrong.append("documents are others")
    if all(ended.value["hits"] != right["hits"] for right in original.right):
        wrong.append("searches find something else")
    return wrong


def checkpoint(kb: Path) -> None:
    """Move the whole write-ahead log into the database."""
    with closing(connect(kb / "ragkit.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _create_closed(work: Path) -> Original:
    """Create a closed knowledge base with an empty write-ahead log."""
    docs = work / "closed"
    write(docs, "ash", "birch", "cedar", "doum", "elm", parts=_PARTS)
    kb = create_kb(work, docs)
    checkpoint(kb)
    return Original(kb, docs)


def _create_killed(work: Path) -> Original:
    """Create one whose writer was killed, with two documents only in the write-ahead log."""
    docs = work / "killed"
    write(docs, "ash", "birch", "cedar", parts=_PARTS)
    kb = create_kb(work, docs)
    checkpoint(kb)
    earlier = [run_forked(partial(contents, kb)).value]
    for name in ("doum", "elm"):
        write(docs, name, parts=_PARTS)
        command = partial(ragkit_command, "ingest", str(docs), "--kb", str(kb), acknowledge=_die)
        assert run_forked(command).code == -signal.SIGKILL
        earlier.append(run_forked(partial(contents, kb)).value)
    return Original(kb, docs, earlier[:-1])


def _die(source: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def answers(kb: Path) -> dict[str, Any]:
    """Return the hits of all questions and every document, or the error."""
    try:
        with Base(kb, create=False) as base:
            hits = [
                [(hit.source, hit.text) for hit in base.search(question)] for question in _QUESTIONS
            ]
            return {"hits": hits, "documents": list(base.dump())}
    except RagkitError as error:
        return {"refused": str(error)}
