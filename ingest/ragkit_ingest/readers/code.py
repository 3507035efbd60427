"""Source code and configuration: one page, a block for each top-level definition."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ragkit_ingest.model import Block, BlockKind, Document, Page
from ragkit_ingest.text.plain import load_text
from ragkit_ingest.text.spans import find_lines

_CLOSING = re.compile(r"[)\]}]|(?:end|else|elif|except|finally|case|done|fi)\b")


def read_code(data: bytes, source: str) -> Document:
    """Read source code in any encoding. Never raises; a guessed encoding becomes a warning."""
    text, hidden, warnings = load_text(data)
    blocks = tuple(Block(BlockKind.CODE, *span) for span in _find_definitions(text))
    return Document("code", (Page(text, blocks, hidden=hidden),), warnings=warnings)


def _find_definitions(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans between blank lines that an unindented line follows.

    A line that closes a block, such as "}" or "else", does not begin a new span.
    """
    first = last = -1
    blank = False
    for start, end in find_lines(text):
        line = text[start:end]
        if not line.strip():
            blank = True
            continue
        if first >= 0 and blank and not line[0].isspace() and not _CLOSING.match(line):
            yield first, last
            first = -1
        first = start if first < 0 else first
        last = start + len(line.rstrip())
        blank = False
    if first >= 0:
        yield first, last
