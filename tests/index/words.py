"""A store of a few texts, and searches of their words."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from ragkit import Filter
from ragkit.index.bm25_search import BM25Search
from ragkit.index.tantivy_index import TantivyIndex
from ragkit.store.access import Principal
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from tests.support.stored import pairs, put, remove

TEXTS = {
    "pump.txt": "The pump VX-4410-31 has a mechanical seal.",
    "other.txt": "The pump VX-4410-32 was running for two years.",
    "de.txt": "Der Geschäftsführer prüft die Rechnung über Größen.",
    "mail.txt": "Write to anna.schmidt@example.org about C++ and R&D.",
}


def write(
    store: Store, texts: dict[str, str], *, label: str = "default", sync: bool = True
) -> None:
    with store.writer() as writer:
        for source, text in texts.items():
            put(writer, source, [text], label=label)
        if sync:
            TantivyIndex(store.layout).sync(writer)


def drop(store: Store, source: str, *, sync: bool = True) -> None:
    with store.writer() as writer:
        snapshot = Snapshot(writer.connection)
        (document,) = [d.id for d in snapshot.documents.all() if d.source == source]
        remove(writer, document, source)
        if sync:
            TantivyIndex(store.layout).sync(writer)


def best(index: BM25Search, snapshot: Snapshot, query: str, k: int) -> list[tuple[int, float]]:
    return pairs(index.search(snapshot, query, k))


def search(
    store: Store,
    query: str,
    *,
    where: Filter | None = None,
    index: BM25Search | None = None,
) -> list[str]:
    """Return the sources of the chunks found, best first; each must be in the snapshot."""
    index = index or BM25Search(store.layout)
    with store.view(Principal.owner(), where) as snapshot:
        found = best(index, snapshot, query, 10)
        assert [score for _, score in found] == sorted((s for _, s in found), reverse=True)
        chunks = snapshot.chunks.get([chunk for chunk, _ in found])
        return [chunks[chunk].source for chunk, _ in found]


def folder(store: Store) -> Path:
    """Return the folder of the only part of the index."""
    (found,) = (path for path in store.layout.lexical.glob("v*/*") if path.is_dir())
    return found


def delete(path: Path) -> None:
    """Delete a folder, once the last thread of a writer has put its last file there."""
    while path.exists():
        with suppress(OSError):
            shutil.rmtree(path)
