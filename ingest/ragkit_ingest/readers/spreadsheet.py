"""Spreadsheets (xlsx, xls, ods): a page for each sheet, a block for each row."""

from __future__ import annotations

import io
import re
import zipfile

from ragkit_ingest.model import Document, Page, ReadError, Reason
from ragkit_ingest.readers.ooxml import check_package, translate_errors
from ragkit_ingest.readers.table import MAX_CELLS, build_sheet

_CELL = re.compile(
    rb"""<(?:\w+:)?c\s(?:[^>]*?\s)?r\s*=\s*["']([A-Za-z]+)(\d+)["'](?:\s[^>]*[^/>])?>"""
)
_OUTLYING_CELL = re.compile(rb"""["'](?:[A-Za-z]{3}|[A-Za-z]{2}\d{5}|[A-Za-z]\d{6})""")


def read_xlsx(data: bytes, source: str) -> Document:
    """Read an Excel workbook. Hidden sheets are read too, with a warning.

    Raises ReadError: ENCRYPTED, CORRUPT, or TOO_LARGE for more than 5 million cells or a package
    that unpacks to too much.
    """
    check_package(data)
    _check_extent(data)
    return _read_workbook(data, "xlsx")


def read_xls(data: bytes, source: str) -> Document:
    """Read an Excel 97-2003 workbook. Raises ReadError like `read_xlsx`."""
    return _read_workbook(data, "xls")


def read_ods(data: bytes, source: str) -> Document:
    """Read an OpenDocument spreadsheet. Raises ReadError like `read_xlsx`."""
    check_package(data)
    _check_extent(data)
    return _read_workbook(data, "ods")


def _read_workbook(data: bytes, kind: str) -> Document:
    from python_calamine import CalamineWorkbook, PasswordError, SheetVisibleEnum

    pages: list[Page] = []
    warnings: list[str] = []
    left = MAX_CELLS
    with translate_errors("workbook"):
        try:
            workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        except PasswordError as exc:
            found = "the workbook needs a password; save it without one"
            raise ReadError(Reason.ENCRYPTED, found) from exc
        for sheet in workbook.sheets_metadata:
            cells = workbook.get_sheet_by_name(sheet.name)
            left -= cells.height * cells.width
            if left < 0:
                found = f"the workbook has over {MAX_CELLS:,} cells, which is the limit; split it"
                raise ReadError(Reason.TOO_LARGE, found)
            # iter_rows begins in row 1 but in the first used column (python-calamine 0.9)
            column = cells.start[1] if cells.start else 0
            pages.append(build_sheet(sheet.name, cells.iter_rows(), column))
            if sheet.visible != SheetVisibleEnum.Visible:
                warnings.append(f'sheet "{sheet.name}" is hidden in the workbook')
    return Document(kind, tuple(pages), warnings=tuple(warnings))


def _check_extent(data: bytes) -> None:
    """Refuse a sheet with stray cells far from the others. Raises ReadError.

    python-calamine 0.9 allocates all cells in between, and the process ends if it cannot. Reading
    each part here also finds parts that are larger than the package says.
    """
    with translate_errors("workbook"), zipfile.ZipFile(io.BytesIO(data)) as package:
        for member in package.namelist():
            part = package.read(member) if member.lower().endswith(".xml") else b""
            if not _OUTLYING_CELL.search(part):
                continue
            columns = rows = 0
            for cell in _CELL.finditer(part):
                columns = max(columns, _column_number(cell[1]))
                rows = max(rows, int(cell[2]))
            if columns * rows > MAX_CELLS:
                raise ReadError(
                    Reason.TOO_LARGE,
                    f"a sheet spans {rows:,} rows and {columns:,} columns, and the limit is "
                    f"{MAX_CELLS:,} cells; delete stray cells far from the others",
                )


def _column_number(letters: bytes) -> int:
    """Return the number of a column, from 1: A is 1."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
