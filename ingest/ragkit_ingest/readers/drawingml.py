"""DrawingML (ISO/IEC 29500-1, 20 and 21): the text of shapes, and the graphics in a drawing.

Slides, text documents and workbooks share it. `add_text` adds the text of a shape, and
`add_graphics` the charts and SmartArt of a drawing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ragkit_ingest.model import BlockKind, PageBuilder
from ragkit_ingest.readers.charts import add_chart, add_extended_chart
from ragkit_ingest.readers.equations import write_equation
from ragkit_ingest.readers.ooxml import Part, local_name, relationship_id
from ragkit_ingest.text.cleaning import one_line
from ragkit_ingest.text.numerals import write_number
from ragkit_ingest.text.superscripts import lower_text, raise_text

if TYPE_CHECKING:
    Element = Any  # an lxml element

A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart"
_EXTENDED_CHART = "{http://schemas.microsoft.com/office/drawing/2014/chartex}chart"
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_EQUATION = "{http://schemas.microsoft.com/office/drawing/2010/main}m"
_NUMBERED = re.compile(r"(alpha|arabic|roman)(Lc|Uc|)(ParenBoth|ParenR|Period|Plain)")
_NUMBER_STYLES = {
    **{"alphaLc": "lowerLetter", "alphaUc": "upperLetter"},
    **{"romanLc": "lowerRoman", "romanUc": "upperRoman", "arabic": "decimal"},
}
_NUMBER_FORMS = {"ParenBoth": "({})", "ParenR": "{})", "Period": "{}.", "Plain": "{}"}
_MAX_LEVEL = 9  # levels of a list


@dataclass(slots=True)
class TextTally:
    """Counts what is not taken in: `struck` are passages that are struck out."""

    struck: int = 0


class Paragraph(NamedTuple):
    """A paragraph of a shape: its text with its number, and whether it is an item of a list."""

    text: str
    is_item: bool


def add_text(
    builder: PageBuilder, body: Element, tally: TextTally, styles: Sequence[Element] = ()
) -> None:
    """Add the text of a shape: items of lists one by one, other paragraphs together.

    `body` is the text body (`p:txBody`, `a:txBody`). `styles` are the list styles it inherits,
    nearest first.
    """
    lines: list[str] = []
    for paragraph in iter_paragraphs(body, tally, styles):
        if not paragraph.is_item:
            lines.append(paragraph.text)
            continue
        builder.add(BlockKind.PARAGRAPH, "\n".join(lines))
        lines.clear()
        builder.add(BlockKind.ITEM, paragraph.text)
    builder.add(BlockKind.PARAGRAPH, "\n".join(lines))


def read_text(body: Element, tally: TextTally) -> str:
    """Return the text of a shape, a line for each paragraph."""
    return "\n".join(paragraph.text for paragraph in iter_paragraphs(body, tally)).strip()


def iter_paragraphs(
    body: Element, tally: TextTally, styles: Sequence[Element] = ()
) -> Iterator[Paragraph]:
    """Yield the paragraphs of a text body with their automatic numbers. See `add_text`."""
    numbers: list[tuple[str, int]] = [("", 0)] * _MAX_LEVEL
    for paragraph in body.iterchildren(f"{A}p"):
        text = _read_runs(paragraph, tally)
        if not text.strip():  # has no bullet, and no number
            yield Paragraph("", is_item=False)
            continue
        level = _find_level(paragraph)
        bullet = _find_bullet(paragraph, level, [*body.iterchildren(f"{A}lstStyle"), *styles])
        kind = "" if bullet is None else local_name(bullet)
        number = _count_on(numbers, level, bullet) if kind == "buAutoNum" else ""
        if not number:
            numbers[level:] = [("", 0)] * (_MAX_LEVEL - level)
        yield Paragraph(f"{number} {text}".lstrip(" "), is_item=kind not in ("", "buNone"))


def add_graphics(builder: PageBuilder, part: Part, drawing: Element) -> None:
    """Add the charts and SmartArt of a drawing, an element of `part`."""
    for element in drawing.iter(_CHART, _EXTENDED_CHART, f"{_DIAGRAM}relIds"):
        name = "dm" if element.tag == f"{_DIAGRAM}relIds" else "id"
        found = part.follow(relationship_id(element, name))
        if found is None or found.root is None:
            continue
        if element.tag == _CHART:
            add_chart(builder, found)
        elif element.tag == _EXTENDED_CHART:
            add_extended_chart(builder, found.root)
        else:
            _add_diagram(builder, found.root)


def _find_level(paragraph: Element) -> int:
    properties = paragraph.find(f"{A}pPr")
    level = "0" if properties is None else properties.get("lvl", "0")
    return min(int(level), _MAX_LEVEL - 1) if level.isdecimal() else 0


def _find_bullet(paragraph: Element, level: int, styles: Sequence[Element]) -> Element | None:
    """Return the element that states a paragraph's bullet, its own or an inherited one."""
    properties = [paragraph.find(f"{A}pPr"), *(s.find(f"{A}lvl{level + 1}pPr") for s in styles)]
    for element in properties:
        for child in element if element is not None else ():
            if local_name(child) in ("buNone", "buAutoNum", "buChar", "buBlip"):
                return child
    return None


