"""Plain text: one page, a block for each paragraph."""

from __future__ import annotations

from ragkit_ingest.model import Block, BlockKind, Document, Page, ReadError, Reason
from ragkit_ingest.text.plain import load_text
from ragkit_ingest.text.spans import find_paragraphs


def read_text(data: bytes, source: str) -> Document:
    """Read plain text in any encoding; a guessed one becomes a warning.

    Raises ReadError(NO_TEXT) for nothing but encoded data, such as a certificate.
    """
    text, hidden, warnings = load_text(data)
    if warnings and not text.strip():
        raise ReadError(Reason.NO_TEXT, "the file holds only encoded data, such as a certificate")
    blocks = tuple(Block(BlockKind.PARAGRAPH, *span) for span in find_paragraphs(text))
    return Document("text", (Page(text, blocks, hidden=hidden),), warnings=warnings)
