"""Automatic numbers of Word documents, as they are printed: "3.2", "(b)", "Step 3:".

A numbered paragraph names a list (`w:num`), which takes its levels from an abstract list and may
change some. Lists of the same abstract list count on from each other. Source: ISO/IEC 29500-1,
17.9.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ragkit_ingest.readers.docx_styles import (
    Style,
    Styles,
    W,
    is_set,
    read_format,
    to_int,
    value_at,
)
from ragkit_ingest.text.numerals import write_number
from ragkit_ingest.text.symbols import translate_symbols

if TYPE_CHECKING:
    Element = Any  # an lxml element

_PLACE = re.compile(r"%([1-9])")
_LEVELS = 9
_MAX_TEXT = 100  # characters around a number
_TICKS = set("☐☑☒✓✔✗✘")  # bullets that say something
_KEPT_STYLES = ("none", "bullet", "decimalZero")  # in legal numbers: "Section 1.01"
_ENGLISH_STYLES = ("ordinal", "ordinalText", "cardinalText")


@dataclass(frozen=True, slots=True)
class _Level:
    """A level of a list. `restart` is the level whose use restarts it, None for any above.

    `is_legal` writes the numbers of all levels in decimal digits. `linked_style` is the paragraph
    style that means this level.
    """

    start: int
    number_style: str
    text: str
    restart: int | None
    is_legal: bool
    suffix: str
    linked_style: str


_HIDDEN = _Level(1, "none", "", None, False, "nothing", "")


@dataclass(frozen=True, slots=True)
class _List:
    """A list. `counted_with` is the abstract list that it counts with; `starts` are its own."""

    counted_with: str
    levels: dict[int, _Level]
    starts: dict[int, int]

    def start(self, level: int) -> int:
        """Return the first number of a level."""
        return self.starts.get(level, self.levels.get(level, _HIDDEN).start)


class Numbering:
    """Counts the numbered paragraphs of a document, in order."""

    def __init__(self, root: Element | None, styles: Styles) -> None:
        lists = [] if root is None else root.findall(f"{W}num")
        abstracts = [] if root is None else root.findall(f"{W}abstractNum")
        self._lists = {entry.get(f"{W}numId", ""): entry for entry in lists}
        self._abstracts = {entry.get(f"{W}abstractNumId", ""): entry for entry in abstracts}
        self._styles = styles
        self._read_lists: dict[str, _List | None] = {}
        self._counts: dict[str, dict[int, int]] = {}
        self._started: set[tuple[str, int]] = set()

    def count(self, list_id: str, level: int | None, style: Style) -> str:
        """Count a paragraph and return its number with the space after it, "" without any.

        `level` is the one that the paragraph itself states, if it does.
        """
        found = self._find_list(list_id)
        if found is None:
            return ""
        if level is None:
            level = _linked_level(found, style)
        level = min(level, _LEVELS - 1)
        counts = self._counts.setdefault(found.counted_with, {})
        if level in found.starts and (list_id, level) not in self._started:
            counts[level] = found.start(level)
        else:
            counts[level] = counts.get(level, found.start(level) - 1) + 1
        self._started.add((list_id, level))
        _pass_on(counts, found, level)
        return _write_number(found, level, counts, self._styles.is_english)

    def _find_list(self, list_id: str) -> _List | None:
        if list_id not in self._read_lists:
            entry = self._lists.get(list_id)
            self._read_lists[list_id] = None if entry is None else self._read_list(entry)
        return self._read_lists[list_id]

    def _read_list(self, entry: Element) -> _List:
        abstract_id = self._find_abstract(value_at(entry, "abstractNumId"))
        abstract = self._abstracts.get(abstract_id)
        levels = {} if abstract is None else _read_levels(abstract)
        starts: dict[int, int] = {}
        for override in entry.findall(f"{W}lvlOverride"):
            level = to_int(override.get(f"{W}ilvl", ""), 0)
            for element in override.findall(f"{W}lvl"):
                levels[level] = _read_level(element)
            start = value_at(override, "startOverride")
            if start:
                starts[level] = to_int(start, 1)
        return _List(abstract_id, levels, starts)

    def _find_abstract(self, abstract_id: str) -> str:
        """Return the id of the abstract list with the levels: some only name a numbering style."""
        for _ in range(_LEVELS):
            abstract = self._abstracts.get(abstract_id)
            style = "" if abstract is None else value_at(abstract, "numStyleLink")
            entry = self._lists.get(self._styles.get(style).list_id) if style else None
            if entry is None:
                break
            abstract_id = value_at(entry, "abstractNumId")
        return abstract_id


def _read_levels(parent: Element) -> dict[int, _Level]:
    elements = parent.findall(f"{W}lvl")
    return {to_int(element.get(f"{W}ilvl", ""), 0): _read_level(element) for element in elements}


def _read_level(element: Element) -> _Level:
    run_format = read_format(element.find(f"{W}rPr"))
    if run_format.is_hidden:
        return _HIDDEN
    number_format = element.find(f"{W}numFmt")
    number_style = value_at(element, "numFmt", "decimal")
    if number_format is not None and number_style == "custom":  # "001, 002, 003, ..."
        number_style = number_format.get(f"{W}format", "")[:_MAX_TEXT].split(",")[0]
    text = value_at(element, "lvlText")[:_MAX_TEXT]
    if number_style == "bullet":
        text = translate_symbols(text, run_format.font) if run_format.font else text
    restart = value_at(element, "lvlRestart")
    return _Level(
        start=to_int(value_at(element, "start"), 0),
        number_style=number_style,
        text=text,
        restart=to_int(restart, 0) if restart else None,
        is_legal=is_set(element, "isLgl"),
        suffix=value_at(element, "suff", "tab"),
        linked_style=value_at(element, "pStyle"),
    )


def _linked_level(found: _List, style: Style) -> int:
    """Return the level of a paragraph's style: the one linked to it, or else the one it states."""
    linked = {entry.linked_style: level for level, entry in found.levels.items()}
    levels = (linked[name] for name in style.ids if name in linked)
    return next(levels, style.list_level or 0)


def _pass_on(counts: dict[int, int], found: _List, level: int) -> None:
    """Begin the levels above a counted paragraph and restart those below it."""
    for above in range(level):
        counts.setdefault(above, found.start(above))
    for below in [each for each in counts if each > level]:
        restart = found.levels.get(below, _HIDDEN).restart
        if restart is None or level < restart:
            del counts[below]


def _write_number(found: _List, level: int, counts: dict[int, int], is_english: bool) -> str:
    entry = found.levels.get(level, _HIDDEN)
    if entry.number_style == "bullet":
        return f"{entry.text} " if entry.text in _TICKS else ""

    def write(place: re.Match[str]) -> str:
        at = int(place[1]) - 1
        style = found.levels.get(at, _HIDDEN).number_style
        number = counts.get(at, found.start(at))
        if entry.is_legal and style not in _KEPT_STYLES:
            return str(number)
        if not is_english and style in _ENGLISH_STYLES:
            return f"{number}." if style == "ordinal" else str(number)
        return write_number(number, style)

    text = _PLACE.sub(write, entry.text).strip()
    return text if not text or entry.suffix == "nothing" else f"{text} "
