"""OpenDocument spreadsheets, packed (.ods) and flat (.fods).

A cell holds the text that it shows (`text:p`) beside its value, so that no number format needs to
be applied. The elements are those of OpenDocument 1.3, part 3.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ragkit_ingest.model import Document, ReadError, Reason
from ragkit_ingest.readers.ooxml import check_package, translate_errors
from ragkit_ingest.readers.sheet import Merge, Note, SheetRow
from ragkit_ingest.readers.workbook import WorkbookBuilder, drop_element, iterate_xml
from ragkit_ingest.text.cleaning import one_line
from ragkit_ingest.text.superscripts import lower_text, raise_text

if TYPE_CHECKING:
    Element = Any  # an lxml element; its types say little about XML in many namespaces
    Events = Iterator[tuple[str, Element]]

_OASIS = "urn:oasis:names:tc:opendocument:xmlns"
_OFFICE, _TABLE = f"{{{_OASIS}:office:1.0}}", f"{{{_OASIS}:table:1.0}}"
_TEXT, _STYLE = f"{{{_OASIS}:text:1.0}}", f"{{{_OASIS}:style:1.0}}"
_DRAW = f"{{{_OASIS}:drawing:1.0}}"
_CREATOR = "{http://purl.org/dc/elements/1.1/}creator"
_CELLS = (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell")
_SPACES = {f"{_TEXT}s", f"{_TEXT}tab", f"{_TEXT}line-break"}
_ASIDE = {f"{_TEXT}ruby-text", f"{_TEXT}note", f"{_OFFICE}annotation"}  # in a text, but not of it
_REFERENCE = re.compile(r"\[\.?([^\]]*)\]")  # of a formula: "[.B2:.B5]"


def read_ods(data: bytes, source: str) -> Document:
    """Read an OpenDocument spreadsheet. Hidden sheets are read too, with a warning.

    Raises ReadError: ENCRYPTED, CORRUPT, or TOO_LARGE for more than 5 million cells or a package
    that unpacks to too much.
    """
    reader = _Reader()
    with translate_errors("spreadsheet"):
        for part in _unpack(data) if data.startswith(b"PK") else (data,):
            reader.read(part)
    return reader.workbook.build("ods")


def _unpack(data: bytes) -> Iterator[bytes]:
    """Yield the parts of a package that have styles and content."""
    check_package(data)
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        names = package.namelist()
        manifest = "META-INF/manifest.xml"
        if manifest in names and b"encryption-data" in package.read(manifest):
            found = "the spreadsheet needs a password; save it without one"
            raise ReadError(Reason.ENCRYPTED, found)
        yield package.read("content.xml")


class _Reader:
    """Reads styles and sheets into a workbook."""

    def __init__(self) -> None:
        self.workbook = WorkbookBuilder()
        self._struck: set[str] = set()  # names of styles
        self._raised: set[str] = set()
        self._lowered: set[str] = set()
        self._hidden: set[str] = set()

    def read(self, part: bytes) -> None:
        """Read a part, or the whole of a flat document."""
        events: Events = iterate_xml(part, events=("start", "end"))
        for event, element in events:
            if event == "end" and element.tag == f"{_STYLE}style":
                self._read_style(element)
            elif event == "start" and element.tag == f"{_TABLE}table":
                self._read_sheet(element, events)

    def _read_style(self, style: Element) -> None:
        name, parent = style.get(f"{_STYLE}name", ""), style.get(f"{_STYLE}parent-style-name", "")
        for group in (self._struck, self._raised, self._lowered, self._hidden):
            if parent in group:
                group.add(name)
        for properties in style.iterchildren(f"{_STYLE}text-properties"):
            line = properties.get(f"{_STYLE}text-line-through-style") or properties.get(
                f"{_STYLE}text-line-through-type", "none"
            )
            if line != "none":
                self._struck.add(name)
            position = properties.get(f"{_STYLE}text-position", "")
            if position.startswith("super") or position[:1] in tuple("123456789"):
                self._raised.add(name)
            elif position.startswith(("sub", "-")):
                self._lowered.add(name)
        for properties in style.iterchildren(f"{_STYLE}table-properties"):
            if properties.get(f"{_TABLE}display") == "false":
                self._hidden.add(name)

    def _read_sheet(self, sheet: Element, events: Events) -> None:
        self.workbook.start_sheet(sheet.get(f"{_TABLE}name", ""))
        if sheet.get(f"{_TABLE}style-name") in self._hidden:
            self.workbook.note_hidden_sheet()
        self._shapes: list[str] = []
        self.workbook.add_rows(self._read_rows(sheet, events))
        for text in self._shapes:
            self.workbook.add_text(text)

    def _read_rows(self, sheet: Element, events: Events) -> Iterator[SheetRow]:
        number = 1
        for event, element in events:
            if event == "start":
                continue
            if element is sheet:
                return
            if element.tag == f"{_TABLE}shapes":
                self._read_shapes(element)
            elif element.tag == f"{_TABLE}table-column" and _is_hidden(element):
                self.workbook.note_hidden("column", _read_count(element, "columns-repeated"))
            elif element.tag == f"{_TABLE}table-row" and _is_outside_cells(element):
                count = _read_count(element, "rows-repeated")
                row = self._read_row(element, number)
                if row.cells and _is_hidden(element):
                    self.workbook.note_hidden("row", count)
                self.workbook.check_room(count * len(row.cells))
                if row.cells or row.notes:
                    yield row
                    for at in range(number + 1, number + count if row.cells else 0):
                        yield SheetRow(at, row.cells)
                number += count
                drop_element(element)

    def _read_row(self, row: Element, number: int) -> SheetRow:
        cells: dict[int, str] = {}
        merges, notes = [], []
        column = 0
        for cell in row.iterchildren(_CELLS):
            count = _read_count(cell, "columns-repeated")
            text = self._read_cell(cell, number, column) if cell.tag == _CELLS[0] else ""
            if text:
                cells.update(dict.fromkeys(range(column, column + count), text))
                down, across = (
                    _read_count(cell, "rows-spanned"),
                    _read_count(cell, "columns-spanned"),
                )
                if down > 1 or across > 1:
                    merges.append(Merge(number, column, number + down - 1, column + across - 1))
            notes += [
                self._read_note(n, number, column)
                for n in cell.iterchildren(f"{_OFFICE}annotation")
            ]
            self._read_shapes(cell)
            column += count
        return SheetRow(number, cells, merges, notes)

    def _read_cell(self, cell: Element, number: int, column: int) -> str:
        shown = one_line(
            "\n".join(self._read_text(line) for line in cell.iterchildren(f"{_TEXT}p"))
        )
        if shown and cell.get(f"{_TABLE}style-name") in self._struck:
            self.workbook.struck += 1
            return ""
        text = _show_value(cell, shown)
        formula = cell.get(f"{_TABLE}formula", "")
        if not text and formula and not cell.get(f"{_OFFICE}value-type"):
            self.workbook.note_formula(number, column)
            return _REFERENCE.sub(
                lambda found: found[1].replace(":.", ":"), formula[formula.find("=") :]
            )
        return text

    def _read_note(self, note: Element, number: int, column: int) -> Note:
        text = "\n".join(self._read_text(line) for line in note.iterchildren(f"{_TEXT}p"))
        return Note(number, column, one_line(text), one_line(note.findtext(_CREATOR, "")))

    def _read_shapes(self, parent: Element) -> None:
        """Take in the text of the shapes in an element, and name the objects."""
        for shape in parent.iterchildren():
            if shape.tag.startswith(_DRAW):
                lines = [self._read_text(line) for line in shape.iter(f"{_TEXT}p")]
                self._shapes += filter(None, [one_line("\n".join(lines))])
                if shape.find(f"{_DRAW}object") is not None:
                    name = shape.get(f"{_DRAW}name", "")
                    self.workbook.note_unread("embedded object", name or self.workbook.sheet_name)

    def _read_text(self, element: Element) -> str:
        """Return the text of an element, with raised characters as such and without struck ones."""
        parts = [element.text or ""]
        for child in element:
            if child.tag in _SPACES:
                parts.append(" ")
            elif child.tag not in _ASIDE:
                parts.append(self._read_span(child))
            parts.append(child.tail or "")
        return "".join(parts)

    def _read_span(self, span: Element) -> str:
        text, style = self._read_text(span), span.get(f"{_TEXT}style-name", "")
        if style in self._struck:
            self.workbook.struck += bool(text.strip())
            return ""
        if style in self._raised:
            return raise_text(text)
        return lower_text(text) if style in self._lowered else text


def _show_value(cell: Element, shown: str) -> str:
    """Return what a cell shows: a full date in ISO form, and the value if the text is missing."""
    kind = cell.get(f"{_OFFICE}value-type", "")
    if kind == "date" and (not shown or len(re.findall(r"\w+", shown)) > 2):
        day, _, time = cell.get(f"{_OFFICE}date-value", "").partition("T")
        return f"{day} {time[:8]}" if time and not time.startswith("00:00:00") else day or shown
    if shown or not kind:
        return shown
    value = cell.get(f"{_OFFICE}{kind}-value", cell.get(f"{_OFFICE}value", ""))
    if kind == "percentage":
        return f"{float(value or 0) * 100:.15g}%"
    return f"{value} {cell.get(f'{_OFFICE}currency', '')}".strip()


def _is_hidden(element: Element) -> bool:
    return str(element.get(f"{_TABLE}visibility", "visible")) != "visible"


def _is_outside_cells(row: Element) -> bool:
    """Return True for a row of the sheet, False for one of a table inside a cell."""
    return next(row.iterancestors(*_CELLS), None) is None


def _read_count(element: Element, name: str) -> int:
    text = element.get(f"{_TABLE}number-{name}", "1")
    return min(int(text), 1 << 20) if text.isdecimal() else 1
