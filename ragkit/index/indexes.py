"""The list of the indexes of a knowledge base; a new one is added here."""

from __future__ import annotations

from ragkit.index.base import Index
from ragkit.index.faiss_index import FaissIndex
from ragkit.index.tantivy_index import TantivyIndex
from ragkit.store.layout import Layout
from ragkit.store.writer import Writer


def open_indexes(layout: Layout) -> tuple[Index, ...]:
    """Return the indexes that are searched; their files are opened when they are needed."""
    return FaissIndex(layout), TantivyIndex(layout)


def open_spare_index(layout: Layout) -> FaissIndex:
    """Return the index of the second set of vectors, which is not searched."""
    return FaissIndex(layout, spare=True)


def sync_indexes(writer: Writer, layout: Layout) -> None:
    """Bring all indexes up to date with what was committed; see Index.sync."""
    for index in (*open_indexes(layout), open_spare_index(layout)):
        index.sync(writer)
