"""Excel 97-2003 workbooks (.xls) and binary workbooks (.xlsb).

xlrd gives the values of .xls files with their formats. Files that it does not read, and .xlsb, are
read by python-calamine, which gives values only.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ragkit_ingest.model import Document, ReadError, Reason
from ragkit_ingest.readers.date_format import DAYS_TO_1904
from ragkit_ingest.readers.excel_xml import read_excel_xml
from ragkit_ingest.readers.number_format import compile_format, compile_text_format, format_general
from ragkit_ingest.readers.ooxml import translate_errors
from ragkit_ingest.readers.sheet import Merge, Note, SheetRow
from ragkit_ingest.readers.workbook import WorkbookBuilder
from ragkit_ingest.text.cleaning import one_line
from ragkit_ingest.text.superscripts import lower_text, raise_text

if TYPE_CHECKING:
    Book = Any  # an xlrd.book.Book; xlrd brings no types
    Sheet = Any  # an xlrd.sheet.Sheet

_BINARY = (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x09")  # OLE, and Excel 2 to 5 without it
_DEFAULT_PASSWORD = "VelvetSweatshop"  # noqa: S105 - Excel tries it unasked ([MS-OFFCRYPTO] 2.4.2.3)
_SHIFTS = {1: raise_text, 2: lower_text}  # by the escapement of a font ([MS-XLS] 2.4.122)


def read_xls(data: bytes, source: str) -> Document:
    """Read an Excel 97-2003 workbook, binary or XML. Hidden sheets are read too, with a warning.

    Raises ReadError: ENCRYPTED, CORRUPT, or TOO_LARGE for more than 5 million cells.
    """
    if not data.startswith(_BINARY):
        return read_excel_xml(data, source)
    import xlrd

    with translate_errors("workbook"):
        data = _decrypt(data)
        try:
            book = xlrd.open_workbook(
                file_contents=data, logfile=io.StringIO(), formatting_info=True, ragged_rows=True
            )
        except Exception:  # xlrd raises whatever a damaged record leads to
            return read_values(data, "xls")
        return _Reader(book).read()


def read_values(data: bytes, kind: str) -> Document:
    """Read the values of a workbook without their formats, which a warning says."""
    from python_calamine import CalamineWorkbook, SheetVisibleEnum

    workbook = WorkbookBuilder()
    with translate_errors("workbook"):
        found = CalamineWorkbook.from_filelike(io.BytesIO(data))
        for sheet in found.sheets_metadata:
            cells = found.get_sheet_by_name(sheet.name)
            workbook.start_sheet(sheet.name)
            if sheet.visible != SheetVisibleEnum.Visible:
                workbook.note_hidden_sheet()
            # iter_rows begins in row 1 but in the first used column (python-calamine 0.9)
            column = cells.start[1] if cells.start else 0
            workbook.add_rows(
                SheetRow(
                    number,
                    {at: text for at, value in enumerate(row, column) if (text := _show(value))},
                )
                for number, row in enumerate(cells.iter_rows(), start=1)
            )
    workbook.warnings.append("numbers are shown without their formats, such as percent or currency")
    return workbook.build(kind)


def _show(value: object) -> str:
    """Return a value in a neutral form: numbers with up to 15 digits, dates in ISO form."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, (int, float)):
        return format_general(value)
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    return "" if value is None else one_line(str(value))


def _decrypt(data: bytes) -> bytes:
    """Return a workbook without encryption. Raises ReadError(ENCRYPTED) if it has a password."""
    import msoffcrypto
    from msoffcrypto.exceptions import DecryptionError, FileFormatError, InvalidKeyError

    if not data.startswith(_BINARY[0]):
        return data
    decrypted = io.BytesIO()
    try:
        file = msoffcrypto.OfficeFile(io.BytesIO(data))
        if not file.is_encrypted():
            return data
        file.load_key(password=_DEFAULT_PASSWORD)
        file.decrypt(decrypted)
    except (InvalidKeyError, DecryptionError) as exc:
        found = "the workbook needs a password; save it without one"
        raise ReadError(Reason.ENCRYPTED, found) from exc
    except (FileFormatError, OSError):
        return data
    return decrypted.getvalue()


