"""A PDF page's text as it is stored, and where on the page each of its characters stands."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, NamedTuple

from ragkit_ingest.text.cleaning import clean_text, kept_indices

_GAP = 0.5  # of a line's height: wider white may have something else in it
_MARGIN = 0.06  # of a line's height, on each side of it
_FINE = 1 << 20  # of a page's width and height: the grid on which its coordinates are placed


class Rectangle(NamedTuple):
    """In points of the page's own coordinates, which grow to the right and upwards."""

    left: float
    bottom: float
    right: float
    top: float

    def joined(self, other: Rectangle) -> Rectangle:
        return Rectangle(*map(min, self[:2], other[:2]), *map(max, self[2:], other[2:]))

    def turned(self) -> Rectangle:
        """With its axes swapped, so that a line that runs upwards can be treated like others."""
        return Rectangle(self.bottom, self.left, self.top, self.right)


Pixels = tuple[int, int, int, int]
"""Left, top, right and bottom of a part of a drawn page, the latter two not in it."""


class PageText:
    """The text of a page that pdfium opened; `removed` invisible characters are not in it."""

    def __init__(self, page: Any) -> None:
        self.textpage = page.get_textpage()
        raw = self.textpage.get_text_range(errors="surrogatepass")
        self.text, self.removed = clean_text(raw)
        self._units = kept_indices(raw)  # each character's index in pdfium's text, which is UTF-16
        if raw and max(raw) > "\uffff":
            starts = list(accumulate((1 + (char > "\uffff") for char in raw), initial=0))
            self._units = [starts[at] for at in self._units]

    def character(self, at: int) -> int:
        """What pdfium's functions call the character `text[at]`; -1 if it is on no page."""
        import pypdfium2.raw as c

        return int(c.FPDFText_GetCharIndexFromTextIndex(self.textpage, self._units[at]))

    def line_boxes(self, start: int, end: int) -> list[Rectangle]:
        """One box for each line, or part of a line, that characters [start, end) stand on.

        It is as high as the type, from above its highest letters to below its lowest ones.
        """
        lines: list[tuple[Rectangle, bool]] = []  # along the line, and whether that is level
        for box, level in self._boxes(start, end):
            along = box if level else box.turned()
            if lines and lines[-1][1] == level and self._go_on(lines[-1][0], along, level):
                lines[-1] = lines[-1][0].joined(along), level
            else:
                lines.append((along, level))
        widened = ((_widened(along), level) for along, level in lines)
        return [along if level else along.turned() for along, level in widened]

    def _boxes(self, start: int, end: int) -> Iterator[tuple[Rectangle, bool]]:
        """The box of each character that is not white, and whether it stands on a level line."""
        import pypdfium2.raw as c

        found = c.FS_RECTF()
        for unit in self._units[start:end]:
            at = c.FPDFText_GetCharIndexFromTextIndex(self.textpage, unit)
            if at < 0 or chr(c.FPDFText_GetUnicode(self.textpage, at)).isspace():
                continue
            if c.FPDFText_GetLooseCharBox(self.textpage, at, found):
                box = Rectangle(found.left, found.bottom, found.right, found.top)
                if box.left < box.right and box.bottom < box.top:
                    turns = c.FPDFText_GetCharAngle(self.textpage, at) / (math.pi / 2)
                    yield box, round(turns) % 2 == 0

    def _go_on(self, line: Rectangle, box: Rectangle, level: bool) -> bool:
        """Whether a character belongs to the line that the one before it stands on.

        There may be white between them, as in a table, but no text that lies outside the range.
        """
        bottom, top = max(line.bottom, box.bottom), min(line.top, box.top)
        height = min(line.top - line.bottom, box.top - box.bottom)
        if top - bottom < height / 2:
            return False
        gap = Rectangle(min(line.right, box.right), bottom, max(line.left, box.left), top)
        if gap.right - gap.left < _GAP * height:
            return True
        inset = (top - bottom) / 3  # the tails of the line above reach into a box
        gap = gap._replace(bottom=bottom + inset, top=top - inset)
        between = gap if level else gap.turned()
        return not self.textpage.get_text_bounded(*between).strip()


def _widened(line: Rectangle) -> Rectangle:
    margin = _MARGIN * (line.top - line.bottom)
    return Rectangle(
        line.left - margin, line.bottom - margin, line.right + margin, line.top + margin
    )


def on_pixels(page: Any, part: Rectangle, width: int, height: int) -> Pixels | None:
    """The pixels that a part of a page touches where it is drawn so wide and high; None beside it.

    pdfium turns the page and cuts it to its crop box here as it does when it draws it.
    """
    import pypdfium2.raw as c

    x, y = ctypes.c_int(), ctypes.c_int()
    corners = []
    for corner in ((part.left, part.bottom), (part.right, part.top)):
        c.FPDF_PageToDevice(page, 0, 0, _FINE, _FINE, 0, *corner, x, y)
        corners.append((x.value * width, y.value * height))
    (left, right), (top, bottom) = (sorted(values) for values in zip(*corners, strict=True))
    left, top = max(left // _FINE, 0), max(top // _FINE, 0)
    right, bottom = min(-(-right // _FINE), width), min(-(-bottom // _FINE), height)
    return (left, top, right, bottom) if left < right and top < bottom else None
