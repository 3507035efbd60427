"""The chunks of a filtered snapshot, and the way to find them in the word index."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tantivy

from ragkit.index.base import Ids
from ragkit.index.tantivy_schema import SCHEMA, match_any
from ragkit.store.snapshot import Snapshot

_MAX_RANGES = 8  # more of them are slower than other ways
_MIN_FETCHED_SHARE = 0.04  # of all chunks; with fewer a list of documents is faster

Mask = npt.NDArray[np.bool_]


class Selection(NamedTuple):
    """The chunks of the documents that a snapshot holds.

    `runs` are their ids, int64 of shape (n, 2): the first and the last of each run, ascending.
    `query` matches their records. It is None where many chunks in many runs are selected: then it
    is faster to search among all, and to leave out the others with `contains`. `share` is the share
    of all records that are selected.
    """

    runs: Ids
    query: tantivy.Query | None
    share: float

    def contains(self, ids: Ids) -> Mask:
        """Return which of the chunk ids are selected."""
        if not len(self.runs):
            return np.zeros(len(ids), dtype=np.bool_)
        at = np.searchsorted(self.runs[:, 0], ids, side="right") - 1
        selected: Mask = (at >= 0) & (ids <= self.runs[at, 1])
        return selected


def select_chunks(snapshot: Snapshot, records: int) -> Selection:
    """Return the chunks of the snapshot, for searches of an index with so many records.

    Within half of 100,000 documents with two chunks, a search with one range of ids takes little
    longer than a search of all. Where chunks are fetched and left out it takes about twice as long,
    and with a list of ids more than a hundred times.
    """
    runs = _join_runs(np.array(snapshot.documents.chunk_runs(), dtype=np.int64).reshape(-1, 2))
    count = int((runs[:, 1] - runs[:, 0] + 1).sum())
    share = min(1.0, count / max(1, records))
    query = None
    if len(runs) <= _MAX_RANGES:
        query = _match_ranges(runs)
    elif share < _MIN_FETCHED_SHARE:
        query = match_any("document", snapshot.documents.ids())
    return Selection(runs, query, share)


def _join_runs(runs: Ids) -> Ids:
    """Join the runs of documents that follow each other.

    A document's own id is just before those of its chunks, and no chunk ever gets it.
    """
    if len(runs) < 2:
        return runs
    starts = np.append(True, runs[1:, 0] > runs[:-1, 1] + 2)
    firsts = np.flatnonzero(starts)
    lasts = np.append(firsts[1:], len(runs)) - 1
    return np.column_stack([runs[firsts, 0], runs[lasts, 1]])


def _match_ranges(runs: Ids) -> tantivy.Query:
    kind = tantivy.FieldType.Unsigned
    ranges = [
        tantivy.Query.range_query(SCHEMA, "chunk", kind, first, last)
        for first, last in runs.tolist()
    ]
    if not ranges:
        return tantivy.Query.empty_query()
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, each) for each in ranges])
