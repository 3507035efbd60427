"""Spreadsheets and delimited text: a page for each sheet, a block for each row.

A row's text is its cells with " | " between them, its `header` the head row's cells joined in the
same way ("" where there is no head row, and for the head row itself), its `ref` the cells it came
from, in the file's own coordinates ("A7:D7").
"""

from __future__ import annotations

import csv
import datetime
import io
import itertools
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ragkit_ingest.model import BlockKind, Document, Page, PageBuilder, PageKind, ReadError, Reason
from ragkit_ingest.readers.ooxml import check_package, reading
from ragkit_ingest.readers.text import add_block, one_line, read_text
from ragkit_ingest.text.cleaning import clean_text
from ragkit_ingest.text.encoding import decode

Value = int | float | str | bool | datetime.date | datetime.time | datetime.timedelta | None

CELLS = 5_000_000  # in all sheets together, empty ones inside the used range too
_LOOKAHEAD = 10  # rows below a head row that may be no wider than it
_DELIMITERS = ",;\t|"
_NUMBER = re.compile(r"[-+(]?[$€£¥]?\s*[-+]?\d[\d.,' ]*(?:[eE][-+]?\d+)?\s*[%€$)]*")
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}(?:[ T]\d{1,2}:\d\d.*)?|\d{1,2}:\d\d(?::\d\d)?")
_CELL = re.compile(
    rb"""<(?:\w+:)?c\s(?:[^>]*?\s)?r\s*=\s*["']([A-Za-z]+)(\d+)["'](?:\s[^>]*[^/>])?>"""
)
_FAR = re.compile(rb"""["'](?:[A-Za-z]{3}|[A-Za-z]{2}\d{5}|[A-Za-z]\d{6})""")


def read_xlsx(data: bytes, name: str) -> Document:
    check_package(data, xml=False)
    _check_extent(data)
    return _read_workbook(data, "xlsx")


def read_xls(data: bytes, name: str) -> Document:
    return _read_workbook(data, "xls")


def read_ods(data: bytes, name: str) -> Document:
    check_package(data, xml=False)  # old OpenOffice manifests name a document type
    _check_extent(data)
    return _read_workbook(data, "ods")


def read_csv(data: bytes, name: str) -> Document:
    """Read delimited text: one page. Where no parse fits, it is read as plain text."""
    return _read_delimited(data, name, "csv")


def read_tsv(data: bytes, name: str) -> Document:
    return _read_delimited(data, name, "tsv")


def _read_workbook(data: bytes, kind: str) -> Document:
    from python_calamine import CalamineWorkbook, PasswordError, SheetVisibleEnum

    pages: list[Page] = []
    warnings: list[str] = []
    left = CELLS
    with reading("workbook"):
        try:
            workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        except PasswordError as exc:
            raise ReadError(Reason.ENCRYPTED, "a workbook with a password") from exc
        for sheet in workbook.sheets_metadata:
            cells = workbook.get_sheet_by_name(sheet.name)
            left -= cells.height * cells.width
            if left < 0:
                raise ReadError(Reason.TOO_LARGE, f"over {CELLS} cells; split the workbook")
            # iter_rows begins in row 1 but in the first used column (python-calamine 0.9)
            column = cells.start[1] if cells.start else 0
            pages.append(_page(sheet.name, cells.iter_rows(), column))
            if sheet.visible != SheetVisibleEnum.Visible:
                warnings.append(f'sheet "{sheet.name}" is hidden in the workbook')
    return Document(kind, tuple(pages), warnings=tuple(warnings))


def _check_extent(data: bytes) -> None:
    """Refuse a sheet with stray cells far away from the others: the library would allocate all
    that lies between, and where it cannot, the process ends (python-calamine 0.9). Reading each
    part here also finds those whose size is not what the package says."""
    with reading("workbook"), zipfile.ZipFile(io.BytesIO(data)) as package:
        for member in package.namelist():
            part = package.read(member) if member.lower().endswith(".xml") else b""
            if not _FAR.search(part):
                continue
            columns = rows = 0
            for cell in _CELL.finditer(part):
                columns = max(columns, _column(cell[1]))
                rows = max(rows, int(cell[2]))
            if columns * rows > CELLS:
                found = f"a sheet of {rows} rows and {columns} columns; clear stray cells"
                raise ReadError(Reason.TOO_LARGE, found)


