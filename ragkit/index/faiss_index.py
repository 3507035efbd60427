"""Vector search: a published FAISS file, mapped from disk, and an exact delta in memory."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ragkit.errors import MissingExtra, StoreError
from ragkit.index.base import Ids, Scores, best_of
from ragkit.index.tantivy_files import file_stamp
from ragkit.store.access import Access, access_of
from ragkit.store.atomic import open_synced, publish_file
from ragkit.store.database import translate_errors
from ragkit.store.layout import Layout
from ragkit.store.records import HalfVectors, IndexVersion
from ragkit.store.snapshot import Snapshot
from ragkit.store.writer import Writer

logger = logging.getLogger(__name__)

FLAT_LIMIT = 200_000  # chunks; above it an inverted file is faster and smaller
_BATCH = 20_000
DELTA_LIMIT = 20_000  # chunks scanned exactly before another index version is due
_NPROBE_SHARE = 1 / 64
_MASKS_KEPT = 100

Mask = npt.NDArray[np.bool_]


def faiss() -> Any:
    """The faiss module, from whichever build is installed."""
    try:
        import faiss as module
    except ImportError as error:
        raise MissingExtra(
            'faiss is not installed: pip install "ragkit[cpu]" (or "ragkit[gpu]", never both)'
        ) from error
    return module


# -- publishing ------------------------------------------------------------------------------


def is_due(snapshot: Snapshot, layout: Layout) -> bool:
    """Whether the newest index version is damaged, or enough has changed since to build another."""
    index_version = snapshot.index_version()
    total = snapshot.vector_count()
    if index_version is None:
        return total > 0
    if not _is_intact(layout.index / index_version.name, index_version):
        return True
    if index_version.kind != "flat" and access_of(snapshot.connection) is Access.STRICT:
        return True
    dead = len(snapshot.tombstones(index_version.last_chunk))
    fresh = total - (index_version.count - dead)
    return dead + fresh > max(index_version.count // 10, 100) or dead + fresh > _BATCH


def publish(writer: Writer, layout: Layout, dimension: int, *, exact: bool = False) -> None:
    """Build an index version from the database and make it the newest.

    It is one that is searched exactly if it is small, `exact` asks for it, or the base is strict.

    Written to tmp through our own writer, synced, read back, renamed, and only then named in the
    database: FAISS's own writer neither syncs nor notices a full disk.
    """
    snapshot = Snapshot(writer.connection)
    total = snapshot.vector_count()
    exact = exact or access_of(snapshot.connection) is Access.STRICT
    kind = "flat" if exact or total <= FLAT_LIMIT else "ivf"
    index, ids = _build(snapshot, kind, total, dimension)
    previous = snapshot.index_version()
    number = previous.id + 1 if previous else 1
    scratch = layout.tmp / f"dense-{number:06d}"
    with translate_errors(layout.root):
        size, digest = _write(index, scratch)
        name = f"dense-{number:06d}-{digest[:8]}.faiss"
        if _digest(scratch) != digest:
            raise StoreError(
                f"{scratch} reads back differently from what was written; check the disk"
            )
        publish_file(scratch, layout.index / name)
    index_version = IndexVersion(
        id=number,
        name=name,
        kind=kind,
        built_at=snapshot.seq,
        last_chunk=int(ids[-1]) if len(ids) else 0,
        count=len(ids),
        bytes=size,
        sha256=digest,
        signature=file_stamp(layout.index / name),
    )
    replaced = writer.publish(index_version)
    for old in replaced:
        (layout.index / old).unlink(missing_ok=True)


def note_stamp(writer: Writer, layout: Layout) -> None:
    """Note what an intact file looks like now: in a base that was moved it has another stamp."""
    row = Snapshot(writer.connection).index_version()
    path = layout.index / row.name if row else None
    if row is None or path is None or not path.exists():
        return
    stamp = file_stamp(path)
    if stamp != row.signature and _is_intact(path, row):
        writer.note_stamp(row.id, stamp)


def sweep(layout: Layout, index_version: IndexVersion | None) -> None:
    """Delete FAISS files that no manifest row names; the writer lock must be held."""
    for path in layout.index.glob("dense-*.faiss"):
        if index_version is None or path.name != index_version.name:
            path.unlink()


def count(snapshot: Snapshot, layout: Layout) -> int:
    """How many vectors the published file holds, all of them of chunks that are there.

    Raises StoreError where one is not.
    """
    row = snapshot.index_version()
    if row is None:
        return 0
    module = faiss()
    index = module.read_index(str(layout.index / row.name), module.IO_FLAG_MMAP_IFC)
    ids = module.vector_to_array(index.id_map).tolist()
    if len(snapshot.places(ids)) != index.ntotal:
        raise StoreError(f"{layout.index / row.name} holds vectors of what is not in the base")
    return int(index.ntotal)


def _build(snapshot: Snapshot, kind: str, total: int, dimension: int) -> tuple[Any, Ids]:
    module = faiss()
    metric = module.METRIC_INNER_PRODUCT
    if kind == "flat":
        inner = module.IndexScalarQuantizer(dimension, module.ScalarQuantizer.QT_fp16, metric)
    else:
        cells = int(min(4 * total**0.5, total / 39))
        quantizer = module.IndexFlatIP(dimension)
        inner = module.IndexIVFScalarQuantizer(
            quantizer, dimension, cells, module.ScalarQuantizer.QT_8bit, metric
        )
        inner.nprobe = max(16, int(cells * _NPROBE_SHARE))
        inner.train(_sample(snapshot, min(total, cells * 40), total, dimension))
    ids = np.empty(total, dtype=np.int64)
    index = module.IndexIDMap(inner)
    at = last = 0
    while at < total:
        found, vectors = snapshot.vectors_after(last, dimension, limit=_BATCH)
        ids[at : at + len(found)] = found
        index.add_with_ids(vectors.astype(np.float32), ids[at : at + len(found)])
        at, last = at + len(found), found[-1]
    return index, ids


def _sample(snapshot: Snapshot, wanted: int, total: int, dimension: int) -> Scores:
    """Vectors for training, spread evenly over the base."""
    step = max(1, total // wanted)
    parts: list[HalfVectors] = []
    last = 0
    while True:
        found, vectors = snapshot.vectors_after(last, dimension, limit=_BATCH)
        if not found:
            break
        parts.append(vectors[::step].copy())
        last = found[-1]
    return np.concatenate(parts).astype(np.float32)


def _write(index: Any, path: Path) -> tuple[int, str]:
    """Write an index through a hashing, checked file; returns its size and SHA-256."""
    module = faiss()
    digest = hashlib.sha256()
    with open_synced(path) as file:

        def write(data: bytes) -> None:
            digest.update(data)
            file.write(data)

        module.write_index(index, module.PyCallbackIOWriter(write))
        size = file.tell()
    return size, digest.hexdigest()


def _is_intact(path: Path, row: IndexVersion) -> bool:
    """Whether the file is the one that was published: by its stamp, else by its whole digest.

    The stamp spares reading the file at every start; a base that was moved is read once.
    """
    try:
        if path.lstat().st_size != row.bytes:  # of a link, which is not followed, it is another
            return False
        return file_stamp(path) == row.signature or _digest(path) == row.sha256
    except FileNotFoundError:
        return False


def flaw(snapshot: Snapshot, layout: Layout, dimension: int) -> str:
    """What is wrong with the published index version, read in full; "" if nothing is."""
    row = snapshot.index_version()
    if row is None:
        return ""
    path = layout.index / row.name
    if not path.exists():
        return "it is not there"
    if path.lstat().st_size != row.bytes or _digest(path) != row.sha256:
        return "it is not what was written"
    module = faiss()
    try:
        index = module.read_index(str(path), module.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        return f"it cannot be read ({error})"
    ids = module.vector_to_array(index.id_map)
    dead = snapshot.tombstones(row.last_chunk)
    if not index.ntotal == len(ids) == row.count or (np.diff(ids) <= 0).any():
        return f"it does not hold {row.count} vectors in order"
    inner = _Owned(index, module.downcast_index(index.index))
    held = _half_vectors(inner) if row.kind == "flat" else None
    alive = last = 0
    while True:
        found, vectors = snapshot.vectors_after(last, dimension, limit=_BATCH)
        found = [chunk for chunk in found if chunk <= row.last_chunk]
        if not found:
            break
        at = np.minimum(np.searchsorted(ids, found), row.count - 1)
        if (ids[at] != found).any():
            return "it lacks chunks of the base"
        if held is not None and (held[at] != vectors[: len(found)]).any():
            return "its vectors are not those of the base"
        alive, last = alive + len(found), found[-1]
    if alive + len(dead) != row.count:
        return "it holds chunks that are not in the base"
    return ""


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# -- searching -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _LoadedIndex:
    """A loaded index version: `ids[position]` is the chunk at that position, ascending."""

    row: IndexVersion
    index: Any
    ids: Ids


@dataclass(frozen=True, slots=True)
class _View:
    """What one sequence number sees: an index version, the dead in it, and all chunks after it.

    `masks` remembers, by the labels that somebody may read, which chunks that leaves of the
    index version and of the delta: while the sequence number stays, so do the labels.
    """

    seq: int
    index_version: _LoadedIndex | None
    alive: Mask | None  # None while nothing in the index version is dead
    delta: Any
    delta_ids: Ids
    masks: dict[frozenset[int], tuple[Mask, Mask]] = field(default_factory=dict)


class DenseIndex:
    """Searches the vectors of a base; safe from several threads."""

    def __init__(self, layout: Layout, dimension: int) -> None:
        self._layout = layout
        self._dimension = dimension
        self._guard = threading.Lock()
        self._view: _View | None = None

    def search(self, snapshot: Snapshot, query: Scores, k: int) -> tuple[Ids, Scores]:
        """The best `k` chunks of what the snapshot may read and their cosines, best first.

        `query` is float32 of shape (dimension,) with length 1.
        """
        view = self._view_of(snapshot)
        allowed, allowed_delta = self._masks(snapshot, view)
        found: list[tuple[Ids, Scores]] = []
        if view.index_version is not None and len(view.index_version.ids):
            found.append(
                _search(view.index_version.index, view.index_version.ids, query, k, allowed)
            )
        if len(view.delta_ids):
            found.append(_search(view.delta, view.delta_ids, query, k, allowed_delta))
        return best_of(found, k)

    def _masks(self, snapshot: Snapshot, view: _View) -> tuple[Mask | None, Mask | None]:
        """Which chunks of a view may be found; None for all of them."""
        if snapshot.labels is None:
            return view.alive, None
        known = view.masks.get(snapshot.labels)
        if known is None:
            runs = snapshot.chunk_runs()
            ids = view.index_version.ids if view.index_version else view.delta_ids[:0]
            known = _positions(ids, runs), _positions(view.delta_ids, runs)
            if len(view.masks) >= _MASKS_KEPT:
                view.masks.clear()
            view.masks[snapshot.labels] = known
        return known

    def cosines(self, snapshot: Snapshot, query: Scores, chunks: Ids) -> tuple[Ids, Scores]:
        """The cosines of chunks that are in the snapshot, and those chunks, best first."""
        view = self._view_of(snapshot)
        found: list[tuple[Ids, Scores]] = []
        parts = [(view.delta, view.delta_ids)]
        if view.index_version is not None and view.index_version.row.kind == "flat":
            parts.append((view.index_version.index, view.index_version.ids))
        for owned, ids in parts:
            at = np.searchsorted(ids, chunks)
            here = at < len(ids)
            here[here] = ids[at[here]] == chunks[here]
            if here.any():
                found.append((chunks[here], _dots(_half_vectors(owned)[at[here]], query)))
                chunks = chunks[~here]
        if len(chunks):
            stored, vectors = snapshot.vectors(chunks.tolist(), self._dimension)
            found.append((np.array(stored, np.int64), _dots(vectors, query)))
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
        row = snapshot.index_version()
        index_version: _LoadedIndex | None = None
        if row is not None:
            kept = previous.index_version if previous else None
            index_version = kept if kept and kept.row == row else self._load(row)
        last = index_version.row.last_chunk if index_version else 0
        alive = None
        if index_version is not None:
            dead = snapshot.tombstones(last)
            if dead:
                alive = np.ones(len(index_version.ids), dtype=np.bool_)
                alive[np.searchsorted(index_version.ids, dead)] = False
        ids, vectors = snapshot.vectors_after(last, self._dimension)
        return _View(
            snapshot.seq, index_version, alive, _exact(vectors), np.array(ids, dtype=np.int64)
        )

    def _load(self, row: IndexVersion) -> _LoadedIndex | None:
        """Map a file whose size and digest are those of its row; else scan exactly."""
        path = self._layout.index / row.name
        module = faiss()
        if not _is_intact(path, row):
            logger.warning("%s is gone or damaged; searching without it until an ingest", path)
            return None
        try:
            index = module.read_index(str(path), module.IO_FLAG_MMAP_IFC)
        except RuntimeError:  # replaced by a newer one in this very moment
            logger.warning("%s is gone; searching without it", path)
            return None
        ids = module.vector_to_array(index.id_map).copy()
        owned = _Owned(index, module.downcast_index(index.index))
        return _LoadedIndex(row, _tested(owned, len(ids)), ids)


@dataclass(frozen=True, slots=True)
class _Owned:
    """An inner FAISS index together with the wrapper that owns its memory."""

    wrapper: Any
    inner: Any


def _half_vectors(owned: _Owned) -> HalfVectors:
    """The vectors of a flat index as they lie in it, without a copy."""
    index = owned.inner
    codes = faiss().rev_swig_ptr(index.codes.data(), index.ntotal * index.code_size)
    vectors: HalfVectors = codes.view(np.float16).reshape(index.ntotal, index.d)
    return vectors


def _dots(vectors: HalfVectors, query: Scores) -> Scores:
    """The inner product of each vector with the query.

    Summed row by row: a matrix product's last bits depend on how many rows there are.
    """
    products: Scores = (vectors.astype(np.float32) * query).sum(axis=1)
    return products


def _exact(vectors: HalfVectors) -> Any:
    module = faiss()
    index = module.IndexScalarQuantizer(
        vectors.shape[1], module.ScalarQuantizer.QT_fp16, module.METRIC_INNER_PRODUCT
    )
    for at in range(0, len(vectors), _BATCH):
        index.add(vectors[at : at + _BATCH].astype(np.float32))
    return _tested(_Owned(index, index), len(vectors))


def _positions(ids: Ids, runs: Sequence[tuple[int, int]]) -> Mask:
    """Which positions hold a chunk of one of the runs [first, last]; no run means none."""
    allowed = np.zeros(len(ids), dtype=np.bool_)
    bounds = np.array(runs, dtype=np.int64).reshape(-1, 2)
    starts = np.searchsorted(ids, bounds[:, 0], side="left")
    ends = np.searchsorted(ids, bounds[:, 1], side="right")
    for start, end in zip(starts, ends, strict=True):
        allowed[start:end] = True
    return allowed


def _search(
    owned: _Owned, ids: Ids, query: Scores, k: int, allowed: Mask | None
) -> tuple[Ids, Scores]:
    """Search one index; what is not allowed is left out before anything is ranked.

    Of equal scores the older chunk is taken, as in `best_of`. FAISS takes any: as long as the last
    one found has an equal, more are looked for, so that it does not matter what else there is.
    """
    total = len(ids) if allowed is None else int(allowed.sum())
    if min(k, total) == 0:
        return best_of([])
    faiss().omp_set_num_threads(1)  # of this thread: one query is not worth waking others
    wanted = min(k + 1, total)
    while True:
        positions, scores = _scan(owned.inner, query, wanted, allowed)
        if len(positions) < wanted:  # an inverted file's cells held too few: look into all of them
            positions, scores = _scan(owned.inner, query, wanted, allowed, everywhere=True)
        if wanted == total or scores[-1] < scores[k - 1]:
            return best_of([(ids[positions], scores)], k)
        wanted = min(2 * wanted, total)


def _scan(
    index: Any, query: Scores, k: int, allowed: Mask | None, *, everywhere: bool = False
) -> tuple[Ids, Scores]:
    """The best `k` positions among those allowed, and their scores."""
    module = faiss()
    selector = None
    if allowed is not None:
        selector = module.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
    if isinstance(index, module.IndexIVF):
        nprobe = index.nlist if everywhere else _nprobe(index, allowed)
        parameters = module.SearchParametersIVF(sel=selector, nprobe=nprobe)
    else:
        parameters = module.SearchParameters(sel=selector)
    scores, positions = index.search(query.reshape(1, -1), k, params=parameters)
    found = positions[0] >= 0
    return positions[0][found], scores[0][found]


def _nprobe(index: Any, allowed: Mask | None) -> int:
    """Look into more cells the rarer the allowed chunks are, into all of them at last."""
    share = 1.0 if allowed is None else float(allowed.mean())
    return int(min(index.nlist, max(index.nprobe, index.nprobe / max(share, 1e-9))))


def _tested(owned: _Owned, count: int) -> _Owned:
    """The index, once it has shown that it finds nothing but what a selector allows.

    Some builds take a selector and search everything all the same, without an error (flat and
    IVF on a GPU without cuVS: github.com/facebookresearch/faiss/issues/3114). Raises StoreError
    for such a one.
    """
    if count:
        query = np.ones(owned.inner.d, dtype=np.float32)
        allowed = np.zeros(count, dtype=np.bool_)
        nothing, _ = _scan(owned.inner, query, 1, allowed, everywhere=True)
        allowed[count // 2] = True
        one, _ = _scan(owned.inner, query, min(count, 2), allowed, everywhere=True)
        if len(nothing) or one.tolist() != [count // 2]:
            raise StoreError(
                "this build of FAISS ignores which documents may be found, and would show what "
                'somebody may not read; install another one: pip install "ragkit[cpu]"'
            )
    return owned
