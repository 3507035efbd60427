"""Rows of cells as blocks: shared by the readers of all formats that have tables.

Each row becomes one block. Its text is its cells joined by " | ". Its `columns` are the cells of
the head row, () if there is none, and for the head row itself. Its `ref` names its cells in the
file's own coordinates ("A7:D7").
"""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ragkit_ingest.model import CELL_SEPARATOR, BlockKind, Page, PageBuilder, PageKind
from ragkit_ingest.readers.grid import Cell, arrange_rows
from ragkit_ingest.text.cleaning import one_line

Value = int | float | str | bool | datetime.date | datetime.time | datetime.timedelta | None

MAX_CELLS = 5_000_000  # of all sheets together, with the empty cells inside the used range
_HEAD_SEARCH_ROWS = 50  # the head row is one of the first so many rows
_LOOKAHEAD = 10  # rows below a head row that may be no wider than it
_NUMBER = re.compile(r"[-+(]?[$€£¥]?\s*[-+]?\d[\d.,' ]*(?:[eE][-+]?\d+)?\s*[%€$)]*")
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}(?:[ T]\d{1,2}:\d\d.*)?|\d{1,2}:\d\d(?::\d\d)?")


@dataclass(frozen=True, slots=True)
class _Row:
    """A row with content, without the empty cells at its end; `number` counts from 1."""

    number: int
    values: Sequence[Value]
    texts: list[str]


def add_table(builder: PageBuilder, rows: Sequence[Sequence[Cell]], *, caption: str = "") -> None:
    """Add a table to a page, a block for each row.

    Titles become paragraphs. Rows have the heads of all columns, a label and a unit: see
    `grid.arrange_rows`. `caption` is a title that the page has already; it becomes part of the
    labels and may state the unit.
    """
    for row in arrange_rows(rows, caption=caption):
        builder.add(
            BlockKind.PARAGRAPH if row.is_caption else BlockKind.ROW,
            CELL_SEPARATOR.join(row.texts),
            columns=row.columns,
            label=row.label,
            unit=row.unit,
        )


def build_sheet(label: str, rows: Iterable[Sequence[Value]], column: int) -> Page:
    """Return the page of a sheet. The first row given is row 1; `column` 0 means it starts at A."""
    builder = PageBuilder(PageKind.SHEET, page_label=label)
    filled = _filled_rows(rows)
    first = list(itertools.islice(filled, _HEAD_SEARCH_ROWS))
    head = _find_head(first)
    columns: list[str] = []
    for row in itertools.chain(first, filled):
        last = _column_letters(column + len(row.texts) - 1)
        ref = f"{_column_letters(column)}{row.number}:{last}{row.number}"
        builder.add(BlockKind.ROW, CELL_SEPARATOR.join(row.texts), columns=columns, ref=ref)
        if row.number == head:
            columns = row.texts
    return builder.build()


def _filled_rows(rows: Iterable[Sequence[Value]]) -> Iterator[_Row]:
    for number, values in enumerate(rows, start=1):
        texts = [_cell_text(cell) for cell in values]
        while texts and not texts[-1]:
            texts.pop()
        if texts:
            yield _Row(number, values[: len(texts)], texts)


def _find_head(rows: list[_Row]) -> int:
    """Return the number of the row that names the columns, 0 if there is none.

    It is the first row of two or more cells that is at least as wide as the next rows, if its
    cells are all filled with text and a row follows.
    """
    for at, row in enumerate(rows):
        below = rows[at + 1 : at + 1 + _LOOKAHEAD]
        if len(row.texts) > 1 and all(len(other.texts) <= len(row.texts) for other in below):
            return row.number if below and all(map(_is_name, row.values)) else 0
    return 0


def _is_name(cell: Value) -> bool:
    if not isinstance(cell, str) or not cell.strip():
        return False
    return not _NUMBER.fullmatch(cell.strip()) and not _DATE.fullmatch(cell.strip())


def _cell_text(cell: Value) -> str:
    """Return a cell as a spreadsheet shows it: numbers with up to 15 digits, dates in ISO form."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return one_line(cell)
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, (int, float)):
        return format(cell, ".15g") if isinstance(cell, float) else str(cell)
    if isinstance(cell, datetime.datetime):
        midnight = cell.time() == datetime.time()
        return cell.date().isoformat() if midnight else cell.isoformat(" ", "seconds")
    return str(cell)


def _column_letters(column: int) -> str:
    """Return the letters of a column: 0 is A, 26 is AA."""
    letters = ""
    column += 1
    while column:
        column, digit = divmod(column - 1, 26)
        letters = chr(65 + digit) + letters
    return letters
