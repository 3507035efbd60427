"""Stores of random vectors, and an oracle of their searches."""

from __future__ import annotations

import numpy as np
import pytest

from ragkit import Filter
from ragkit.index.indexes import sync_indexes
from ragkit.index.vector_search import VectorSearch
from ragkit.store.access import Principal
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from tests.support.stored import DIMENSION, new_document, pairs, remove, unit_vectors

Found = list[tuple[int, float]]


def fill(store: Store, documents: int, chunks: int, *, label: str = "default", at: int = 0) -> None:
    """Put documents "0.txt", "1.txt", ... with random vectors, then sync the indexes."""
    with store.writer() as writer:
        source_folder = writer.source_folders.add("/docs", whole=True)
        for number in range(at, at + documents):
            texts = [f"text {number} {n}" for n in range(chunks)]
            new = new_document(
                f"{number}.txt", texts, source_folder=source_folder, label=label, seed=number
            )
            writer.documents.put(new)
        sync_indexes(writer, store.layout)


def drop(store: Store, sources: set[str], *, tidy: bool = True) -> None:
    with store.writer() as writer:
        for document in list(Snapshot(writer.connection).documents.all()):
            if document.source in sources:
                remove(writer, document.id, document.source)
        if tidy:
            sync_indexes(writer, store.layout)


def query(seed: int) -> np.ndarray:
    return unit_vectors(1, seed)[0].astype(np.float32)


def oracle(snapshot: Snapshot, wanted: np.ndarray, k: int) -> Found:
    """Return the best of all readable chunks, compared one by one."""
    readable = [c.id for d in snapshot.documents.all() for c in snapshot.chunks.of(d.id)]
    ids, vectors = snapshot.vectors.get(readable, DIMENSION)
    scores = vectors.astype(np.float32) @ wanted
    ranked = sorted(zip(ids, scores.tolist(), strict=True), key=lambda hit: (-hit[1], hit[0]))
    return ranked[:k]


def assert_same(found: Found, expected: Found) -> None:
    assert [chunk for chunk, _ in found] == [chunk for chunk, _ in expected]
    scores = [score for _, score in expected]
    assert [score for _, score in found] == pytest.approx(scores, abs=1e-5)


def check(store: Store, index: VectorSearch | None = None, where: Filter | None = None) -> Found:
    """Compare with the oracle for several queries and k; returns what was found last."""
    index = index or VectorSearch(store.layout)
    found: Found = []
    with store.view(Principal.owner(), where) as snapshot:
        for seed in range(5):
            for k in (1, 7, 2000):
                found = pairs(index.search(snapshot, query(1000 + seed), k))
                assert_same(found, oracle(snapshot, query(1000 + seed), k))
    return found


def index_versions(store: Store) -> list[str]:
    return sorted(path.name for path in store.layout.index.glob("dense-*"))
