"""Styles of Word documents: what paragraphs and runs inherit, resolved once for each style."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ragkit_ingest.text.symbols import is_symbol_font

if TYPE_CHECKING:
    Element = Any  # an lxml element

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MAX_CHAIN = 100  # styles based on each other
_PARAGRAPH_PROPERTIES = f"{W}pPr"
_OFF = ("0", "false", "off")
_STRIKES = (f"{W}strike", f"{W}dstrike")


@dataclass(frozen=True, slots=True)
class RunFormat:
    """The format of a run where it changes what the text says. None and "" say nothing.

    `script` is "superscript", "subscript" or "baseline"; `font` names a symbol font.
    """

    is_hidden: bool | None = None
    is_struck: bool | None = None
    script: str = ""
    font: str = ""

    def over(self, other: RunFormat) -> RunFormat:
        """Return this format, with that of `other` where this one says nothing."""
        return RunFormat(
            other.is_hidden if self.is_hidden is None else self.is_hidden,
            other.is_struck if self.is_struck is None else self.is_struck,
            self.script or other.script,
            self.font or other.font,
        )

    def toggle(self, other: RunFormat) -> RunFormat:
        """Return this character style on that paragraph style: two hidden ones show the text.

        Source: ISO/IEC 29500-1, 17.7.3 (toggle properties).
        """
        return RunFormat(
            bool(self.is_hidden) != bool(other.is_hidden),
            bool(self.is_struck) != bool(other.is_struck),
            self.script or other.script,
            self.font or other.font,
        )


PLAIN = RunFormat()


@dataclass(frozen=True, slots=True)
class Style:
    """A style with what it inherits. `name` is its English one, in small letters.

    `level` is that of a heading, 0 if it is none. `list_id` is the numbering, "" for none, and
    `list_level` the level that the style states. `ids` are the style and those it is based on.
    """

    name: str = ""
    level: int = 0
    list_id: str = ""
    list_level: int | None = None
    format: RunFormat = PLAIN
    ids: tuple[str, ...] = ()


class Styles:
    """The styles of a document; without a part or style of a name, all is plain."""

    def __init__(self, root: Element | None) -> None:
        elements = [] if root is None else root.findall(f"{W}style")
        self._elements = {style.get(f"{W}styleId", ""): style for style in elements}
        self._styles = {name: self._resolve(name) for name in self._elements}
        defaults = (
            name
            for name, style in self._elements.items()
            if style.get(f"{W}type") == "paragraph" and is_on(style.get(f"{W}default", "0"))
        )
        self._default = self._styles.get(next(defaults, ""), Style())
        path = "docDefaults/rPrDefault/rPr/lang"
        self.is_english = root is None or value_at(root, path, "en").lower().startswith("en")

    def of_paragraph(self, name: str) -> Style:
        """Return the style of a paragraph by its id, that of "Normal" if there is none."""
        return self._styles.get(name, self._default)

    def get(self, name: str) -> Style:
        """Return the style of an id."""
        return self._styles.get(name, Style())

    def _resolve(self, name: str) -> Style:
        chain = list(self._follow(name))
        levels = (_read_level(link) for link in chain)
        numberings = [link.find(f"{W}pPr/{W}numPr") for link in chain]
        numbered = [numbering for numbering in numberings if numbering is not None]
        list_ids = (value_at(numbering, "numId") for numbering in numbered)
        list_levels = (value_at(numbering, "ilvl") for numbering in numbered)
        merged = PLAIN
        for link in chain:
            merged = merged.over(read_format(link.find(f"{W}rPr")))
        return Style(
            value_at(self._elements[name], "name").lower(),
            next((level for level in levels if level is not None), 0),
            next(filter(None, list_ids), ""),
            next((int(level) for level in list_levels if level.isdecimal()), None),
            merged,
            tuple(link.get(f"{W}styleId", "") for link in chain),
        )

    def _follow(self, name: str) -> Iterator[Element]:
        """Yield a style and those it is based on."""
        visited: set[str] = set()
        while name in self._elements and name not in visited and len(visited) < _MAX_CHAIN:
            visited.add(name)
            yield self._elements[name]
            name = value_at(self._elements[name], "basedOn")


def read_format(properties: Element | None) -> RunFormat:
    """Return the format that run properties state."""
    if properties is None:
        return PLAIN
    hidden = struck = None
    script = font = ""
    for entry in properties:
        tag = entry.tag
        if tag == f"{W}vanish":
            hidden = is_on(entry.get(f"{W}val", "1"))
        elif tag in _STRIKES:
            struck = struck or is_on(entry.get(f"{W}val", "1"))
        elif tag == f"{W}vertAlign":
            script = entry.get(f"{W}val", "")
        elif tag == f"{W}rFonts":
            name = entry.get(f"{W}ascii", "")
            font = name if is_symbol_font(name) else ""
    return (
        PLAIN
        if not (script or font or hidden is not None or struck is not None)
        else (RunFormat(hidden, struck, script, font))
    )


class ParagraphFormat(NamedTuple):
    """What a paragraph itself states. None says nothing.

    `level` is that of a heading, 0 for body text. `mark` are the properties of its end.
    """

    style: str = ""
    list_id: str | None = None
    list_level: int | None = None
    level: int | None = None
    is_drop_cap: bool = False
    mark: Element = None


def read_paragraph_format(paragraph: Element) -> ParagraphFormat:
    """Return the format that the properties of a paragraph state."""
    properties = paragraph.find(_PARAGRAPH_PROPERTIES)
    if properties is None:
        return ParagraphFormat()
    style, list_id, list_level, level, is_drop_cap, mark = ParagraphFormat()
    for entry in properties:
        tag = entry.tag
        if tag == f"{W}pStyle":
            style = entry.get(f"{W}val", "")
        elif tag == f"{W}numPr":
            list_id = value_at(entry, "numId") or None
            value = value_at(entry, "ilvl")
            list_level = to_int(value, 0) if value else None
        elif tag == f"{W}outlineLvl":
            level = _to_level(entry.get(f"{W}val", ""))
        elif tag == f"{W}framePr":
            is_drop_cap = entry.get(f"{W}dropCap", "none") != "none"
        elif tag == f"{W}rPr":
            mark = entry
    return ParagraphFormat(style, list_id, list_level, level, is_drop_cap, mark)


def is_set(element: Element, name: str) -> bool:
    """Return whether an element has an on/off property that is on."""
    found = element.find(f"{W}{name}")
    return found is not None and is_on(found.get(f"{W}val", "1"))


def is_on(value: str) -> bool:
    """Return whether the value of an on/off attribute means on."""
    return value not in _OFF


def to_int(value: str, default: int) -> int:
    """Return the number of an attribute, the default if it is none of up to 9 digits."""
    return int(value) if len(value) < 10 and value.isdecimal() else default


def value_at(element: Element, path: str, default: str = "") -> str:
    """Return the `w:val` of a descendant, named by a path such as "pPr/pStyle"."""
    found = element.find(_qualify(path))
    return default if found is None else str(found.get(f"{W}val", default))


@functools.cache
def _qualify(path: str) -> str:
    return "/".join(f"{W}{tag}" for tag in path.split("/"))


def _to_level(outline: str) -> int | None:
    """Return the heading level of an outline level, which counts from 0; 9 is body text."""
    return (to_int(outline, 9) + 1) % 10 if outline else None


def _read_level(style: Element) -> int | None:
    """Return a style's heading level, by its name (English in every Word) or its outline."""
    name = value_at(style, "name").lower()
    if name in ("title", "heading"):
        return 1
    if name.startswith("heading ") and name[8:].isdecimal():
        return int(name[8:])
    return _to_level(value_at(style, "pPr/outlineLvl"))
