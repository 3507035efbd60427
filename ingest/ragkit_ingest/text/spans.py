"""Finds lines and paragraphs of a text as spans: character ranges [start, end)."""

from __future__ import annotations

from collections.abc import Iterator


def find_lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield the span of each line, without its newline."""
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield start, end
        start = end + 1


def find_paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Yield the span of each paragraph, which ends at a blank line.

    White space at the ends of a paragraph is not in its span.
    """
    first = last = -1
    for start, end in find_lines(text):
        if not text[start:end].strip():
            if first >= 0:
                yield strip_span(text, first, last)
            first = -1
            continue
        first, last = (start if first < 0 else first), end
    if first >= 0:
        yield strip_span(text, first, last)


def strip_span(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span [start, end) without white space at its ends."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
