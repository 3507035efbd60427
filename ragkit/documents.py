"""Documents that come from elsewhere than files: any object with a text and metadata."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Protocol

from ragkit.errors import SourceError
from ragkit_ingest.cleaning import clean_text
from ragkit_ingest.model import Block, BlockKind, Document, Page, PageKind

DOCUMENTS_ROOT = "documents:"
"""Stands for a folder as the root of documents that were added without a file."""


class ForeignDocument(Protocol):
    """What `add_documents` takes; a LlamaIndex `Document` is one."""

    @property
    def text(self) -> str: ...
    @property
    def metadata(self) -> Mapping[str, Any]: ...


_PATH_KEYS = ("file_path", "source", "file_name", "filename", "url")
_TITLE_KEYS = ("title", "document_title")
_PAGE_KEYS = ("page_label", "page", "page_number")


def as_document(foreign: list[ForeignDocument], source: str) -> Document:
    """One document of the pages that share a source; blocks are found as in a plain text."""
    from ragkit_ingest.text import paragraphs

    pages = []
    for part in foreign:
        text, hidden = clean_text(part.text)
        label = next((str(part.metadata[key]) for key in _PAGE_KEYS if part.metadata.get(key)), "")
        number = int(label) if label.isdecimal() else None
        kind = PageKind.PAGE if number is not None else PageKind.TEXT
        blocks = tuple(Block(BlockKind.PARAGRAPH, start, end) for start, end in paragraphs(text))
        pages.append(Page(text, blocks, kind, number, label, hidden=hidden))
    if not any(page.text.strip() for page in pages):
        raise SourceError(f"{source} holds no text")
    first = foreign[0].metadata
    title = next((str(first[key]) for key in _TITLE_KEYS if first.get(key)), "")
    metadata = {key: str(value) for key, value in first.items()}
    return Document("document", tuple(pages), title, metadata)


def source_of(foreign: ForeignDocument) -> str:
    """What names a document: a path in its metadata, else its id."""
    for key in _PATH_KEYS:
        if value := foreign.metadata.get(key):
            return str(value)
    identifier = getattr(foreign, "doc_id", None) or getattr(foreign, "id_", None)
    if not identifier:
        raise SourceError(
            "a document has neither a path in its metadata nor a doc_id; give it one, so that it "
            "can be cited and replaced"
        )
    return str(identifier)


def digest_of(foreign: list[ForeignDocument]) -> bytes:
    """SHA-256 of the texts and metadata, by which a change is recognised."""
    content = [
        [part.text, {key: str(value) for key, value in part.metadata.items()}] for part in foreign
    ]
    return hashlib.sha256(
        json.dumps(content, sort_keys=True).encode("utf-8", "surrogatepass")
    ).digest()
