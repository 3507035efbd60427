"""A few damaged files of every kind; `make fuzz` reads thousands."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.checking import find_faults
from tests.fuzz.hostile import find_cut_files, find_hostile_files
from tests.fuzz.mutate import mutate
from tests.fuzz.originals import find_originals

SEEDS = 2


def test_files_cut_short_are_read_or_refused_in_plain_words(tmp_path: Path) -> None:
    assert list(find_faults(find_cut_files([0.6, 0.99]), tmp_path)) == []


def test_hostile_files_end_by_themselves(tmp_path: Path) -> None:
    assert list(find_faults(find_hostile_files(0.1), tmp_path)) == []


def test_damaged_files_are_read_or_refused_in_plain_words(tmp_path: Path) -> None:
    mutants = (
        (f"{seed}-{name}", mutate(data, seed))
        for name, data in find_originals()
        for seed in range(SEEDS)
    )
    assert list(find_faults(mutants, tmp_path)) == []
