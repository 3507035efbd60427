"""Documents that come from elsewhere than files: any object with a text and metadata."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any, Protocol

from ragkit.errors import SourceError
from ragkit_ingest.model import Block, BlockKind, Document, Page, PageKind
from ragkit_ingest.text.cleaning import clean_text
from ragkit_ingest.text.spans import find_paragraphs

DOCUMENTS_FOLDER = "documents:"
"""The source folder of documents that were added without a file."""


class ForeignDocument(Protocol):
    """What `add_documents` takes; a LlamaIndex `Document` is one."""

    @property
    def text(self) -> str: ...
    @property
    def metadata(self) -> Mapping[str, Any]: ...


_URL_KEYS = ("url", "URL")
_NAME_KEYS = ("file_name", "filename")
_TITLE_KEYS = ("title", "document_title")
_PRINTED = "page_label"  # as printed: "iv"
_COUNTED = ("page_number", "page")  # as counted by the reader, some from 0
# A file system's dates: they change where the content does not.
_DATES = ("creation_date", "last_modified_date", "last_accessed_date", "last_modified")
_PATH = re.compile(r"[/\\]|\.\w{1,5}$")


def as_document(foreign: Sequence[ForeignDocument]) -> Document:
    """One document of the parts that share a source; blocks are found as in a plain text.

    Parts in a row that name the same page, or none, become one page. A page's number is the
    one that the parts give; where that is only a printed label ("iv", or "1" for the second
    time), it is the page's place among the parts.
    """
    groups = [(key, list(parts)) for key, parts in groupby(foreign, _page_key)]
    numbers = _numbers([key for key, _ in groups])
    pages = tuple(
        _page([part.text for part in parts], number, label)
        for ((_, label), parts), number in zip(groups, numbers, strict=True)
    )
    first = foreign[0].metadata
    page_keys = (_PRINTED, *_COUNTED)
    metadata = {key: str(value) for key, value in first.items() if key not in page_keys}
    return Document("document", pages, _first(first, _TITLE_KEYS), metadata)


def source_of(foreign: ForeignDocument) -> str:
    """What names a document: a path or URL in its metadata, else a file's name, else its id.

    A `source` such as "wiki", which many documents may share, names none of them.
    """
    metadata = foreign.metadata
    if path := _first(metadata, ("file_path",)):
        return path
    name = _first(metadata, _NAME_KEYS)
    folder = _first(metadata, ("file_directory",))
    if name and folder:  # as the unstructured library gives it
        return f"{folder.rstrip('/')}/{name}"
    source = _first(metadata, ("source",))
    if _PATH.search(source):
        return source
    if named := _first(metadata, _URL_KEYS) or name:
        return named
    identifier = getattr(foreign, "doc_id", None) or getattr(foreign, "id_", None)
    if not identifier:
        raise SourceError(
            "a document has neither a path in its metadata nor a doc_id; give it one, so that it "
            "can be cited and replaced"
        )
    return str(identifier)


def digest_of(foreign: Sequence[ForeignDocument]) -> bytes:
    """SHA-256 of the texts and metadata, by which a change is recognised."""
    content = [
        [part.text, {key: str(part.metadata[key]) for key in part.metadata if key not in _DATES}]
        for part in foreign
    ]
    return hashlib.sha256(
        json.dumps(content, sort_keys=True).encode("utf-8", "surrogatepass")
    ).digest()


def _page_key(part: ForeignDocument) -> tuple[str, str]:
    """The page as the reader counted it and as it is printed; "" for what is not known."""
    metadata = part.metadata
    counted = _first(metadata, _COUNTED)
    if not counted and "total_pages" in metadata and _first(metadata, ("source",)).isdecimal():
        counted = _first(metadata, ("source",))  # as PyMuPDFReader gives it
    return counted, _first(metadata, (_PRINTED,))


def _numbers(keys: Sequence[tuple[str, str]]) -> list[int | None]:
    """A number from 1 for each page, None where the parts name no pages."""
    for which in (0, 1):
        given = [key[which] for key in keys]
        if not all(number.isdecimal() for number in given):
            continue
        counted = [int(number) for number in given]
        if which == 0 or all(a < b for a, b in pairwise(counted)):
            return [number + (min(counted) == 0) for number in counted]
    if len(keys) > 1 and all(label for _, label in keys):
        return list(range(1, len(keys) + 1))
    return [int(counted) if counted.isdecimal() else None for counted, _ in keys]


def _page(texts: Sequence[str], number: int | None, page_label: str) -> Page:
    text, hidden = clean_text("\n\n".join(texts))
    blocks = tuple(Block(BlockKind.PARAGRAPH, start, end) for start, end in find_paragraphs(text))
    kind = PageKind.TEXT if number is None else PageKind.PAGE
    return Page(text, blocks, kind, number, page_label, hidden=hidden)


def _first(metadata: Mapping[str, Any], keys: Sequence[str]) -> str:
    """The first of these keys' values that says something, as text."""
    values = (metadata.get(key) for key in keys)
    return next((str(value) for value in values if value not in (None, "")), "")
