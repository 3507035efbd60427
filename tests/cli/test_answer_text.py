"""How answers look on a terminal and in a pipe; the answers are made by hand."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from ragkit import Answer, Citation, Quote, Statement
from ragkit_apps.cli.answer_text import (
    format_answer,
    format_answer_in_chat,
    format_text,
)
from tests.generation.test_citations import hit

TITLED = replace(hit(1), title="Employee handbook", source="hr/handbook.pdf", page=5)
SEAL = Quote(
    1,
    "VX-31 | Seal | 238.90 | 10",
    (("Price EUR", "238.90"), ("Part", "VX-31"), ("Description", "Seal"), ("Days", "10")),
    "VX-31",
)
LEAVE = Quote(1, "Everybody has 28 days of annual leave.")


def cite(number: int, text: str = "The words.", **changes: object) -> Citation:
    found = replace(TITLED, text=text, start=0, end=len(text))
    return replace(Citation.from_hit(number, found), **changes)  # type: ignore[arg-type]


def quoted(*quotes: Quote, **changes: object) -> Answer:
    citations = tuple(cite(quote.citation) for quote in quotes)
    answer = Answer("?", "as stored", citations, (TITLED,), quotes=quotes)
    return replace(answer, **changes)  # type: ignore[arg-type]


def written(text: str, *statements: Statement, **changes: object) -> Answer:
    numbers = sorted({n for each in statements for n in (*each.citations, *each.found_in)})
    citations = tuple(cite(number) for number in numbers)
    answer = Answer("?", text, citations, (TITLED,), statements, model="tiny")
    return replace(answer, **changes)  # type: ignore[arg-type]


def says(text: str, *citations: int, found_in: tuple[int, ...] = (), why: str = "") -> Statement:
    verdict = "supported" if found_in else "unsupported"
    reasons = (why,) if why else ()
    return Statement(text, 0, len(text), citations, verdict, reasons, found_in)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes standard output a terminal of some columns."""
    monkeypatch.delenv("NO_COLOR", raising=False)

    def resize(columns: int) -> None:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        monkeypatch.setenv("COLUMNS", str(columns))

    return resize


def strip_styles(lines: list[str]) -> list[str]:
    return [re.sub(r"\x1b\[\d+m", "", line) for line in lines]


def test_the_best_quote_stands_alone_and_others_take_a_line_each() -> None:
    answer = quoted(LEAVE, Quote(2, "Unused days expire in March."), Quote(3, "Ask first."))
    assert format_text(answer)[2:] == [
        "  “Everybody has 28 days of annual leave.”",
        "  [1] Employee handbook, page 5  hr/handbook.pdf",
        "",
        "2 more places",
        "  [2] Employee handbook, page 5: “Unused days expire in March.”",
        "  [3] Employee handbook, page 5: “Ask first.”",
    ]
    assert format_answer(answer) == []


def test_a_row_is_a_table_with_its_label_and_what_is_asked_first() -> None:
    lines = format_text(quoted(SEAL))[2:]
    assert lines == [
        "  Part   Price EUR  Description  Days",
        "  VX-31  238.90     Seal         10",
        "  [1] Employee handbook, page 5  hr/handbook.pdf",
    ]


def test_a_label_that_no_column_has_is_the_first_column() -> None:
    quote = Quote(1, "x", (("Notice", "four"), ("Note", "")), "Germany", "weeks")
    assert format_text(quoted(quote))[2:5] == ["  weeks", "           Notice", "  Germany  four"]


def test_both_sides_of_a_comparison_are_shown() -> None:
    sides = [Statement("", 0, 0, (n,), "supported") for n in (1, 2)]
    quotes = (Quote(1, "A is 4."), Quote(2, "B is 5."), Quote(3, "C is 6."))
    lines = format_text(quoted(*quotes, statements=tuple(sides)))
    assert [line for line in lines if "“" in line or "more" in line] == [
        "  “A is 4.”",
        "  “B is 5.”",
        "1 more place",
        "  [3] Employee handbook, page 5: “C is 6.”",
    ]


