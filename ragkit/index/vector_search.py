"""Vector search: a published FAISS file mapped from disk, and an exact scan of newer chunks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ragkit.errors import StoreError
from ragkit.index.base import Ids, Runs, Scores, best_of
from ragkit.index.faiss_files import InnerIndex, import_faiss, is_intact, map_index
from ragkit.store.layout import Layout
from ragkit.store.recent_cache import RecentCache
from ragkit.store.records import HalfVectors, IndexVersion
from ragkit.store.snapshot import Snapshot
from ragkit.store.transaction import Scope

logger = logging.getLogger(__name__)

_BATCH = 20_000  # vectors converted to float32 at a time
_MAX_CACHED_MASKS = 100

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Published:
    """A mapped FAISS file: `ids[position]` is the chunk at that position, ascending."""

    version: IndexVersion
    index: InnerIndex
    ids: Ids


@dataclass(frozen=True, slots=True)
class _View:
    """What is searched at one commit: the published file, and an exact index of newer chunks.

    `alive` marks the positions in the file whose chunks still exist, None if all do. `delta` holds
    all chunks that the file lacks. `masks` caches, for each scope of a snapshot, which positions
    of the file and of the delta it may read. It is valid as long as the view, because documents and
    their labels only change with a commit.
    """

    seq: int
    published: _Published | None
    alive: Mask | None
    delta: InnerIndex
    delta_ids: Ids
    masks: RecentCache[Scope, tuple[Mask, Mask]] = field(
        default_factory=lambda: RecentCache(_MAX_CACHED_MASKS)
    )

    def mask_runs(self, runs: Runs | Sequence[tuple[int, int]]) -> tuple[Mask, Mask]:
        """Mark the positions of the file and of the delta whose chunk lies in one of the runs."""
        ids = self.published.ids if self.published else self.delta_ids[:0]
        return _positions_in(ids, runs), _positions_in(self.delta_ids, runs)


class VectorSearch:
    """Searches the vectors of a knowledge base; safe from several threads."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._guard = threading.Lock()
        self._view: _View | None = None

    def search(
        self, snapshot: Snapshot, vector: Scores, k: int, runs: Runs | None = None
    ) -> tuple[Ids, Scores]:
        """Return the k chunks that the snapshot may read with the highest cosine, best first.

        `vector` is float32 of shape (dimension,) and of length 1. Only chunks in one of `runs` are
        found, unless it is None. Scores are cosines in [-1, 1]; those of an inverted file are
        approximate. Raises StoreError if this build of FAISS ignores selectors, and MissingExtra if
        none is installed.
        """
        view = self._view_of(snapshot)
        allowed, allowed_delta = _find_masks(snapshot, view)
        if runs is not None:
            inside, inside_delta = view.mask_runs(runs)
            allowed = inside if allowed is None else inside & allowed
            allowed_delta = inside_delta if allowed_delta is None else inside_delta & allowed_delta
        found: list[tuple[Ids, Scores]] = []
        if view.published is not None and len(view.published.ids):
            found.append(_search(view.published.index, view.published.ids, vector, k, allowed))
        if len(view.delta_ids):
            found.append(_search(view.delta, view.delta_ids, vector, k, allowed_delta))
        return best_of(found, k)

    def cosines(self, snapshot: Snapshot, vector: Scores, chunks: Ids) -> tuple[Ids, Scores]:
        """Return the exact cosines of chunks of the snapshot, best first.

        `vector` is float32 of shape (dimension,) and of length 1. Access is not checked: pass
        chunks that a search has returned.
        """
        view = self._view_of(snapshot)
        found: list[tuple[Ids, Scores]] = []
        parts = [(view.delta, view.delta_ids)]
        if view.published is not None and view.published.version.kind == "flat":
            parts.append((view.published.index, view.published.ids))
        for index, ids in parts:
            at = np.searchsorted(ids, chunks)
            here = at < len(ids)
            here[here] = ids[at[here]] == chunks[here]
            if here.any():
                found.append((chunks[here], _dot_products(index.half_vectors()[at[here]], vector)))
                chunks = chunks[~here]
        if len(chunks):
            stored, vectors = snapshot.vectors.get(chunks.tolist(), len(vector))
            found.append((np.array(stored, np.int64), _dot_products(vectors, vector)))
        return best_of(found)

    def _view_of(self, snapshot: Snapshot) -> _View:
        view = self._view
        if view is not None and view.seq == snapshot.seq:
            return view
        with self._guard:
            if self._view is None or self._view.seq != snapshot.seq:
                self._view = self._make_view(snapshot, self._view)
            return self._view

    def _make_view(self, snapshot: Snapshot, previous: _View | None) -> _View:
        version = snapshot.vectors.index_version()
        published: _Published | None = None
        if version is not None:
            known = previous.published if previous else None
            published = known if known and known.version == version else self._load(version)
        last = published.version.last_chunk if published else 0
        alive = None
        if published is not None:
            deleted = snapshot.vectors.tombstones(last, published.version.built_at)
            if deleted:
                alive = np.ones(len(published.ids), dtype=np.bool_)
                at = np.searchsorted(published.ids, deleted)
                alive[at[published.ids[at] == deleted]] = False
        ids, vectors = snapshot.vectors.after(last, snapshot.vectors.dimension())
        delta_ids = np.array(ids, dtype=np.int64)
        return _View(snapshot.seq, published, alive, _build_exact(vectors), delta_ids)

    def _load(self, version: IndexVersion) -> _Published | None:
        """Map the file of a version if it is intact, else return None: all chunks are scanned."""
        path = self._layout.index / version.name
        if not is_intact(path, version):
            logger.warning(
                "%s is missing or damaged; until the next ingest, searches scan all vectors", path
            )
            return None
        try:
            index, ids = map_index(path)
        except RuntimeError:  # a newer version has just replaced it
            logger.warning("%s is missing; this search scans all vectors", path)
            return None
        return _Published(version, check_selector(index, len(ids)), ids)


