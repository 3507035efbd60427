"""The search indexes during and after changes: keeps them up to date with the store."""

from __future__ import annotations

from ragkit.index import faiss_index, tantivy_index
from ragkit.store.layout import Layout
from ragkit.store.snapshot import Snapshot
from ragkit.store.writer import Writer

_WORD_INDEX_INTERVAL = 1000  # chunks committed between two commits of the word index


def update_indexes(writer: Writer, layout: Layout, dimension: int | None) -> None:
    """Bring both indexes up to date with the store.

    `dimension` is that of the vectors, None while the knowledge base has no embedder.
    """
    snapshot = Snapshot(writer.connection)
    tantivy_index.synchronise(snapshot, layout)
    faiss_index.sweep(layout, snapshot.index_version())
    faiss_index.note_stamp(writer, layout)
    if dimension is not None and faiss_index.is_due(snapshot, layout):
        faiss_index.publish(writer, layout, dimension)


class IndexUpkeep:
    """Updates the indexes now and then during a long ingest.

    Searches scan what an index does not hold yet; this keeps that part short.
    """

    def __init__(self, writer: Writer, layout: Layout) -> None:
        self._writer = writer
        self._layout = layout
        self._outside_word_index = 0
        self._outside_vector_index = 0

    def count(self, chunks: int, dimension: int) -> None:
        """Count committed chunks; update an index if enough of them are outside it."""
        self._outside_word_index += chunks
        self._outside_vector_index += chunks
        if self._outside_word_index >= _WORD_INDEX_INTERVAL:
            self._outside_word_index = 0
            tantivy_index.synchronise(Snapshot(self._writer.connection), self._layout)
        if self._outside_vector_index >= faiss_index.DELTA_LIMIT:
            self._outside_vector_index = 0
            faiss_index.publish(self._writer, self._layout, dimension)