class _Reader:
    """Reads the sheets of a workbook that xlrd has opened."""

    def __init__(self, book: Book) -> None:
        self.workbook = WorkbookBuilder()
        self._book = book
        self._first_day = DAYS_TO_1904 if book.datemode else 0

    def read(self) -> Document:
        """Return the document."""
        for sheet in self._book.sheets():
            self.workbook.start_sheet(sheet.name)
            if sheet.visibility:
                self.workbook.note_hidden_sheet()
            self.workbook.add_rows(self._read_rows(sheet))
        return self.workbook.build("xls")

    def _read_rows(self, sheet: Sheet) -> Iterator[SheetRow]:
        merges: dict[int, list[Merge]] = {}
        for top, bottom, left, right in sheet.merged_cells:
            merges.setdefault(top, []).append(Merge(top + 1, left, bottom, right - 1))
        notes: dict[int, list[Note]] = {}
        for (row, column), note in sorted(sheet.cell_note_map.items()):
            author, text = one_line(note.author or ""), one_line(note.text or "")
            text = text.removeprefix(f"{author}:").strip() if author else text
            notes.setdefault(row, []).append(Note(row + 1, column, text, author))
        used: set[int] = set()
        for at in range(sheet.nrows):
            cells = self._read_cells(sheet, at)
            used.update(cells)
            if cells and at in sheet.rowinfo_map and sheet.rowinfo_map[at].hidden:
                self.workbook.note_hidden("row")
            if cells or at in notes:
                yield SheetRow(at + 1, cells, merges.get(at, ()), notes.pop(at, ()))
        hidden = sum(at in used for at, column in sheet.colinfo_map.items() if column.hidden)
        if hidden:
            self.workbook.note_hidden("column", hidden)
        yield SheetRow(sheet.nrows + 1, {}, (), [note for row in notes.values() for note in row])

    def _read_cells(self, sheet: Sheet, row: int) -> dict[int, str]:
        return {
            at: text
            for at, cell in enumerate(sheet.row(row))
            if cell.ctype not in (0, 6) and (text := self._show_cell(sheet, row, at, cell))
        }

    def _show_cell(self, sheet: Sheet, row: int, column: int, cell: Any) -> str:
        """Return what a cell shows; `ctype` tells numbers, texts, truth values and errors."""
        import xlrd

        style = self._book.xf_list[cell.xf_index]
        runs = sheet.rich_text_runlist_map.get((row, column), [])
        if self._book.font_list[style.font_index].struck_out and not runs:
            self.workbook.struck += 1
            return ""
        code = self._book.format_map[style.format_key].format_str
        if cell.ctype in (xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_DATE):
            value = (
                int(cell.value)
                if cell.value.is_integer() and abs(cell.value) < 1e15
                else cell.value
            )
            return one_line(compile_format(code, self._first_day)(value))
        if cell.ctype == xlrd.XL_CELL_BOOLEAN:
            return "TRUE" if cell.value else "FALSE"
        if cell.ctype == xlrd.XL_CELL_ERROR:
            return str(xlrd.error_text_from_code.get(cell.value, "#ERROR!"))
        text = self._read_runs(cell.value, [(0, style.font_index), *runs] if runs else [])
        return one_line(compile_text_format(code)(text))

    def _read_runs(self, text: str, runs: Any) -> str:
        """Return a text with raised characters as such and without struck ones."""
        if not runs:
            return text
        parts = []
        for (start, font_index), (end, _) in pairwise([*runs, (len(text), 0)]):
            font = self._book.font_list[font_index]
            if font.struck_out:
                self.workbook.struck += bool(text[start:end].strip())
            else:
                parts.append(_SHIFTS.get(font.escapement, str)(text[start:end]))
        return "".join(parts)
