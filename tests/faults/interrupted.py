"""Sweeps that stop a command at each of its system calls, or at random moments."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Collection, Iterable
from functools import partial
from itertools import count
from pathlib import Path

from tests.faults import invariants
from tests.faults.forks import Ended, Running, run_forked
from tests.faults.operations import Operation, Task, examples_changed, examples_new
from tests.faults.score import Score
from tests.faults.trap import Fault, Record, Trap, build

_MOMENTS = 1000
_LATE = 0.4  # of the moments lie in the last part of a run, where most is written


def at_calls(fault: Fault, task: Task) -> Score:
    """Inject the fault at every write call of every operation, or at a sample."""
    score = Score(fault.name.lower())
    trap = task_trap(task)
    for operation in task.operations():
        chosen: Iterable[int] = count(1)
        if task.points is not None:
            chosen = _spread(_calls_of(operation, task.kb, trap), task.share(), task.seed)
        for at in chosen:
            if not _interrupt(score, operation, task.kb, trap, fault, at):
                break
    return score


def task_trap(task: Task) -> Trap:
    return Trap(build(task.work), task.work / "control", task.kb.parent)


def _spread(total: int, points: int, seed: int) -> list[int]:
    """Choose one random call from each of `points` equal parts."""
    pick = random.Random(seed)
    return [1 + int((part + pick.random()) * total / points) for part in range(points)]


def record_calls(operation: Operation, kb: Path, trap: Trap) -> list[Record]:
    """Run an operation to its end and return its calls."""
    trap.arm(Fault.RECORD)
    ended = run_forked(partial(_run_trapped, operation, kb, trap))
    assert ended.code == operation.code, ended
    return list(trap.records())


def _calls_of(operation: Operation, kb: Path, trap: Trap) -> int:
    operation.begin(kb)
    record_calls(operation, kb, trap)
    return trap.calls


def _run_trapped(operation: Operation, kb: Path, trap: Trap) -> None:
    trap.enter()
    operation.run(kb, trap.acknowledge)


def _interrupt(
    score: Score, operation: Operation, kb: Path, trap: Trap, fault: Fault, at: int
) -> bool:
    """Run one point of a sweep; return True if the operation made that many calls."""
    operation.begin(kb)
    trap.arm(fault, at)
    ended = run_forked(partial(_run_trapped, operation, kb, trap))
    if trap.calls < at:
        return False
    wrong = [] if fault is Fault.KILL else how_it_ended(ended, operation, kb.parent)
    finished = fault is not Fault.KILL and ended.code == operation.code
    wrong += aftermath(operation, kb, trap.acknowledged(), finished=finished)
    score.add(f"{operation.name}, call {at} ({trap.what})", wrong)
    return True


def how_it_ended(ended: Ended, operation: Operation, place: Path) -> list[str]:
    """Return what is wrong with a command whose disk failed: it must end well or say why."""
    if ended.crash is not None:
        return [ended.crash]
    if ended.code == operation.code:
        return []
    if ended.code != 1:
        return [f"ended with code {ended.code}"]
    unclear = invariants.unclear(ended.err, place)
    return [unclear] if unclear else []


def aftermath(
    operation: Operation, kb: Path, acknowledged: Collection[str], *, finished: bool = False
) -> list[str]:
    """Return what is wrong after an operation was stopped, and after running it again."""
    wrong = run_check(
        run_forked(partial(invariants.check_interrupted, kb, operation, acknowledged, finished))
    )
    again = run_forked(partial(operation.run, kb, again=True))
    if again.crash or again.code not in (operation.code, operation.idle):
        wrong.append(f"run again it ended with {again.code}: {again.err.strip()[-300:]}")
    elif again.out:
        report = json.loads(again.out)
        redone = {*report.get("added", ()), *report.get("updated", ())} & set(acknowledged)
        wrong += [f"{source} was acknowledged and is done again" for source in redone]
    return wrong + run_check(run_forked(partial(invariants.check_completed, kb, operation)))


def run_check(ended: Ended) -> list[str]:
    """Return what an examination found, or how it failed."""
    if ended.value is None:
        return [f"cannot be read: {ended.crash or ended.err[-300:]}"]
    wrong: list[str] = ended.value
    return wrong


def at_moments(task: Task) -> Score:
    """Kill ingests of the example documents, with reader processes, at random moments."""
    score = Score("moments")
    kb, noted = task.kb, task.work / "acknowledged"
    pick = random.Random(task.seed)
    operations = [examples_new(task.work), examples_changed(task.work)]
    times = {operation.name: _times(operation, kb, noted) for operation in operations}
    for n in range(task.points or _MOMENTS):
        operation = operations[n % len(operations)]
        seconds, writes_from = times[operation.name]
        late = pick.random() < _LATE
        at = pick.uniform(writes_from if late else 0, seconds * 1.05)
        operation.begin(kb)
        began = time.monotonic()
        running = noting(operation, kb, noted)
        time.sleep(max(0.0, began + at - time.monotonic()))
        running.kill()
        ended = running.wait()
        finished = ended.code == operation.code
        wrong = aftermath(operation, kb, acknowledged_in(noted), finished=finished)
        score.add(f"{operation.name}, killed after {at:.3f} s", wrong)
    return score


def noting(operation: Operation, kb: Path, noted: Path) -> Running:
    """Start an operation that logs its acknowledgements with times into a file."""
    noted.write_text("")
    log = os.open(noted, os.O_WRONLY | os.O_APPEND)

    def note(source: str) -> None:
        os.write(log, f"{source}\t{time.monotonic()}\n".encode())

    running = Running(partial(operation.run, kb, note))
    os.close(log)
    return running


def acknowledged_in(noted: Path) -> set[str]:
    return {line.split("\t")[0] for line in noted.read_text().splitlines()}


def _times(operation: Operation, kb: Path, noted: Path) -> tuple[float, float]:
    """Return the duration of an operation, and when it starts to write, in seconds."""
    for _ in range(2):  # the second time without the cost of a cold start
        operation.begin(kb)
        began = time.monotonic()
        assert noting(operation, kb, noted).wait().code == operation.code
        seconds = time.monotonic() - began
    first = min(float(line.split("\t")[1]) for line in noted.read_text().splitlines())
    return seconds, max(0.0, first - began - 0.05)
