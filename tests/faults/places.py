"""Unusual places: moved, copied, read-only, of another user, with few files or little memory."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.faults import invariants
from tests.faults.commands import ragkit_command
from tests.faults.damage import checkpoint
from tests.faults.forks import Ended, run_forked
from tests.faults.interrupted import run_check
from tests.faults.operations import Operation, Task, added
from tests.faults.score import Score

_QUESTION = "KX-doum-1-1"
_NOBODY = 65534
_MB = 1 << 20

Restriction = Callable[[], None]


def in_other_places(task: Task) -> Score:
    """Search and ingest in each place: it works, or fails with a clear line and no damage."""
    score = Score("places")
    operation, kb = added(task.work), task.kb
    assert operation.start is not None
    expected = _search(operation.start)[0]
    assert expected
    for moved in (_move, _copy):
        operation.begin(kb)
        there = moved(kb)
        wrong = _as_ever(there, expected) + _ingest(operation, there, must=True)
        score.add(moved.__name__[1:], wrong)
    for closed in (False, True):
        operation.begin(kb)
        if closed:
            checkpoint(kb)
        with _read_only(kb):
            wrong = _as_ever(kb, expected, _nothing) + _ingest(operation, kb, refused=True)
        score.add(f"read-only{', no log' if closed else ''}", wrong + _ingest(operation, kb))
    if os.geteuid() == 0:
        score.add("another user", _try_restrictions(operation, kb, expected, _as_nobody))
    for files in (16, 24, 32, 64):
        limit = partial(_limit, resource.RLIMIT_NOFILE, files)
        score.add(f"{files} open files", _try_restrictions(operation, kb, expected, limit))
    for size in (10, 100, 200, 400):
        limit = partial(_limit, resource.RLIMIT_FSIZE, size * 1000)
        score.add(f"files of {size} kB", _try_restrictions(operation, kb, expected, limit))
    for more in (8, 16, 32, 64, 96, 128, 256, 512):
        limit = partial(_limit_memory, more * _MB)
        score.add(f"{more} MB of memory", _try_restrictions(operation, kb, expected, limit))
    return score


def _try_restrictions(
    operation: Operation, kb: Path, expected: str, restrict: Restriction
) -> list[str]:
    operation.begin(kb)
    wrong = _as_ever(kb, expected, restrict) + _ingest(operation, kb, restrict)
    return wrong + _ingest(operation, kb, must=True)


def _nothing() -> None:
    """Restrict nothing: the place itself is the restriction."""


def _search(kb: Path, restrict: Restriction = _nothing) -> tuple[str | None, list[str]]:
    """The best hit's text, and what is wrong with how the search ended; None if it refused.

    The others may change places where the word index cannot be read.
    """

    def search() -> None:
        restrict()
        ragkit_command("search", _QUESTION, "--kb", str(kb), "--json")

    ended = run_forked(search)
    if ended.code == 0:
        return str(json.loads(ended.out)[0]["text"]), []
    if _is_out_of_memory(ended):
        return None, []
    unclear = ended.crash or invariants.unclear(ended.err, kb)
    return None, [f"the search {unclear}"] if unclear else []


def _as_ever(kb: Path, expected: str, restrict: Restriction | None = None) -> list[str]:
    """Return what is wrong with a search; under a restriction it may fail."""
    found, wrong = _search(kb, restrict or _nothing)
    if found is None and restrict is None and not wrong:
        return ["the search is refused"]
    return wrong if found in (expected, None) else ["the search finds something else"]


def _ingest(
    operation: Operation,
    kb: Path,
    restrict: Restriction = _nothing,
    *,
    must: bool = False,
    refused: bool = False,
) -> list[str]:
    """Return what is wrong with an ingest that must succeed, must be refused, or may do either."""

    def ingest() -> None:
        restrict()
        operation.run(kb)

    ended = run_forked(ingest)
    if _is_out_of_memory(ended) and not must:
        return []
    if ended.crash:
        return [f"the ingest {ended.crash}"]
    if ended.code == operation.code:
        if refused:
            return ["the ingest is not refused"]
        return run_check(run_forked(partial(invariants.check_completed, kb, operation)))
    if must or ended.code != 1:
        return [f"the ingest ended with {ended.code}: {ended.err!r}"]
    unclear = invariants.unclear(ended.err, kb)
    return [f"the ingest {unclear}"] if unclear else []


def _is_out_of_memory(ended: Ended) -> bool:
    """Return True for an abort for lack of memory, as Rust, C++ and the C library do it."""
    wants = (
        "memory allocation of",
        "bad_alloc",
        "MemoryError",
        "annot allocate memory",
        "can't start new thread",
    )
    return ended.code != 0 and any(want in ended.err for want in wants)


def _move(kb: Path) -> Path:
    return kb.rename(kb.with_name("moved.kb"))


def _copy(kb: Path) -> Path:
    there = kb.with_name("copied.kb")
    shutil.copytree(kb, there)
    return there


@contextmanager
def _read_only(folder: Path) -> Iterator[None]:
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def _as_nobody() -> None:
    os.chdir("/")
    os.setgroups([])
    os.setgid(_NOBODY)
    os.setuid(_NOBODY)


def _limit(what: int, most: int) -> None:
    resource.setrlimit(what, (most, most))


def _limit_memory(more: int) -> None:
    """Limit the address space of this process to so many bytes more than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + more)
