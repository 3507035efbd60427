"""Reading order of PDF pages: columns one by one, though lines are drawn across all of them.

pdfium joins what is drawn on one height. A line whose parts are on both sides of a gutter is cut
there if many lines have that gutter and running text is on both sides. Rows of tables stay whole:
their cells do not fill their columns, nor do they go on in the next line.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

from ragkit_ingest.readers.pdf_layout import is_row
from ragkit_ingest.readers.pdf_words import BREAK, Joined

_MIN_LINES = 4  # that are cut at a gutter
_MIN_LENGTH = 20  # characters of a line that may be in columns
_SAMPLES = 6  # lines of a page that show whether it may have columns
_MIN_GUTTER = 0.9  # of a line's height
_MIN_WIDTH = 60.0  # points from one column to the next; less is the mark of a list
_MAX_SHIFT = 3.0  # points between the left edges of lines of one column
_MIN_FILL = 0.6  # of its column's width: a line of running text
_FULL_SHARE = 0.7  # of the lines of a column fill it, and have words
_MIN_LOWER = 0.35  # of the lines of running text begin with a small letter
_CUT_SHARE = 0.6  # of the lines beside each other have text on both sides
_MAX_DIGITS = 0.15  # of the characters of running text
_MAX_PITCH = 1.6  # of the usual distance of lines: more ends a column

_LINE = re.compile(rf"[^\n{BREAK}]*(?:{BREAK}|(?=\n)|\Z)")
_LETTERS = re.compile(r"[^\W\d_]{2}")
_DIGIT = re.compile(r"\d")


class _Part(NamedTuple):
    """What is drawn without a gap, in points, in the page's coordinates."""

    left: float
    right: float
    bottom: float
    top: float


@dataclass(slots=True)
class _Line:
    """Characters [start, end) of a page's text on one height, and its parts from left to right."""

    start: int
    end: int
    text: str
    parts: list[_Part]


