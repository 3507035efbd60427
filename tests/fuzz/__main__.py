"""Reads damaged files of every kind: `python -m tests.fuzz [--seeds N] [--only NAME]`.

Each original is damaged with N seeds. RAGKIT_FUZZ_FILES names a folder of more originals.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.checking import find_faults
from tests.fuzz.hostile import find_cut_files, find_hostile_files
from tests.fuzz.mutate import mutate
from tests.fuzz.originals import find_originals


def find_mutants(seeds: int) -> Iterator[tuple[str, bytes]]:
    """Yield damaged originals, `seeds` of each suffix."""
    originals = defaultdict(list)
    for name, data in find_originals():
        originals[Path(name).suffix].append((name, data))
    for same in originals.values():
        for seed in range(seeds):
            name, data = same[seed % len(same)]
            yield f"{seed}-{name}", mutate(data, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--only", default="", help="a part of the names of the files")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ragkit-fuzz-"))
    total = faults = 0

    def count(files: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
        nonlocal total
        for name, data in files:
            if options.only in name:
                total += 1
                yield name, data

    for files in (find_cut_files(), find_hostile_files(), find_mutants(options.seeds)):
        for fault in find_faults(count(files), folder):
            faults += 1
            print(fault, flush=True)
    print(f"{total:,} files read, {faults} faults" + (f"; see {folder}" if faults else ""))
    sys.exit(1 if faults else 0)


main()
