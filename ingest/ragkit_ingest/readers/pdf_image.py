"""A page of a PDF as a picture, with a passage of it highlighted as by a marker pen."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ragkit_ingest.model import ReadError, Reason
from ragkit_ingest.readers.pdf_text import PageText, Pixels, on_pixels

LEAST_WIDTH, MOST_WIDTH = 16, 3000
_MOST_PIXELS = 16_000_000
_LONGEST = 200  # times as long as wide, or the other way round
_Ink = tuple[int, int, int]  # what a marker leaves of white; black stays black
_FULL: _Ink = (255, 226, 110)
_PALE: _Ink = (255, 244, 190)


class Box(NamedTuple):
    """A rectangle on a picture, in fractions of its width and height from the upper left."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A page as PNG, `width` by `height` pixels, and what is yellow on it, line by line."""

    png: bytes
    width: int
    height: int
    boxes: tuple[Box, ...]


def draw_page(
    data: bytes,
    page: int,
    start: int,
    end: int,
    quote: str,
    width: int,
    highlights: Sequence[tuple[int, int]] = (),
) -> PagePicture:
    """Draw a page (counted from 0) of a PDF, `width` pixels wide.

    Characters [start, end) of its stored text are highlighted if they are `quote`: were the text
    read differently today, nothing would be. Where `highlights` has ranges of them that can be
    seen, these are yellow and the others pale. The width is held to what can be drawn, and a very
    long page is drawn less wide. Raises ReadError for a file or a page that cannot be drawn.
    """
    import pypdfium2 as pdfium

    try:
        pdf = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        raise ReadError(Reason.CORRUPT, f"the file cannot be drawn ({error})") from error
    try:
        pdf.init_forms()  # else what was filled in is not drawn
        try:
            opened = pdf[page]
        except (pdfium.PdfiumError, IndexError) as error:
            raise ReadError(Reason.CORRUPT, "the page is damaged or not there") from error
        width, height = _size(opened.get_size(), width)
        text = PageText(opened)
        same = text.text[start:end] == quote
        passage = _marked(text, opened, [(start, end)] if same else [], width, height)
        yellow = _marked(text, opened, highlights if same else [], width, height) or passage
        inks = [(passage, _PALE), (yellow, _FULL)]
        png = _png(width, height, _highlighted(_pixels(opened, width, height), width, inks))
    finally:
        pdf.close()
    boxes = (
        Box(left / width, top / height, right / width, bottom / height)
        for left, top, right, bottom in yellow
    )
    return PagePicture(png, width, height, tuple(boxes))


def _marked(
    text: PageText, page: Any, ranges: Iterable[tuple[int, int]], width: int, height: int
) -> list[Pixels]:
    """Where ranges of a page's text are on its picture, line by line."""
    lines = (line for start, end in ranges for line in text.line_boxes(start, end))
    return [box for line in lines if (box := on_pixels(page, line, width, height))]


def _size(points: tuple[float, float], width: int) -> tuple[int, int]:
    """Width and height in pixels of a page of so many points."""
    wide, high = points
    if not (wide > 0 and high > 0 and 1 / _LONGEST <= high / wide <= _LONGEST):
        raise ReadError(Reason.UNSUPPORTED, f"the page measures {wide:g} by {high:g} points")
    width = min(max(width, LEAST_WIDTH), MOST_WIDTH)
    width = min(width, int((_MOST_PIXELS * wide / high) ** 0.5))
    return width, max(1, round(width * high / wide))


def _pixels(page: Any, width: int, height: int) -> bytearray:
    """The page as rows of red, green and blue."""
    import pypdfium2 as pdfium
    import pypdfium2.raw as c

    bitmap = pdfium.PdfBitmap.new_native(width, height, c.FPDFBitmap_BGR, rev_byteorder=True)
    try:
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
        flags = c.FPDF_ANNOT | c.FPDF_REVERSE_BYTE_ORDER
        c.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, flags)
        if page.formenv:
            c.FPDF_FFLDraw(page.formenv, bitmap, page, 0, 0, width, height, 0, flags)
        rows = memoryview(bitmap.buffer).cast("B")
        return bytearray().join(
            rows[at : at + 3 * width] for at in range(0, height * bitmap.stride, bitmap.stride)
        )
    finally:
        bitmap.close()


def _highlighted(
    pixels: bytearray, width: int, inks: Sequence[tuple[list[Pixels], _Ink]]
) -> bytearray:
    """Multiplied with the last ink over it, each pixel once: the text beneath keeps its edges."""
    marked = bytearray(pixels)
    for boxes, colour in inks:
        for channel, ink in enumerate(colour):
            shades = bytes(round(shade * ink / 255) for shade in range(256))
            for left, top, right, bottom in boxes:
                for row in range(top, bottom):
                    line = slice(3 * (row * width + left) + channel, 3 * (row * width + right), 3)
                    marked[line] = pixels[line].translate(shades)
    return marked


def _png(width: int, height: int, pixels: bytearray) -> bytes:
    """Pixels as PNG (w3.org/TR/png-3), with no filter: for type that is smallest and quickest."""
    rows = b"".join(
        b"\0" + pixels[at : at + 3 * width] for at in range(0, 3 * width * height, 3 * width)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits of each colour
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
