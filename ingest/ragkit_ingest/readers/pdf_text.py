"""The text of a PDF page, and the position of each of its characters on the page."""

from __future__ import annotations

import ctypes
import math
import re
from bisect import bisect_left
from collections.abc import Container, Iterator
from itertools import accumulate
from typing import Any, NamedTuple

from ragkit_ingest.readers.pdf_columns import order_columns
from ragkit_ingest.readers.pdf_lines import (
    has_turned_lines,
    join_spaced_letters,
    order_turned_lines,
    order_vertical_lines,
)
from ragkit_ingest.readers.pdf_raised import raise_digits
from ragkit_ingest.readers.pdf_words import BREAK, Joined, Words, join_breaks, mark_breaks
from ragkit_ingest.text.cleaning import clean_text, kept_indices

_MAX_GAP = 0.5  # of a line's height: a wider gap may contain other text
_MARGIN = 0.06  # of a line's height, on each side of it
_GRID = 1 << 20  # steps across a page: finer than any picture of it


class Rectangle(NamedTuple):
    """A rectangle in points, in the page's coordinates, which grow to the right and upwards."""

    left: float
    bottom: float
    right: float
    top: float

    def union(self, other: Rectangle) -> Rectangle:
        """Return the smallest rectangle around both."""
        return Rectangle(*map(min, self[:2], other[:2]), *map(max, self[2:], other[2:]))

    def transpose(self) -> Rectangle:
        """Return it with swapped axes, so that a vertical line can be treated like others."""
        return Rectangle(self.bottom, self.left, self.top, self.right)


Pixels = tuple[int, int, int, int]
"""Left, top, right and bottom of a part of a rendered page; right and bottom are exclusive."""


