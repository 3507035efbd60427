from __future__ import annotations

import datetime
import io
from collections.abc import Callable

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import Block, BlockKind, PageKind, ReadError, Reason


def workbook(fill: Callable[[xlsxwriter.Workbook], None]) -> bytes:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    fill(book)
    book.close()
    return buffer.getvalue()


def test_rows_name_their_cells_and_their_heads() -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Prices")
        sheet.write(0, 1, "Price list 2026")
        sheet.write_row(2, 1, ["Part", "Price", "Since"])
        sheet.write_row(3, 1, ["Bolt", 1.5])
        sheet.write_datetime(
            3, 3, datetime.datetime(2026, 1, 31), book.add_format({"num_format": "yyyy-mm-dd"})
        )
        sheet.write_row(5, 1, ["Nut\nM8", 2.0, True])

    page = read_document(workbook(fill), "prices.xlsx").pages[0]
    heads = "Part | Price | Since"
    columns = ("Part", "Price", "Since")
    assert (page.kind, page.page_label, page.number) == (PageKind.SHEET, "Prices", None)
    assert page.text == f"Price list 2026\n\n{heads}\nBolt | 1.5 | 2026-01-31\nNut M8 | 2 | TRUE"
    title = "Price list 2026"
    assert page.blocks == (
        Block(BlockKind.PARAGRAPH, 0, 15, ref="B1:B1"),
        Block(BlockKind.ROW, 17, 37, ref="B3:D3"),
        Block(BlockKind.ROW, 38, 61, columns=columns, label=f"{title}, Bolt", ref="B4:D4"),
        Block(BlockKind.ROW, 62, 79, columns=columns, label=f"{title}, Nut M8", ref="B6:D6"),
    )


@pytest.mark.parametrize(
    "cells",
    [
        [["Bolt", 1], ["Nut", 2]],  # no head row
        [["", "Part"], ["a", "b"]],  # not all filled
        [["only"], ["one"], ["column"]],
        [["Part", "Price"]],  # nothing below
    ],
)
def test_no_head_row_is_made_up(cells: list[list[object]]) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet()
        for number, row in enumerate(cells):
            sheet.write_row(number, 0, row)

    page = read_document(workbook(fill), "a.xlsx").pages[0]
    assert {block.header for block in page.blocks} == {""}


def test_hidden_sheets_are_read_with_a_warning() -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        book.add_worksheet("Open").write(0, 0, "a")
        secret = book.add_worksheet("Secret")
        secret.write(0, 0, "b")
        secret.hide()

    document = read_document(workbook(fill), "a.xlsx")
    assert [page.text for page in document.pages] == ["a", "b"]
    assert document.warnings == ('sheet "Secret" is hidden in the workbook',)


def test_stray_cells_far_away_are_read_with_the_others() -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Part", "Price"])
        sheet.write_row(1, 0, ["Bolt", 1.5])
        sheet.write(1, 16_000, "checked")
        sheet.write(1_048_575, 16_383, "b")
        sheet.write_blank(1_048_574, 16_000, None, book.add_format({"bold": True}))

    page = read_document(workbook(fill), "a.xlsx").pages[0]
    assert page.text == "Part | Price\nBolt | 1.5 | checked\nb"
    assert [block.ref for block in page.blocks] == ["A1:B1", "A2:WQK2", "XFD1048576:XFD1048576"]


def test_an_empty_workbook_has_no_text() -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        book.add_worksheet()

    with pytest.raises(ReadError) as caught:
        read_document(workbook(fill), "a.xlsx")
    assert (caught.value.reason, caught.value.detail) == (
        Reason.NO_TEXT,
        "the one sheet holds no text",
    )


def test_a_damaged_workbook_is_corrupt() -> None:
    data = workbook(lambda book: book.add_worksheet().write(0, 0, "a") and None)
    at = data.index(b"xl/workbook.xml") + 40
    with pytest.raises(ReadError) as caught:
        read_document(data[:at] + b"\xff" * 30 + data[at + 30 :], "a.xlsx")
    assert caught.value.reason is Reason.CORRUPT


@pytest.mark.parametrize(
    ("text", "page_text"),
    [
        ("Part,Price\nBolt,1\n", "Part | Price\nBolt | 1"),
        ("Teil;Preis;Maß\nBolzen;1,5;2,5\n", "Teil | Preis | Maß\nBolzen | 1,5 | 2,5"),
        ("Part\tPrice\nBolt\t1", "Part | Price\nBolt | 1"),
        ("Part|Price\nBolt|1", "Part | Price\nBolt | 1"),
        ('a,"b, c\nd"\n1,2\n', "a | b, c d\n1 | 2"),
        ("just text\n", "just text"),
    ],
)
def test_delimiter_is_found(text: str, page_text: str) -> None:
    assert read_document(text.encode(), "a.csv").pages[0].text == page_text


def test_delimited_rows_keep_their_coordinates() -> None:
    page = read_document("Name;Größe\r\n\r\nHaus;3;;\r\n".encode("cp1252"), "a.csv").pages[0]
    assert [(block.ref, block.header) for block in page.blocks] == [
        ("A1:B1", ""),
        ("A3:B3", "Name | Größe"),
    ]


def test_a_quote_never_closed_is_a_letter() -> None:
    text = 'Part,Size\nBolt,3"\n' + 'Nut,"4\n' + "Ring,5\n" * 30_000
    document = read_document(text.encode(), "a.csv")
    assert len(document.pages[0].blocks) == 30_003
    assert document.warnings == ("a quote is never closed; quotes are read as letters",)


@given(st.lists(st.lists(st.text('a1,;"\t \n|ä', max_size=6), max_size=5), max_size=6))
def test_any_table_gives_rows_that_hold(rows: list[list[str]]) -> None:
    text = "x,y\n" + "\n".join(",".join(row) for row in rows)
    page = read_document(text.encode(), "a.csv").pages[0]
    at = 0
    for block in page.blocks:
        assert not page.text[at : block.start].strip()
        assert page.text[block.start : block.end].strip()
        at = block.end
    assert at == len(page.text)
