"""The search indexes during a long ingest: keeps what they lack small."""

from __future__ import annotations

from ragkit.index.indexes import open_indexes
from ragkit.store.layout import Layout
from ragkit.store.writer import Writer


class IndexUpkeep:
    """Syncs the indexes now and then during a long ingest.

    Searches scan what an index does not hold yet; this keeps that part short.
    """

    def __init__(self, writer: Writer, layout: Layout) -> None:
        self._writer = writer
        self._indexes = open_indexes(layout)
        self._unsynced = dict.fromkeys((index.name for index in self._indexes), 0)

    def count(self, chunks: int) -> None:
        """Count committed chunks, and sync each index that lacks enough of them."""
        for index in self._indexes:
            self._unsynced[index.name] += chunks
            if self._unsynced[index.name] >= index.sync_every:
                self._unsynced[index.name] = 0
                index.sync(self._writer)
