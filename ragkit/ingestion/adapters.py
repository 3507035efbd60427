"""Adapters for documents that are not files: any objects with a text and metadata."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby, pairwise
from typing import Any, Protocol

from ragkit.errors import SourceError
from ragkit_ingest.model import Block, BlockKind, Document, Page, PageKind
from ragkit_ingest.text.cleaning import clean_text
from ragkit_ingest.text.spans import find_paragraphs

DOCUMENTS_FOLDER = "documents:"
"""The source folder of documents that were added without a file."""


class ForeignDocument(Protocol):
    """What `KnowledgeBase.add_documents` accepts; a LlamaIndex `Document` is one."""

    @property
    def text(self) -> str:
        """Return the text of a document, or of one page of it."""
        ...

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Return facts such as "file_path", "title" or "page_label"."""
        ...


_URL_KEYS = ("url", "URL")
_NAME_KEYS = ("file_name", "filename")
_TITLE_KEYS = ("title", "document_title")
_LABEL_KEY = "page_label"  # as printed: "iv"
_NUMBER_KEYS = ("page_number", "page")  # as the reader number, some from 0
_MODIFIED_KEYS = ("last_modified_date", "last_modified")
# Dates of a file system, which change although the content does not.
_DATE_KEYS = ("creation_date", "last_accessed_date", *_MODIFIED_KEYS)
_PATH = re.compile(r"[/\\]|\.\w{1,5}$")


def build_document(foreign: Sequence[ForeignDocument]) -> Document:
    """Return one document of the parts with the same source, with blocks as in plain text.

    Adjacent parts with the same page, or without one, become one page. The page number is the one
    in the metadata. If that has only printed labels that do not count up ("iv", or "1" twice), it
    is the position of the page among the parts.
    """
    groups = [(key, list(parts)) for key, parts in groupby(foreign, _page_key)]
    numbers = _number_pages([key for key, _ in groups])
    pages = tuple(
        _build_page([part.text for part in parts], number, label)
        for ((_, label), parts), number in zip(groups, numbers, strict=True)
    )
    first = foreign[0].metadata
    page_keys = (_LABEL_KEY, *_NUMBER_KEYS)
    metadata = {key: str(value) for key, value in first.items() if key not in page_keys}
    return Document("document", pages, _first_value(first, _TITLE_KEYS), metadata)


def find_source(foreign: ForeignDocument) -> str:
    """Return the source path: a path or URL in the metadata, a file's name, or the id.

    A `source` without a path, such as "wiki", is ignored: many documents may share it. Raises
    SourceError for a document with none of these.
    """
    metadata = foreign.metadata
    if path := _first_value(metadata, ("file_path",)):
        return path
    name = _first_value(metadata, _NAME_KEYS)
    folder = _first_value(metadata, ("file_directory",))
    if name and folder:  # as the unstructured library gives it
        return f"{folder.rstrip('/')}/{name}"
    source = _first_value(metadata, ("source",))
    if _PATH.search(source):
        return source
    if named := _first_value(metadata, _URL_KEYS) or name:
        return named
    identifier = getattr(foreign, "doc_id", None) or getattr(foreign, "id_", None)
    if not identifier:
        raise SourceError(
            "a document has neither a file_path or url in its metadata nor a doc_id; set one of "
            "them, so that the document can be cited and replaced"
        )
    return str(identifier)


def digest_documents(foreign: Sequence[ForeignDocument]) -> bytes:
    """Return the SHA-256 of the texts and metadata except dates; it shows if they changed."""
    content = [
        [
            part.text,
            {key: str(part.metadata[key]) for key in part.metadata if key not in _DATE_KEYS},
        ]
        for part in foreign
    ]
    return hashlib.sha256(
        json.dumps(content, sort_keys=True).encode("utf-8", "surrogatepass")
    ).digest()


def find_modified(foreign: Sequence[ForeignDocument]) -> str:
    """Return when a document was last modified, as ISO 8601 text in UTC.

    That is the latest date in the metadata that `_MODIFIED_KEYS` name. A date without a time zone
    is UTC. Without any, it is now.
    """
    given = [_first_value(part.metadata, _MODIFIED_KEYS) for part in foreign]
    times = [time for text in given if (time := _parse_time(text)) is not None]
    return max(times, default=datetime.now(UTC)).isoformat(timespec="seconds")


def _parse_time(text: str) -> datetime | None:
    """Return the time that an ISO text gives, in UTC; None for other text."""
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _page_key(part: ForeignDocument) -> tuple[str, str]:
    """Return the page number of the metadata and the printed label, "" for what is missing."""
    metadata = part.metadata
    number = _first_value(metadata, _NUMBER_KEYS)
    if not number and "total_pages" in metadata and _first_value(metadata, ("source",)).isdecimal():
        number = _first_value(metadata, ("source",))  # as PyMuPDFReader gives it
    return number, _first_value(metadata, (_LABEL_KEY,))


def _number_pages(keys: Sequence[tuple[str, str]]) -> list[int | None]:
    """Return a number from 1 for each page, None for parts without pages."""
    for which in (0, 1):
        given = [key[which] for key in keys]
        if not all(text.isdecimal() for text in given):
            continue
        numbers = [int(text) for text in given]
        if which == 0 or all(a < b for a, b in pairwise(numbers)):
            return [number + (min(numbers) == 0) for number in numbers]
    if len(keys) > 1 and all(label for _, label in keys):
        return list(range(1, len(keys) + 1))
    return [int(number) if number.isdecimal() else None for number, _ in keys]


def _build_page(texts: Sequence[str], number: int | None, page_label: str) -> Page:
    text, hidden = clean_text("\n\n".join(texts))
    blocks = tuple(Block(BlockKind.PARAGRAPH, start, end) for start, end in find_paragraphs(text))
    kind = PageKind.TEXT if number is None else PageKind.PAGE
    return Page(text, blocks, kind, number, page_label, hidden=hidden)


def _first_value(metadata: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return the first value of these keys that is not empty, as text."""
    values = (metadata.get(key) for key in keys)
    return next((str(value) for value in values if value not in (None, "")), "")
