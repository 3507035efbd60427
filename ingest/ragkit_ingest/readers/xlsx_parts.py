"""The parts of an Excel workbook that its sheets refer to: styles, texts, and notes on cells.

Elements are those of SpreadsheetML (ECMA-376 part 1, 18.4, 18.7 and 18.8).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ragkit_ingest.readers.date_format import DAYS_TO_1904
from ragkit_ingest.readers.number_format import (
    BUILT_IN_FORMATS,
    GENERAL,
    compile_format,
    compile_text_format,
    format_general,
)
from ragkit_ingest.readers.ooxml import Part, local_name
from ragkit_ingest.readers.sheet import Note
from ragkit_ingest.readers.workbook import drop_element, iterate_xml
from ragkit_ingest.text.cleaning import one_line
from ragkit_ingest.text.superscripts import lower_text, raise_text

if TYPE_CHECKING:
    Element = Any  # an lxml element; its types say little about XML in many namespaces

_CELL = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,7})")
_OFF = ("0", "false", "none")


@dataclass(frozen=True, slots=True)
class CellStyle:
    """How a cell shows numbers and texts; `show_text` is None for texts as they are."""

    show_number: Callable[[float], str] = format_general
    show_text: Callable[[str], str] | None = None
    is_struck: bool = False


@dataclass(frozen=True, slots=True)
class RichText:
    """A text with the number of its struck-out passages, which are left out."""

    text: str
    struck: int = 0


def read_styles(part: Part) -> list[CellStyle]:
    """Return the styles that cells name by their index, of the workbook's part."""
    styles = next(iter(part.find_roots("styles")), None)
    if styles is None:
        return []
    first_day = 0
    for properties in part.root.iterchildren("{*}workbookPr"):
        first_day = DAYS_TO_1904 if is_on(properties.get("date1904", "0")) else 0
    codes = dict(BUILT_IN_FORMATS)
    for entry in styles.iterfind("{*}numFmts/{*}numFmt"):
        codes[_read_index(entry, "numFmtId")] = entry.get("formatCode", GENERAL)
    struck = [_is_struck(font) for font in styles.iterfind("{*}fonts/{*}font")]
    found = []
    for entry in styles.iterfind("{*}cellXfs/{*}xf"):
        code = codes.get(_read_index(entry, "numFmtId"), GENERAL)
        font = _read_index(entry, "fontId")
        show_text = compile_text_format(code) if "@" in code or code.count(";") > 2 else None
        is_struck = font < len(struck) and struck[font]
        found.append(CellStyle(compile_format(code, first_day), show_text, is_struck))
    return found


def read_shared_strings(part: Part) -> list[RichText]:
    """Return the texts that cells name by their index, of the workbook's part."""
    texts = []
    for strings in part.find_related("sharedStrings")[:1]:
        for _, entry in iterate_xml(strings.read(), tag=("{*}si",)):
            is_plain = len(entry) == 1 and local_name(entry[0]) == "t"
            texts.append(
                RichText(one_line(entry[0].text or "")) if is_plain else read_rich_text(entry)
            )
            drop_element(entry)
    return texts


def read_rich_text(entry: Element) -> RichText:
    """Return the text of runs: raised characters as such, and without phonetic guides."""
    parts, struck = [], 0
    for child in entry:
        name = local_name(child)
        if name == "t":
            parts.append(child.text or "")
        elif name == "r":
            text = "".join(t.text or "" for t in child.iterchildren("{*}t"))
            properties = child.find("{*}rPr")
            if properties is not None and _is_struck(properties):
                struck += bool(text.strip())
                continue
            parts.append(_shift_text(text, properties))
    return RichText(one_line("".join(parts)), struck)


def read_notes(sheet: Part, people: dict[str, str]) -> list[Note]:
    """Return the notes and threaded comments on the cells of a sheet, by their rows."""
    notes = [note for root in sheet.find_roots("comments") for note in _read_comments(root)]
    for root in sheet.find_roots("threadedComment"):
        for entry in root:
            text = one_line("".join(entry.itertext("{*}text")))
            notes.append(_make_note(entry, text, people.get(entry.get("personId", ""), "")))
    return sorted(notes, key=lambda note: note.row)


def read_people(part: Part) -> dict[str, str]:
    """Return the names of the authors of threaded comments by their ids, of the workbook's part."""
    people = (person for root in part.find_roots("person") for person in root)
    return {person.get("id", ""): one_line(person.get("displayName", "")) for person in people}


def split_cell_name(name: str) -> tuple[int, int]:
    """Return the row from 1 and the column from 0 of a cell: "A7" gives (7, 0), no name (0, 0)."""
    found = _CELL.match(name)
    return (int(found[2]), column_number(found[1])) if found else (0, 0)


def column_number(letters: str) -> int:
    """Return the number of a column from 0: "A" and what is no letter give 0, "AA" 26."""
    number = 0
    for letter in letters.upper() if letters.isascii() and letters.isalpha() else "A":
        number = number * 26 + ord(letter) - 64
    return number - 1


def is_on(value: str) -> bool:
    """Return True for an attribute that is switched on: "1", "true"."""
    return value.lower() not in _OFF


def _read_comments(root: Element) -> Iterator[Note]:
    authors = [one_line(author.text or "") for author in root.iterfind("{*}authors/{*}author")]
    for entry in root.iterfind("{*}commentList/{*}comment"):
        at = _read_index(entry, "authorId")
        author = authors[at] if at < len(authors) else ""
        body = entry.find("{*}text")
        if author.startswith("tc=") or body is None:
            continue  # a threaded comment, repeated for older programs
        text = read_rich_text(body).text
        yield _make_note(entry, text.removeprefix(f"{author}:").strip() if author else text, author)


def _make_note(entry: Element, text: str, author: str) -> Note:
    row, column = split_cell_name(entry.get("ref", ""))
    return Note(row, column, text, author)


def _shift_text(text: str, properties: Element | None) -> str:
    align = None if properties is None else properties.find("{*}vertAlign")
    position = "" if align is None else align.get("val", "")
    return {"superscript": raise_text, "subscript": lower_text}.get(position, str)(text)


def _is_struck(font: Element) -> bool:
    strike = font.find("{*}strike")
    return strike is not None and is_on(strike.get("val", "1"))


def _read_index(element: Element, name: str) -> int:
    text = element.get(name, "")
    return int(text) if text.isdecimal() else 0
