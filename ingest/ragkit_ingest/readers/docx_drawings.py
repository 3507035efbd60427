"""Drawings in Word documents: finds their text boxes, pictures, charts and embedded files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ragkit_ingest.readers.docx_styles import W, to_int
from ragkit_ingest.readers.drawingml import A

if TYPE_CHECKING:
    Element = Any  # an lxml element

_WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
_V = "{urn:schemas-microsoft-com:vml}"
_DRAWINGS = (f"{W}drawing", f"{W}pict", f"{W}object")
_BOX = f"{W}txbxContent"
_PICTURES = (f"{A}blip", f"{_V}imagedata")
_TEXT_BODY = f"{A}txBody"
_WORD_ART = f"{_V}textpath"
_POINTS = re.compile(r"(width|height):\s*([\d.]+)\s*(pt|in|cm|mm)")
_EMU = {"pt": 12_700, "in": 914_400, "cm": 360_000, "mm": 36_000}
# An eighth of an A4 page, in square English Metric Units. A scan covers more, a logo less.
_LARGE_PICTURE = 7_560_310 * 10_692_130 // 8


@dataclass(slots=True)
class Drawing:
    """What a drawing holds: text boxes, words set as a picture (a watermark), pictures.

    `text_bodies` are texts of DrawingML, as in a canvas that was pasted from a slide.
    `large_pictures` counts those that may be a scanned page.
    """

    boxes: list[Element] = field(default_factory=list)
    text_bodies: list[Element] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    pictures: int = 0
    large_pictures: int = 0


def read_drawing(drawing: Element) -> Drawing:
    """Find what a drawing holds. Drawings inside its text boxes are not part of it."""
    found = Drawing()
    for element in drawing.iter(_BOX, _TEXT_BODY, _WORD_ART, *_PICTURES):
        if next(element.iterancestors(_BOX, *_DRAWINGS), None) is not drawing:
            continue
        if element.tag == _BOX:
            found.boxes.append(element)
        elif element.tag == _TEXT_BODY:
            found.text_bodies.append(element)
        elif element.tag == _WORD_ART:
            found.texts.append(element.get("string", ""))
        else:
            found.pictures += 1
    if found.pictures and not found.boxes and drawing.tag != f"{W}object":
        found.large_pictures = int(_measure_area(drawing) >= _LARGE_PICTURE)
    return found


def _measure_area(drawing: Element) -> float:
    """Return the area that a drawing covers, in square English Metric Units."""
    for extent in drawing.iter(f"{_WP}extent"):
        return to_int(extent.get("cx", ""), 0) * to_int(extent.get("cy", ""), 0)
    area = 0.0
    for shape in drawing.iter(f"{_V}shape", f"{_V}rect"):
        sizes = {name: float(size) * _EMU[unit] for name, size, unit in _find_sizes(shape)}
        area = max(area, sizes.get("width", 0) * sizes.get("height", 0))
    return area


def _find_sizes(shape: Element) -> list[tuple[str, str, str]]:
    sizes: list[tuple[str, str, str]] = _POINTS.findall(shape.get("style", ""))
    return [size for size in sizes if size[1].replace(".", "", 1).isdecimal()]
