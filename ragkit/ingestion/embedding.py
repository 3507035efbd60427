"""The vectors of chunks: embeds the chunks of several files together, equal texts only once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ragkit.embedders.base import Embedder, normalize
from ragkit.store.records import HalfVectors
from ragkit.store.snapshot import Snapshot
from ragkit_ingest.chunk import Chunk
from ragkit_ingest.chunk_texts import embedding_text
from ragkit_ingest.model import Document
from ragkit_ingest.process.pool import ReadFile

_TEXTS_PER_CALL = 1024  # chunks embedded between two progress reports


@dataclass(frozen=True, slots=True)
class ChunkVectors:
    """The vectors of one file's chunks, float16 of shape (chunks, dimension).

    `digests` identify the embedded texts, in the same order.
    """

    digests: list[bytes]
    vectors: HalfVectors


def embed_chunks(
    files: Sequence[ReadFile],
    snapshot: Snapshot,
    embedder: Embedder,
    report_progress: Callable[[], None],
) -> list[ChunkVectors]:
    """Return the vectors of each file's chunks.

    Texts whose vectors the store has already are not embedded again. `report_progress` is called
    after every 1024 embedded texts.
    """
    texts: dict[bytes, str] = {}
    digests: list[list[bytes]] = []
    for file in files:
        own = [_embedded_text(file.document, chunk) for chunk in file.chunks or ()]
        digests.append([digest_text(text) for text in own])
        texts.update(zip(digests[-1], own, strict=True))
    known = embed_texts(texts, snapshot, embedder, report_progress)
    return [
        ChunkVectors(own, _stack([known[digest] for digest in own], embedder.dimension))
        for own in digests
    ]


def embed_texts(
    texts: Mapping[bytes, str],
    snapshot: Snapshot,
    embedder: Embedder,
    report_progress: Callable[[], None],
) -> dict[bytes, bytes]:
    """Return the stored bytes of the vectors of texts, both by the texts' digests.

    Vectors of equal texts are taken from the snapshot. `report_progress` is called after every 1024
    embedded texts.
    """
    known = snapshot.vectors.by_digest(list(texts))
    new = [digest for digest in texts if digest not in known]
    for at in range(0, len(new), _TEXTS_PER_CALL):
        part = new[at : at + _TEXTS_PER_CALL]
        vectors = embedder.encode_document([texts[digest] for digest in part])
        half = normalize(vectors, len(part), embedder).astype(np.float16)
        known.update((d, vector.tobytes()) for d, vector in zip(part, half, strict=True))
        report_progress()
    return known


def digest_text(text: str) -> bytes:
    """Return the first 16 bytes of a text's SHA-256, which identify equal embedded texts."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def _embedded_text(document: Document, chunk: Chunk) -> str:
    text = document.pages[chunk.page].text[chunk.start : chunk.end]
    return embedding_text(chunk.header, text)


def _stack(vectors: Sequence[bytes], dimension: int) -> HalfVectors:
    return np.frombuffer(b"".join(vectors), np.float16).reshape(-1, dimension)
