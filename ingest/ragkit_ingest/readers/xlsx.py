"""Excel workbooks (.xlsx, .xlsm): a page for each sheet, a block for each row.

Cells are read as the sheet shows them, by their number formats. Rows are read one after the other,
so that a stray cell far from the others costs nothing. The elements are those of SpreadsheetML
(ECMA-376 part 1, 18.3).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ragkit_ingest.model import Document, ReadError, Reason
from ragkit_ingest.readers.drawingml import TextTally
from ragkit_ingest.readers.embedded import EmbeddedFiles
from ragkit_ingest.readers.number_format import format_general
from ragkit_ingest.readers.ooxml import Package, check_package, relationship_id, translate_errors
from ragkit_ingest.readers.sheet import Merge, Note, SheetRow
from ragkit_ingest.readers.workbook import WorkbookBuilder, drop_element, iterate_xml
from ragkit_ingest.readers.xls import read_values
from ragkit_ingest.readers.xlsx_drawings import add_controls, add_drawings
from ragkit_ingest.readers.xlsx_parts import (
    CellStyle,
    column_number,
    is_on,
    read_notes,
    read_people,
    read_rich_text,
    read_shared_strings,
    read_styles,
    split_cell_name,
)
from ragkit_ingest.text.cleaning import one_line

if TYPE_CHECKING:
    Element = Any  # an lxml element; its types say little about XML in many namespaces

_MERGE = re.compile(rb"""mergeCell\s[^>]*?ref\s*=\s*["']([A-Z]+\d+):([A-Z]+\d+)["']""")
_HEADER = re.compile(rb"<(?:\w+:)?(?:odd|even|first)(?:Header|Footer)[^>]*>([^<]+)</")
_OTHER_SHEETS = {  # the kinds of relationships to sheets that have no cells to read
    "chartsheet": "chart sheet",
    "dialogsheet": "dialog sheet",
    "xlMacrosheet": "macro sheet",
    "xlIntlMacrosheet": "macro sheet",
}
_PLAIN = CellStyle()


def read_xlsx(data: bytes, source: str) -> Document:
    """Read an Excel workbook. Hidden sheets are read too, with a warning.

    Raises ReadError: ENCRYPTED, CORRUPT, or TOO_LARGE for more than 5 million cells or a package
    that unpacks to too much.
    """
    if b"xl/workbook.bin" in data:
        check_package(data)
        return read_values(data, "xlsx")
    with translate_errors("workbook"):
        package = Package(data, "workbook")
        reader = _Reader(package)
        for sheet in package.main.root.iterfind("{*}sheets/{*}sheet"):
            reader.read_sheet(sheet)
        reader.finish()
        title, metadata = package.read_properties()
    return reader.workbook.build("xlsx", title, metadata)


class _Reader:
    """Reads the sheets of a package into a workbook."""

    def __init__(self, package: Package) -> None:
        self.workbook = WorkbookBuilder()
        self._main = package.main
        self._styles = {str(at): style for at, style in enumerate(read_styles(self._main))}
        self._strings = read_shared_strings(self._main)
        self._embedded = EmbeddedFiles()
        self._people = read_people(self._main)
        calculation = self._main.root.find("{*}calcPr")
        self._recalculates = calculation is not None and is_on(
            calculation.get("fullCalcOnLoad", "0")
        )
        self._columns: dict[str, int] = {}  # by their letters

    def read_sheet(self, sheet: Element) -> None:
        """Read the sheet of an entry of the workbook."""
        name = one_line(sheet.get("name", ""))
        key = relationship_id(sheet)
        link = self._main.relationships.get(key)
        if link and link.kind in _OTHER_SHEETS:
            self.workbook.note_unread(_OTHER_SHEETS[link.kind], name)
            return
        part = self._main.follow(key)
        try:
            content = b"" if part is None else part.read()
        except ReadError as exc:
            if exc.reason is not Reason.CORRUPT:
                raise
            content = b""
        if part is None or not content:
            self.workbook.note_unread("damaged sheet", name)
            return
        builder = self.workbook.start_sheet(name)
        if sheet.get("state", "visible") != "visible":
            self.workbook.note_hidden_sheet()
        self.workbook.add_rows(self._read_rows(content, read_notes(part, self._people)))
        for text in _read_headers(content):
            self.workbook.add_header(text)
        tally = TextTally()
        add_drawings(builder, part, tally)
        add_controls(builder, part)
        self.workbook.struck += tally.struck
        self._embedded.collect(part, f"sheet {name}")

    def finish(self) -> None:
        """Add the embedded files, and the warnings about those and the parts of the package."""
        self.workbook.attachments += self._embedded.attachments
        self.workbook.warnings += self._embedded.describe_unread()
        self.workbook.warnings += self._main.package.describe_unread_parts()

    def _read_rows(self, content: bytes, notes: list[Note]) -> Iterator[SheetRow]:
        """Yield the rows of a sheet with what is on them, then the notes on rows without cells."""
        from lxml import etree

        merges = _find_merges(content)
        events = iterate_xml(content, tag=("{*}col", "{*}row"))
        number = 0
        hidden: list[tuple[int, int]] = []  # columns
        used: set[int] = set()
        for _, element in events:
            if str(element.tag).endswith("col"):
                if is_on(element.get("hidden", "0")):
                    hidden.append((int(element.get("min", "1")) - 1, int(element.get("max", "1"))))
                continue
            number = int(element.get("r") or number + 1)
            cells = self._read_cells(element, number)
            before = 0
            while before < len(notes) and notes[before].row <= number:
                before += 1
            if cells or before:
                yield SheetRow(number, cells, merges.pop(number, ()), notes[:before])
                del notes[:before]
            if cells and hidden:
                used.update(cells)
            if cells and is_on(element.get("hidden", "0")):
                self.workbook.note_hidden("row")
            drop_element(element)
        yield SheetRow(number + 1, {}, (), notes)
        count = sum(any(left <= column < right for left, right in hidden) for column in used)
        if count:
            self.workbook.note_hidden("column", count)
        if any(error.level == etree.ErrorLevels.FATAL for error in events.error_log):
            self.workbook.note_unread("part of a damaged sheet", self.workbook.sheet_name)

    def _read_cells(self, row: Element, number: int) -> dict[int, str]:
        """Return what the cells of a row show, by their columns."""
        cells: dict[int, str] = {}
        columns = self._columns
        cell_tag = f"{row.tag[:-3]}c"
        value_tag, formula_tag, text_tag = (f"{row.tag[:-3]}{name}" for name in ("v", "f", "is"))
        column = -1
        for cell in row:
            if cell.tag != cell_tag:
                continue
            letters = cell.get("r", "").rstrip("0123456789")
            if letters not in columns:
                columns[letters] = column_number(letters)
            column = columns[letters] if letters else column + 1
            value = formula = rich = None
            for child in cell:
                if child.tag == value_tag:
                    value = child.text
                elif child.tag == formula_tag:
                    formula = child
                elif child.tag == text_tag:
                    rich = child
            if formula is not None and self._lacks_value(cell, value):
                self.workbook.note_formula(number, column)
                cells[column] = one_line(f"={formula.text or ''}").removesuffix("=")
            elif (value or rich is not None) and (text := self._show_cell(cell, value or "", rich)):
                cells[column] = text
        return cells

    def _lacks_value(self, cell: Element, value: str | None) -> bool:
        """Return True for a formula that no program has computed yet; some of them store a 0."""
        if not value:
            return str(cell.get("t")) != "str"
        return self._recalculates and value == "0"

    def _show_cell(self, cell: Element, value: str, rich: Element | None) -> str:
        kind, style = cell.get("t", "n"), self._styles.get(cell.get("s", "0"), _PLAIN)
        if style.is_struck:
            self.workbook.struck += 1
            return ""
        if kind == "n":
            return _show_number(value, style)
        text = self._read_shared(value) if kind == "s" else self._read_text(kind, value, rich)
        return one_line(style.show_text(text)) if style.show_text and kind != "b" else text

    def _read_shared(self, value: str) -> str:
        index = int(value)
        if index >= len(self._strings):
            return ""
        found = self._strings[index]
        self.workbook.struck += found.struck
        return found.text

    def _read_text(self, kind: str, value: str, rich: Element | None) -> str:
        """Return the text of a cell that is no number: inline, true or false, a date, an error."""
        if rich is not None:
            inner = read_rich_text(rich)
            self.workbook.struck += inner.struck
            return inner.text
        if kind == "b":
            return "TRUE" if value.strip() in ("1", "true") else "FALSE"
        return one_line(value.replace("T", " ") if kind == "d" else value)


def _show_number(value: str, style: CellStyle) -> str:
    if style.show_number is format_general and len(value) < 16 and value.isdecimal():
        return value
    try:
        number = int(value) if len(value) < 16 and value.isdecimal() else float(value)
    except ValueError:
        return one_line(value)
    return " ".join(style.show_number(number).split())


def _read_headers(content: bytes) -> list[str]:
    """Return the headers and footers of a sheet, with their codes."""
    return [
        html.unescape(found[1].decode("utf-8", "replace")) for found in _HEADER.finditer(content)
    ]


def _find_merges(content: bytes) -> dict[int, list[Merge]]:
    """Return the merged cells by their first rows; a sheet lists them after its rows."""
    merges: dict[int, list[Merge]] = {}
    for found in _MERGE.finditer(content):
        top, left = split_cell_name(found[1].decode())
        bottom, right = split_cell_name(found[2].decode())
        merges.setdefault(top, []).append(Merge(top, left, bottom, right))
    return merges
