"""Markdown: what is shown is what is stored, and blocks are ranges of that."""

from __future__ import annotations

import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import Block, BlockKind, Document


def read(text: str) -> Document:
    return read_document(text.encode(), "page.md")


def rows(text: str) -> list[Block]:
    return [block for block in read(text).pages[0].blocks if block.kind is BlockKind.ROW]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("45<sup>2</sup> euro, CO<sub>2</sub>", "45² euro, CO₂"),
        ("one<br>two<br />three", "one two three"),
        ("before <!-- a\n\ncomment --> after", "before  after"),
        ("clause 3\\.2, a\\_b, \\# no \\*", "clause 3.2, a_b, \\# no \\*"),
        ("R&amp;D&nbsp;M&uuml;ller &lt;a&gt;", "R&D\u00a0Müller &lt;a&gt;"),
        ("![](data:image/png;base64,AAAA) x ![plan](data:image/png;base64,AAAA)", "x plan"),
        (f"![plan](data:image/png;base64,{'iVBORw0KGgo' * 9}) y", "plan y"),
        ("![][image1] x\n\n[image1]: <data:image/png;base64,AAAA>", "x"),
        ("`a<br>b ~~c~~` ``d`\\_`` ~~ e ~~", "`a<br>b ~~c~~` ``d`\\_`` ~~ e ~~"),
        ("```\n~~a~~ &amp;\n```\n~~~\n<br>\n", "```\n~~a~~ &amp;\n```\n~~~\n<br>"),
    ],
)
def test_text_is_as_shown_and_code_as_written(text: str, shown: str) -> None:
    page = read(text).pages[0]
    assert page.text.strip() == shown
    assert all(page.text[block.start : block.end].strip() for block in page.blocks)


def test_struck_out_text_is_left_out_and_counted() -> None:
    document = read("Open at ~~11:15~~ 10:45, <del>6.40</del> <ins>7.90</ins> euro. a~~b\n\nc~~d")
    text = "Open at 10:45, <ins>7.90</ins> euro. a~~b\n\nc~~d"
    assert document.pages[0].text == text
    assert document.warnings == ("2 struck-out passages were left out",)


def test_comments_are_counted_as_hidden() -> None:
    assert read("a <!-- b -->").pages[0].hidden == len("<!-- b -->")


def test_numbers_of_lists_stay() -> None:
    page = read("3. three\n4. four\n   1. inner\n").pages[0]
    texts = [page.text[block.start : block.end] for block in page.blocks]
    assert texts == ["3. three", "4. four", "1. inner"]


def test_rows_have_heads_labels_and_units() -> None:
    found = rows(
        "|  (in thousands) | **2023** | 2024 |\n|---|--:|--:|\n| Europe | | |\n"
        "| [Oslo](o.md) | 5 | 6 |\n| Bergen | 7 | 8 |\n"
    )
    columns = ("(in thousands)", "2023", "2024")
    assert [(row.columns, row.label, row.unit) for row in found] == [
        ((), "", ""),
        (columns, "Europe", "in thousands"),
        (columns, "Oslo", "in thousands"),
        (columns, "Bergen", "in thousands"),
    ]


def test_a_cell_left_empty_goes_on_from_above() -> None:
    found = rows("| Plant | Shift | Bonus |\n|-|-|-|\n| Oslo | early | 5 |\n| | night | 7 |\n")
    assert [row.label for row in found[1:]] == ["Oslo, early", "Oslo, night"]


def test_the_first_row_names_the_columns_below_an_empty_head() -> None:
    found = rows("| | |\n|-|-|\n| Name | Weight |\n| Bolt | 5 |\n| Nut | 7 |\n")
    assert [row.columns for row in found[-2:]] == [("Name", "Weight")] * 2


def test_html_tables_become_rows_with_merged_cells_repeated() -> None:
    text = (
        "# Bonus\n\n<table>\n<caption>By plant</caption>\n<tr><th>Plant</th><th>Shift</th></tr>\n"
        "<tr><td rowspan='2'>Oslo</td><td>early | <s>x</s></td></tr>\n<tr><td>night</td></tr>\n"
        "</table>\n\nAfter\n"
    )
    page = read(text).pages[0]
    found = rows(text)
    assert [page.text[row.start : row.end] for row in found] == [
        "| Plant | Shift |",
        "| Oslo | early \\| |",
        "| Oslo | night |",
    ]
    assert found[2].columns == ("Plant", "Shift")
    assert [page.text[block.start : block.end] for block in page.blocks[:2]] == [
        "Bonus",
        "By plant",
    ]


def test_a_bar_alone_is_a_row_without_cells() -> None:
    assert [row.label for row in rows("| a | b |\n|-|-|\n|\n| c | d |\n")] == ["", "", "c"]


@pytest.mark.parametrize(
    "hostile",
    [
        *("`" * 50000, "~~a" * 20000, "<del>" * 20000, "<!--" * 20000, "![" * 20000),
        *("<table\n" * 20000, "|a|\n|-|\n" * 500, "&a" * 30000, "```\n" * 9999 + "~~~"),
    ],
)
def test_hostile_markup_ends_soon(hostile: str) -> None:
    assert read("x " + hostile).pages
