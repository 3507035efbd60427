from __future__ import annotations

from pathlib import Path

import pytest

from ragkit import AskOptions, KnowledgeBase
from ragkit.generation.extractive import keywords
from ragkit.text.sentences import split_sentences
from tests.support.hashing import HashingEmbedder


def parts(text: str) -> list[str]:
    found = split_sentences(text)
    assert all(text[unit.start : unit.end] == unit.text for unit in found)
    return [unit.text for unit in found]


def test_wrapped_lines_run_on_and_sentences_end_at_stops() -> None:
    text = (
        "During the pressure test of a pump the mechanical seal\n"
        "failed at a pressure of 14.2 bar. Nobody was hurt in this\n"
        "incident."
    )
    assert parts(text) == [
        "During the pressure test of a pump the mechanical seal\nfailed at a pressure of 14.2 bar.",
        "Nobody was hurt in this\nincident.",
    ]


def test_full_stop_that_ends_no_sentence_divides_none() -> None:
    whole = [
        "Ab dem 15. Dienstjahr sind es 32 Tage.",
        "Am 3. Oktober ist frei.",
        "Dr. Smith and J. K. Rowling came, e.g. Bob.",
        "The U.S. Government paid for No. 5 Main Street.",
    ]
    assert [unit.text for unit in split_sentences(" ".join(whole))] == whole
    assert [unit.text for unit in split_sentences("See chapter 12. The next follows.")] == [
        "See chapter 12.",
        "The next follows.",
    ]


def test_a_blank_line_parts_what_has_no_stop() -> None:
    assert parts("A title without a stop\n\nAnother one") == [
        "A title without a stop",
        "Another one",
    ]


def test_a_table_row_stands_alone_under_the_heads_of_its_columns() -> None:
    text = "Years of service Days of leave\nup to 4 years 28 5\nfrom the 5th year 30 5"
    found = split_sentences(text)
    assert [unit.text for unit in found] == ["up to 4 years 28 5", "from the 5th year 30 5"]
    assert {unit.context for unit in found} == {"Years of service Days of leave"}


def test_cells_with_bars_are_rows() -> None:
    found = split_sentences("Part | Price\nVX-1 | 12.50\nVX-2 | 13.00")
    assert [(unit.context, unit.text) for unit in found] == [
        ("Part | Price", "VX-1 | 12.50"),
        ("Part | Price", "VX-2 | 13.00"),
    ]


@pytest.mark.parametrize("text", ["", " \n ", "one", "a\n\n\nb", "1 2 3\n4 5 6", "…\n"])
def test_nothing_but_white_space_is_lost(text: str) -> None:
    kept = "".join(unit.text + unit.context for unit in split_sentences(text))
    assert len("".join(kept.split())) >= len("".join(text.split())) or not text.strip()


def test_words_are_compared_without_endings_and_ordinals_by_number() -> None:
    assert keywords("the 15th year") == {"15", "year"}
    assert keywords("vacations") == keywords("vacation")


@pytest.fixture
def kb(tmp_path: Path) -> KnowledgeBase:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "pumps.txt").write_text(
        "The red pump runs at 40 bar. The blue pump runs at 20 bar. Oil is changed in May."
    )
    kb = KnowledgeBase(tmp_path / "x.kb", embedder=HashingEmbedder())
    kb.ingest(docs)
    return kb


def test_an_extract_quotes_the_sentence_that_answers(kb: KnowledgeBase) -> None:
    answer = kb.ask("At how many bar does the blue pump run?", AskOptions(model="auto"))
    assert answer.is_extractive
    assert answer.model is None
    first = answer.citations[0]
    assert first.quote == "The blue pump runs at 20 bar."
    assert answer.text.startswith("“The blue pump runs at 20 bar.” [1]")
    assert (first.source, first.start, first.end) == ("pumps.txt", 29, 58)


def test_a_question_about_something_else_is_abstained_from(kb: KnowledgeBase) -> None:
    answer = kb.ask("xylophone quartet")
    assert answer.abstained
    assert answer.citations == ()
    assert answer.text == "Nothing in the documents answers this."


def test_a_heading_that_repeats_the_question_is_not_quoted(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# Pump pressure\n\nThe limit for every pump is 40 bar.\n")
    with KnowledgeBase(tmp_path / "x.kb", embedder=HashingEmbedder()) as kb:
        kb.ingest(docs)
        answer = kb.ask("pump pressure")
    assert [citation.quote for citation in answer.citations] == [
        "The limit for every pump is 40 bar."
    ]


def test_each_quote_is_a_statement_that_holds(kb: KnowledgeBase) -> None:
    answer = kb.ask("At how many bar does the blue pump run?")
    assert answer.is_extractive
    assert [answer.text[s.start : s.end] for s in answer.statements] == answer.text.split("\n")
    assert [(s.citations, s.verdict) for s in answer.statements] == [
        ((number,), "supported") for number in range(1, len(answer.citations) + 1)
    ]
