"""Documents that go into a store without files, and a look at what is in one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from ragkit.index.base import Ids, Ranking, Scores
from ragkit.store.records import NewDocument
from ragkit.store.snapshot import Snapshot
from ragkit.store.writer import Writer
from ragkit_ingest.chunk import Chunk
from ragkit_ingest.model import Document, Page

DIMENSION = 64
MODIFIED_AT = "2025-01-02T03:04:05+00:00"


def pairs(found: Ranking | tuple[Ids, Scores]) -> list[tuple[int, float]]:
    """What an index found, as (chunk, score)."""
    return list(zip(found[0].tolist(), found[1].tolist(), strict=True))


def unit_vectors(count: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, DIMENSION), dtype=np.float32)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def new_document(
    source: str,
    texts: Sequence[str],
    *,
    source_folder: int,
    label: str = "default",
    vectors: np.ndarray | None = None,
    seed: int = 0,
    modified_at: str = MODIFIED_AT,
) -> NewDocument:
    """One page with one chunk for each text."""
    page = "\n".join(texts)
    chunks, at = [], 0
    for ordinal, text in enumerate(texts):
        chunks.append(Chunk(ordinal, 0, at, at + len(text), ""))
        at += len(text) + 1
    return NewDocument(
        source_folder=source_folder,
        source=source,
        digest=hashlib.sha256(page.encode()).digest(),
        size=len(page),
        label=label,
        document=Document("text", (Page(page),)),
        chunks=chunks,
        digests=[hashlib.sha256(text.encode()).digest()[:16] for text in texts],
        vectors=unit_vectors(len(texts), seed) if vectors is None else vectors,
        modified_at=modified_at,
    )


def put(writer: Writer, source: str, texts: Sequence[str], **options: object) -> int:
    source_folder = writer.source_folders.add("/docs", whole=True)
    return writer.documents.put(new_document(source, texts, source_folder=source_folder, **options))


def remove(writer: Writer, document: int, source: str) -> None:
    writer.documents.remove([(document, source)])


def contents(snapshot: Snapshot) -> dict[str, list[str]]:
    """Chunk texts by source, after a check that no document is torn."""
    found = {}
    for document in snapshot.documents.all():
        chunks = snapshot.chunks.of(document.id)
        ids, _ = snapshot.vectors.get([chunk.id for chunk in chunks], DIMENSION)
        assert len(ids) == len(chunks) == document.chunks
        page = snapshot.pages.text(document.id, 0)
        assert all(page[chunk.start : chunk.end] == chunk.text for chunk in chunks)
        found[document.source] = [chunk.text for chunk in chunks]
    return found
