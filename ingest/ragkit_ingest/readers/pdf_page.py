"""Reads the pages of a PDF one by one: their text, type, pictures and what they hide."""

from __future__ import annotations

import ctypes
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ragkit_ingest.model import ReadError, Reason
from ragkit_ingest.readers.pdf_annotations import Annotations, read_annotations
from ragkit_ingest.readers.pdf_layout import Line, split_lines
from ragkit_ingest.readers.pdf_notes import insert_notes
from ragkit_ingest.readers.pdf_open import DAMAGED
from ragkit_ingest.readers.pdf_pictures import count_pictures, covers_page, is_drawing
from ragkit_ingest.readers.pdf_text import PageText, Rectangle, to_pixels
from ragkit_ingest.readers.pdf_visibility import find_hidden, has_hidden_layers
from ragkit_ingest.readers.pdf_words import BREAK, Words, join_breaks

_BOLD_WEIGHT = 600
_MIN_SIZE = 1.0  # points; smaller type is unreadable
_MAX_NAMED = 8  # pages in a warning
_MIN_GARBLED = 20  # characters of a page, fewer are symbols
_MIN_GARBLED_PART = 0.2  # of the characters that are known
_MAX_STAMP = 200  # characters on the picture of a page: a stamp, a number, a running head


@dataclass(slots=True)
class RawPage:
    """A page before the others are known: its text, lines and what is on it beside the text.

    `is_picture` is True if a picture covers it and it has little or no text, `is_drawing` if it has
    lines and curves but no text, `is_garbled` if its fonts do not say which letters they draw.
    `notes` are the ranges of the text that are not lines of the page.
    """

    text: str
    lines: list[Line]
    number: int
    page_label: str
    images: int = 0
    hidden: int = 0
    is_picture: bool = False
    is_drawing: bool = False
    is_garbled: bool = False
    notes: list[tuple[int, int]] = field(default_factory=list)
    annotations: Annotations = field(default_factory=Annotations)
    headings: tuple[str, ...] = ()
    titles: dict[str, int] = field(
        default_factory=dict
    )  # bookmarks that are lines here -> their level


def read_pages(pdf: Any, data: bytes, warnings: list[str]) -> Iterator[RawPage]:
    """Yield the pages of a document that pdfium opened; a damaged one is empty, with a warning.

    Raises ReadError: CORRUPT if all are damaged.
    """
    import pypdfium2 as pdfium

    damaged = []
    layers = has_hidden_layers(data)
    for index in range(len(pdf)):
        page_label = pdf.get_page_label(index) or ""
        try:
            page = pdf[index]
        except pdfium.PdfiumError:
            damaged.append(index + 1)
            yield RawPage("", [], index + 1, page_label)
            continue
        yield _read_page(pdf, page, index, page_label, layers=layers)
        page.close()
    if len(damaged) == len(pdf):
        raise ReadError(Reason.CORRUPT, DAMAGED)
    if damaged:
        warnings.append(f"{name_pages(damaged, 'is', 'are')} damaged and left out")


def join_words(pages: Sequence[RawPage]) -> None:
    """Join the words of a document that are broken at line ends."""
    broken = [page for page in pages if BREAK in page.text]
    words = Words(page.text for page in pages) if broken else None
    for page in broken:
        if words and (joined := join_breaks(page.text, words)):
            page.text, indices = joined
            for line in page.lines:
                line.start, line.end = (bisect_left(indices, at) for at in (line.start, line.end))
                line.text = page.text[line.start : line.end]
            page.notes = [
                (bisect_left(indices, start), bisect_left(indices, end))
                for start, end in page.notes
            ]


def name_pages(numbers: Sequence[int], one: str = "", many: str = "") -> str:
    """Return "page 3", or "pages 1, 2 and 7", with a verb for one or many of them."""
    shown = [str(number) for number in numbers[:_MAX_NAMED]]
    if len(numbers) > _MAX_NAMED:
        shown.append(f"{len(numbers) - _MAX_NAMED} more")
    text = " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
    return f"page{'s' * (len(numbers) > 1)} {text} {many if len(numbers) > 1 else one}".rstrip()


def read_text(pdf: Any, page: Any, index: int, *, layers: bool) -> tuple[PageText, Annotations]:
    """Return the text that can be seen on a page with its notes in place, and its annotations.

    `layers` is True if layers of the document are off.
    """
    text = PageText(page)
    if hidden := find_hidden(page, text, layers=layers):
        text.remove(hidden)
    annotations = read_annotations(pdf, page, index, text)
    insert_notes(page, text, annotations.notes)
    return text, annotations


