"""PowerPoint presentations (pptx): a page for each slide, shapes in reading order, notes last."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ragkit_ingest.model import BlockKind, Document, Page, PageBuilder, PageKind, first_heading
from ragkit_ingest.readers.ooxml import check_package, own_title, translate_errors
from ragkit_ingest.text.cleaning import one_line

if TYPE_CHECKING:
    from pptx.package import Package
    from pptx.slide import Slide

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_DIAGRAM_DATA = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/diagramData"
_ROW_HEIGHT = 228_600  # EMU (a quarter inch): shapes whose tops differ by less are side by side
_SKIPPED_ROLES = {"DATE", "FOOTER", "HEADER", "SLIDE_NUMBER"}
_LIST_ROLES = {"BODY", "OBJECT", "VERTICAL_BODY", "VERTICAL_OBJECT"}


def read_pptx(data: bytes, source: str) -> Document:
    """Read a presentation; slides count from 1. Hidden slides are read too, with a warning.

    Charts and SmartArt are read as text. Raises ReadError: CORRUPT, ENCRYPTED or TOO_LARGE.
    """
    check_package(data)
    with translate_errors("presentation"):
        from pptx.package import Package

        package = Package.open(io.BytesIO(data))
        part: Any = package.main_document_part
        pages: list[Page] = []
        warnings: list[str] = []
        for number, slide in enumerate(part.presentation.slides, start=1):
            pages.append(_read_slide(slide, number))
            if slide._element.get("show") in ("0", "false"):
                warnings.append(f"slide {number} is hidden in the presentation")
        title, metadata = _read_properties(package)
    title = title or first_heading(tuple(pages))
    return Document("pptx", tuple(pages), title, metadata, tuple(warnings))


def _read_properties(package: Package) -> tuple[str, dict[str, str]]:
    """Return title and author. (`core_properties` would invent a title for a file without one.)"""
    from pptx.opc.constants import RELATIONSHIP_TYPE
    from pptx.parts.coreprops import CorePropertiesPart

    for relation in package._rels.values():
        if relation.reltype == RELATIONSHIP_TYPE.CORE_PROPERTIES:
            part = relation.target_part
            if isinstance(part, CorePropertiesPart):
                author = one_line(part.author or "")
                return own_title(part.title), {"author": author} if author else {}
    return "", {}


def _read_slide(slide: Slide, number: int) -> Page:
    title_shape = slide.shapes.title
    title = one_line(title_shape.text_frame.text) if title_shape is not None else ""
    builder = PageBuilder(PageKind.SLIDE, number=number, page_label=title)
    builder.add(BlockKind.HEADING, title, level=1)
    for shape in _iter_shapes(slide.shapes):
        if title_shape is None or shape.shape_id != title_shape.shape_id:
            _add_shape(builder, shape)
    for relation in slide.part.rels.values():
        if relation.reltype == _DIAGRAM_DATA:
            _add_diagram(builder, relation.target_part.blob)
    if slide.has_notes_slide:
        notes = slide.notes_slide.notes_text_frame
        text = _frame_text(notes) if notes is not None else ""
        builder.add(BlockKind.PARAGRAPH, f"Notes: {text}" if text else "")
    return builder.build()


def _iter_shapes(shapes: Iterable[Any]) -> Iterator[Any]:
    """Yield shapes from top to bottom and left to right, groups together, hidden shapes too."""

    def place(shape: Any) -> tuple[int, int]:
        return (shape.top or 0) // _ROW_HEIGHT, shape.left or 0

    for shape in sorted(shapes, key=place):
        if _tag(shape) == "grpSp" and not _is_hidden(shape):
            yield from _iter_shapes(shape.shapes)
        else:
            yield shape


def _add_shape(builder: PageBuilder, shape: Any) -> None:
    if _is_hidden(shape):
        texts = (text.text or "" for text in shape._element.iter(f"{_A}t"))
        builder.hidden += len(one_line(" ".join(texts)))
        return
    role = shape.placeholder_format.type.name if shape.is_placeholder else ""
    if role in _SKIPPED_ROLES:
        return
    if _tag(shape) == "pic" or next(shape._element.iter(f"{_A}blip"), None) is not None:
        builder.images += 1
    if shape.has_text_frame:
        _add_frame(builder, shape.text_frame, is_list=role in _LIST_ROLES)
    elif getattr(shape, "has_table", False):
        _add_table(builder, shape.table)
    elif getattr(shape, "has_chart", False):
        _add_chart(builder, shape.chart)


def _add_frame(builder: PageBuilder, frame: Any, *, is_list: bool) -> None:
    """Add a text frame: the paragraphs of a list one by one, other text as one paragraph."""
    if not is_list:
        builder.add(BlockKind.PARAGRAPH, _frame_text(frame))
        return
    for paragraph in frame.paragraphs:
        kind = BlockKind.ITEM
        if paragraph._p.find(f"{_A}pPr/{_A}buNone") is not None:
            kind = BlockKind.PARAGRAPH
        builder.add(kind, _replace_breaks(paragraph.text))


def _frame_text(frame: Any) -> str:
    return "\n".join(_replace_breaks(paragraph.text) for paragraph in frame.paragraphs).strip()


def _replace_breaks(text: str) -> str:
    return text.replace("\v", "\n")  # python-pptx writes a line break as a vertical tab


def _add_table(builder: PageBuilder, table: Any) -> None:
    heads: list[str] = []
    for number, row in enumerate(table.rows):
        cells = [one_line(_replace_breaks(cell.text_frame.text)) for cell in row.cells]
        if any(cells):
            builder.add(BlockKind.ROW, " | ".join(cells), columns=heads)
        if number == 0 and len(cells) > 1 and (table.first_row or all(cells)):
            heads = cells


def _add_chart(builder: PageBuilder, chart: Any) -> None:
    """Add a chart's title and its numbers as a table, a row for each series."""
    if chart.has_title and chart.chart_title.has_text_frame:
        builder.add(BlockKind.PARAGRAPH, _frame_text(chart.chart_title.text_frame))
    for plot in chart.plots:
        heads = ["", *(one_line(str(category)) for category in plot.categories)]
        builder.add(BlockKind.ROW, " | ".join(heads))
        for series in plot.series:
            values = ("" if value is None else f"{value:.15g}" for value in series.values)
            text = " | ".join([one_line(series.name), *values])
            builder.add(BlockKind.ROW, text, columns=heads)


def _add_diagram(builder: PageBuilder, blob: bytes) -> None:
    """Add the points of a SmartArt graphic, whose text is in a part of its own."""
    from pptx.oxml import parse_xml

    for point in parse_xml(blob).iter(
        "{http://schemas.openxmlformats.org/drawingml/2006/diagram}t"
    ):
        builder.add(BlockKind.ITEM, "".join(t.text or "" for t in point.iter(f"{_A}t")))


def _tag(shape: Any) -> str:
    return str(shape._element.tag).rpartition("}")[2]


def _is_hidden(shape: Any) -> bool:
    names = shape._element.xpath("./*/p:cNvPr/@hidden")
    return bool(names) and names[0] in ("1", "true")
