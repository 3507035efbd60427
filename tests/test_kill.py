from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_a_killed_ingest_leaves_whole_documents_and_ends_the_same() -> None:
    """A sample of the sweep in tests/long."""
    assert sweep(points=6, seed=6) == []


def sweep(points: int, seed: int) -> list[str]:
    """The violations that a sweep found; its points go to standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.kill_sweep", "--points", str(points), "--seed", str(seed)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
    )
    result = json.loads(done.stdout)
    violations: list[str] = result["violations"]
    print(f"kill sweep: {result['points']} points, {len(violations)} violations")
    return violations
