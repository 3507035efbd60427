"""Concurrency: writers that exclude each other and are killed, and readers beside them."""

from __future__ import annotations

import random
import re
import statistics
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

from ragkit.errors import SourceError
from tests.faults import invariants
from tests.faults.commands import Base, ragkit_command
from tests.faults.forks import Running, run_forked
from tests.faults.interrupted import run_check
from tests.faults.operations import Task, contents, create_kb, new, write
from tests.faults.score import Score

_AT_ONCE = 1.0  # second
_POINTS = 300
_SECONDS = 600
_NAMES = ("ash", "birch", "cedar", "doum", "elm", "fir", "ginkgo", "holly")
_PARTS = 5
_THREADS = 8
_PAUSE = 0.05  # seconds at the most between two questions of a reader
_CODE = re.compile(r"KX-(\w+)-(\d+)-(\d+)\.")


def two_writers(task: Task) -> Score:
    """Refuse a second ingest while one runs; let a third take over from a killed one at once."""
    score = Score("writers")
    kb, operation = task.kb, new(task.work)
    pick = random.Random(task.seed)
    waits = []
    for n in range(task.points or _POINTS):
        operation.begin(kb)
        first = Running(partial(operation.run, kb, lambda source: time.sleep(0.05)))
        _wait_for_lock(kb, first.pid)
        time.sleep(pick.uniform(0, 0.15))
        began = time.monotonic()
        second = run_forked(partial(operation.run, kb))
        waits.append(time.monotonic() - began)
        first.kill()
        was_running = first.wait().code < 0
        wrong = []
        if was_running:
            if second.code != 1 or f"process {first.pid} " not in second.err:
                wrong.append(f"the second ended with {second.code}: {second.err!r}")
            if unclear := invariants.unclear(second.err, kb):
                wrong.append(f"the second {unclear}")
        began = time.monotonic()
        third = run_forked(partial(operation.run, kb))
        waits.append(time.monotonic() - began)
        if third.code != operation.code:
            wrong.append(f"the third ended with {third.code}: {third.err!r}")
        if max(waits[-2:]) > _AT_ONCE:
            wrong.append(f"waited for {max(waits[-2:]):.1f} s")
        wrong += run_check(run_forked(partial(invariants.check_completed, kb, operation)))
        score.add(f"{n}", wrong)
    score.notes.append(f"longest of all refusals and ingests: {max(waits):.2f} s")
    return score


def _wait_for_lock(kb: Path, pid: int) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        lock = kb / "writer.lock"
        if lock.exists() and f"process {pid} " in lock.read_text():
            return
        time.sleep(0.001)
    raise AssertionError(f"process {pid} did not take the lock within 10 s")


def readers_beside_writers(task: Task) -> Score:
    """Read in threads while ingests run and are killed; every answer must have one version."""
    score = Score("readers")
    seconds = task.points or _SECONDS
    docs = task.work / "docs"
    write(docs, *_NAMES, parts=_PARTS)
    kb = create_kb(task.work, docs)
    pick = random.Random(task.seed)
    idle = min(60.0, seconds / 4)
    reading = Running(partial(_read, kb, idle, seconds, task.seed), limit=int(idle + seconds) + 60)
    time.sleep(idle)
    until = time.monotonic() + seconds
    ingests = killed = 0
    while time.monotonic() < until:
        ingests += 1
        for name in pick.sample(_NAMES, 3):
            write(docs, name, version=ingests + 1, parts=_PARTS)
        writing = Running(partial(ragkit_command, "ingest", str(docs), "--kb", str(kb)))
        if pick.random() < 0.3:
            time.sleep(pick.uniform(0, 0.1))
            writing.kill()
        ended = writing.wait()
        killed += ended.code == -9
        if ended.code not in (0, -9):
            score.add(f"ingest {ingests}", [f"ended with {ended.code}: {ended.err!r}"])
    found: dict[str, Any] = reading.wait().value
    score.points += found["answers"] - len(found["wrong"])
    for line in found["wrong"]:
        score.add("an answer", [line])
    fresh = run_forked(partial(_anew, task.work / "fresh.kb", docs)).value
    if run_forked(partial(contents, create_kb(task.work, docs))).value != fresh:
        score.add("in the end", ["the base differs from one made anew"])
    quiet, busy = found["quiet"], found["busy"]
    score.notes += [
        f"{ingests} ingests, {killed} of them killed",
        f"p95 {1000 * busy:.1f} ms beside them, {1000 * quiet:.1f} ms before: "
        f"{busy / quiet:.1f} times",
    ]
    return score


def _anew(kb: Path, docs: Path) -> list[str]:
    with Base(kb) as base:
        base.ingest(docs)
        return list(base.dump())


def _read(kb: Path, idle: float, seconds: float, seed: int) -> dict[str, Any]:
    """Ask from several threads, first without ingests; return the flaws and the durations."""
    wrong: list[str] = []
    times: list[tuple[float, float]] = []
    began = time.monotonic()

    def ask(base: Base, pick: random.Random) -> None:
        while (now := time.monotonic()) < began + idle + seconds:
            try:
                wrong.extend(_half(base, pick))
            except Exception as error:
                wrong.append(f"{type(error).__name__}: {error}")
            times.append((now, time.monotonic() - now))
            time.sleep(pick.uniform(0, _PAUSE))

    with Base(kb) as base:
        threads = [
            threading.Thread(target=ask, args=(base, random.Random(f"{seed} {number}")))
            for number in range(_THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    quiet = [took for at, took in times if at < began + idle]
    busy = [took for at, took in times if at >= began + idle]
    return {
        "answers": len(times),
        "wrong": wrong,
        "quiet": statistics.quantiles(quiet, n=20)[-1],
        "busy": statistics.quantiles(busy, n=20)[-1],
    }


def _half(base: Base, pick: random.Random) -> list[str]:
    """Return what is wrong with an answer: no hit, or a document of mixed or missing versions."""
    name = pick.choice(_NAMES)
    hits = base.search(f"Part 2 of {name}", k=30)
    seen: dict[str, set[str]] = {}
    for hit in hits:
        seen.setdefault(hit.source, set()).update(
            f"{code[1]}-{code[2]}" for code in _CODE.finditer(hit.text)
        )
    wrong = [f"{source} is of {sorted(codes)}" for source, codes in seen.items() if len(codes) > 1]
    if f"{name}.txt" not in seen:
        wrong.append(f"{name}.txt is not found")
    document = pick.choice(base.documents())
    try:
        texts = [page.text for page in base.pages(document.id)]
        chunks = [chunk.text for chunk in base.chunks(document.id)]
    except SourceError:  # was replaced meanwhile
        return wrong
    for text in ("\n".join(texts), "\n".join(chunks)):
        found = {(code[2], code[3]) for code in _CODE.finditer(text)}
        versions = {version for version, _ in found}
        if len(found) != _PARTS or len(versions) != 1:
            wrong.append(f"{document.source} has the parts {sorted(found)}")
    return wrong
