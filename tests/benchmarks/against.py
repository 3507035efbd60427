"""Import, ingest and search of this checkout against another one, in alternating pairs.

    python -m tests.benchmarks against OTHER [PAIRS] [DOCUMENTS]

OTHER is a checkout with its own .venv. Each pair ingests the first DOCUMENTS reports of the finance
set into a new knowledge base, then searches it with the set's questions, once in each checkout.
Prints the median of the ratios (this one's processor time by the other's) and their range.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.common import eval_folder
from tests.benchmarks.retrieval import questions

ROOT = Path(__file__).parents[2]

# Only names that every version has; other versions' reports may differ.
MEASURE = """
import json, resource, sys, time

def spent():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)

start = time.process_time()
import ragkit
seconds = {"import": time.process_time() - start}
folder, documents, queries = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
with ragkit.KnowledgeBase(folder) as kb:
    start = spent()
    kb.ingest(*documents)
    seconds["ingest"] = spent() - start
    for query in queries:
        kb.search(query)
    start = spent()
    for query in queries * 5:
        kb.search(query)
    seconds["search"] = (spent() - start) / len(queries) / 5
print(json.dumps(seconds))
"""


def main(arguments: list[str], workdir: Path) -> None:
    """Measure the pairs and print a row for each figure."""
    other = Path(arguments[0]).absolute()
    pairs, documents = (int(n) for n in [*arguments[1:3], "5", "3"][:2])
    docs = sorted(map(str, (eval_folder() / "finance" / "docs").glob("*.pdf")))[:documents]
    queries = [question.text for question in questions("finance")]
    found = []
    for _ in range(pairs):
        ours = _measure(ROOT, Path(sys.executable), docs, queries)
        found.append((ours, _measure(other, other / ".venv/bin/python", docs, queries)))
    for name in found[0][0]:
        ratios = sorted(ours[name] / theirs[name] for ours, theirs in found)
        ratio, spread = statistics.median(ratios), f"{ratios[0]:.3f} to {ratios[-1]:.3f}"
        seconds = statistics.median(ours[name] for ours, _ in found)
        print(f"{name:8} {ratio:.3f} times ({spread}), {seconds * 1000:.1f} ms")


def _measure(checkout: Path, python: Path, docs: list[str], queries: list[str]) -> dict[str, float]:
    path = os.pathsep.join(str(checkout / part) for part in ("", "ingest", "apps"))
    environment = {**os.environ, "PYTHONPATH": path}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled once
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [python, "-c", MEASURE, f"{folder}/a.kb", json.dumps(docs), json.dumps(queries)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured
