from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ragkit.governance.fingerprints import Fingerprints

SECRET = b"The salary of Ana Zwickel is 61,234 euros a year from the first of March on."


def test_a_fingerprint_is_found_at_any_position() -> None:
    data = np.random.default_rng(1).bytes(1_000_003)
    for at in (0, 1, 7, 8, 12_345, 262_144 - 16, 524_288 - 31, len(data) - 32):
        assert len(Fingerprints.from_contents([data[at : at + 32]]).find_in_contents([data])) == 1


def test_fingerprints_are_found_in_a_file_across_blocks_and_spans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.governance.fingerprints._SPAN_BYTES", 300_000)
    monkeypatch.setattr("ragkit.governance.fingerprints._BLOCK_BYTES", 50_001)
    data = np.random.default_rng(2).bytes(700_001)
    (tmp_path / "file").write_bytes(data)
    fingerprints = Fingerprints.from_contents([data])
    again = Fingerprints.from_bytes(fingerprints.to_bytes())
    assert set(again.find_in_files([tmp_path / "file"])) == set(fingerprints.hashes)
    other = Fingerprints.from_contents([np.random.default_rng(3).bytes(50_000)])
    assert len(other.find_in_files([tmp_path / "file"])) == 0


def test_zeros_rows_of_dots_and_short_texts_have_no_fingerprints() -> None:
    assert len(Fingerprints.from_contents([bytes(4096), b"." * 4096, b"short"]).hashes) == 0
    assert len(Fingerprints.from_contents([b"short"]).find_in_contents([b"short" * 100])) == 0


def test_fingerprints_do_not_hold_the_text_and_differ_each_time() -> None:
    assert b"Zwickel" not in Fingerprints.from_contents([SECRET]).to_bytes()
    assert (
        Fingerprints.from_contents([SECRET]).to_bytes()
        != Fingerprints.from_contents([SECRET]).to_bytes()
    )
