"""What lies on the sheets of an Excel workbook: shapes, charts, pictures and check boxes.

Drawings are DrawingML (ECMA-376 part 1, 20.5). Form controls are VML with the client data of Excel
(part 4, 19.4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ragkit_ingest.model import BlockKind, PageBuilder
from ragkit_ingest.readers.drawingml import A, TextTally, add_graphics, add_text
from ragkit_ingest.readers.ooxml import Part, local_name
from ragkit_ingest.text.cleaning import one_line

if TYPE_CHECKING:
    Element = Any  # an lxml element

_X = "{urn:schemas-microsoft-com:office:excel}"
_V = "{urn:schemas-microsoft-com:vml}"
_TICKED, _EMPTY = "☒", "☐"


def add_drawings(builder: PageBuilder, sheet: Part, tally: TextTally) -> None:
    """Add the text of shapes, charts and SmartArt to the page of a sheet; count the pictures."""
    for part in sheet.find_related("drawing"):
        for element in part.root.iter() if part.root is not None else ():
            name = local_name(element)
            if name == "txBody":
                add_text(builder, element, tally)
            elif name == "graphicFrame":
                add_graphics(builder, part, element)
            elif name == "blip":
                builder.images += element.tag == f"{A}blip"


def add_controls(builder: PageBuilder, sheet: Part) -> None:
    """Add the check boxes and option buttons of a sheet, each with its tick."""
    from lxml import etree

    for part in sheet.find_related("vmlDrawing"):
        data = part.read()
        if b"Checkbox" not in data and b"Radio" not in data:
            continue
        parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True)
        root = etree.fromstring(data, parser)
        for control in root.iter(f"{_X}ClientData") if root is not None else ():
            shape = control.getparent()
            if control.get("ObjectType") not in ("Checkbox", "Radio") or shape is None:
                continue
            ticked = control.findtext(f"{_X}Checked", "0").strip() not in ("", "0")
            label = one_line(
                "".join(t for box in shape.iter(f"{_V}textbox") for t in box.itertext())
            )
            builder.add(BlockKind.PARAGRAPH, f"{_TICKED if ticked else _EMPTY} {label}")
