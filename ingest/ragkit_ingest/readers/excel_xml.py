"""Workbooks in XML Spreadsheet 2003, which many programs export, often named .xls.

The elements are those of Microsoft's XML Spreadsheet Reference (urn:schemas-microsoft-com:office:
spreadsheet).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ragkit_ingest.model import Document
from ragkit_ingest.readers.number_format import compile_format, compile_text_format, format_general
from ragkit_ingest.readers.ooxml import local_name, translate_errors
from ragkit_ingest.readers.sheet import Merge, Note, SheetRow
from ragkit_ingest.readers.workbook import WorkbookBuilder, drop_element, iterate_xml
from ragkit_ingest.text.cleaning import one_line
from ragkit_ingest.text.superscripts import lower_text, raise_text

if TYPE_CHECKING:
    Element = Any  # an lxml element; its types say little about XML in many namespaces
    Events = Iterator[tuple[str, Element]]

_X = "{urn:schemas-microsoft-com:office:excel}"
_SS = "{urn:schemas-microsoft-com:office:spreadsheet}"
_NAMED_FORMATS = {
    **{"General": "General", "General Number": "General", "Fixed": "0.00", "Standard": "#,##0.00"},
    **{"Percent": "0.00%", "Scientific": "0.00E+00", "Currency": '"$"#,##0.00'},
    **{"Euro Currency": "[$€-2] #,##0.00", "Yes/No": '"Yes";"Yes";"No"'},
    **{"True/False": '"True";"True";"False"', "On/Off": '"On";"On";"Off"'},
    **dict.fromkeys(("Short Date", "Medium Date", "Long Date"), "yyyy-mm-dd"),
    **{"General Date": "yyyy-mm-dd hh:mm", "Short Time": "h:mm", "Medium Time": "h:mm AM/PM"},
    "Long Time": "h:mm:ss",
}
_FIRST_DAY = datetime.datetime(1899, 12, 30)


def read_excel_xml(data: bytes, source: str) -> Document:
    """Read an XML Spreadsheet 2003. Raises ReadError: CORRUPT or TOO_LARGE."""
    reader = _Reader()
    with translate_errors("workbook"):
        events = iterate_xml(data, events=("start", "end"))
        for event, element in events:
            if event == "end" and element.tag == f"{_SS}Style":
                reader.read_style(element)
            elif event == "start" and element.tag == f"{_SS}Worksheet":
                reader.read_sheet(element, events)
    return reader.workbook.build("xls")


class _Reader:
    """Reads the styles and the sheets into a workbook."""

    def __init__(self) -> None:
        self.workbook = WorkbookBuilder()
        self._formats: dict[str, str] = {}  # number formats by the ids of styles
        self._struck: set[str] = set()  # the ids of styles that strike their cells out

    def read_style(self, style: Element) -> None:
        """Take in the number format of a style, and whether it strikes cells out."""
        key, parent = style.get(f"{_SS}ID", ""), style.get(f"{_SS}Parent", "")
        number_format, font = style.find(f"{_SS}NumberFormat"), style.find(f"{_SS}Font")
        code = "" if number_format is None else number_format.get(f"{_SS}Format", "")
        self._formats[key] = _NAMED_FORMATS.get(code, code) or self._formats.get(parent, "")
        is_struck = None if font is None else font.get(f"{_SS}StrikeThrough")
        if is_struck == "1" or (is_struck is None and parent in self._struck):
            self._struck.add(key)

    def read_sheet(self, sheet: Element, events: Events) -> None:
        """Read the sheet that begins."""
        self.workbook.start_sheet(one_line(sheet.get(f"{_SS}Name", "")))
        self.workbook.add_rows(self._read_rows(events))
        if sheet.findtext(f"{_X}WorksheetOptions/{_X}Visible", "").startswith("SheetHidden"):
            self.workbook.note_hidden_sheet()
        sheet.clear()

    def _read_rows(self, events: Events) -> Iterator[SheetRow]:
        number = 0
        for event, element in events:
            if event == "end" and element.tag == f"{_SS}Worksheet":
                return
            if event == "end" and element.tag == f"{_SS}Column" and _read_number(element, "Hidden"):
                self.workbook.note_hidden("column", 1 + _read_number(element, "Span"))
            if event == "end" and element.tag == f"{_SS}Row":
                number = _read_number(element, "Index") or number + 1
                if _read_number(element, "Hidden"):
                    self.workbook.note_hidden("row")
                yield self._read_row(element, number)
                number += _read_number(element, "Span")
                drop_element(element)

    def _read_row(self, row: Element, number: int) -> SheetRow:
        cells: dict[int, str] = {}
        merges, notes = [], []
        column = -1
        for cell in row.iterchildren(f"{_SS}Cell"):
            column = (_read_number(cell, "Index") or column + 2) - 1
            if text := self._read_cell(cell, row.get(f"{_SS}StyleID", ""), number, column):
                cells[column] = text
            across, down = _read_number(cell, "MergeAcross"), _read_number(cell, "MergeDown")
            if text and (across or down):
                merges.append(Merge(number, column, number + down, column + across))
            for comment in cell.iterchildren(f"{_SS}Comment"):
                text = one_line("".join(comment.itertext()))
                notes.append(Note(number, column, text, comment.get(f"{_SS}Author", "")))
            column += across
        return SheetRow(number, cells, merges, notes)

    def _read_cell(self, cell: Element, row_style: str, number: int, column: int) -> str:
        style = cell.get(f"{_SS}StyleID", row_style)
        data, formula = cell.find(f"{_SS}Data"), cell.get(f"{_SS}Formula", "")
        text = "" if data is None else self._read_text(data)
        if text and style in self._struck:
            self.workbook.struck += 1
            return ""
        if not text and formula:
            self.workbook.note_formula(number, column)
            return one_line(formula)
        kind = "" if data is None else data.get(f"{_SS}Type", "")
        return one_line(_show_value(text, kind, self._formats.get(style, "")))

    def _read_text(self, data: Element) -> str:
        """Return the text of a cell, with raised characters as such and without struck ones."""
        parts = [data.text or ""]
        for child in data:
            inner = self._read_text(child)
            name = local_name(child)
            if name in ("S", "Strike", "Del"):
                self.workbook.struck += bool(inner.strip())
                inner = ""
            shift = {"Sup": raise_text, "Sub": lower_text}.get(name)
            parts += [shift(inner) if shift else inner, child.tail or ""]
        return "".join(parts)


def _show_value(text: str, kind: str, code: str) -> str:
    """Return what a cell shows: `kind` is its type, `code` its number format."""
    try:
        if kind == "Number":
            return compile_format(code)(float(text)) if code else format_general(float(text))
        if kind == "DateTime":
            days = (datetime.datetime.fromisoformat(text) - _FIRST_DAY) / datetime.timedelta(1)
            return compile_format(code or "yyyy-mm-dd")(days)
    except (ValueError, OverflowError):
        return text
    if kind == "Boolean":
        return "TRUE" if text.strip() == "1" else "FALSE"
    return compile_text_format(code)(text) if code and kind == "String" else text


def _read_number(element: Element, name: str) -> int:
    """Return an attribute that is a number, 0 without one."""
    text = element.get(f"{_SS}{name}", "")
    return int(text) if text.isdecimal() and len(text) < 8 else 0
