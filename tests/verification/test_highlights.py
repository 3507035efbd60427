"""The words of a passage that a model's answer rests on; an extractive answer has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragkit import Answer, AskOptions, Citation, Config, KnowledgeBase
from ragkit.generation.citations import parse_citations
from ragkit.verification.highlights import add_highlights
from tests.generation.test_citations import hit
from tests.support.checked import check_texts
from tests.support.hashing import HashingEmbedder
from tests.support.models import OwnModel

NOBODY = "http://127.0.0.1:9"
LEAVE = (
    "This page is about time off. Everybody has 28 days of annual leave in each calendar year. "
    "From the 15th year of service annual leave is 32 days. Unused leave expires at the end of "
    "March. Requests go to the head of the department, who answers within five working days."
)
TABLE = """Consolidated results (in millions)
2019 2018
Total net revenues 6,489 7,500
Operating income 1,607 1,988
Net income 1,503 1,848
Revenues fell in 2019 because fewer games were published than in the year before."""
GERMAN = (
    "Die Kantine öffnet um 11:30 Uhr. Der Urlaub beträgt 28 Tage im Jahr. Ab dem 15. Dienstjahr "
    "sind es 32 Tage. Überstunden verfallen am 31. März."
)
JAPANESE = "食堂は11時30分に開きます。年次休暇は28日です。休暇の申請は部長に出します。"


def marked(answer: str, *texts: str, question: str = "?") -> list[list[str]]:
    """The exact words of each passage; those that are not cited have no entry."""
    passages = [
        replace(hit(n), text=text, start=10 * n, end=10 * n + len(text))
        for n, text in enumerate(texts)
    ]
    cited = parse_citations(answer, passages)
    numbered = {number: passages[place] for number, place in enumerate(cited.places, 1)}
    statements = check_texts(cited.text, [texts[place] for place in cited.places])
    found = add_highlights(cited.citations, statements, numbered, question)
    for citation in found:
        assert_in_order(citation)
    return [words(citation) for citation in found]


def words(citation: Citation) -> list[str]:
    return [citation.quote[a - citation.start : b - citation.start] for a, b in citation.highlights]


def assert_in_order(citation: Citation) -> None:
    ends = [position for both in citation.highlights for position in both]
    assert ends == sorted(set(ends))
    assert all(citation.start <= position <= citation.end for position in ends)


@pytest.mark.parametrize(
    ("said", "rests_on"),
    [
        (
            "You get 28 days of leave a year [1].",
            "Everybody has 28 days of annual leave in each calendar year.",
        ),
        (
            "Long-serving staff have 32 days [1].",
            "From the 15th year of service annual leave is 32 days.",
        ),
        (
            "Leave that is not used expires in March. [1]",
            "Unused leave expires at the end of March.",
        ),
        (
            "According to the document, the head of department answers within 5 working days [1].",
            "Requests go to the head of the department, who answers within five working days.",
        ),
    ],
)
def test_a_statement_rests_on_the_sentence_that_says_it(said: str, rests_on: str) -> None:
    assert marked(said, LEAVE) == [[rests_on]]


def test_a_figure_decides_between_sentences_of_the_same_words() -> None:
    text = "The north office has 28 desks. The south office has 32 desks."
    assert marked("One office has 32 desks [1].", text) == [["The south office has 32 desks."]]


@pytest.mark.parametrize(
    "said",
    [
        "Net income came to $1,503 million in 2019 [1].",
        "In 2019, net income was $1.503 billion. [1]",
        "Net income: about $1.5 billion [1].",
    ],
)
def test_a_number_of_a_table_rests_on_its_row_alone(said: str) -> None:
    assert marked(said, TABLE) == [["Net income 1,503 1,848"]]


def test_a_statement_about_two_rows_rests_on_both() -> None:
    said = "Revenues were $6,489 million and operating income $1,607 million [1]."
    both = "Total net revenues 6,489 7,500\nOperating income 1,607 1,988"
    assert marked(said, TABLE) == [[both]]


def test_a_statement_made_of_two_sentences_rests_on_both() -> None:
    said = "There are 28 days of annual leave, and what is unused expires in March [1]."
    assert marked(said, LEAVE) == [
        [
            "Everybody has 28 days of annual leave in each calendar year.",
            "Unused leave expires at the end of March.",
        ]
    ]


def test_all_statements_that_cite_a_passage_are_marked_there_once() -> None:
    said = "Unused leave expires at the end of March [1]. Leave is 28 days in each year [1]."
    found = [
        "Everybody has 28 days of annual leave in each calendar year.",
        "Unused leave expires at the end of March.",
    ]
    assert marked(f"{said} {said}", LEAVE) == [found]


def test_a_number_in_mid_sentence_stands_for_the_words_before_it() -> None:
    said = "Leave is 28 days in each calendar year [1], while net income was 1,503 million [2]."
    assert marked(said, LEAVE, TABLE) == [
        ["Everybody has 28 days of annual leave in each calendar year."],
        ["Net income 1,503 1,848"],
    ]


def test_two_passages_that_say_the_same_are_both_marked() -> None:
    other = "The canteen opens at noon. Annual leave is 28 days in a calendar year, for everybody."
    assert marked(
        "Everybody has 28 days of annual leave in a calendar year [1][2].", LEAVE, other
    ) == [
        ["Everybody has 28 days of annual leave in each calendar year."],
        ["Annual leave is 28 days in a calendar year, for everybody."],
    ]


def test_nothing_is_marked_where_nothing_says_it() -> None:
    assert marked("The crane lifts forty tonnes of steel [1].", LEAVE) == [[]]
    assert marked("The annual report is printed on recycled paper [1].", LEAVE) == [[]]
    assert marked("# Leave [1]", LEAVE) == [[]]


def test_a_bare_answer_is_placed_by_the_question_or_not_at_all() -> None:
    text = "The bridge was opened in 1931. The tower burned down in 1931. It rains."
    assert marked("1931 [1]", text, question="When did the tower burn down?") == [
        ["The tower burned down in 1931."]
    ]
    assert marked("1931 [1]", text, question="Which year?") == [[]]
    twice = "The bridge was opened in 1931. It rains. The bridge was opened in 1931."
    assert marked("1931 [1]", twice, question="Which year?") == [["The bridge was opened in 1931."]]


def test_german_and_japanese_are_marked_too() -> None:
    said = "Der Urlaub beträgt 28 Tage pro Jahr [1]. Überstunden verfallen zum 31. März [1]."
    assert marked(said, GERMAN) == [
        ["Der Urlaub beträgt 28 Tage im Jahr.", "Überstunden verfallen am 31. März."]
    ]
    assert marked("年次休暇は28日です [1]。", JAPANESE) == [["年次休暇は28日です。"]]


@pytest.mark.parametrize("text", ["", " ", "|", "x", "...", "[1]", "\n\n", "a" * 5000, "1 " * 500])
@pytest.mark.parametrize("said", ["x [1]", "[1]", "1 [1] 2 [1]", "Yes. [1]", "a; b; c [1][1]"])
def test_odd_passages_and_answers_do_no_harm(said: str, text: str) -> None:
    assert len(marked(said, text)) == 1


class Says(OwnModel):
    """A model of one's own that writes this text, whatever it is asked."""

    name = "says"

    def __init__(self, text: str) -> None:
        self.text = text

    def chat(self, messages: Sequence[Any], **_: Any) -> list[str]:
        return [self.text]


