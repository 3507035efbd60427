"""The interface of an index, and the ranked chunks that a search returns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ragkit.store.snapshot import Snapshot
from ragkit.store.writer import Writer

Ids = npt.NDArray[np.int64]
"""Chunk ids, of shape (n,)."""
Scores = npt.NDArray[np.float32]
"""Scores, or the numbers of one vector, of shape (n,)."""


Runs = npt.NDArray[np.int64]
"""Runs of chunk ids, of shape (n, 2): the first and last id of each."""


class Query(NamedTuple):
    """What is searched: a text, and its vector (float32 of shape (dimension,), length 1)."""

    text: str
    vector: Scores


class Ranking(NamedTuple):
    """Chunks and their scores, best first; arrays of the same length.

    `bound` is the highest score that any chunk can reach for this query, 0 if no chunk matches.
    """

    ids: Ids
    scores: Scores
    bound: float


class Index(Protocol):
    """A searchable copy of what the database holds, in files under `Layout.index`.

    The database alone is the truth: an index can be deleted and rebuilt at any time. Searching
    stays correct while the files are missing, damaged or behind the database. A search reads the
    chunks that the files lack from the database instead, which is slower.

    The methods that take a `Writer` change files; its writer lock keeps other writers out. Readers
    in any process keep searching, and see the old files or the new ones, never a mixture. When
    such a method returns, the new files are on disk and survive a power cut. If it raises or its
    process is killed, the old files stay in use or the index counts as damaged; the next `sync`
    puts that right. All of them raise StoreError or OSError if the files cannot be written.
    """

    @property
    def name(self) -> str:
        """The kind of data it holds, in the singular: "vector" or "word"."""

    @property
    def sync_every(self) -> int:
        """How many new chunks a long ingest commits between two calls of `sync`."""

    def search(self, snapshot: Snapshot, query: Query, k: int) -> Ranking:
        """Return the k best chunks that the snapshot may read.

        Chunks without access are left out before ranking, so that k chunks are found whenever
        there are as many. Of equal scores the older chunk comes first. Safe from several threads.
        """

    def sync(self, writer: Writer) -> None:
        """Bring the files up to date with the last commit, as far as that pays.

        An index may leave recent chunks to the search in memory. Damaged files are rebuilt, and
        files that a killed process left are deleted.
        """

    def rebuild(self, writer: Writer) -> None:
        """Write all files again from the database."""

    def drop(self, writer: Writer, documents: Collection[int]) -> None:
        """Remove every trace of documents that are no longer in the database.

        `documents` are their ids. An index may keep deleted records in its files until it is
        rebuilt; afterwards no file of this index holds anything of these documents.
        """

    def verify(self, snapshot: Snapshot) -> str:
        """Read the files in full and return what is wrong with them, "" if nothing is.

        Being behind the database is not wrong. A writer may replace the files while they are read:
        the result holds only if `version` is the same before and after.
        """

    def version(self, snapshot: Snapshot) -> str:
        """Return a string that changes whenever the files do, "" while there are none."""

    def count(self, snapshot: Snapshot) -> int:
        """Return how many chunks the files hold, deleted records not counted.

        Raises StoreError if one of them is not in the database.
        """

    def path(self, snapshot: Snapshot) -> Path | None:
        """Return its file or folder in `Layout.index`, None while it needs none."""

    def leftovers(self, snapshot: Snapshot) -> list[Path]:
        """Return the files of this index that a killed writer left behind.

        The writer lock must be held; otherwise they may be those of a writer at work.
        """


def best_of(found: Sequence[tuple[Ids, Scores]], k: int | None = None) -> tuple[Ids, Scores]:
    """Merge several results into the k best (all if None), best first.

    Of equal scores the older chunk, which has the lower id, comes first.
    """
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    ids = np.concatenate([part[0] for part in found])
    scores = np.concatenate([part[1] for part in found])
    order = np.lexsort((ids, -scores))[:k]
    return ids[order], scores[order]
