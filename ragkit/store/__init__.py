"""The base on disk: SQLite is the only truth, the indexes are derived from it."""

from ragkit.store.base import Store
from ragkit.store.layout import Layout
from ragkit.store.reader import Snapshot
from ragkit.store.records import (
    Generation,
    HalfVectors,
    NewDocument,
    Problem,
    StoredChunk,
    StoredDocument,
)
from ragkit.store.writer import Writer

__all__ = [
    "Generation",
    "HalfVectors",
    "Layout",
    "NewDocument",
    "Problem",
    "Snapshot",
    "Store",
    "StoredChunk",
    "StoredDocument",
    "Writer",
]
