"""Plain text and source code: decoded, cleaned, and cut into blocks where they lie."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ragkit_ingest.model import Block, BlockKind, Document, Page, PageBuilder
from ragkit_ingest.text.cleaning import clean_text
from ragkit_ingest.text.encoding import decode

_CLOSING = re.compile(r"[)\]}]|(?:end|else|elif|except|finally|case|done|fi)\b")


def lines(text: str) -> Iterator[tuple[int, int]]:
    """The character ranges of the lines, without their newlines."""
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield start, end
        start = end + 1


def stripped(text: str, start: int, end: int) -> tuple[int, int]:
    """The range [start, end) without white space at either side."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """The character ranges of what blank lines part, without white space around."""
    first = last = -1
    for start, end in lines(text):
        if not text[start:end].strip():
            if first >= 0:
                yield stripped(text, first, last)
            first = -1
            continue
        first, last = (start if first < 0 else first), end
    if first >= 0:
        yield stripped(text, first, last)


def add_block(
    builder: PageBuilder,
    kind: BlockKind,
    text: str,
    *,
    level: int = 0,
    header: str = "",
    ref: str = "",
) -> None:
    """Clean `text`, add it to the page, and count there what a reader could not have seen."""
    text, hidden = clean_text(text)
    builder.hidden += hidden
    text = text.rstrip() if kind is BlockKind.CODE else text.strip()
    builder.add(kind, text.strip("\n"), level=level, header=clean_text(header)[0].strip(), ref=ref)


def first_heading(pages: tuple[Page, ...]) -> str:
    """The text of the first heading in a document, "" if it has none."""
    for page in pages:
        for block in page.blocks:
            if block.kind is BlockKind.HEADING:
                return one_line(page.text[block.start : block.end])
    return ""


def one_line(text: str) -> str:
    """`text` cleaned and with each run of white space made one space."""
    return " ".join(clean_text(text)[0].split())


def read_text(data: bytes, name: str) -> Document:
    """Read plain text: one page, a block for each paragraph."""
    text, warnings = decode(data)
    text, hidden = clean_text(text)
    blocks = tuple(Block(BlockKind.PARAGRAPH, *span) for span in paragraphs(text))
    return Document("text", (Page(text, blocks, hidden=hidden),), warnings=warnings)


def read_code(data: bytes, name: str) -> Document:
    """Read source code: one page, cut at blank lines before something at the left margin."""
    text, warnings = decode(data)
    text, hidden = clean_text(text)
    blocks = tuple(Block(BlockKind.CODE, *span) for span in _definitions(text))
    return Document("code", (Page(text, blocks, hidden=hidden),), warnings=warnings)


def _definitions(text: str) -> Iterator[tuple[int, int]]:
    first = last = -1
    blank = False
    for start, end in lines(text):
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