def asked(kb: KnowledgeBase, docs: Path, said: str | None, **options: Any) -> Answer:
    (docs / "leave.txt").write_text(LEAVE)
    kb.ingest(docs)
    return kb.ask(
        "How many days of leave are there?", AskOptions(model=said and Says(said)), **options
    )


@pytest.fixture
def offline(tmp_path: Path) -> KnowledgeBase:
    return KnowledgeBase(
        tmp_path / "a.kb", embedder=HashingEmbedder(), config=Config(ollama_host=NOBODY)
    )


def test_citation_of_a_model_has_its_words_on_the_page(offline: KnowledgeBase, docs: Path) -> None:
    with offline as kb:
        (citation,) = asked(kb, docs, "Unused leave expires in March [1].").citations
        (page,) = kb.pages(citation.document)
    ((start, end),) = citation.highlights
    assert page.text[start:end] == "Unused leave expires at the end of March."
    assert citation.quote == LEAVE


def test_extract_is_exact_already(offline: KnowledgeBase, docs: Path) -> None:
    with offline as kb:
        answer = asked(kb, docs, None)
    assert answer.is_extractive
    assert {citation.highlights for citation in answer.citations} == {()}


def test_values_of_an_answer_as_data_have_their_words(offline: KnowledgeBase, docs: Path) -> None:
    schema = {"type": "object", "properties": {"annual_leave_days": {"type": "integer"}}}
    said = '{"found": true, "citations": [1], "answer": {"annual_leave_days": 28}}'
    with offline as kb:
        (citation,) = asked(kb, docs, said, schema=schema).citations
    assert words(citation) == ["Everybody has 28 days of annual leave in each calendar year."]
