"""Pictures of PDF pages, with a passage highlighted as by a marker pen."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ragkit_ingest.model import ReadError, Reason
from ragkit_ingest.readers.pdf_open import open_pdf
from ragkit_ingest.readers.pdf_page import read_text
from ragkit_ingest.readers.pdf_text import PageText, Pixels, to_pixels
from ragkit_ingest.readers.pdf_visibility import has_hidden_layers
from ragkit_ingest.readers.pdf_words import Words, join_breaks

MIN_WIDTH, MAX_WIDTH = 16, 3000  # pixels
_MAX_PIXELS = 16_000_000
_MAX_RATIO = 200  # of height to width, or of width to height
_Ink = tuple[int, int, int]  # red, green and blue of a marker on white; black stays black
_STRONG: _Ink = (255, 226, 110)
_PALE: _Ink = (255, 244, 190)


class Box(NamedTuple):
    """A rectangle on a picture, in fractions of its width and height from the upper left."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A page as PNG, `width` by `height` pixels; `boxes` are its highlighted lines."""

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
    """Draw a page of a PDF, `width` pixels wide; `page` counts from 0.

    Highlights characters [start, end) of its text if they equal `quote`, and nothing if today's
    reader reads the page differently. If `highlights` has visible ranges of them, these are strong
    yellow and the others pale. `width` is limited to 16 to 3000 pixels, and the picture to 16
    million pixels. Raises ReadError: CORRUPT for a damaged file or page, UNSUPPORTED for a page
    over 200 times as long as wide.
    """
    import pypdfium2 as pdfium

    pdf, _ = open_pdf(data)
    try:
        try:
            opened = pdf[page]
        except (pdfium.PdfiumError, IndexError) as error:
            raise ReadError(Reason.CORRUPT, "the page is damaged or does not exist") from error
        width, height = _choose_size(opened.get_size(), width)
        layers = has_hidden_layers(data)
        text = read_page_text(pdf, opened, page, quote, start, layers=layers)
        same = text.text[start:end] == quote
        passage = _find_boxes(text, opened, [(start, end)] if same else [], width, height)
        yellow = _find_boxes(text, opened, highlights if same else [], width, height) or passage
        inks = [(passage, _PALE), (yellow, _STRONG)]
        png = _encode_png(width, height, _apply_inks(_render(opened, width, height), width, inks))
    finally:
        pdf.close()
    boxes = (
        Box(left / width, top / height, right / width, bottom / height)
        for left, top, right, bottom in yellow
    )
    return PagePicture(png, width, height, tuple(boxes))


def read_page_text(
    pdf: Any, page: Any, index: int, quote: str = "", start: int = 0, *, layers: bool
) -> PageText:
    """Return the text of the page with this index as its reader stores it.

    `layers` is True if layers of the document are off. How words that are broken at line ends are
    spelt can depend on the other pages; these are not read if `quote` is at `start` without them.
    """
    text, _ = read_text(pdf, page, index, layers=layers)
    if joined := join_breaks(text.text, words := Words([text.text])):
        if not quote or not joined[0].startswith(quote, start):
            words = Words(PageText(each).text for each in pdf)
        text.join_words(words)
    return text


def _find_boxes(
    text: PageText, page: Any, ranges: Iterable[tuple[int, int]], width: int, height: int
) -> list[Pixels]:
    """Return where ranges of a page's text are on its picture, line by line."""
    lines = (line for start, end in ranges for line in text.line_boxes(start, end))
    return [box for line in lines if (box := to_pixels(page, line, width, height))]


def _choose_size(points: tuple[float, float], width: int) -> tuple[int, int]:
    """Return width and height in pixels for a page of so many points."""
    wide, high = points
    if not (wide > 0 and high > 0 and 1 / _MAX_RATIO <= high / wide <= _MAX_RATIO):
        raise ReadError(
            Reason.UNSUPPORTED,
            f"the page measures {wide:g} by {high:g} points, which is too long to draw",
        )
    width = min(max(width, MIN_WIDTH), MAX_WIDTH)
    width = min(width, int((_MAX_PIXELS * wide / high) ** 0.5))
    return width, max(1, round(width * high / wide))


def _render(page: Any, width: int, height: int) -> bytearray:
    """Render the page as rows of red, green and blue."""
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


def _apply_inks(
    pixels: bytearray, width: int, inks: Sequence[tuple[list[Pixels], _Ink]]
) -> bytearray:
    """Multiply each pixel with the last ink over it, so that the text keeps its edges."""
    marked = bytearray(pixels)
    for boxes, colour in inks:
        for channel, ink in enumerate(colour):
            shades = bytes(round(shade * ink / 255) for shade in range(256))
            for left, top, right, bottom in boxes:
                for row in range(top, bottom):
                    line = slice(3 * (row * width + left) + channel, 3 * (row * width + right), 3)
                    marked[line] = pixels[line].translate(shades)
    return marked


def _encode_png(width: int, height: int, pixels: bytearray) -> bytes:
    """Encode pixels as PNG (w3.org/TR/png-3); without a filter text is smallest and quickest."""
    rows = b"".join(
        b"\0" + pixels[at : at + 3 * width] for at in range(0, 3 * width * height, 3 * width)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits of each colour
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
