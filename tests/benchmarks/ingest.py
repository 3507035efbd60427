"""Ingest against the plain pipeline, and what a second run, a change and a removal cost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.common import eval_folder

RAGKIT = [sys.executable, "-m", "ragkit_apps.cli.main"]
PLAIN = [sys.executable, "-m", "tests.benchmarks.plain"]
# As pip installs a package: with its compiled code kept.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True)
class Cost:
    """Wall seconds of a process and the peak of the memory of it and its children, in MB.

    Memory is the proportional set size: pages that are shared count once.
    """

    seconds: float
    peak_mb: float


def run(command: list[str], *, expect: int = 0) -> Cost:
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT
    )
    peak = 0.0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        pause = 0.05
        while not done.wait(pause):
            looked = time.perf_counter()
            peak = max(peak, sum(map(_pss_mb, _family(process.pid))))
            pause = max(0.05, 50 * (time.perf_counter() - looked))  # looking costs the kernel time

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    seconds = time.perf_counter() - started
    done.set()
    watcher.join()
    if code != expect:
        raise SystemExit(f"{' '.join(command[:6])} ... ended with {code}, expected {expect}")
    return Cost(seconds, peak)


def _family(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except OSError:
        return []
    return [pid, *(grandchild for child in children for grandchild in _family(child))]


def _pss_mb(pid: int) -> float:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) / 1000 for line in rollup.splitlines() if line[:4] == "Pss:")


def main(arguments: list[str], workdir: Path) -> None:
    """With a number N, the first N of the filings only."""
    count = int(arguments[0]) if arguments else 10_000
    docs = workdir / "filings"
    shutil.rmtree(docs, ignore_errors=True)
    docs.mkdir()
    for path in sorted((eval_folder() / "finance" / "docs").glob("*.pdf"))[:count]:
        shutil.copy(path, docs)
    kb = workdir / "ingest.kb"
    ingest = [*RAGKIT, "ingest", str(docs), "--kb", str(kb)]
    _against_plain(docs, workdir, kb, ingest)
    again = [run(ingest).seconds for _ in range(5)]
    print(f"nothing changed                  {sorted(again)[2]:7.2f} s")
    _change_one(docs, workdir, ingest)
    _remove_one(docs, kb)
    _many_small(workdir)


def _against_plain(docs: Path, workdir: Path, kb: Path, ingest: list[str]) -> None:
    """ragkit before and after plain: a machine that changes its speed changes it for both."""
    files = sorted(map(str, docs.glob("*.pdf")))
    ours = [_into_empty(kb, ingest)]
    plain = run([*PLAIN, "ingest", str(workdir / "plain"), *files])
    ours.append(_into_empty(kb, ingest))
    for cost in ours:
        print(
            f"ragkit ingest of {len(files)} filings      {cost.seconds:7.1f} s "
            f"  {cost.peak_mb:5.0f} MB"
        )
    print(f"plain pipeline                   {plain.seconds:7.1f} s   {plain.peak_mb:5.0f} MB")
    mean = sum(cost.seconds for cost in ours) / len(ours)
    print(f"ratio                            {plain.seconds / mean:7.1f}", flush=True)


def _into_empty(kb: Path, ingest: list[str]) -> Cost:
    shutil.rmtree(kb, ignore_errors=True)
    return run(ingest)


def _change_one(docs: Path, workdir: Path, ingest: list[str]) -> None:
    """One file gets another's bytes; no chunk is known, since headers hold the file's name.

    Its share is what it costs alone.
    """
    first, *_, changed = sorted(docs.glob("*.pdf"))
    changed.write_bytes(first.read_bytes())
    alone = workdir / "alone"
    shutil.rmtree(alone, ignore_errors=True)
    alone.mkdir()
    shutil.copy(changed, alone)
    base = workdir / "alone.kb"
    shutil.rmtree(base, ignore_errors=True)
    share = run([*RAGKIT, "ingest", str(alone), "--kb", str(base)]).seconds
    seconds = run(ingest).seconds
    print(
        f"one file changed                 {seconds:7.2f} s   (alone in an empty base {share:.2f})"
    )


def _remove_one(docs: Path, kb: Path) -> None:
    victims = sorted(docs.glob("*.pdf"))[:5]
    times = [run([*RAGKIT, "remove", path.name, "--kb", str(kb)]).seconds for path in victims]
    seconds = sorted(times)[len(times) // 2]
    print(f"one document removed             {seconds:7.2f} s")


def _many_small(workdir: Path) -> None:
    folder = workdir / "small"
    shutil.rmtree(folder, ignore_errors=True)
    for number in range(10_000):
        place = folder / f"{number // 200:03d}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"note-{number}.txt").write_text(
            f"Note {number}: valve {number * 7 % 991} was checked."
        )
    kb = workdir / "small.kb"
    shutil.rmtree(kb, ignore_errors=True)
    ingest = [*RAGKIT, "ingest", str(folder), "--kb", str(kb)]
    first = run(ingest)
    again = sorted(run(ingest).seconds for _ in range(5))[2]
    print(f"10,000 small files               {first.seconds:7.1f} s   {first.peak_mb:5.0f} MB")
    print(f"10,000 small files unchanged     {again:7.2f} s")
