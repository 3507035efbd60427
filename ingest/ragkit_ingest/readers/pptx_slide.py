"""Writes the shapes of a slide to a page: text, tables, charts, SmartArt and alternative texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ragkit_ingest.model import BlockKind, PageBuilder, PageKind
from ragkit_ingest.readers.drawingml import A, TextTally, add_graphics, add_text, read_text
from ragkit_ingest.readers.grid import Cell
from ragkit_ingest.readers.ooxml import Part, local_name
from ragkit_ingest.readers.pptx_shapes import HEAD, P, Shape
from ragkit_ingest.readers.table import add_table
from ragkit_ingest.text.cleaning import one_line

if TYPE_CHECKING:
    Element = Any  # an lxml element

_TITLES = ("title", "ctrTitle")
_FOOTERS = ("ftr", "hdr")
_SKIPPED_ROLES = ("dt", "sldNum")
_OLE_OBJECT = f"{P}oleObj"
_MEDIA = (f"{A}videoFile", f"{A}audioFile", f"{A}wavAudioFile", f"{A}quickTimeFile")
_DECORATIVE = "{http://schemas.microsoft.com/office/drawing/2017/decorative}decorative"
_TRUE = ("1", "true")
# What programs write as alternative text: a file name, one word with a number, a description that
# they made up and, in the user's language, say so.
_FILE_NAME = re.compile(r"\S*[\\/]\S*|.*\.\w{2,5}|\w+[\s_-]*\d*")
_MADE_UP = re.compile(
    r"automatically generated|AI-generated|automatisch generiert|KI-generiert|généré|generad[oa] "
    r"(?:automáticamente|por)|generat[oa] (?:automaticamente|dall)|gerad[oa] "
    r"(?:automaticamente|por)"
    r"|automatisch gegenereerd|door AI|自动生成|自動生成|自動的に生成|AI 生成",
    re.IGNORECASE,
)


class SlideWriter:
    """Writes a slide to `builder`.

    `footers` are its footer texts, which are not on the page. `picture_area` is what its pictures
    cover, in square English Metric Units, and `text_length` counts characters, without
    alternative texts.
    """

    def __init__(self, slide: Part, number: int, section: str, tally: TextTally) -> None:
        self._slide = slide
        self._number = number
        self._headings = (section,) if section else ()
        self._tally = tally
        self._alternative_length = 0
        self.builder = PageBuilder(PageKind.SLIDE, number=number, headings=self._headings)
        self.footers: list[str] = []
        self.picture_area = 0.0
        self.has_media = False

    @property
    def text_length(self) -> int:
        """The characters of the slide that are no alternative texts."""
        return len(self.builder.build().text) - self._alternative_length

    def write(self, shapes: Sequence[Shape]) -> None:
        """Write the title, then the other shapes in the order given."""
        title = next((s for s in shapes if s.role in _TITLES and s.text and not s.is_hidden), None)
        if title is not None and title.text_body is not None:
            text = one_line(read_text(title.text_body, self._tally))
            self.builder.page_label = text
            self.builder.add(BlockKind.HEADING, text, level=1 + len(self._headings))
        for shape in shapes:
            if shape is not title:
                self._write_shape(shape)

    def _write_shape(self, shape: Shape) -> None:
        if shape.is_hidden:
            self.builder.hidden += len(shape.text)
            return
        if shape.role in _SKIPPED_ROLES:
            return
        body = shape.text_body
        if shape.role in _FOOTERS:
            text = "" if body is None else read_text(body, self._tally)
            self.footers += [text] if text else []
            return
        if shape.role == HEAD and body is not None:
            text = one_line(read_text(body, self._tally))
            self.builder.add(BlockKind.HEADING, text, level=2 + len(self._headings))
            return
        self._write_alternative(shape)
        for inner in shape.shapes:
            self._write_shape(inner)
        if shape.shapes:
            return
        self._count_pictures(shape)
        if body is not None:
            add_text(self.builder, body, self._tally, shape.styles)
        if local_name(shape.element) == "graphicFrame":
            for table in shape.element.iter(f"{A}tbl"):
                self._write_table(table)
            add_graphics(self.builder, self._slide, shape.element)

    def _count_pictures(self, shape: Shape) -> None:
        """Count a picture; previews of embedded files and films, and bullets, are none."""
        has_media = next(shape.element.iter(*_MEDIA), None) is not None
        self.has_media |= has_media
        if has_media or next(shape.element.iter(_OLE_OBJECT), None) is not None:
            return
        blips = shape.element.iter(f"{A}blip")
        if any(local_name(blip.getparent()) != "buBlip" for blip in blips):
            self.builder.images += 1
            self.picture_area += shape.box.width * shape.box.height

    def _write_alternative(self, shape: Shape) -> None:
        """Write the alternative text of a picture or graphic that a person wrote."""
        for properties in shape.element.iterfind(f"*/{P}cNvPr"):
            text = one_line(properties.get("descr", ""))
            marks = properties.iter(_DECORATIVE)
            if any(mark.get("val") in _TRUE for mark in marks) or not _is_written(text):
                return
            self.builder.add(BlockKind.PARAGRAPH, f"Picture: {text}")
            self._alternative_length += len(text) + len("Picture: ")

    def _write_table(self, table: Element) -> None:
        properties = table.find(f"{A}tblPr")
        marks = {} if properties is None else properties.attrib
        rows = [
            [
                self._read_cell(
                    cell,
                    is_head=(number == 0 and marks.get("firstRow") in _TRUE)
                    or (at == 0 and marks.get("firstCol") in _TRUE),
                )
                for at, cell in enumerate(row.iterchildren(f"{A}tc"))
                if cell.get("hMerge") not in _TRUE and cell.get("vMerge") not in _TRUE
            ]
            for number, row in enumerate(table.iterchildren(f"{A}tr"))
        ]
        add_table(self.builder, rows)

    def _read_cell(self, cell: Element, *, is_head: bool) -> Cell:
        body = cell.find(f"{A}txBody")
        text = "" if body is None else one_line(read_text(body, self._tally))
        return Cell(text, is_head, _read_span(cell, "gridSpan"), _read_span(cell, "rowSpan"))


def _is_written(text: str) -> bool:
    """Return True for an alternative text that says more than a program knows."""
    return not (text == "" or _FILE_NAME.fullmatch(text) or _MADE_UP.search(text))


def _read_span(cell: Element, name: str) -> int:
    span = cell.get(name, "1")
    return int(span) if span.isdecimal() else 1