class PageText:
    """The cleaned text of a page that pdfium opened.

    `removed` counts the invisible characters that are not in it. `notes` are the ranges of texts
    that were inserted, with their places on the page. Close `textpage` after use.
    """

    def __init__(self, page: Any) -> None:
        self.textpage = page.get_textpage()
        self.notes: list[tuple[int, int, Rectangle]] = []
        raw = self.textpage.get_text_range(errors="surrogatepass")
        self.text, self.removed = clean_text(raw)
        self._units = kept_indices(raw)  # each character's index in pdfium's text, which is UTF-16
        if raw and max(raw) > "\uffff":
            starts = list(accumulate((1 + (char > "\uffff") for char in raw), initial=0))
            self._units = [starts[at] for at in self._units]
        self._is_direct = self.textpage.count_chars() == len(raw)  # each character is one unit
        if BREAK in raw:
            self._restore_breaks(raw)
        changes = [join_spaced_letters, order_vertical_lines, order_columns, raise_digits]
        where = self.textpage, self.character
        if page.get_rotation() or has_turned_lines(self.text, *where):
            changes.insert(0, order_turned_lines)
        for change in changes:
            self._replace(change(self.text, *where))
        self._replace(mark_breaks(self.text))

    def _restore_breaks(self, raw: str) -> None:
        """Put the marks of broken words back, which cleaning makes spaces."""
        kept = kept_indices(raw)
        text = list(self.text)
        for found in re.finditer(BREAK, raw):
            text[bisect_left(kept, found.start())] = BREAK
        self.text = "".join(text)

    def _replace(self, joined: Joined | None) -> None:
        if joined:
            self.text, indices = joined
            self._units = [self._units[at] for at in indices]
            self.notes = [
                (bisect_left(indices, start), bisect_left(indices, end), box)
                for start, end, box in self.notes
            ]

    def join_words(self, words: Words) -> None:
        """Join the words that are broken at line ends, as they are spelt in the document.

        Until then `BREAK` is between their halves.
        """
        self._replace(join_breaks(self.text, words))

    def character(self, at: int) -> int:
        """Return pdfium's index of the character `text[at]`, -1 if it is not on the page."""
        unit = self._units[at]
        if unit < 0 or self._is_direct:
            return unit
        import pypdfium2.raw as c

        return int(c.FPDFText_GetCharIndexFromTextIndex(self.textpage, unit))

    def insert(self, at: int, note: str, box: Rectangle) -> None:
        """Insert a text that is not drawn as part of the page, as lines of its own after a line."""
        start, end = (at + 1, "") if at else (0, "\n" if self.text else "")
        note = clean_text(note)[0]
        added = f"\n{note}" if at else f"{note}{end}"
        self.text = self.text[:at] + added + self.text[at:]
        self._units[at:at] = [-1] * len(added)
        later = ((s + len(added), e + len(added), b) for s, e, b in self.notes)
        self.notes = [(start, start + len(note), box), *later]

    def remove(self, hidden: Container[int]) -> None:
        """Remove the characters with these indices from the text and count them as removed."""
        kept = [at for at in range(len(self.text)) if at not in hidden]
        self.removed += len(self.text) - len(kept)
        self.text = "".join(self.text[at] for at in kept)
        self._units = [self._units[at] for at in kept]

    def frame(self, start: int, end: int) -> Rectangle | None:
        """Return a box around the first and the last character of [start, end), if it has one."""
        ends = [box for at in (start, end - 1) for box, _ in self._character_boxes(at, at + 1)]
        return ends[0].union(ends[-1]) if ends else None

    def line_boxes(self, start: int, end: int) -> list[Rectangle]:
        """Return a box for each line, or part of one, that characters [start, end) are on.

        A box reaches from above the highest letters of the type to below its lowest ones.
        """
        lines: list[tuple[Rectangle, bool]] = []  # along the line, and whether it is horizontal
        for box, level in self._character_boxes(start, end):
            along = box if level else box.transpose()
            if lines and lines[-1][1] == level and self._continues(lines[-1][0], along, level):
                lines[-1] = lines[-1][0].union(along), level
            else:
                lines.append((along, level))
        noted = [box for first, last, box in self.notes if first < end and last > start]
        widened = ((_widen(along), level) for along, level in lines)
        return noted + [along if level else along.transpose() for along, level in widened]

    def _character_boxes(self, start: int, end: int) -> Iterator[tuple[Rectangle, bool]]:
        """Yield the box of each visible character, and whether its line is horizontal."""
        import pypdfium2.raw as c

        found = c.FS_RECTF()
        for unit in self._units[start:end]:
            at = c.FPDFText_GetCharIndexFromTextIndex(self.textpage, unit) if unit >= 0 else -1
            if at < 0 or chr(c.FPDFText_GetUnicode(self.textpage, at)).isspace():
                continue
            if c.FPDFText_GetLooseCharBox(self.textpage, at, found):
                box = Rectangle(found.left, found.bottom, found.right, found.top)
                if box.left < box.right and box.bottom < box.top:
                    turns = c.FPDFText_GetCharAngle(self.textpage, at) / (math.pi / 2)
                    yield box, round(turns) % 2 == 0

    def _continues(self, line: Rectangle, box: Rectangle, level: bool) -> bool:
        """Return True if a character continues the line of the characters before it.

        There may be a gap between them, as in a table, but no text outside the range.
        """
        bottom, top = max(line.bottom, box.bottom), min(line.top, box.top)
        height = min(line.top - line.bottom, box.top - box.bottom)
        if top - bottom < height / 2:
            return False
        gap = Rectangle(min(line.right, box.right), bottom, max(line.left, box.left), top)
        if gap.right - gap.left < _MAX_GAP * height:
            return True
        inset = (top - bottom) / 3  # descenders of the line above reach into a box
        gap = gap._replace(bottom=bottom + inset, top=top - inset)
        between = gap if level else gap.transpose()
        return not self.textpage.get_text_bounded(*between).strip()


def _widen(line: Rectangle) -> Rectangle:
    margin = _MARGIN * (line.top - line.bottom)
    return Rectangle(
        line.left - margin, line.bottom - margin, line.right + margin, line.top + margin
    )


def to_pixels(page: Any, part: Rectangle, width: int, height: int) -> Pixels | None:
    """Return the pixels of a part of a page in a picture of `width` by `height` pixels.

    Returns None for a part outside the picture. pdfium rotates and crops the page here as it does
    when it renders it.
    """
    import pypdfium2.raw as c

    x, y = ctypes.c_int(), ctypes.c_int()
    corners = []
    for corner in ((part.left, part.bottom), (part.right, part.top)):
        c.FPDF_PageToDevice(page, 0, 0, _GRID, _GRID, 0, *corner, x, y)
        corners.append((x.value * width, y.value * height))
    (left, right), (top, bottom) = (sorted(values) for values in zip(*corners, strict=True))
    left, top = max(left // _GRID, 0), max(top // _GRID, 0)
    right, bottom = min(-(-right // _GRID), width), min(-(-bottom // _GRID), height)
    return (left, top, right, bottom) if left < right and top < bottom else None
