"""Sweeps for tests, each in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def sweep(name: str, *only: str, points: int | None = None, seed: int = 1) -> list[str]:
    """Run a sweep of all operations, or these; print its score and return the violations."""
    chosen = [] if points is None else ["--points", str(points)]
    chosen += ["--only", *only] if only else []
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", name, *chosen, "--seed", str(seed)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    print(done.stdout)
    score = re.search(rf"^{name}: (\d+) points, (\d+) violations", done.stdout)
    assert score is not None, done.stderr
    assert int(score[1]) > 0
    violations = done.stderr.splitlines()
    assert bool(violations) == bool(int(score[2]))
    return violations
