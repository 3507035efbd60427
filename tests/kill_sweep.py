"""Kills ingests at random moments and checks what is left; run as `python -m tests.kill_sweep`.

Two ingests are killed in turn: a new base, and one that has changed, new, renamed and removed
files to take in. Everything is imported once; each ingest and each check is a fork of its own,
which has opened no base before.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import faiss  # noqa: F401  imported before the forks, as are the next ones
import tantivy  # noqa: F401

from ragkit import KnowledgeBase
from ragkit.dump import dump
from ragkit.store import Snapshot
from tests.hashing import HashingEmbedder

EXAMPLES = Path(__file__).parent.parent / "examples" / "documents"
_LATE = 0.4  # of the points lie in the last part of the run, where most is written


@dataclass(slots=True)
class Scenario:
    """An ingest of `docs` into a copy of `start` (a new base if None), and where it must end."""

    name: str
    docs: Path
    start: Path | None
    expected: list[str] = field(default_factory=list)
    seconds: float = 0.0
    writes_from: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="kill-sweep-"))
    try:
        violations = sweep(work, options.points, options.seed)
    finally:
        shutil.rmtree(work)
    print(json.dumps({"points": options.points, "violations": violations}))


def sweep(work: Path, points: int, seed: int) -> list[str]:
    scenarios = prepare(work)
    pick = random.Random(seed)
    violations = []
    for number in range(points):
        scenario = scenarios[number % len(scenarios)]
        late = pick.random() < _LATE
        at = pick.uniform(scenario.writes_from if late else 0, scenario.seconds * 1.05)
        what = f"point {number}, {scenario.name}, killed after {at:.3f} s"
        kb = work / "killed.kb"
        acknowledged = work / "acknowledged"
        acknowledged.write_text("")
        if scenario.start:
            shutil.copytree(scenario.start, kb)
        ended = killed_ingest(kb, scenario.docs, acknowledged, at)
        found = forked(partial(examine, kb, scenario, acknowledged), work / "found")
        violations += [f"{what}: {line}" for line in found]
        print(f"{what}{' (had ended)' if ended else ''}: {found or 'ok'}", file=sys.stderr)
        shutil.rmtree(kb, ignore_errors=True)
    return violations


def prepare(work: Path) -> list[Scenario]:
    """Both scenarios with the dumps and times of uninterrupted runs."""
    docs = work / "docs"
    shutil.copytree(EXAMPLES, docs)
    spare = work / "spare.pdf"
    shutil.move(docs / "finance" / "quarterly-report-2025-q1.pdf", spare)
    before = work / "before.kb"
    forked(partial(ingest, before, docs, None), work / "found")
    shutil.move(spare, docs / "finance" / "quarterly-report-2025-q1.pdf")
    shutil.copy(docs / "hr" / "employee-handbook.pdf", docs / "handbook.pdf")
    (docs / "it" / "helpdesk.html").rename(docs / "it" / "help.html")
    (docs / "purchasing" / "suppliers.csv").unlink()
    with (docs / "production" / "maintenance-log-hall-2.txt").open("a") as file:
        file.write("\n2025-02-30 TB-9 Changed.\n")
    scenarios = [Scenario("new", docs, None), Scenario("changed", docs, before)]
    for scenario in scenarios:
        kb = work / "whole.kb"
        times = work / "acknowledged"
        for _ in range(2):  # the second time without the cost of a cold start
            shutil.rmtree(kb, ignore_errors=True)
            times.write_text("")
            if scenario.start:
                shutil.copytree(scenario.start, kb)
            began = time.monotonic()
            child = os.fork()
            if child == 0:
                child_ingest(kb, docs, times)
            assert os.waitpid(child, 0)[1] == 0
            scenario.seconds = time.monotonic() - began
        first = min(float(line.split("\t")[1]) for line in times.read_text().splitlines())
        scenario.writes_from = max(0.0, first - began - 0.05)
        scenario.expected = forked(partial(contents, kb), work / "found")
        shutil.rmtree(kb)
    return scenarios


def forked(function: Callable[[], list[str]], answer: Path) -> list[str]:
    """What a function returns in a process of its own; how it failed, if it did."""
    child = os.fork()
    if child == 0:
        try:
            answer.write_text(json.dumps(function()))
        except BaseException:
            answer.write_text(json.dumps([traceback.format_exc()]))
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    found: list[str] = json.loads(answer.read_text())
    answer.unlink()
    return found if status == 0 else [f"ended with status {status}"]


def ingest(kb: Path, docs: Path, acknowledged: Path | None) -> list[str]:
    log = os.open(acknowledged, os.O_WRONLY | os.O_APPEND) if acknowledged else None
    with KnowledgeBase(kb, embedder=HashingEmbedder()) as base:

        def note(progress: object) -> None:
            source = getattr(progress, "source", "")
            if log is not None and source:
                os.write(log, f"{source}\t{time.monotonic()}\n".encode())

        base.ingest(docs, workers=1, progress=note)
    return []


def child_ingest(kb: Path, docs: Path, acknowledged: Path) -> None:
    os.setsid()
    try:
        ingest(kb, docs, acknowledged)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def killed_ingest(kb: Path, docs: Path, acknowledged: Path, at: float) -> bool:
    """Start an ingest and kill its process group; whether it had ended before."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        child_ingest(kb, docs, acknowledged)
    time.sleep(max(0.0, began + at - time.monotonic()))
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:  # has not become a group yet
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    return not os.WIFSIGNALED(status)


