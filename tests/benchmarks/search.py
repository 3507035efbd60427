"""New process to first result, warm latency and throughput, against the plain pipeline."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.benchmarks.common import eval_folder, prepared_base
from tests.benchmarks.ingest import ENVIRONMENT, PLAIN, RAGKIT, run
from tests.benchmarks.plain import Searcher
from tests.benchmarks.retrieval import questions

QUERY = "What was the effective tax rate in 2022?"


def main(arguments: list[str], workdir: Path) -> None:
    """With a number N, that many warm queries in eight threads (10,000 if left out)."""
    total = int(arguments[0]) if arguments else 10_000
    asked = [question.text for question in questions("finance")]
    plain_folder = workdir / "plain"
    if not (plain_folder / "index.faiss").exists():
        docs = sorted(map(str, (eval_folder() / "finance" / "docs").glob("*.pdf")))
        run([*PLAIN, "ingest", str(plain_folder), *docs])
    kb = prepared_base("finance", workdir)
    ours = _cold([*RAGKIT, "search", QUERY, "--kb", str(kb.path)])
    theirs = _cold([*PLAIN, "search", str(plain_folder), QUERY])
    _row("new process to first result", ours, theirs, theirs / ours, "s")
    code = "import time; t = time.process_time(); import ragkit; print(time.process_time() - t)"
    timed = [sys.executable, "-c", code]
    cpu = subprocess.run(timed, capture_output=True, text=True, check=True, env=ENVIRONMENT)
    print(f"import ragkit                  {float(cpu.stdout) * 1000:.1f} ms of processor time")
    searcher = Searcher(plain_folder)
    _compare(kb.search, searcher.search, asked)
    _threads(kb.search, searcher.search, asked, total)
    kb.close()


def _row(label: str, ours: float, plain: float, ratio: float, unit: str) -> None:
    print(
        f"{label:30} ragkit {ours:8.2f}  plain {plain:8.2f} {unit}  ratio {ratio:.1f}", flush=True
    )


def _cold(command: list[str]) -> float:
    run(command)
    return sorted(run(command).seconds for _ in range(5))[2]


def _compare(
    ours: Callable[[str], object], plain: Callable[[str], object], asked: list[str]
) -> None:
    a, b = _latencies(ours, asked * 5), _latencies(plain, asked * 5)
    for label, pick in (("p50", 50), ("p95", 95)):
        x, y = _percentile(a, pick), _percentile(b, pick)
        _row(f"warm search {label}", x, y, y / x, "ms")


def _latencies(search: Callable[[str], object], asked: list[str]) -> list[float]:
    for query in asked[:40]:
        search(query)
    found = []
    for query in asked:
        started = time.perf_counter()
        search(query)
        found.append((time.perf_counter() - started) * 1000)
    return found


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


def _threads(
    ours: Callable[[str], object], plain: Callable[[str], object], asked: list[str], total: int
) -> None:
    a = _throughput(ours, asked, total)
    b = _throughput(plain, asked, max(200, total // 20))
    _row(f"eight threads, {total} queries", a, b, a / b, "a second")


def _throughput(search: Callable[[str], object], asked: list[str], total: int) -> float:
    queries = [asked[n % len(asked)] for n in range(total)]
    started = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(search, queries):
            pass
    return total / (time.perf_counter() - started)