def _count_on(numbers: list[tuple[str, int]], level: int, bullet: Element) -> str:
    """Return the next number of a level, such as "b)"; deeper levels begin anew."""
    style, start = bullet.get("type", ""), bullet.get("startAt", "1")
    first = int(start) if start.isdecimal() else 1
    sequence = f"{style} {first}"
    last_sequence, last = numbers[level]
    number = last + 1 if last_sequence == sequence else first
    numbers[level:] = [(sequence, number), *[("", 0)] * (_MAX_LEVEL - level - 1)]
    found = _NUMBERED.fullmatch(style)
    if found is None:
        return f"{number}."
    return _NUMBER_FORMS[found[3]].format(write_number(number, _NUMBER_STYLES[found[1] + found[2]]))


def _read_runs(paragraph: Element, tally: TextTally) -> str:
    """Return a paragraph's text without what is struck out, shifted text marked ("m²")."""
    pieces: list[tuple[str, int]] = []  # texts with their shift: 1 is up, -1 down
    is_struck = False
    for child in paragraph:
        kind = local_name(child)
        if kind == "br":
            pieces.append(("\n", 0))
        elif child.tag == _EQUATION:
            pieces.append((write_equation(child), 0))
        elif kind in ("r", "fld") and child.get("type") != "slidenum":
            text = child.findtext(f"{A}t") or ""
            properties = child.find(f"{A}rPr")
            shift, strikes = (0, False) if properties is None else _read_format(properties)
            tally.struck += strikes and not is_struck and bool(text.strip())
            is_struck = strikes
            if strikes:
                continue
            if pieces and pieces[-1][1] == shift:
                text = pieces.pop()[0] + text
            pieces.append((text, shift))
    return "".join(_shift_text(text, shift) for text, shift in pieces).strip()


def _read_format(properties: Element) -> tuple[int, bool]:
    """Return the shift of a run (1 up, -1 down) and whether it is struck out."""
    baseline = properties.get("baseline", "0").rstrip("%")  # Strict writes 30% for 30000
    shift = 0 if baseline.strip("-0.") == "" else -1 if baseline.startswith("-") else 1
    return shift, properties.get("strike", "noStrike") != "noStrike"


def _shift_text(text: str, shift: int) -> str:
    if not shift:
        return text
    return raise_text(text) if shift > 0 else lower_text(text)


def _add_diagram(builder: PageBuilder, model: Element) -> None:
    """Add the points of a SmartArt graphic from top to bottom, each labelled by those above it.

    The texts are in the points, and their order and depth in the connections (21.4.3).
    """
    points = {point.get("modelId", ""): point for point in model.iter(f"{_DIAGRAM}pt")}
    children: dict[str, list[tuple[int, str]]] = {}
    for link in model.iter(f"{_DIAGRAM}cxn"):
        if link.get("type", "parOf") == "parOf":
            place = link.get("srcOrd", "0")
            order = int(place) if place.isdecimal() else 0
            children.setdefault(link.get("srcId", ""), []).append((order, link.get("destId", "")))
    roots = [key for key, point in points.items() if point.get("type") == "doc"]
    waiting = [(key, "") for key in reversed(roots)]
    while waiting:
        key, label = waiting.pop()
        point = points.pop(key, None)
        if point is None:  # was added already: connections may go in circles
            continue
        text = _read_point(point)
        builder.add(BlockKind.ITEM, text, label=label)
        label = ", ".join(filter(None, (label, text)))
        below = sorted(children.get(key, ()), reverse=True)
        waiting += [(child, label) for _, child in below]
    for point in points.values():  # without a connection
        builder.add(BlockKind.ITEM, _read_point(point))


def _read_point(point: Element) -> str:
    bodies = point.iterchildren(f"{_DIAGRAM}t")
    return one_line(" ".join(read_text(body, TextTally()) for body in bodies))