def _read_page(pdf: Any, page: Any, index: int, page_label: str, *, layers: bool) -> RawPage:
    found, annotations = read_text(pdf, page, index, layers=layers)
    notes = [(start, end) for start, end, _ in found.notes]
    lines = [line for line in split_lines(found.text) if not _is_note(line, notes)]
    lines, unknown = _drop_garbled(found, lines)
    _set_typography(page, found, lines)
    seen = [line for line in lines if not line.hidden]
    raw = RawPage(found.text, seen, index + 1, page_label, notes=notes, annotations=annotations)
    raw.hidden = found.removed + sum(line.end - line.start for line in lines if line.hidden)
    shown = sum(len(line.text) for line in seen)
    if shown <= _MAX_STAMP:
        raw.images = count_pictures(page)
        raw.is_picture = bool(raw.images) and (not shown or covers_page(page))
        raw.is_drawing = not shown and not raw.images and is_drawing(page)
        unknown = sum(_is_unknown(found, at) for at in range(found.textpage.count_chars()))
    raw.is_garbled = unknown >= _MIN_GARBLED and unknown > _MIN_GARBLED_PART * shown
    found.textpage.close()
    return raw


def _drop_garbled(text: PageText, lines: list[Line]) -> tuple[list[Line], int]:
    """Return the lines without those of unknown letters, and the count of such letters."""
    kept, unknown = [], 0
    for line in lines:
        if not _is_unknown(text, text.character(line.start)):
            kept.append(line)
            continue
        places = map(text.character, range(line.start, line.end))
        found = sum(_is_unknown(text, place) for place in places)
        if 2 * found > line.end - line.start:
            unknown += found
        else:
            kept.append(line)
    return kept, unknown


def _is_unknown(text: PageText, place: int) -> bool:
    """Return True if the font of a character, by pdfium's index, does not say which it is."""
    import pypdfium2.raw as c

    return place >= 0 and c.FPDFText_HasUnicodeMapError(text.textpage, place) == 1


def _is_note(line: Line, notes: list[tuple[int, int]]) -> bool:
    return any(start <= line.start < end for start, end in notes)


def _set_typography(page: Any, text: PageText, lines: list[Line]) -> None:
    """Set size, weight, position and visibility of each line, by its first character."""
    import pypdfium2.raw as c

    shown = Rectangle(*page.get_bbox())
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    textpage = text.textpage
    white: list[Line] = []
    for line in lines:
        at = text.character(line.start)
        if at < 0:
            continue
        line.size = c.FPDFText_GetFontSize(textpage, at)
        line.bold = c.FPDFText_GetFontWeight(textpage, at) >= _BOLD_WEIGHT or _is_bold(textpage, at)
        if c.FPDFText_GetCharBox(textpage, at, left, right, bottom, top):
            line.top, line.bottom = top.value, bottom.value
            outside = (
                right.value < shown.left
                or left.value > shown.right
                or top.value < shown.bottom
                or bottom.value > shown.top
            )
            line.hidden = outside or (
                0 < line.size < _MIN_SIZE and top.value - bottom.value < _MIN_SIZE
            )
        if c.FPDFText_GetFillColor(textpage, at, red, green, blue, alpha):
            faint = min(red.value, green.value, blue.value) > 245 or alpha.value < 10
            if faint and not line.hidden:
                white.append(line)
    if white:
        _mark_hidden(page, white, shown)


def _is_bold(textpage: Any, at: int) -> bool:
    """Return True if the font's name says so; a standard font has no weight if not embedded."""
    import pypdfium2.raw as c

    name = ctypes.create_string_buffer(128)
    length = c.FPDFText_GetFontInfo(textpage, at, name, len(name), ctypes.c_int())
    return length > 0 and b"bold" in name.value.lower()


def _mark_hidden(page: Any, lines: list[Line], shown: Rectangle) -> None:
    """Mark white lines as hidden if nothing dark is behind them on the rendered page."""
    pixels = page.render(scale=1, grayscale=True).to_numpy()
    height, width = pixels.shape
    for line in lines:
        strip = Rectangle(shown.left, line.bottom - 1, shown.right, line.top + 1)
        left, top, right, bottom = to_pixels(page, strip, width, height) or (0, 0, 0, 0)
        band = pixels[top:bottom, left:right]
        line.hidden = band.size == 0 or int(band.min()) > 235
