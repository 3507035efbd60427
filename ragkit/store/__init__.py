"""The base on disk: SQLite is the only truth, the indexes are derived from it."""

from ragkit.store.audit import acting
from ragkit.store.base import Store
from ragkit.store.layout import Layout
from ragkit.store.reader import Named, Place, Section, Snapshot
from ragkit.store.records import (
    Generation,
    HalfVectors,
    KindCounts,
    NewDocument,
    Outcome,
    Problem,
    Rating,
    StoredChunk,
    StoredConversation,
    StoredDocument,
    StoredPage,
    StoredTurn,
)
from ragkit.store.writer import Writer

__all__ = [
    "Generation",
    "HalfVectors",
    "KindCounts",
    "Layout",
    "Named",
    "NewDocument",
    "Outcome",
    "Place",
    "Problem",
    "Rating",
    "Section",
    "Snapshot",
    "Store",
    "StoredChunk",
    "StoredConversation",
    "StoredDocument",
    "StoredPage",
    "StoredTurn",
    "Writer",
    "acting",
]
