"""Disks that really fill: a small file system for each point."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from tests.faults import invariants
from tests.faults.forks import run_forked
from tests.faults.interrupted import acknowledged_in, aftermath, how_it_ended, noting, run_check
from tests.faults.operations import Operation, Task
from tests.faults.score import Score

_INSIDE = "FAULTS_MOUNT"  # set where mounts are nobody else's
_STEP = 4096
_AMPLE = 64_000_000


def unavailable() -> str | None:
    """Return why mounting is not possible here; None if it is."""
    if shutil.which("unshare") is None:
        return "mounting needs unshare"
    tried = subprocess.run(
        [*_unshare(), "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if tried.returncode == 0 else f"cannot mount here: {tried.stderr.strip()}"


def _unshare() -> Sequence[str]:
    return ["unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",))]


def enter_own_mounts() -> None:
    """Restart this program in a mount namespace of its own."""
    if _INSIDE not in os.environ:
        os.environ[_INSIDE] = "1"
        program = [*_unshare(), sys.executable, "-m", "tests.faults", *sys.argv[1:]]
        os.execvp(program[0], program)


@contextmanager
def mount_disk(point: Path, size: int) -> Iterator[None]:
    """Mount a file system of `size` bytes."""
    shutil.rmtree(point, ignore_errors=True)
    point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(point)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(point)], check=True)


def _resize(point: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(point)], check=True)


def on_full_disks(task: Task) -> Score:
    """Run every operation on disks that are too small for it, in rising or sampled sizes."""
    score = Score("disk")
    place = task.kb.parent
    pick = random.Random(task.seed)
    for operation in task.operations():
        least, most = _sizes(operation, place)
        sizes: Iterable[int] = count(least, _STEP)
        if task.points is not None:
            sizes = sorted(pick.choices(range(least, most, _STEP), k=task.share()))
        for size in sizes:
            with mount_disk(place, size):
                finished = _fill(score, operation, task.kb, size, task.work / "acknowledged")
            if finished:
                break
    return score


def _sizes(operation: Operation, place: Path) -> tuple[int, int]:
    """Return the bytes on the disk before and after an operation."""
    used = []
    with mount_disk(place, _AMPLE):
        operation.begin(place / "a.kb")
        used.append(_measure_usage(place))
        assert run_forked(partial(operation.run, place / "a.kb")).code == operation.code
        used.append(_measure_usage(place))
    return used[0] + 2 * _STEP, max(used) + 20 * _STEP


def _measure_usage(place: Path) -> int:
    found = os.statvfs(place)
    return (found.f_blocks - found.f_bfree) * found.f_bsize


def _fill(score: Score, operation: Operation, kb: Path, size: int, noted: Path) -> bool:
    """Run one point of the sweep; return True if the operation had enough space."""
    operation.begin(kb)
    ended = noting(operation, kb, noted).wait()
    done = acknowledged_in(noted)
    finished = ended.code == operation.code
    wrong = how_it_ended(ended, operation, kb.parent)
    if not finished and "space" not in ended.err:
        wrong.append(f"did not say that the disk is full: {ended.err!r}")
    seen = run_forked(
        partial(_check_unrecorded, partial(invariants.answering, kb, operation, done, finished))
    )
    if seen.value is not None or done or operation.before:
        wrong += [f"while it is full: {line}" for line in run_check(seen)]
    _resize(kb.parent, _AMPLE)
    wrong += aftermath(operation, kb, done, finished=finished)
    score.add(f"{operation.name}, {size} bytes", wrong)
    return finished


def _check_unrecorded(examine: Callable[[], list[str]]) -> list[str]:
    """Examine a knowledge base with `audit = "optional"`: it answers without a record."""
    os.environ["RAGKIT_AUDIT"] = "optional"
    return examine()
