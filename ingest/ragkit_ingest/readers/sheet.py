"""Rows of a sheet as blocks: finds the tables on it, and names their cells as the sheet does.

A sheet is one stream of rows, of which only some are in memory at a time. Empty rows end a table;
the next one has heads of its own, or those above if it continues the same columns.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ragkit_ingest.model import BlockKind, PageBuilder
from ragkit_ingest.readers.grid import Cell, TableRow, arrange_rows
from ragkit_ingest.readers.table import add_row

_WINDOW_ROWS = 1000  # rows of a table that are arranged together
_WINDOW_CELLS = 50_000
_MAX_TITLE_ROWS = 5  # rows of one cell, empty rows after them, that are above one table


@dataclass(slots=True)
class Merge:
    """Merged cells: the first and last row from 1, the first and last column from 0."""

    top: int
    left: int
    bottom: int
    right: int
    text: str = field(default="", init=False)  # that of its first cell, once it is read


@dataclass(frozen=True, slots=True)
class Note:
    """A note or comment on a cell."""

    row: int
    column: int
    text: str
    author: str = ""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row: its number from 1, its cells with text by their columns from 0, and what is on them.

    `merges` are the merged cells that begin in the row. A row without cells may have notes.
    """

    number: int
    cells: dict[int, str]
    merges: Sequence[Merge] = ()
    notes: Sequence[Note] = ()


def add_sheet(builder: PageBuilder, rows: Iterable[SheetRow]) -> None:
    """Add the rows of a sheet to its page, in order: a block for each, then the notes on it."""
    writer = _SheetWriter(builder)
    for row in rows:
        writer.add(row)
    writer.finish()


def cell_name(row: int, column: int) -> str:
    """Return the name of a cell: row 7 and column 0 give "A7"."""
    return f"{column_letters(column)}{row}"


def column_letters(column: int) -> str:
    """Return the letters of a column: 0 is A, 26 is AA."""
    letters = ""
    column += 1
    while column:
        column, digit = divmod(column - 1, 26)
        letters = chr(65 + digit) + letters
    return letters


class _SheetWriter:
    """Collects the rows of a table, arranges them, and writes them to a page."""

    def __init__(self, builder: PageBuilder) -> None:
        self._builder = builder
        self._merges = _MergeFinder()
        self._notes: deque[Note] = deque()
        self._rows: list[SheetRow] = []  # of the table that is being read
        self._cells = 0
        self._titles: list[SheetRow] = []  # rows of one cell that may belong to the next table
        self._above: list[SheetRow] = []  # titles, heads and subheads of the last table
        self._last: SheetRow | None = None  # its last row
        self._is_continued = False  # some of its rows are written already

    def add(self, row: SheetRow) -> None:
        """Add the next row."""
        self._notes.extend(row.notes)
        self._merges.add(row.merges)
        if not row.cells:
            return
        if self._rows and not self._merges.bridge(self._rows[-1].number, row.number):
            self._end_table()
        self._rows.append(row)
        self._cells += len(row.cells)
        if len(self._rows) >= _WINDOW_ROWS or self._cells >= _WINDOW_CELLS:
            self._write_rows()
            self._is_continued = True

    def finish(self) -> None:
        """Write what is left: rows, titles without a table, notes."""
        self._end_table()
        self._write_titles()
        self._write_notes(None)

    def _end_table(self) -> None:
        if self._rows and (self._is_continued or any(len(row.cells) > 1 for row in self._rows)):
            self._write_rows()
        else:
            self._titles += self._rows
            if len(self._titles) > _MAX_TITLE_ROWS:
                self._write_titles()
        self._rows, self._cells, self._is_continued = [], 0, False

    def _write_titles(self) -> None:
        for row in self._titles:
            ((column, text),) = row.cells.items()
            self._write(row, TableRow(0, [text]), column)
        self._titles = []

    def _write_rows(self) -> None:
        """Write the rows read, with what the rows above say about them."""
        above = self._above if self._is_continued else self._titles
        table = self._arrange(above, self._rows)
        if not self._is_continued and self._follows_table(table):
            longer = self._arrange(self._above, self._rows)
            if any(row.columns for row in longer):
                self._write_titles()
                above, table = self._above, longer
        rows = [*above, *self._rows]
        first = min(min(row.cells) for row in rows)
        for found in table if above is self._titles else table[len(above) :]:
            self._write(rows[found.index], found, first)
        self._write_notes(rows[-1].number + 1)
        self._above, self._last = _find_rows_above(rows, table), rows[-1]
        self._merges.drop(self._above, self._last)
        self._titles, self._rows, self._cells = [], [], 0

    def _arrange(self, above: list[SheetRow], rows: list[SheetRow]) -> list[TableRow]:
        rows = [*above, *rows]
        columns = self._merges.find_columns(rows)
        titles = next((at for at, row in enumerate(rows) if len(row.cells) > 1), 0)
        cells = [
            [Cell(text, columns=len(columns))]
            for row in rows[:titles]
            for text in row.cells.values()
        ]
        cells += self._merges.make_cells(rows[titles:], columns)
        if above is self._above:  # they named rows before
            for at, row in enumerate(cells[: len(above)]):
                cells[at] = [replace(cell, is_head=True) for cell in row]
        return arrange_rows(cells)

    def _follows_table(self, table: list[TableRow]) -> bool:
        """Return True if rows without heads continue the table above: its columns and values."""
        if any(row.columns for row in table) or not self._last or not self._above:
            return False
        last, row = self._last.cells, self._rows[0].cells
        columns = [column for above in self._above for column in above.cells]
        if not min(columns) <= min(row) <= max(row) <= max(columns):
            return False
        pairs = [(last[at], row[at]) for at in row if at in last]
        same = sum(_has_digits(value) == _has_digits(other) for value, other in pairs)
        return self._above[-1] is self._last or same * 2 > len(pairs)

    def _write(self, row: SheetRow, found: TableRow, first: int) -> None:
        self._write_notes(row.number)
        is_lone = len(row.cells) == 1 and found.is_caption
        left = min(row.cells) if is_lone else first
        last = cell_name(row.number, max(row.cells))
        add_row(self._builder, found, ref=f"{cell_name(row.number, left)}:{last}")

    def _write_notes(self, before: int | None) -> None:
        """Write the notes on the rows before one, all if it is None."""
        while self._notes and (before is None or self._notes[0].row < before):
            note = self._notes.popleft()
            name = cell_name(note.row, note.column)
            author = f" ({note.author})" if note.author else ""
            text = f"Comment{author} on {name}: {note.text}"
            self._builder.add(BlockKind.PARAGRAPH, text, ref=f"{name}:{name}")


