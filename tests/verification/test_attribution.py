"""Sentences without a citation are found in the passages, and cite them then."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragkit import Answer, AskOptions, Config, KnowledgeBase
from tests.support.checked import check_texts
from tests.support.hashing import HashingEmbedder
from tests.verification.test_highlights import NOBODY, Says, words

LEAVE = "Everybody has 28 days of leave a year. Leave that is not used expires in March."
TRAVEL = "A hotel may cost 120 euros a night. The train is booked in the second class."
QUESTION = "How much may a hotel cost, and how many days of leave are there?"


@pytest.fixture
def kb(tmp_path: Path) -> KnowledgeBase:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "leave.txt").write_text(LEAVE)
    (docs / "travel.txt").write_text(TRAVEL)
    kb = KnowledgeBase(
        tmp_path / "a.kb", embedder=HashingEmbedder(), config=Config(ollama_host=NOBODY)
    )
    kb.ingest(docs)
    return kb


def answer(kb: KnowledgeBase, said: str) -> Answer:
    with kb:
        return kb.ask(QUESTION, AskOptions(model=Says(said)))


def test_a_sentence_without_a_citation_is_found_in_the_passage_that_says_it() -> None:
    (statement,) = check_texts("Leave that is not used expires in March.", [TRAVEL, LEAVE])
    assert (statement.verdict, statement.citations, statement.found_in) == ("supported", (), (2,))
    assert not statement.reasons


def test_a_sentence_that_cites_is_not_looked_for_elsewhere() -> None:
    (statement,) = check_texts("Unused leave expires in March [1].", [TRAVEL, LEAVE])
    assert (statement.verdict, statement.citations, statement.found_in) == ("unsupported", (1,), ())


def test_of_two_passages_the_one_with_the_nearer_sentence_is_found() -> None:
    both = [
        "Leave is booked in the portal. The year has 365 days, of which 28 are in February.",
        LEAVE,
    ]
    (statement,) = check_texts("Everybody has 28 days of leave in a year.", both)
    assert statement.found_in == (2,)


def test_a_sentence_that_no_passage_says_alone_is_unsupported() -> None:
    said = "Everybody has 28 days of leave a year, and a hotel may cost 120 euros a night."
    (statement,) = check_texts(said, [TRAVEL, LEAVE])
    assert (statement.verdict, statement.found_in) == ("unsupported", ())
    assert statement.reasons == ("no single passage says all of this",)


def test_passages_found_are_cited_in_the_order_of_the_answer(kb: KnowledgeBase) -> None:
    found = answer(kb, "Leave is 28 days a year. A hotel may cost 120 euros a night.")
    assert [statement.found_in for statement in found.statements] == [(1,), (2,)]
    assert [(each.number, each.source) for each in found.citations] == [
        (1, "leave.txt"), (2, "travel.txt"),
    ]  # fmt: skip
    assert [words(each) for each in found.citations] == [
        ["Everybody has 28 days of leave a year."],
        ["A hotel may cost 120 euros a night."],
    ]
    assert found.quotes == ()


def test_a_passage_that_is_cited_and_found_has_one_citation(kb: KnowledgeBase) -> None:
    found = answer(kb, "A hotel may cost 120 euros [1]. A hotel may cost 120 euros a night.")
    cited, uncited = found.statements
    place = found.passages[0].source
    assert (cited.citations, cited.verdict == "supported") == ((1,), place == "travel.txt")
    numbers = {each.number: each.source for each in found.citations}
    assert [numbers[number] for number in uncited.found_in] == ["travel.txt"]


def test_what_no_passage_says_gets_the_quotes_of_the_documents(kb: KnowledgeBase) -> None:
    found = answer(kb, "Everybody has 31 days of leave [1]. A hotel may cost 990 euros.")
    assert {statement.verdict for statement in found.statements} == {"unsupported"}
    assert found.quotes
    numbers = {each.number: each for each in found.citations}
    assert len(numbers) == len(found.citations)
    for quote in found.quotes:
        assert quote.text in " ".join(numbers[quote.citation].quote.split())
