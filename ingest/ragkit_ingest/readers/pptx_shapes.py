"""The shapes of a slide: where they are, what they inherit, and in which order they are read.

A placeholder inherits its position and list styles from the placeholder of its layout, and that
one from the slide master (ISO/IEC 29500-1, 19.3.1.36).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ragkit_ingest.readers.drawingml import A
from ragkit_ingest.readers.ooxml import Part, local_name
from ragkit_ingest.text.cleaning import one_line

if TYPE_CHECKING:
    Element = Any  # an lxml element

P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
HEAD = "head"
_COMPARISON = "twoTxTwoObj"  # the type of a layout with a head above each of two columns
_CONTENT = (
    f"{P}graphicFrame",
    "{http://schemas.openxmlformats.org/officeDocument/2006/math}oMath",
)
_KINDS = ("sp", "pic", "graphicFrame", "cxnSp")
_MASTER_ROLES = {
    "title": "title",
    "ctrTitle": "title",
    "dt": "dt",
    "ftr": "ftr",
    "sldNum": "sldNum",
}
_ROW_HEIGHT = 228_600  # EMU (a quarter inch): shapes whose tops differ by less are side by side
_OVERLAP = 91_440  # EMU (a tenth of an inch): neighbours may overlap by so much at each side
_MAX_ARRANGED_SHAPES = 500  # more are read from top to bottom: a drawing, whose parts have no order
_LABEL_WIDTH = 0.75  # of the width of the text beside it that a label has at most
_VALUE = re.compile(r"(?=.*\d).{1,30}")  # a text that is the value of the text beside it
_TRUE = ("1", "true")


class Box(NamedTuple):
    """A rectangle in English Metric Units."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Shape:
    """A shape on a slide.

    `role` is the type of its placeholder ("title", "body", "obj"), "" if it is none, and HEAD for
    one above a column of a comparison. `styles` are the list styles its text inherits. A group has
    `shapes`, in the order of reading.
    """

    element: Element
    box: Box
    role: str = ""
    styles: Sequence[Element] = ()
    shapes: Sequence[Shape] = field(default=())

    @property
    def is_hidden(self) -> bool:
        """True if the shape is switched off in the selection pane."""
        return is_hidden(self.element)

    @property
    def text_body(self) -> Element | None:
        """The element with the text, None without one."""
        return self.element.find(f"{P}txBody")

    @functools.cached_property
    def text(self) -> str:
        """All of the text on one line, as it is stored."""
        return one_line(" ".join(text.text or "" for text in self.element.iter(f"{A}t")))

    @property
    def has_content(self) -> bool:
        """True for text, graphics and equations; other shapes only decorate the slide."""
        return self.text != "" or next(self.element.iter(*_CONTENT), None) is not None


class Layout:
    """A slide layout with its master: what the slides that use it inherit and show."""

    def __init__(self, layout: Part | None) -> None:
        masters = layout.find_roots("slideMaster") if layout is not None else []
        root = layout.root if layout is not None else None
        self._roots = [found for found in (root, *masters[:1]) if found is not None]
        self._is_comparison = root is not None and root.get("type") == _COMPARISON

    def find_role(self, holder: Element) -> str:
        """Return the role of a placeholder."""
        role = str(holder.get("type", "obj"))
        return HEAD if role == "body" and self._is_comparison else role

    def inherit(self, holder: Element) -> tuple[Box | None, list[Element]]:
        """Return the position and the list styles that a placeholder inherits, nearest first."""
        box: Box | None = None
        styles: list[Element] = []
        for depth, root in enumerate(self._roots):
            found = _find_placeholder(root, holder, is_master=depth == len(self._roots) - 1)
            if found is not None:
                box = box or read_box(found)
                styles += found.iterfind(f"{P}txBody/{A}lstStyle")
        role = _MASTER_ROLES.get(holder.get("type", "obj"), "body")
        for root in self._roots[-1:]:
            styles += root.iterfind(f"{P}txStyles/{P}{role}Style")
        return box, styles

    def find_fixed_shapes(self, slide: Element) -> Iterator[Element]:
        """Yield the shapes that slides show besides their own, which are no placeholders."""
        above = slide
        for root in self._roots:
            if above.get("showMasterSp", "1") not in _TRUE:
                return
            for element in root.iter(f"{P}sp"):
                if find_placeholder_entry(element) is None and not is_hidden(element):
                    yield element
            above = root


def find_shapes(tree: Element, layout: Layout, scale: float = 1) -> list[Shape]:
    """Return the shapes of a tree or group, in the order of reading, decorations last.

    `scale` is that of the group: how much larger its shapes are shown than they say.
    """
    found = []
    for element in tree:
        kind = local_name(element)
        if kind in _KINDS:
            found.append(_make_shape(element, layout, scale))
        elif kind == "grpSp":
            box = _scale_box(read_box(element) or Box(0, 0, 0, 0), scale)
            inner = find_shapes(element, layout, scale * _group_scale(element))
            found.append(Shape(element, box, shapes=inner))
    decorations = [shape for shape in found if not shape.has_content]
    return order_shapes([shape for shape in found if shape.has_content]) + decorations


