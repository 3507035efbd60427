"""Raised digits on PDF pages, told by their geometry: 30² is not 302."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from typing import Any

from ragkit_ingest.readers.pdf_lines import Shape, find_shape
from ragkit_ingest.readers.pdf_words import Joined
from ragkit_ingest.text.superscripts import raise_text

_TOKEN = re.compile(r"(?<!\S)[^\d\s]*+\d\S*+")
_SUSPECT = re.compile(r"(?<=[^\W_])[-−–+]?\d(?!\d)")  # the digit may be raised
# Most numbers need no look at their geometry: years, and amounts with their usual groups of digits.
_PLAIN = re.compile(r"[($€£]*(?:(?:19|20)\d\d|\d{1,3}(?:,\d{3})+(?:\.\d\d?)?|\d{1,3}\.\d)[),.;:%]*")
_MARK = re.compile(r"[-−–+]?\d")  # marks in brackets cannot be digits of a number
_MAX_TOKEN = 40  # characters; a longer one is an address or a row of dots
_SMALLER = 0.85  # of the height of the type beside it, at most
_RAISED = 0.15  # of that height, at least
_MIN_RISE = 0.5  # points: of type that can be read
_LEVEL = 0.08  # of that height, at most: characters on one line


def raise_digits(text: str, textpage: Any, character: Callable[[int], int]) -> Joined | None:
    """Return a page's text with its raised digits in Unicode ("²"), None if it has none.

    `character` returns pdfium's index of a character of the text. pdfium ends a line after some
    raised or lowered characters; such a line goes on.
    """
    changed = list(text)
    dropped: set[int] = set()
    found_any = False
    for token in _TOKEN.finditer(text):
        if _PLAIN.fullmatch(token.group()) or token.end() - token.start() > _MAX_TOKEN:
            continue
        suspects = [found.end() - 1 for found in _SUSPECT.finditer(token.group())]
        shapes = _measure(textpage, character, token, suspects[-1]) if suspects else []
        if not shapes:
            continue
        base = max(shapes, key=lambda shape: shape.height)
        found_any |= _raise_parts(changed, token, shapes, base)
        found_any |= _continue_line(changed, dropped, token.end(), textpage, character, base)
    if not found_any:
        return None
    kept = [at for at in range(len(text)) if at not in dropped]
    return "".join(changed[at] for at in kept), kept


def _measure(
    textpage: Any, character: Callable[[int], int], token: re.Match[str], digit: int
) -> list[Shape]:
    """Return the shapes of the characters of a token, [] if all are of one size.

    Characters that are drawn together are: pdfium then counts one rectangle. So are those of a
    token, as a rule, whose first character and last digit are on one line.
    """
    import pypdfium2.raw as c

    start, end = token.span()
    at = character(start)
    if at < 0 or c.FPDFText_CountRects(textpage, at, character(end - 1) - at + 1) <= 1:
        return []
    x, y, last_x, last_y = (ctypes.c_double() for _ in range(4))
    c.FPDFText_GetCharOrigin(textpage, at, x, y)
    c.FPDFText_GetCharOrigin(textpage, character(start + digit), last_x, last_y)
    if min(abs(x.value - last_x.value), abs(y.value - last_y.value)) < _MIN_RISE:
        return []
    shapes = [find_shape(textpage, character(index)) for index in range(start, end)]
    heights = [shape.height for shape in shapes]
    return shapes if min(heights) < _SMALLER * max(heights) else []


def _raise_parts(
    changed: list[str], token: re.Match[str], shapes: list[Shape], base: Shape
) -> bool:
    """Write each raised part of a token that has digits in Unicode; return True if there is one."""
    is_raised = [
        shape.height < _SMALLER * base.height and shape.up - base.up > _RAISED * base.height
        for shape in shapes
    ]
    found = False
    at = 0
    while at < len(shapes):
        end = at
        while end < len(shapes) and is_raised[end]:
            end += 1
        part = token.group()[at:end]
        raised = raise_text(part) if _MARK.match(part) else part
        if raised != part and len(raised) == len(part):
            changed[token.start() + at : token.start() + end] = raised
            found = True
        at = end + 1
    return found


def _continue_line(
    changed: list[str],
    dropped: set[int],
    end: int,
    textpage: Any,
    character: Callable[[int], int],
    base: Shape,
) -> bool:
    """Remove a line end at `end` if what follows is on the line of `base`."""
    after = end + 1
    while after < len(changed) and changed[after] == " ":
        after += 1
    if after >= len(changed) or changed[end] != "\n" or changed[after] == "\n":
        return False
    following = find_shape(textpage, character(after))
    if abs(following.up - base.up) > _LEVEL * base.height or following.along < base.along:
        return False
    if after > end + 1:
        dropped.add(end)
    else:
        changed[end] = " "
    return True