def contents(kb: Path) -> list[str]:
    with KnowledgeBase(kb, embedder=HashingEmbedder()) as base:
        return list(base.dump())


def examine(kb: Path, scenario: Scenario, acknowledged: Path) -> list[str]:
    """What is wrong with a base whose ingest was killed, before and after it is run again."""
    wrong = []
    with KnowledgeBase(kb, embedder=HashingEmbedder()) as base:
        with base._store.snapshot() as snapshot:
            wrong += torn(snapshot)
        base.search("VX-4410-31 seal")
        there = {document.source: document.digest for document in base.documents()}
        done = {line.split("\t")[0] for line in acknowledged.read_text().splitlines()}
        wrong += [f"{source} was acknowledged and is gone" for source in done - set(there)]
        report = base.ingest(scenario.docs, workers=1)
        redone = done & {*report.added, *report.updated}
        wrong += [f"{source} was acknowledged and is done again" for source in redone]
        wrong += [f"{failed.source} failed: {failed.reason}" for failed in report.failed]
        if list(base.dump()) != scenario.expected:
            wrong.append("the dump differs from that of an uninterrupted run")
        if not base.search("VX-4410-31 seal"):
            wrong.append("nothing is found")
        with base._store.snapshot() as snapshot:
            wrong += strays(kb, snapshot)
    return wrong


def torn(snapshot: Snapshot) -> list[str]:
    """Documents that are not whole: chunks, vectors and page ranges must agree."""
    wrong = []
    for line in dump(snapshot):
        document = json.loads(line)
        if "chunks" in document:
            whole = len(document["chunks"]) == document["vector_count"] > 0
            if not whole or not all(document["whole"]):
                wrong.append(f"{document['source']} is torn")
    return wrong


def strays(kb: Path, snapshot: Snapshot) -> list[str]:
    """Files that no manifest names."""
    generation = snapshot.generation()
    found = list((kb / "tmp").iterdir())
    found += [
        path
        for path in (kb / "index").glob("*.faiss")
        if generation is None or path.name != generation.name
    ]
    folders = list((kb / "index" / "lexical").iterdir())
    found += folders[1:]
    meta = json.loads((folders[0] / "meta.json").read_text())
    live = {segment["segment_id"].replace("-", "") for segment in meta["segments"]}
    own = {"meta.json", "stamps.json", ".managed.json"}
    found += [
        path
        for path in folders[0].iterdir()
        if path.name.partition(".")[0] not in live
        and path.name not in own
        and path.suffix != ".lock"
    ]
    return [f"{path.relative_to(kb)} is left over" for path in found]


if __name__ == "__main__":
    main()