def _find_rows_above(rows: list[SheetRow], table: list[TableRow]) -> list[SheetRow]:
    """Return the rows that name those of a table: its titles and heads, and the last subheads."""
    if len(rows) == 1:
        return rows  # they may name rows that follow after an empty one
    named = [at for at, row in enumerate(table) if row.columns or row.label]
    top = named[0] if named else 0
    last = len(table)
    while last > top and (table[last - 1].columns or table[last - 1].label):
        last -= 1
    start = last
    while start > top and not (table[start - 1].columns or table[start - 1].label):
        start -= 1
    return [rows[table[at].index] for at in (*range(top), *range(start, last))]


def _has_digits(text: str) -> bool:
    """Return True for a number, date or code, False for words."""
    digits = sum(map(str.isdigit, text))
    return digits * 2 >= sum(map(str.isalnum, text)) > 0


class _MergeFinder:
    """Finds the merged cells of the rows that are being read."""

    def __init__(self) -> None:
        self._active: list[Merge] = []

    def add(self, merges: Sequence[Merge]) -> None:
        """Take in the merged cells that begin in the next row."""
        self._active += merges

    def drop(self, above: list[SheetRow], last: SheetRow) -> None:
        """Forget the merged cells that cover neither a row above nor one to come."""
        numbers = [row.number for row in above]
        self._active = [
            merge
            for merge in self._active
            if merge.bottom > last.number or any(merge.top <= at <= merge.bottom for at in numbers)
        ]

    def bridge(self, number: int, following: int) -> bool:
        """Return True if no empty row is between two rows, but those that a merged cell covers."""
        return following <= number + 1 or any(
            merge.top <= number and merge.bottom >= following - 1 for merge in self._active
        )

    def find_columns(self, rows: list[SheetRow]) -> list[int]:
        """Return the columns that have text, in order."""
        columns = {column for row in rows for column in row.cells}
        return sorted(columns | {merge.left for merge in self._active if merge.text})

    def make_cells(self, rows: list[SheetRow], columns: list[int]) -> list[list[Cell]]:
        """Return the cells of rows; a merged cell is in the first of them that it covers."""
        merges = [
            m for m in self._active if rows[0].number <= m.bottom and m.top <= rows[-1].number
        ]
        numbers = [row.number for row in rows]
        covered: dict[int, dict[int, Cell | None]] = {}
        for merge in merges:
            first, end = bisect_left(numbers, merge.top), bisect_right(numbers, merge.bottom)
            left, right = bisect_left(columns, merge.left), bisect_right(columns, merge.right)
            if first == end or left == right:
                continue
            merge.text = merge.text or rows[first].cells.get(merge.left, "")
            for at in range(first, end):
                covered.setdefault(at, {}).update(dict.fromkeys(columns[left:right]))
            covered[first][columns[left]] = Cell(merge.text, columns=right - left, rows=end - first)
        return [_make_row(row, columns, covered.get(at, {})) for at, row in enumerate(rows)]


def _make_row(row: SheetRow, columns: list[int], covered: dict[int, Cell | None]) -> list[Cell]:
    last = max(row.cells)
    cells = [
        covered[column] if column in covered else Cell(row.cells.get(column, ""))
        for column in columns
        if column <= last or column in covered
    ]
    return [cell for cell in cells if cell is not None]