def _read_delimited(data: bytes, name: str, kind: str) -> Document:
    text, warnings = decode(data)
    text, hidden = clean_text(text)
    delimiter = _delimiter(text, kind)
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        try:
            page = _page("", _records(text, delimiter, quoting), 0)
        except csv.Error:
            warnings = (*warnings, "a quote is never closed; quotes are read as letters")
            continue
        return Document(kind, (replace(page, hidden=hidden),), warnings=warnings)
    plain = read_text(data, name)
    return replace(plain, warnings=(*plain.warnings, f"no {kind} table; read as text"))


def _records(text: str, delimiter: str, quoting: int) -> Iterator[list[str]]:
    """The rows of delimited text; ReadError where there are too many cells."""
    left = CELLS
    lines = io.StringIO(text, newline="")
    # quoting is one of csv's own constants, which typeshed narrows to literals
    for record in csv.reader(lines, delimiter=delimiter, quoting=quoting):  # type: ignore[arg-type]
        left -= len(record)
        if left < 0:
            raise ReadError(Reason.TOO_LARGE, f"over {CELLS} cells; split the file")
        yield record


def _delimiter(text: str, kind: str) -> str:
    """The delimiter by which most of the first lines fall into the same number of cells.

    One that parts the first line too comes before one that does not: decimal commas.
    """
    sample = text[:16384].rpartition("\n")[0] or text[:16384]
    best, best_score = "\t" if kind == "tsv" else ",", (False, 0.0)
    for delimiter in _DELIMITERS:
        try:
            rows = csv.reader(io.StringIO(sample), delimiter=delimiter)
            widths = [len(row) for row in rows if row] or [1]
        except csv.Error:
            continue
        usual = max(set(widths), key=lambda width: (widths.count(width), width))
        score = widths.count(usual) / len(widths) * (1 - 1 / usual)
        if score and (widths[0] > 1, score) > best_score:
            best, best_score = delimiter, (widths[0] > 1, score)
    return best


def _page(label: str, rows: Iterable[Sequence[Value]], column: int) -> Page:
    """A sheet's page. The first row given is row 1, its first cell in `column` (0 is A)."""
    builder = PageBuilder(PageKind.SHEET, page_label=label)
    table = _filled(rows)
    first = list(itertools.islice(table, 50))
    head = _head(first)
    header = ""
    for row in itertools.chain(first, table):
        text = " | ".join(row.shown)
        last = _letters(column + len(row.shown) - 1)
        ref = f"{_letters(column)}{row.number}:{last}{row.number}"
        add_block(builder, BlockKind.ROW, text, header=header, ref=ref)
        if row.number == head:
            header = text
    return builder.build()


@dataclass(frozen=True, slots=True)
class _Row:
    """A row that holds something, without the empty cells at its end; `number` is from 1."""

    number: int
    values: Sequence[Value]
    shown: list[str]


def _filled(rows: Iterable[Sequence[Value]]) -> Iterator[_Row]:
    for number, values in enumerate(rows, start=1):
        shown = [_shown(cell) for cell in values]
        while shown and not shown[-1]:
            shown.pop()
        if shown:
            yield _Row(number, values[: len(shown)], shown)


def _head(rows: list[_Row]) -> int:
    """The number of the row that heads the columns, 0 for none.

    It is the first row of two cells or more that no row soon below outdoes in width, if its cells
    are all filled with text and there is a row below.
    """
    for at, row in enumerate(rows):
        below = rows[at + 1 : at + 1 + _LOOKAHEAD]
        if len(row.shown) > 1 and all(len(other.shown) <= len(row.shown) for other in below):
            return row.number if below and all(map(_is_name, row.values)) else 0
    return 0


def _is_name(cell: Value) -> bool:
    if not isinstance(cell, str) or not cell.strip():
        return False
    return not _NUMBER.fullmatch(cell.strip()) and not _DATE.fullmatch(cell.strip())


def _shown(cell: Value) -> str:
    """A cell as a spreadsheet shows it: 15 digits as Excel has them, dates in ISO form."""
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


def _letters(column: int) -> str:
    """A column's letters: 0 is A, 26 is AA."""
    letters = ""
    column += 1
    while column:
        column, digit = divmod(column - 1, 26)
        letters = chr(65 + digit) + letters
    return letters


def _column(letters: bytes) -> int:
    """A column's number, from 1."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
