"""Sentences and rows inherit what their document's reader knows: headings, labels, heads, units."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ragkit import Hit
from ragkit.verification.checker import check_answer
from ragkit.verification.evidence import Evidence
from ragkit_ingest.places import Section, TableRow
from tests.generation.test_citations import hit

GERMANY = "The notice period is four weeks to the end of a month."
SPAIN = "The notice period is one month. It may be agreed on otherwise."


def make_hit(text: str, sections: list[Section], rows: list[TableRow] | None = None) -> Hit:
    return replace(
        hit(1), text=text, start=0, end=len(text), sections=tuple(sections), rows=tuple(rows or [])
    )


@pytest.fixture
def notice() -> Hit:
    text = f"{GERMANY}\n{SPAIN}"
    return make_hit(
        text, [Section(0, ("Leaving", "Germany")), Section(len(GERMANY) + 1, ("Leaving", "Spain"))]
    )


ROWS = [
    ("Sick leave", "42 days", "30 days", "Germany"),
    ("Annual leave", "30 days", "28 days", "Germany"),
    ("Sick leave", "18 days", "12 days", "Spain"),
    ("Annual leave", "22 days", "21 days", "Spain"),
]


@pytest.fixture
def leave() -> Hit:
    """A table whose country is a merged cell beside two rows: only the first row has its word."""
    text, rows = "", []
    for at, (kind, new, old, country) in enumerate(ROWS):
        line = f"{country if at % 2 == 0 else ''} | {kind} | {new} | {old}"
        ref = f"A{at + 2}:D{at + 2}"
        columns = ("Country", "Kind", "From 2024", "Until 2023")
        rows.append(
            TableRow(len(text), len(text) + len(line), columns, f"{country} {kind}", "", ref)
        )
        text += f"{line}\n"
    return make_hit(text, [Section(0, ())], rows)


@pytest.mark.parametrize(
    ("said", "supported"),
    [
        ("In Germany the notice period is four weeks [1].", True),
        ("In Germany the notice period is one month [1].", False),
        ("In Spain the notice period is one month [1].", True),
        ("In Spain the notice period is four weeks [1].", False),
    ],
)
def test_a_sentence_is_of_the_section_that_it_is_in(
    notice: Hit, said: str, supported: bool
) -> None:
    question = "How long is the notice period?"
    (statement,) = check_answer(said, {1: Evidence.from_hit(notice)}, question)
    assert (statement.verdict == "supported") is supported, statement.reasons


@pytest.mark.parametrize(
    ("said", "supported"),
    [
        ("Annual leave in Germany is 30 days from 2024 [1].", True),
        ("Annual leave in Spain is 22 days from 2024 [1].", True),
        ("Annual leave in Spain is 21 days from 2024 [1].", False),
        ("Annual leave in Spain is 30 days [1].", False),
        ("Annual leave in Germany is 42 days [1].", False),
        ("Until 2023 annual leave in Germany was 28 days [1].", True),
        ("Until 2023 annual leave in Germany was 30 days [1].", False),
    ],
)
def test_a_cell_is_of_its_row_and_its_column(leave: Hit, said: str, supported: bool) -> None:
    (statement,) = check_answer(said, {1: Evidence.from_hit(leave)}, "How much leave is there?")
    assert (statement.verdict == "supported") is supported, statement.reasons
