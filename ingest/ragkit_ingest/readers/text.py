"""Plain text: one page, a block for each paragraph."""

from __future__ import annotations

from ragkit_ingest.model import Block, BlockKind, Document, Page
from ragkit_ingest.text.cleaning import clean_text
from ragkit_ingest.text.encoding import decode
from ragkit_ingest.text.spans import find_paragraphs


def read_text(data: bytes, source: str) -> Document:
    """Read plain text in any encoding. Never raises; a guessed encoding becomes a warning."""
    text, warnings = decode(data)
    text, hidden = clean_text(text)
    blocks = tuple(Block(BlockKind.PARAGRAPH, *span) for span in find_paragraphs(text))
    return Document("text", (Page(text, blocks, hidden=hidden),), warnings=warnings)
