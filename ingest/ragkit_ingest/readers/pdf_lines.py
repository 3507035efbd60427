"""Lines of PDF pages that pdfium gives in the wrong order, or letter by letter."""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

from ragkit_ingest.readers.pdf_words import Joined

_LINE = re.compile(r"[^\n]*\n?")
_FIRST_SIGN = re.compile(r"^[^\S\n]*\S", re.MULTILINE)
_EAST_ASIAN = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]{2}")  # kana or Han characters
_TALL = 1.5  # times as high as wide: a vertical line
_SPACED = re.compile(r"(?<!\S)(?:\S ){5,}\S(?!\S)")  # "R e p o r t"
_SIGNS = re.compile(r" \S \S \S ")  # is in every such word, and quick to find
_LETTER = re.compile(r"[^\W\d_]")
_VOWEL = re.compile(r"[aeiouyäöüáéíóúàèêîôûåæøœ]", re.IGNORECASE)
_MIN_LETTERS = 5
_MAX_SPACING = 1.5  # of the letters' height: wider gaps are between cells
_WORD_GAP = 1.6  # of the usual gap between spaced letters


class Shape(NamedTuple):
    """Where a character is, seen along its line: `up` and `along` in points, and its direction.

    `left`, `right` and `height` are of the room that its font gives it. `turns` counts quarters.
    """

    up: float
    along: float
    left: float
    right: float
    height: float
    turns: int


def find_shape(textpage: Any, at: int) -> Shape:
    """Return where pdfium's character with this index is."""
    import pypdfium2.raw as c

    x, y = ctypes.c_double(), ctypes.c_double()
    box = c.FS_RECTF()
    c.FPDFText_GetCharOrigin(textpage, at, x, y)
    c.FPDFText_GetLooseCharBox(textpage, at, box)
    angle = c.FPDFText_GetCharAngle(textpage, at)  # clockwise
    turns = round(angle / (math.pi / 2)) % 4
    height = box.right - box.left if turns % 2 else box.top - box.bottom
    up = y.value * math.cos(angle) + x.value * math.sin(angle)
    along = x.value * math.cos(angle) - y.value * math.sin(angle)
    return Shape(up, along, box.left, box.right, abs(height), turns)


class _Box(NamedTuple):
    left: float
    right: float
    bottom: float
    top: float


def order_vertical_lines(
    text: str, textpage: Any, character: Callable[[int], int]
) -> Joined | None:
    """Return a page's text with its vertical lines from right to left, None if they are.

    So Japanese and Chinese are read; pdfium reads them from left to right.
    """
    if not _EAST_ASIAN.search(text):
        return None
    spans = [found.span() for found in _LINE.finditer(text) if found.group().strip()]
    boxes = [_find_box(text, textpage, character, *span) for span in spans]
    order: list[int] = []
    run: list[int] = []  # vertical lines from right to left
    for at, box in enumerate(boxes):
        is_vertical = box.top - box.bottom > _TALL * (box.right - box.left)
        if not (is_vertical and run and box.left > boxes[run[0]].left):
            order += run
            run = []
        if is_vertical:
            run.insert(0, at)
        else:
            order.append(at)
    order += run
    return _arrange(text, [spans[at] for at in order]) if order != sorted(order) else None


def order_turned_lines(text: str, textpage: Any, character: Callable[[int], int]) -> Joined | None:
    """Return a page's text with lines that run another way in order, None if they are.

    pdfium reads some lines of turned type, and of turned pages, from the last one to the first.
    """
    spans = [found.span() for found in _LINE.finditer(text) if found.group().strip()]
    starts = [start + len(text[start:end]) - len(text[start:end].lstrip()) for start, end in spans]
    shapes = [find_shape(textpage, character(at)) for at in starts]
    order: list[int] = []
    run: list[int] = []  # each line is above the one before it, seen along them
    for at, shape in enumerate(shapes):
        before = shapes[run[0]] if run else shape
        height = max(before.height, shape.height)
        if before.turns != shape.turns or shape.up - before.up < height / 2:
            order += run
            run = []
        run.insert(0, at)
    order += run
    return _arrange(text, [spans[at] for at in order]) if order != sorted(order) else None


def has_turned_lines(text: str, textpage: Any, character: Callable[[int], int]) -> bool:
    """Return True if the page's first, middle or last line does not run to the right."""
    lines = [found.end() - 1 for found in _FIRST_SIGN.finditer(text)]
    few = {lines[0], lines[len(lines) // 2], lines[-1]} if lines else set()
    return any(find_shape(textpage, character(at)).turns for at in few)


def _find_box(
    text: str, textpage: Any, character: Callable[[int], int], start: int, end: int
) -> _Box:
    """Return the box around the first and the last character of a line."""
    import pypdfium2.raw as c

    line = text[start:end]
    first = start + len(line) - len(line.lstrip())
    last = start + len(line.rstrip()) - 1
    found = [tuple(ctypes.c_double() for _ in range(4)) for _ in range(2)]
    for at, box in zip((first, last), found, strict=True):
        c.FPDFText_GetCharBox(textpage, character(at), *box)
    left, right, bottom, top = zip(*([side.value for side in box] for box in found), strict=True)
    return _Box(min(left), max(right), min(bottom), max(top))


def _arrange(text: str, spans: list[tuple[int, int]]) -> Joined:
    """Return lines of a text in another order, each with a line end."""
    line_end = text.index("\n")
    parts: list[str] = []
    indices: list[int] = []
    for start, end in spans:
        line = text[start:end].rstrip("\n")
        parts += [line, "\n"]
        indices += [*range(start, start + len(line)), line_end]
    return "".join(parts)[:-1], indices[:-1]


def join_spaced_letters(text: str, textpage: Any, character: Callable[[int], int]) -> Joined | None:
    """Return a page's text with its spaced words ("R e p o r t") joined, None without any.

    The gaps between the letters tell where words end.
    """
    if not _SIGNS.search(text):
        return None
    dropped: set[int] = set()
    for found in _SPACED.finditer(text):
        letters = _LETTER.findall(found.group())
        is_word = len(letters) >= _MIN_LETTERS and _VOWEL.search(found.group())
        if not is_word or letters == sorted(letters):  # "A B C D E F"
            continue
        signs = range(found.start(), found.end(), 2)
        boxes = [find_shape(textpage, character(at)) for at in signs]
        gaps = [after.left - before.right for before, after in pairwise(boxes)]
        usual = median(gaps)
        if usual > _MAX_SPACING * max(box.height for box in boxes):
            continue
        narrow = (at for at, gap in zip(signs, gaps, strict=False) if gap <= _WORD_GAP * usual)
        dropped.update(at + 1 for at in narrow)
    if not dropped:
        return None
    kept = [at for at in range(len(text)) if at not in dropped]
    return "".join(text[at] for at in kept), kept