def order_shapes(shapes: Sequence[Shape]) -> list[Shape]:
    """Return shapes in the order of reading: columns one by one, and each from top to bottom.

    Rows that have the same columns are read as columns, so that a text follows its own head. Rows
    of names and values are read row by row.
    """
    if not 1 < len(shapes) < _MAX_ARRANGED_SHAPES:
        return sorted(shapes, key=_place_in_rows)
    blocks: list[list[list[Shape]]] = []
    for row in _split_rows(shapes):
        if blocks and _share_columns([shape for other in blocks[-1] for shape in other], row):
            blocks[-1].append(row)
        else:
            blocks.append([row])
    found: list[Shape] = []
    for block in blocks:
        has_rows = len(block) > 1 and (_are_values(block) or _are_labels(block))
        inner = [shape for row in block for shape in row]
        parts = block if has_rows else _split_columns(inner)
        if len(parts) > 1:
            found += (shape for part in parts for shape in order_shapes(part))
        else:
            found += sorted(inner, key=_place_in_rows)
    return found


def read_box(element: Element) -> Box | None:
    """Return a shape's own position, None if it has none."""
    for path in (f"{P}spPr/{A}xfrm", f"{P}grpSpPr/{A}xfrm", f"{P}xfrm"):
        frame = element.find(path)
        if frame is not None and frame.find(f"{A}off") is not None:
            return _read_frame(frame, "off", "ext")
    return None


def is_hidden(element: Element) -> bool:
    """Return True for a shape that is switched off."""
    return any(props.get("hidden") in _TRUE for props in element.iterfind(f"*/{P}cNvPr"))


def find_placeholder_entry(element: Element) -> Element | None:
    """Return the element that makes a shape a placeholder, None if it is none."""
    found: Element | None = element.find(f"*/{P}nvPr/{P}ph")
    return found


def _make_shape(element: Element, layout: Layout, scale: float) -> Shape:
    holder = find_placeholder_entry(element)
    box = read_box(element)
    if holder is None:
        return Shape(element, _scale_box(box or Box(0, 0, 0, 0), scale))
    inherited, styles = layout.inherit(holder)
    box = box or inherited or Box(0, 0, 0, 0)
    return Shape(element, _scale_box(box, scale), layout.find_role(holder), styles)


def _find_placeholder(root: Element, holder: Element, *, is_master: bool) -> Element | None:
    """Return the placeholder of a layout or master that another one is based on.

    Those of a layout have the same index, those of a master are of the same type.
    """
    role, index = holder.get("type", "obj"), holder.get("idx", "0")
    for element in root.iter(*(f"{P}{kind}" for kind in _KINDS)):
        entry = find_placeholder_entry(element)
        if entry is None:
            continue
        other = entry.get("type", "obj")
        if is_master:
            if _MASTER_ROLES.get(other, "body") == _MASTER_ROLES.get(role, "body"):
                return element
        elif entry.get("idx", "0") == index and (index != "0" or other == role):
            return element
    return None


def _read_frame(frame: Element, place: str, size: str) -> Box:
    offset, extent = frame.find(f"{A}{place}"), frame.find(f"{A}{size}")
    numbers = [(offset, "x"), (offset, "y"), (extent, "cx"), (extent, "cy")]
    return Box(*(_read_length(None if e is None else e.get(name)) for e, name in numbers))


def _read_length(text: str | None) -> int:
    return int(text) if text and text.lstrip("-").isdecimal() else 0


def _scale_box(box: Box, scale: float) -> Box:
    return box._replace(width=box.width * scale, height=box.height * scale)


def _group_scale(group: Element) -> float:
    frame = group.find(f"{P}grpSpPr/{A}xfrm")
    if frame is None:
        return 1
    shown, own = _read_frame(frame, "off", "ext"), _read_frame(frame, "chOff", "chExt")
    return shown.width / own.width if shown.width and own.width else 1


def _place_in_rows(shape: Shape) -> tuple[float, float]:
    return shape.box.top // _ROW_HEIGHT, shape.box.left


def _split_rows(shapes: Sequence[Shape]) -> list[list[Shape]]:
    return _split(shapes, lambda shape: (shape.box.top, shape.box.height))


def _split_columns(shapes: Sequence[Shape]) -> list[list[Shape]]:
    return _split(shapes, lambda shape: (shape.box.left, shape.box.width))


def _split(
    shapes: Sequence[Shape], measure: Callable[[Shape], tuple[float, float]]
) -> list[list[Shape]]:
    """Part shapes at the gaps in one direction, in which `measure` returns their start and size."""
    spans = []
    for shape in shapes:
        start, size = measure(shape)
        margin = min(_OVERLAP, size / 4)
        spans.append((start + margin, start + size - margin, shape))
    spans.sort(key=lambda span: span[:2])
    parts: list[list[Shape]] = [[]]
    end = spans[0][1]
    for start, stop, shape in spans:
        if start > end:
            parts.append([])
        parts[-1].append(shape)
        end = max(end, stop)
    return parts


def _share_columns(block: list[Shape], row: list[Shape]) -> bool:
    """Return True if a row continues the columns above it."""
    count = len(_split_columns(block))
    return count > 1 < len(_split_columns(row)) and len(_split_columns(block + row)) == count


def _are_values(rows: list[list[Shape]]) -> bool:
    """Return True if each row has a name and a short text with digits. The first may be heads."""
    values = [[_VALUE.fullmatch(shape.text) is not None for shape in row] for row in rows]
    has_heads = len(rows) > 2 and not any(values[0])
    return all(any(row) and not all(row) for row in values[has_heads:])


def _are_labels(rows: list[list[Shape]]) -> bool:
    """Return True for three rows and more of a label and a wider text beside it."""
    pairs = [sorted(row, key=lambda shape: shape.box.left) for row in rows]
    if len(rows) < 3 or any(len(pair) != 2 for pair in pairs):
        return False
    widest = max(left.box.width for left, _ in pairs)
    return widest < _LABEL_WIDTH * min(right.box.width for _, right in pairs)
