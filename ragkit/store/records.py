"""The records that the store reads and writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ragkit_ingest.chunk import Chunk
from ragkit_ingest.model import Document
from ragkit_ingest.places import Section, TableRow, common_headings, joined_ref

HalfVectors = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document ready to be committed.

    `label` is assigned by hand, and `rule` is the label by the rules of the settings. Without
    either a changed document keeps its label, and a new one gets "default". `digests` and `vectors`
    (float16, shape (n, dimension), length 1) belong to the chunks, in order. `modified_at` is when
    the file was last modified, in UTC, to the second, as ISO 8601 text.
    """

    source_folder: int
    source: str
    digest: bytes
    size: int
    label: str | None
    document: Document
    chunks: list[Chunk]
    digests: list[bytes]
    vectors: HalfVectors
    modified_at: str
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document. `source` is its path relative to its source folder.

    `size` is in bytes. `readable_pages` counts the pages with text. `metadata` comes from the file.
    `uploaded` files are stored in the knowledge base and deleted with the document. `uid` is the
    first id of the document: it stays the same when the document is replaced or renamed.
    `added_at` and `modified_at` are times in UTC, to the second, as ISO 8601 text: when this
    version was ingested, and when its file was last modified. Without a file, the latter is the
    date in the metadata (`last_modified_date`), or else when the document was added.
    """

    id: int
    source_folder: int
    source: str
    digest: bytes
    size: int
    kind: str
    title: str
    label: str
    warnings: tuple[str, ...]
    pages: int
    chunks: int
    added_at: str
    readable_pages: int
    metadata: dict[str, str]
    uploaded: bool
    uid: int
    modified_at: str


class DocumentName(NamedTuple):
    """A document's names."""

    document: int
    source: str
    kind: str
    title: str


class UnembeddedChunk(NamedTuple):
    """A chunk without a vector; its header and text are what is embedded."""

    chunk: int
    header: str
    text: str


class KnownFile(NamedTuple):
    """A document, with the digest, the size in bytes and the modification time of its file."""

    document: int
    digest: bytes
    size: int
    modified_at: str


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A page as it was read; `ordinal` counts the document's pages from 0.

    `number` counts from 1; None for formats without page numbers. `page_label` is the printed page
    label, sheet name, slide title or mail part. `images` counts pictures, `hidden` invisible
    characters, and `garbage` the characters that no font table explains.
    """

    ordinal: int
    kind: str
    number: int | None
    page_label: str
    text: str
    images: int
    hidden: int
    garbage: int


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk with everything that a citation needs.

    `folder` is the path of the source folder. `page_ordinal` counts the document's pages from 0,
    and `page` is the number of the page, if it has one. `text` is characters [start, end) of the
    page's text, `sections` are the heading paths in it, and `rows` its table rows.
    """

    id: int
    document: int
    source: str
    folder: str
    title: str
    kind: str
    ordinal: int
    page_ordinal: int
    page: int | None
    page_label: str
    start: int
    end: int
    header: str
    sections: tuple[Section, ...]
    rows: tuple[TableRow, ...]
    text: str

    @property
    def headings(self) -> tuple[str, ...]:
        """The heading path that is above all of the chunk."""
        return common_headings(self.sections)

    @property
    def ref(self) -> str:
        """Its cells in a spreadsheet ("A7:D19")."""
        return joined_ref(row.ref for row in self.rows)


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is to be erased: documents by their uids, and everything derived from them.

    `documents` are their ids, and `digests` those of their contents in all versions. `names` are
    all sources that they had; `own` are the names that no other document had, and `refused` the
    names of files that never became documents. `records` are the numbers of audit records with such
    names, or with a question that was answered from the documents. `turns` are the ends of
    conversations, as (conversation, ordinal of the first turn based on the documents). Audit
    records after the number `seen` are not considered.
    """

    uids: tuple[int, ...]
    documents: tuple[int, ...]
    digests: tuple[bytes, ...]
    names: tuple[str, ...]
    own: tuple[str, ...]
    records: tuple[int, ...]
    turns: tuple[tuple[int, int], ...]
    refused: tuple[str, ...]
    seen: int


@dataclass(frozen=True, slots=True)
class Lost:
    """A document that damage took, as the audit log describes it; "" for what is not known.

    `legal_hold` is the reason of its legal hold; None if it was not on hold.
    """

    uid: int
    source: str
    label: str
    legal_hold: str | None


@dataclass(frozen=True, slots=True)
class PastErasure:
    """An erasure in a knowledge base: the uids of its documents, and their contents' digests.

    `kb` is the id of the knowledge base. `is_complete` is False if uids or digests may be missing,
    as damage took audit records.
    """

    kb: str
    uids: tuple[int, ...]
    digests: tuple[bytes, ...]
    reason: str
    is_complete: bool


@dataclass(frozen=True, slots=True)
class OpenErasure:
    """An erasure that is committed, but of which the disk may still have parts.

    `record` is the number of its audit record. `files` are files of the knowledge base to delete.
    `fingerprints` find what is left on the disk. `asked` is the request, signed with the audit key.
    `is_stuck` is whether an earlier attempt left something that a person has to delete.
    """

    id: int
    at: str
    record: int
    files: tuple[str, ...]
    fingerprints: bytes
    asked: str
    is_stuck: bool


@dataclass(frozen=True, slots=True)
class IndexVersion:
    """A published FAISS file: chunks up to `last_chunk` as of `built_at`.

    `signature` is the file's stamp when it was published, or last checked.
    """

    id: int
    name: str
    kind: str
    built_at: int
    last_chunk: int
    count: int
    bytes: int
    sha256: str
    signature: str


@dataclass(frozen=True, slots=True)
class LabelGrants:
    """A label, the number of its documents, and the principals who may read them."""

    label: str
    documents: int
    principals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rating:
    """A person's rating of an answer; `at` is its time in UTC."""

    up: bool
    comment: str
    at: str


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A question and its answer, a JSON object; `at` is the time in UTC.

    `ordinal` counts the conversation's turns from 1. `uids` are those of the documents that the
    turn is based on, also through the turns before it.
    """

    who: str
    at: str
    question: str
    answer: str
    ordinal: int = 0
    rating: Rating | None = None
    uids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredConversation:
    """A conversation of one person; `title` is the name they gave it, or the first question."""

    id: int
    who: str
    started: str
    title: str
    turns: int


@dataclass(frozen=True, slots=True)
class KindCounts:
    """The number of documents of one kind ("pdf", "eml"), and of their pages and chunks."""

    kind: str
    documents: int
    pages: int
    readable_pages: int
    chunks: int


class Outcome(NamedTuple):
    """The outcome of a question, without its text.

    `abstention` is the reason why there is no answer, "" if there is one. `model` is whether a
    language model answered. `doubtful` answers have a statement that is not supported. `first_word`
    and `seconds` are the seconds until the first word and the end. `up` is the rating, if any.
    """

    day: str
    abstention: str
    model: bool
    incomplete: bool
    doubtful: bool
    first_word: float
    seconds: float
    up: bool | None


def document_object(uid: int) -> str:
    """Return the name of a document in audit records, the same for all its versions and names."""
    return f"document:{uid}"
