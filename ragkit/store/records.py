"""The rows that other parts of ragkit see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ragkit_ingest.chunk import Chunk
from ragkit_ingest.model import Document

HalfVectors = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document ready to be committed.

    `label` is what somebody gives it by hand, and `rule` what the settings' rules do; without
    either a changed document keeps its own, and a new one gets "default".

    `digests` and `vectors` (float16, shape (n, dimension), length 1) are of the chunks, in order.
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
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document row. `source` is its path relative to the source folder it was ingested from.

    `readable_pages` are those whose text is not blank; `metadata` is what the file says of itself;
    `uploaded` files lie in the base and are deleted with the document. `uid` is the id that the
    document had when it was first added, and stays the same when it is replaced or renamed.
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


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A page as it was read; `ordinal` counts the document's pages from 0.

    `number` counts from 1 where people count, `page_label` is the printed page label, sheet name,
    slide title or mail part. `images` are pictures on it, `hidden` characters that nobody would
    see, and `garbage` characters that no font table could explain.
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
    """A chunk with all that a citation needs; `page_ordinal` counts the document's pages from 0."""

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
    headings: tuple[str, ...]
    ref: str
    text: str


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is to be erased, by the uids of documents, and all that is known of them.

    `digests` are those of their content in all versions, `names` what they were called, `own` those
    of the names that no other document had, `records` those of the log that hold such names or a
    question that was answered from them, and `turns` (conversation, ordinal of the first one that
    rests on them) are the tails of conversations. `refused` are those of the names that files had
    which never became documents. What came after the record `seen` is not in it.
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
    """A document that damage took, by what the log still says of it; "" for what it does not.

    `legal_hold` is the reason that it is held for, None if it is not.
    """

    uid: int
    source: str
    label: str
    legal_hold: str | None


@dataclass(frozen=True, slots=True)
class PastErasure:
    """What was erased: the uids of documents of one base, and the digests of their content.

    `is_complete` unless some of these may be missing, as damage took records of the log.
    """

    kb: str
    uids: tuple[int, ...]
    digests: tuple[bytes, ...]
    reason: str
    is_complete: bool


@dataclass(frozen=True, slots=True)
class OpenErasure:
    """An erasure that was begun: gone for whoever asks, but perhaps not from the disk yet.

    `asked` tells what it was asked for by, to whoever has the audit key. `is_stuck` is whether
    something was left where it was tried before, which somebody has to see to.
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
    """A label, how many documents carry it, and the principals who may read these."""

    label: str
    documents: int
    principals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rating:
    """What somebody thought of an answer; `at` is when it was said, in UTC."""

    up: bool
    comment: str
    at: str


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A question and what came of it; `answer` is a JSON object, `at` in UTC.

    `ordinal` counts the conversation's turns from 1; `uids` are those of the documents that it
    rests on, also through the turns before it.
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
    """What somebody asked: `title` is the name it was given, else the first question."""

    id: int
    who: str
    started: str
    title: str
    turns: int


@dataclass(frozen=True, slots=True)
class KindCounts:
    """How many documents of one kind ("pdf", "eml") there are, and what is in them."""

    kind: str
    documents: int
    pages: int
    readable_pages: int
    chunks: int


class Outcome(NamedTuple):
    """What became of a question, without a word of it; `model` is whether one answered.

    `abstention` is "" for an answer, `doubtful` one with a statement that is not supported, and
    `up` what somebody thought of it, None where nobody said.
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
