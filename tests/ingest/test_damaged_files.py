"""Damaged files of every kind: what people read about them names no exception."""

from __future__ import annotations

import re

import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import ReadError
from tests.fuzz.mutate import mutate
from tests.fuzz.originals import find_originals

ORIGINALS = dict(find_originals())
SEEDS = range(6)
EXCEPTION = re.compile(r"\b[A-Z]\w*(?:Error|Exception|Warning)\b|Traceback|File \"|\bNone\b")


@pytest.mark.parametrize("name", sorted(ORIGINALS))
def test_damage_is_told_without_the_name_of_an_exception(name: str) -> None:
    whole = ORIGINALS[name]
    cuts = (whole[: len(whole) * part // 4] for part in (1, 2, 3))
    for data in (whole, *cuts, *(mutate(whole, seed) for seed in SEEDS)):
        try:
            told = read_document(data, name).warnings
        except ReadError as error:
            told = (error.detail,)
        assert all(told)
        assert not [text for text in told if EXCEPTION.search(text)]