def test_a_row_too_wide_for_the_terminal_has_a_line_for_each_column(
    terminal: Callable[[int], None],
) -> None:
    terminal(30)
    lines = format_text(quoted(SEAL))
    assert strip_styles(lines)[2:6] == [
        "  Part         VX-31",
        "  Price EUR    238.90",
        "  Description  Seal",
        "  Days         10",
    ]


def test_a_terminal_gets_bold_words_wrapped_at_spaces(
    terminal: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal(30)
    lines = format_text(quoted(LEAVE))
    assert lines[2] == "\x1b[1m  “Everybody has 28 days of\x1b[0m"
    assert all(len(line) <= 30 for line in strip_styles(lines[2:]))
    monkeypatch.setenv("NO_COLOR", "1")
    assert format_text(quoted(LEAVE)) == strip_styles(lines)


def test_control_characters_of_documents_are_never_printed() -> None:
    hostile = Quote(1, "a\x1b[31m", (("h\x1b[1m", "v\x1b[2m"),), "l\x1b[3m", "u\x1b[4m")
    answer = quoted(hostile, Quote(1, "b\x1b[5m"), citations=(cite(1, title="t\x1b[6m"),))
    assert "\x1b" not in "\n".join(format_text(answer))


def test_a_removed_source_is_said_to_be_removed() -> None:
    lines = format_text(quoted(LEAVE, Quote(2, "Ask first."), citations=()))
    assert lines[3] == "  [1] removed from the knowledge base, or changed since"
    assert lines[-1] == "  [2] “Ask first.”"


def test_sources_found_for_a_sentence_are_told_apart_from_cited_ones() -> None:
    answer = written("A. B.", says("A.", found_in=(2,)), Statement("B.", 3, 5, (1,), "supported"))
    lines = format_answer_in_chat(answer)
    assert lines == [
        "  [1] Employee handbook, page 5  hr/handbook.pdf",
        "  found in [2] Employee handbook, page 5  hr/handbook.pdf",
    ]
    assert "2 sentences verified" in format_answer(answer)


def test_equal_failed_sentences_are_listed_once_with_their_count() -> None:
    wrong = says("It is 30 days.", 1, why="30 is not in [1]")
    answer = written("…", wrong, says("So it is."), wrong, wrong, says("So it is."))
    lines = format_answer(answer)
    start = lines.index("5 sentences could not be verified")
    assert lines[start + 1 : start + 5] == [
        "  - It is 30 days.",
        "    30 is not in [1]; 3 times",
        "  - So it is.",
        "    no source given; 2 times",
    ]
    assert "1 sentence could not be verified" in format_answer(written("…", wrong))


def test_an_unsupported_text_follows_the_quote_of_the_documents() -> None:
    answer = written(
        "It is 30 days.", says("It is 30 days."), quotes=(LEAVE,), citations=(cite(1),)
    )
    assert format_text(answer) == [
        "  “Everybody has 28 days of annual leave.”",
        "  [1] Employee handbook, page 5  hr/handbook.pdf",
        "",
        "The model wrote this, and the passages do not support it:",
        "  It is 30 days.",
    ]
    assert format_answer(answer) == ["", "Model: tiny"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# Leave\n- **28** days", "“Leave 28 days”"),
        ("VX-31 | Seal | 238.90", "“VX-31, Seal, 238.90”"),
        ("* one\n> two `three`", "“one two three”"),
    ],
)
def test_a_source_has_words_without_markup(text: str, shown: str) -> None:
    answer = written("…", says("…", 1), citations=(cite(1, text),))
    assert f"      {shown}" in format_answer(answer)


def test_a_source_shows_its_highlights() -> None:
    text = "Rules for all. Leave is 28 days. Ask first. It needs a form."
    citation = cite(1, text, start=7, highlights=((22, 39), (51, 67)))
    answer = written("…", says("…", 1), citations=(citation,))
    assert "      “Leave is 28 days. … It needs a form.”" in format_answer(answer)


def test_a_notice_is_not_repeated_in_a_chat() -> None:
    first = quoted(LEAVE, notice="No model: none answers")
    second = quoted(LEAVE, notice="“X-1” occurs in no document.\nNo model: none answers")
    assert format_answer_in_chat(first) == ["  No model: none answers"]
    assert format_answer_in_chat(second, first) == ["  “X-1” occurs in no document."]
