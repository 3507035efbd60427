"""Cuts a passage down to the sentences around what the question asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from ragkit.llms.speeds import ModelSpeed
from ragkit.retrieval.hits import Hit
from ragkit.text.keywords import keywords
from ragkit.text.sentences import split_sentences
from ragkit_ingest.places import select_rows, select_sections

Range = tuple[int, int]
"""Characters [start, end) of a passage's text."""


def trim_passage(hit: Hit, query: str, budget: int, speed: ModelSpeed) -> Hit | None:
    """Return the part of a passage around the sentence with most words of the query.

    The part is one run of sentences of at most `budget` tokens. A table is one sentence here: its
    rows are never parted from each other or from their heads. Returns None if not even the best
    sentence fits.
    """
    units = _split_units(hit)
    words = keywords(query)
    shared = [len(words & keywords(hit.text[slice(*unit)])) for unit in units]
    first = last = shared.index(max(shared))
    if _count(hit, units, first, last, speed) > budget:
        return None
    while True:  # what follows the best sentence first: it explains it more often
        if last + 1 < len(units) and _count(hit, units, first, last + 1, speed) <= budget:
            last += 1
        elif first and _count(hit, units, first - 1, last, speed) <= budget:
            first -= 1
        else:
            return _cut(hit, units[first][0], units[last][1])


def _split_units(hit: Hit) -> list[Range]:
    """Return the sentences and tables of a passage, which together are all of its text."""
    starts = {0, *(each.start for each in split_sentences(hit.text))}
    for _, table in groupby(hit.rows, lambda row: row.columns):
        rows = list(table)
        first, last = rows[0].start - hit.start, rows[-1].end - hit.start
        starts = {start for start in starts if not first < start < last} | {max(first, 0), last}
    edges = sorted(start for start in starts if start < len(hit.text))
    return list(zip(edges, [*edges[1:], len(hit.text)], strict=True))


def _count(hit: Hit, units: Sequence[Range], first: int, last: int, speed: ModelSpeed) -> int:
    return speed.count_tokens(hit.text[units[first][0] : units[last][1]])


def _cut(hit: Hit, start: int, end: int) -> Hit:
    """Return characters [start, end) of a passage as a passage, without blanks around them."""
    text = hit.text[start:end]
    start += len(text) - len(text.lstrip())
    text = text.strip()
    start += hit.start
    end = start + len(text)
    return replace(
        hit,
        text=text,
        start=start,
        end=end,
        sections=tuple(select_sections(hit.sections, start, end)),
        rows=tuple(select_rows(hit.rows, start, end)),
    )