class _Columns:
    """The columns of a page: `character` returns pdfium's index of a character of its text."""

    def __init__(self, text: str, textpage: Any, character: Callable[[int], int]) -> None:
        self._text = text
        self._textpage = textpage
        self._character = character

    def may_have_columns(self, spans: Sequence[tuple[int, int]]) -> bool:
        """Return True if some of a few lines of text have a gap before the same place."""
        few = spans[:: -(-len(spans) // _SAMPLES)]
        prose = [span for span in few if _is_prose(self._text[slice(*span)])]
        lines = [self.measure(*span) for span in prose[1::3]]
        if not _find_edges(lines, 1):  # as on most pages
            return False
        return bool(_find_edges([*lines, *(self.measure(*span) for span in prose[2::3])], 2))

    def measure(self, start: int, end: int) -> _Line:
        """Return a line with its parts, which gaps as wide as a gutter separate."""
        import pypdfium2.raw as c

        text = self._text[start:end].rstrip(f" {BREAK}")
        line = _Line(start, end, text, [])
        first = self._character(end - len(self._text[start:end].lstrip()))
        last = self._character(start + len(text) - 1)
        left, top, right, bottom = (ctypes.c_double() for _ in range(4))
        for index in range(c.FPDFText_CountRects(self._textpage, first, last - first + 1)):
            c.FPDFText_GetRect(self._textpage, index, left, top, right, bottom)
            part = _Part(left.value, right.value, bottom.value, top.value)
            before = line.parts[-1] if line.parts else None
            if before and part.left - before.right < _MIN_GUTTER * (before.top - before.bottom):
                line.parts[-1] = _Part(
                    min(before.left, part.left),
                    max(before.right, part.right),
                    min(before.bottom, part.bottom),
                    max(before.top, part.top),
                )
            else:
                line.parts.append(part)
        return line

    def order(self, lines: list[_Line], edges: list[float]) -> list[_Line]:
        """Return lines column by column; `edges` are the left edges of columns but the first."""
        for at, edge in enumerate(edges):
            first, last = _find_run(lines, edge)
            halves = self._cut(lines[first:last], edge)
            if halves and all(map(_is_column, halves)):
                return [
                    *self.order(lines[:first], edges),
                    *halves[0],
                    *self.order(halves[1], edges[at + 1 :]),
                    *self.order(lines[last:], edges),
                ]
        return lines

    def _cut(self, lines: list[_Line], edge: float) -> tuple[list[_Line], list[_Line]] | None:
        """Return the parts before and behind a gutter, None if too few lines have both."""
        both = [at for at, line in enumerate(lines) if _is_cut(line, edge)]
        if len(both) < _MIN_LINES or len(both) < _CUT_SHARE * both[-1]:
            return None
        left: list[_Line] = []
        right: list[_Line] = []
        for line in lines:
            before = [part for part in line.parts if part.right <= edge]
            behind = line.parts[len(before) :]
            if not before or not behind:
                (left if before else right).append(line)
                continue
            at = self._find_start(line, behind[0].left)
            if at is None:
                return None
            text = self._text[line.start : at].rstrip()
            left.append(_Line(line.start, line.start + len(text), text, before))
            right.append(_Line(at, line.end, self._text[at : line.end], behind))
        return left, right

    def _find_start(self, line: _Line, left: float) -> int | None:
        """Return the index of the character of a line that is there, after a space."""
        import pypdfium2.raw as c

        box = [ctypes.c_double() for _ in range(4)]
        at = self._text.find(" ", line.start, line.end)
        while at >= 0:
            place = self._character(at + 1)
            found = c.FPDFText_GetCharBox(self._textpage, place, *box)
            if found and abs(box[0].value - left) < 1:
                return at + 1
            at = self._text.find(" ", at + 1, line.end)
        return None


def order_columns(text: str, textpage: Any, character: Callable[[int], int]) -> Joined | None:
    """Return a page's text column by column, None if it is in order or has no columns.

    `character` returns pdfium's index of a character of the text.
    """
    page = _Columns(text, textpage, character)
    spans = [found.span() for found in _LINE.finditer(text)]
    long = [(start, end) for start, end in spans if end - start >= _MIN_LENGTH]
    if len(long) < _MIN_LINES or not page.may_have_columns(long):
        return None
    lines = [page.measure(*span) for span in spans if text[slice(*span)].strip()]
    ordered = page.order(lines, _find_edges(lines, _MIN_LINES))
    if [line.start for line in ordered] == [line.start for line in lines]:
        return None
    parts: list[str] = []
    indices: list[int] = []
    space = next(at for at, sign in enumerate(text) if sign.isspace())
    for line in ordered:
        parts += [text[line.start : line.end].replace(BREAK, "-"), "\n"]
        indices += [*range(line.start, line.end), space]
    return "".join(parts)[:-1], indices[:-1]


def _is_prose(text: str) -> bool:
    return len(_DIGIT.findall(text)) <= len(text) * _MAX_DIGITS and not is_row(text)


def _find_edges(lines: Sequence[_Line], least: int) -> list[float]:
    """Return the left edges of parts behind a gap that so many lines share."""
    lefts = [
        part.left
        for line in lines
        for part in line.parts[1:]
        if part.left - line.parts[0].left >= _MIN_WIDTH
    ]
    edges: list[float] = []
    group: list[float] = []
    for left in [*sorted(lefts), float("inf")]:
        if group and left - group[0] > _MAX_SHIFT:
            if len(group) >= least:
                edges.append(group[0])
            group = []
        group.append(left)
    return edges


def _find_run(lines: list[_Line], edge: float) -> tuple[int, int]:
    """Return the longest run of lines that leave the gutter clear, as indices [first, last).

    It begins with a line on both sides. Lines on one side that follow closely belong to it.
    """
    best = (0, 0)
    start = 0
    for at in range(len(lines) + 1):
        if at < len(lines) and not _crosses(lines[at], edge):
            continue
        both = [index for index in range(start, at) if _is_cut(lines[index], edge)]
        if len(both) >= _MIN_LINES and len(both) > best[1] - best[0]:
            best = (both[0], _find_end(lines[:at], both[0], both[-1] + 1))
        start = at + 1
    return best


def _find_end(lines: list[_Line], first: int, last: int) -> int:
    heights = [line.parts[0].bottom for line in lines[first:last]]
    pitch = median([above - below for above, below in pairwise(heights)] or [0])
    while last < len(lines):
        if lines[last - 1].parts[0].bottom - lines[last].parts[0].bottom > _MAX_PITCH * pitch:
            break
        last += 1
    return last


def _crosses(line: _Line, edge: float) -> bool:
    across = any(part.left < edge - _MAX_SHIFT and part.right > edge for part in line.parts)
    return across or not line.parts or is_row(line.text)


def _is_cut(line: _Line, edge: float) -> bool:
    return line.parts[0].right <= edge <= line.parts[-1].left + _MAX_SHIFT


def _is_column(lines: list[_Line]) -> bool:
    """Return True for running text: most lines fill the column and go on in the next line."""
    left = min(line.parts[0].left for line in lines)
    width = max(line.parts[-1].right for line in lines) - left
    full = sum(line.parts[-1].right - left >= _MIN_FILL * width for line in lines)
    texts = sum(_LETTERS.search(line.text) is not None for line in lines)
    if min(full, texts) < _FULL_SHARE * len(lines):
        return False
    starts = [line.text.lstrip()[0] for line in lines[1:]]
    cased = [start for start in starts if start.isupper() or start.islower()]
    return sum(map(str.islower, cased)) >= _MIN_LOWER * len(cased)
