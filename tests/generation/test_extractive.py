from __future__ import annotations

from pathlib import Path

import pytest

from ragkit import AskOptions, KnowledgeBase
from tests.support.hashing import HashingEmbedder


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
    assert answer.text == "I found nothing about this in your documents."


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


def test_rows_of_other_values_are_not_quoted(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    rows = ("Customer,Discount", "Brekke,7.5%", "Dahl,12.5 %", "Lund,60.0%")
    (docs / "discounts.csv").write_text("\n".join(rows))
    with KnowledgeBase(tmp_path / "x.kb", embedder=HashingEmbedder()) as kb:
        kb.ingest(docs)
        answer = kb.ask("Which customer has a discount of 12.5%?")
    assert [citation.quote for citation in answer.citations] == ["Dahl | 12.5 %"]


def test_each_quote_is_a_statement_that_holds(kb: KnowledgeBase) -> None:
    answer = kb.ask("At how many bar does the blue pump run?")
    assert answer.is_extractive
    assert [answer.text[s.start : s.end] for s in answer.statements] == answer.text.split("\n")
    assert [(s.citations, s.verdict) for s in answer.statements] == [
        ((number,), "supported") for number in range(1, len(answer.citations) + 1)
    ]
