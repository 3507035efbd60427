from __future__ import annotations

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from ragkit import Quote, Statement, Turn
from ragkit.answers import Answer, Citation
from ragkit_apps.ui.components.export import build_file_name, export_markdown
from tests.generation.test_citations import hit
from tests.ui.test_markup import Tags

AT = "2026-11-22T10:00:00+00:00"


def exported(question: str, text: str, quote: str) -> str:
    passage = replace(hit(1), text=quote, end=len(quote))
    answer = Answer(question, text, (Citation.from_hit(1, passage),), (passage,), model="llama3.2")
    return export_markdown(question, [Turn(AT, question, answer, number=1)])


def test_an_export_has_questions_answers_and_sources_with_their_words() -> None:
    text = exported(
        "How many days?", "28 days [1].\n\nUnused ones expire.", "Everybody has 28 days."
    )
    assert text.startswith("# How many days?\n\n## How many days?\n\n28 days [1].\n\nUnused ones")
    assert "\n1. 1.txt: “Everybody has 28 days.”" in text
    assert text.endswith("*2026-11-22 10:00 UTC, by llama3.2*\n")


def test_an_export_has_quotes_and_rows_as_tables() -> None:
    row = Quote(2, "x", (("Price", "64.80"), ("Part", "VX|1")), "VX|1", "EUR")
    citations = tuple(Citation.from_hit(n, hit(n)) for n in (1, 2))
    quotes = (Quote(1, "It is *28*."), row)
    answer = Answer("How many?", "as stored", citations, (hit(1),), quotes=quotes)
    text = export_markdown("How many?", [Turn(AT, "How many?", answer, number=1)])
    assert text.split("\n")[4:] == [
        *("> “It is \\*28\\*.”", "", "[1] 1.txt", "", "1 more place:", ""),
        *("EUR", "", "| Part | Price |", "| --- | --- |", "| VX\\|1 | 64.80 |", ""),
        *("[2] 2.txt", "", "*2026-11-22 10:00 UTC, quoted, no AI model*", ""),
    ]
    assert "table" in Tags(MarkdownIt("commonmark").enable("table").render(text)).tags


def test_an_export_marks_what_nothing_supports() -> None:
    statement = Statement("It is 30.", 0, 9, (), "unsupported")
    answer = Answer(
        "How many?",
        "It is 30.",
        (Citation.from_hit(1, hit(1)),),
        (hit(1),),
        (statement, statement),
        model="tiny",
        quotes=(Quote(1, "28 days."),),
    )
    lines = export_markdown("How many?", [Turn(AT, "How many?", answer, number=1)]).split("\n")
    assert [line for line in lines[4:-2] if line] == [
        "> “28 days.”",
        "[1] 1.txt",
        "The model wrote this, and the passages do not support it:",
        "It is 30.",
        "Could not be verified: It is 30. (no source given; 2 times)",
    ]


def test_each_line_of_a_notice_is_a_paragraph() -> None:
    answer = Answer("How many?", "28 days", (), (), notice="“X-1” is missing.\nNo model: none")
    text = export_markdown("How many?", [Turn(AT, "How many?", answer, number=1)])
    assert "\n\n“X-1” is missing.\n\nNo model: none\n\n" in text


@pytest.mark.parametrize(
    "hostile",
    [
        "![x](http://evil.example/a.png)",
        "[click](javascript:alert(1))",
        "<img src=x onerror=alert(1)> <script>alert(1)</script>",
        "http://evil.example and www.evil.example",
        "[1]: http://evil.example",
        "| a | b |\n|---|---|\n| <b> | `x` |",
    ],
)
def test_nothing_in_an_export_is_alive(hostile: str) -> None:
    text = exported(hostile, f"{hostile} [1]", hostile)
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert Tags(html).tags <= {"h1", "h2", "p", "ol", "li", "em"}
    assert "http://" not in text  # which many viewers make a link
    assert "www." not in text


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("How many days of leave?", "how-many-days-of-leave.md"),
        ("../../etc/passwd", "etc-passwd.md"),
        ("???", "conversation.md"),
        ("Größe " * 30, "größe-größe-größe-größe-größe-größe-größe-größe-größe-größe.md"),
    ],
)
def test_a_title_becomes_a_files_name(title: str, name: str) -> None:
    assert build_file_name(title) == name
