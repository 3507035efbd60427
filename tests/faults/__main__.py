"""Runs sweeps: `python -m tests.faults SWEEP... [--points N] [--seed S] [--only OPERATION...]`.

Each prints its score, and at once what was wrong.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import faiss  # noqa: F401  imported before the forks, as are the next ones
import tantivy  # noqa: F401

import ragkit.maintenance.export  # noqa: F401
import ragkit_apps.cli.render  # noqa: F401
from tests.faults.commands import settle
from tests.faults.damage import on_damaged_files
from tests.faults.disk import enter_own_mounts, on_full_disks
from tests.faults.interrupted import at_calls, at_moments
from tests.faults.operations import OPERATIONS, Task
from tests.faults.places import in_other_places
from tests.faults.power import at_power_cuts
from tests.faults.score import Score
from tests.faults.together import readers_beside_writers, two_writers
from tests.faults.trap import Fault

SWEEPS: dict[str, Callable[[Task], Score]] = {
    "kill": partial(at_calls, Fault.KILL),
    "full": partial(at_calls, Fault.FULL),
    "error": partial(at_calls, Fault.ERROR),
    "errors": partial(at_calls, Fault.ERRORS),
    "power": at_power_cuts,
    "moments": at_moments,
    "disk": on_full_disks,
    "damage": on_damaged_files,
    "damage-killed": partial(on_damaged_files, killed=True),
    "places": in_other_places,
    "writers": two_writers,
    "readers": readers_beside_writers,
}
MOUNTING = {"disk", "places"}
BY_NAME = {prepare.__name__: prepare for prepare in OPERATIONS}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "sweeps", nargs="+", choices=SWEEPS, metavar="SWEEP", help=", ".join(SWEEPS)
    )
    parser.add_argument(
        "--points", type=int, help="how many, by default all; of readers, for how many seconds"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--only", nargs="+", choices=BY_NAME, default=list(BY_NAME), help="what is interrupted"
    )
    options = parser.parse_args()
    if not MOUNTING.isdisjoint(options.sweeps):
        enter_own_mounts()
    failed = False
    preparations = tuple(BY_NAME[name] for name in options.only)
    for sweep in options.sweeps:
        work = Path(tempfile.mkdtemp(prefix="faults-")).resolve()
        settle(work)
        try:
            score = SWEEPS[sweep](Task(work, options.points, options.seed, preparations))
        finally:
            shutil.rmtree(work)
        print(score, flush=True)
        failed |= bool(score.violations)
    sys.exit(failed)


if __name__ == "__main__":
    main()