def _find_masks(snapshot: Snapshot, view: _View) -> tuple[Mask | None, Mask | None]:
    """Return which positions of the file and the delta may be found, None for all."""
    if snapshot.sees_all:
        return view.alive, None
    with view.masks.entry(snapshot.scope) as entry:
        if entry.value is None:
            entry.value = view.mask_runs(snapshot.documents.chunk_runs())
        return entry.value


def _dot_products(vectors: HalfVectors, query: Scores) -> Scores:
    """Return the dot product of each vector with the query, float32 of shape (n,).

    It is summed row by row: the last bits of a matrix product depend on the number of rows.
    """
    products: Scores = (vectors.astype(np.float32) * query).sum(axis=1)
    return products


def _build_exact(vectors: HalfVectors) -> InnerIndex:
    """Build an index in memory that is searched exactly; `vectors` has shape (n, dimension)."""
    faiss = import_faiss()
    index = faiss.IndexScalarQuantizer(
        vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    for at in range(0, len(vectors), _BATCH):
        index.add(vectors[at : at + _BATCH].astype(np.float32))
    return check_selector(InnerIndex(index, index), len(vectors))


def _positions_in(ids: Ids, runs: Runs | Sequence[tuple[int, int]]) -> Mask:
    """Mark the positions whose chunk lies in one of the runs [first, last]; no run marks none."""
    allowed = np.zeros(len(ids), dtype=np.bool_)
    bounds = np.array(runs, dtype=np.int64).reshape(-1, 2)
    starts = np.searchsorted(ids, bounds[:, 0], side="left")
    ends = np.searchsorted(ids, bounds[:, 1], side="right")
    for start, end in zip(starts, ends, strict=True):
        allowed[start:end] = True
    return allowed


def _search(
    index: InnerIndex, ids: Ids, query: Scores, k: int, allowed: Mask | None
) -> tuple[Ids, Scores]:
    """Search one index, filtering before ranking.

    Of equal scores the older chunk is taken, as in `best_of`, but FAISS takes any. So the search
    looks for more, as long as the k-th best and the last one found have equal scores.
    """
    total = len(ids) if allowed is None else int(allowed.sum())
    if min(k, total) == 0:
        return best_of([])
    import_faiss().omp_set_num_threads(1)  # waking other threads costs more than one query
    wanted = min(k + 1, total)
    while True:
        positions, scores = scan(index.inner, query, wanted, allowed)
        if len(positions) < wanted:  # the cells of the inverted file held too few
            positions, scores = scan(index.inner, query, wanted, allowed, all_cells=True)
        if wanted == total or scores[-1] < scores[k - 1]:
            return best_of([(ids[positions], scores)], k)
        wanted = min(2 * wanted, total)


def scan(
    index: Any, query: Scores, k: int, allowed: Mask | None, *, all_cells: bool = False
) -> tuple[Ids, Scores]:
    """Return the k best positions of a FAISS index among those allowed, and their scores.

    `query` is float32 of shape (dimension,), `allowed` has one entry per position. An inverted
    file is searched in its nearest cells only, unless `all_cells` is true.
    """
    faiss = import_faiss()
    selector = None
    if allowed is not None:
        selector = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
    if isinstance(index, faiss.IndexIVF):
        nprobe = index.nlist if all_cells else _choose_nprobe(index, allowed)
        parameters = faiss.SearchParametersIVF(sel=selector, nprobe=nprobe)
    else:
        parameters = faiss.SearchParameters(sel=selector)
    scores, positions = index.search(query.reshape(1, -1), k, params=parameters)
    found = positions[0] >= 0
    return positions[0][found], scores[0][found]


def _choose_nprobe(index: Any, allowed: Mask | None) -> int:
    """Return how many cells to search: the rarer the allowed chunks are, the more."""
    share = 1.0 if allowed is None else float(allowed.mean())
    return int(min(index.nlist, max(index.nprobe, index.nprobe / max(share, 1e-9))))


def check_selector(index: InnerIndex, count: int) -> InnerIndex:
    """Return the index after a test that its searches obey a selector; it holds `count` vectors.

    Some builds accept a selector and search everything without an error: flat and inverted files
    on a GPU without cuVS (github.com/facebookresearch/faiss/issues/3114). Raises StoreError for
    those.
    """
    if count:
        query = np.ones(index.inner.d, dtype=np.float32)
        allowed = np.zeros(count, dtype=np.bool_)
        nothing, _ = scan(index.inner, query, 1, allowed, all_cells=True)
        allowed[count // 2] = True
        one, _ = scan(index.inner, query, min(count, 2), allowed, all_cells=True)
        if len(nothing) or one.tolist() != [count // 2]:
            raise StoreError(
                "this build of FAISS ignores which documents a search may find, so it would show "
                "documents to users without access; install another build: "
                'pip install "ragkit[cpu]"'
            )
    return index
