"""The base on disk: SQLite is the only truth, the indexes are derived from it."""

from ragkit.store.access import Access, Principal, principal
from ragkit.store.audit import AuditLine, ChainReport, acting
from ragkit.store.base import Store
from ragkit.store.layout import Layout
from ragkit.store.reader import Named, Place, Section, Snapshot
from ragkit.store.records import (
    Erasure,
    Generation,
    Grants,
    HalfVectors,
    KindCounts,
    NewDocument,
    OpenErasure,
    Outcome,
    PastErasure,
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
    "Access",
    "AuditLine",
    "ChainReport",
    "Erasure",
    "Generation",
    "Grants",
    "HalfVectors",
    "KindCounts",
    "Layout",
    "Named",
    "NewDocument",
    "OpenErasure",
    "Outcome",
    "PastErasure",
    "Place",
    "Principal",
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
    "principal",
]
