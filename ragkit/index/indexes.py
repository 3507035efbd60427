"""The list of the indexes of a knowledge base; a new one is added here."""

from __future__ import annotations

from ragkit.index.base import Index
from ragkit.index.faiss_index import FaissIndex
from ragkit.index.tantivy_index import TantivyIndex
from ragkit.store.layout import Layout
from ragkit.store.writer import Writer


def open_indexes(layout: Layout) -> tuple[Index, ...]:
    """Return all indexes of a knowledge base; their files are opened when they are needed."""
    return FaissIndex(layout), TantivyIndex(layout)


def sync_indexes(writer: Writer, layout: Layout) -> None:
    """Bring all indexes up to date with what was committed; see Index.sync."""
    for index in open_indexes(layout):
        index.sync(writer)
