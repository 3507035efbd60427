"""Jupyter notebooks, and the exports of chat programs."""

from __future__ import annotations

import base64
import json

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import BlockKind, Document

PICTURE = base64.b64encode(bytes(range(256)) * 4).decode()


def shown(document: Document) -> list[tuple[BlockKind, str]]:
    page = document.pages[0]
    return [(block.kind, page.text[block.start : block.end]) for block in page.blocks]


def test_cells_are_prose_code_and_output_without_pictures() -> None:
    table = "<table><tr><th>Part</th><th>Scrap</th></tr><tr><td>C-19</td><td>3</td></tr></table>"
    outputs = [
        {"output_type": "stream", "text": ["32.0\n"]},
        {"output_type": "display_data", "data": {"image/png": PICTURE, "text/plain": "<Figure>"}},
        {"output_type": "execute_result", "data": {"text/html": table, "text/plain": "x"}},
        {"output_type": "error", "traceback": ["\x1b[31mno"]},
    ]
    markdown = ["# Scrap\n", "\n", f"The limit is **3**. ![](data:image/png;base64,{PICTURE})"]
    cells = [
        {"cell_type": "markdown", "source": markdown},
        {"cell_type": "code", "source": "print(32.0)", "outputs": outputs},
    ]
    document = read_document(json.dumps({"cells": cells, "nbformat": 4}).encode(), "a.ipynb")
    assert shown(document) == [
        (BlockKind.HEADING, "Scrap"),
        (BlockKind.PARAGRAPH, "The limit is **3**."),
        (BlockKind.CODE, "print(32.0)"),
        (BlockKind.CODE, "32.0"),
        (BlockKind.ROW, "Part | Scrap"),
        (BlockKind.ROW, "C-19 | 3"),
    ]
    assert (document.title, document.pages[0].images) == ("Scrap", 1)
    assert document.warnings == ("1 piece of encoded data, such as base64, left out",)


def test_a_long_output_is_cut_off_and_reported() -> None:
    cell = {"cell_type": "code", "source": "x", "outputs": [{"text": "line\n" * 3000}]}
    document = read_document(json.dumps({"cells": [cell], "nbformat": 4}).encode(), "a.ipynb")
    assert document.warnings == ("outputs cut off after 10,000 characters: 1",)


def test_messages_of_a_chat_are_paragraphs_with_their_authors() -> None:
    rows = [
        {"user": "Ida", "text": "Which oil?", "thread": {"id": 1}},
        {"user": "Per", "text": "Only HLP 46.", "thread": {"id": 1}},
    ]
    lines = "\n".join(map(json.dumps, rows))
    assert shown(read_document(lines.encode(), "chat.jsonl")) == [
        (BlockKind.PARAGRAPH, "Ida (thread.id: 1): Which oil?"),
        (BlockKind.PARAGRAPH, "Per (thread.id: 1): Only HLP 46."),
    ]


def test_objects_in_objects_are_columns_of_a_table() -> None:
    rows = [{"part": "A", "size": {"w": 1, "h": 2}}, {"part": "B", "size": {"w": 3, "h": 4}}]
    document = read_document(json.dumps(rows).encode(), "a.json")
    assert [text for _, text in shown(document)] == [
        "part | size.w | size.h",
        "A | 1 | 2",
        "B | 3 | 4",
    ]


def test_encoded_values_are_left_out() -> None:
    value = {"name": "Plan", "icon": f"data:image/png;base64,{PICTURE}", "file": PICTURE}
    document = read_document(json.dumps(value).encode(), "a.json")
    assert document.pages[0].text == "name: Plan"
    assert document.warnings == ("2 pieces of encoded data, such as base64, left out",)
