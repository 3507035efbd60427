"""The vector index on disk: one FAISS file per published version, named in the database."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from ragkit.errors import StoreError
from ragkit.index.base import Ids, Query, Ranking, Runs, Scores
from ragkit.index.checksums import file_stamp, sha256_of
from ragkit.index.faiss_files import import_faiss, is_intact, map_index, write_index
from ragkit.index.vector_search import VectorSearch
from ragkit.store.access import Access
from ragkit.store.atomic import publish_file
from ragkit.store.database import translate_errors
from ragkit.store.layout import Layout
from ragkit.store.records import HalfVectors, IndexVersion
from ragkit.store.snapshot import Snapshot
from ragkit.store.writer import Writer

FLAT_LIMIT = 200_000  # chunks; above it an inverted file is faster and smaller
DELTA_LIMIT = 20_000  # chunks that a search scans in memory before a new version is due
_BATCH = 20_000  # vectors read from the database at a time
_NPROBE_SHARE = 1 / 64  # of an inverted file's cells that a search looks into


class FaissIndex:
    """The vectors of a knowledge base in FAISS, and the exact search of what came after.

    A version with up to FLAT_LIMIT chunks holds float16 vectors and is searched exactly. A larger
    one is an inverted file of 8-bit vectors, whose search is approximate: unless access is strict,
    where results must not depend on documents that the reader cannot access.

    With `spare` it is the index of the second set of vectors, which exists while the embedder is
    changed. It has a file only from the first `publish` on, once its vectors are complete.
    """

    sync_every = DELTA_LIMIT

    def __init__(self, layout: Layout, *, spare: bool = False) -> None:
        self.name = "spare vector" if spare else "vector"
        self._spare = spare
        self._layout = layout
        self._vectors = VectorSearch(layout)

    def search(self, snapshot: Snapshot, query: Query, k: int) -> Ranking:
        """Return the k chunks with the highest cosine; see Index.search and VectorSearch."""
        return Ranking(*self._vectors.search(self._own(snapshot), query.vector, k), 1.0)

    def search_runs(self, snapshot: Snapshot, query: Query, k: int, runs: Runs) -> Ranking:
        """Return the k chunks with the highest cosine in some runs that the snapshot may read."""
        return Ranking(*self._vectors.search(self._own(snapshot), query.vector, k, runs), 1.0)

    def cosines(self, snapshot: Snapshot, query: Query, chunks: Ids) -> tuple[Ids, Scores]:
        """Return the exact cosines of given chunks, best first; see VectorSearch.cosines."""
        return self._vectors.cosines(self._own(snapshot), query.vector, chunks)

    def _own(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with the set of vectors that this index is made of."""
        return snapshot.with_spare_vectors() if self._spare else snapshot

    def sync(self, writer: Writer) -> None:
        """Publish a new version if one is due, and delete files that no version names.

        Until one is due a search scans new chunks in memory. One is due if the file is damaged, if
        access became strict and the version is approximate, or if more than 10 % of its chunks or
        DELTA_LIMIT chunks were added or deleted.
        """
        snapshot = self._own(Snapshot(writer.connection))
        for path in self.leftovers(snapshot):
            path.unlink()
        self._update_stamp(writer)
        if self._is_due(snapshot):
            self.rebuild(writer)

    def rebuild(self, writer: Writer) -> None:
        """Publish a new version, unless there are neither vectors nor an old version."""
        snapshot = self._own(Snapshot(writer.connection))
        if snapshot.vectors.index_version() or (not self._spare and snapshot.vectors.count()):
            self.publish(writer)

    def make_exact(self, writer: Writer) -> None:
        """Replace an approximate version by an exact one, which strict access needs."""
        version = self._own(Snapshot(writer.connection)).vectors.index_version()
        if version is not None and version.kind != "flat":
            self._publish(writer, exact=True)

    def publish(self, writer: Writer) -> None:
        """Publish a new version; it is exact if it is small or access is strict."""
        self._publish(writer, exact=Snapshot(writer.connection).access.mode() is Access.STRICT)

    def drop(self, writer: Writer, documents: Collection[int]) -> None:
        """Publish a new version, whatever the documents, and delete all other files."""
        self.rebuild(writer)
        for path in self.leftovers(Snapshot(writer.connection)):
            path.unlink()

    def verify(self, snapshot: Snapshot) -> str:
        """Compare the published file with its digest and with the vectors in the database."""
        snapshot = self._own(snapshot)
        version = snapshot.vectors.index_version()
        if version is None:
            return ""
        path = self._layout.index / version.name
        if not path.exists():
            return "its file is missing"
        if path.lstat().st_size != version.bytes or sha256_of(path) != version.sha256:
            return "its file is not what was written"
        try:
            index, ids = map_index(path)
        except RuntimeError as error:
            return f"its file cannot be read ({error})"
        if not index.wrapper.ntotal == len(ids) == version.count or (np.diff(ids) <= 0).any():
            return f"it does not hold {version.count} vectors in order"
        stored = index.half_vectors() if version.kind == "flat" else None
        return self._compare(snapshot, version, ids, stored)

    def _compare(
        self, snapshot: Snapshot, version: IndexVersion, ids: Ids, stored: HalfVectors | None
    ) -> str:
        """Return how a version differs from the vectors in the database, "" if it does not."""
        dimension = snapshot.vectors.dimension()
        alive = last = 0
        while True:
            found, vectors = snapshot.vectors.after(last, dimension, limit=_BATCH)
            found = [chunk for chunk in found if chunk <= version.last_chunk]
            if not found:
                break
            at = np.minimum(np.searchsorted(ids, found), version.count - 1)
            if (ids[at] != found).any():
                return "it lacks chunks of the knowledge base"
            if stored is not None and (stored[at] != vectors[: len(found)]).any():
                return "its vectors differ from those of the knowledge base"
            alive, last = alive + len(found), found[-1]
        deleted = snapshot.vectors.tombstones(version.last_chunk, version.built_at)
        if alive + int(np.isin(deleted, ids).sum()) != version.count:
            return "it holds chunks that are not in the knowledge base"
        return ""

    def version(self, snapshot: Snapshot) -> str:
        """Return the name of the published file, which contains its number and digest."""
        version = self._own(snapshot).vectors.index_version()
        return version.name if version else ""

    def count(self, snapshot: Snapshot) -> int:
        """Return how many vectors the published file holds, 0 if there is none.

        Raises StoreError if the chunk of one is not in the database.
        """
        path = self.path(snapshot)
        if path is None:
            return 0
        index, ids = map_index(path)
        if len(snapshot.chunks.places(ids.tolist())) != index.wrapper.ntotal:
            raise StoreError(
                f"{path} holds vectors of chunks that are not in the knowledge base; "
                "rebuild it with: ragkit repair"
            )
        return int(index.wrapper.ntotal)

    def path(self, snapshot: Snapshot) -> Path | None:
        """Return the published file, None before the first one."""
        name = self.version(snapshot)
        return self._layout.index / name if name else None

    def leftovers(self, snapshot: Snapshot) -> list[Path]:
        """Return FAISS files that the database does not name."""
        published = snapshot.vectors.file_names()
        files = sorted(self._layout.index.glob("dense-*.faiss"))
        return [path for path in files if path.name not in published]

    def _is_due(self, snapshot: Snapshot) -> bool:
        version, total = snapshot.vectors.index_version(), snapshot.vectors.count()
        if version is None:
            return total > 0 and not self._spare
        if not is_intact(self._layout.index / version.name, version):
            return True
        if version.kind != "flat" and snapshot.access.mode() is Access.STRICT:
            return True
        deleted = len(snapshot.vectors.tombstones(version.last_chunk, version.built_at))
        changed = deleted + total - (version.count - deleted)
        return changed > max(version.count // 10, 100) or changed >= DELTA_LIMIT

    def _update_stamp(self, writer: Writer) -> None:
        """Store the file's stamp if only that differs: after a move the digest was compared."""
        version = self._own(Snapshot(writer.connection)).vectors.index_version()
        path = self._layout.index / version.name if version else None
        if version is None or path is None or not path.exists():
            return
        stamp = file_stamp(path)
        if stamp != version.signature and is_intact(path, version):
            writer.vectors.set_signature(version.id, stamp)

    def _publish(self, writer: Writer, *, exact: bool) -> None:
        """Write a version from the database, then name it there.

        The file is written to tmp, synced, read back and renamed before it is named: readers never
        see one that is incomplete. Those of the old version keep it mapped after it is deleted.
        """
        layout = self._layout
        snapshot = self._own(Snapshot(writer.connection))
        total = snapshot.vectors.count()
        kind = "flat" if exact or total <= FLAT_LIMIT else "ivf"
        index, ids = _build(snapshot, kind, total, snapshot.vectors.dimension())
        number = snapshot.vectors.next_number()
        scratch = layout.tmp / f"dense-{number:06d}"
        with translate_errors(layout.root):
            size, digest = write_index(index, scratch)
            name = f"dense-{number:06d}-{digest[:8]}.faiss"
            if sha256_of(scratch) != digest:
                raise StoreError(
                    f"{scratch} reads back differently from what was written; check the disk"
                )
            publish_file(scratch, layout.index / name)
        replaced = writer.vectors.publish(
            IndexVersion(
                id=number,
                name=name,
                kind=kind,
                built_at=snapshot.seq,
                last_chunk=int(ids[-1]) if len(ids) else 0,
                count=len(ids),
                bytes=size,
                sha256=digest,
                signature=file_stamp(layout.index / name),
            ),
            spare=self._spare,
        )
        for old in replaced:
            (layout.index / old).unlink(missing_ok=True)


def _build(snapshot: Snapshot, kind: str, total: int, dimension: int) -> tuple[Any, Ids]:
    """Build an index of all vectors; returns it and the ids of their chunks, ascending."""
    faiss = import_faiss()
    inner = _empty_flat(dimension) if kind == "flat" else _trained_ivf(snapshot, total, dimension)
    ids = np.empty(total, dtype=np.int64)
    index = faiss.IndexIDMap(inner)
    at = last = 0
    while at < total:
        found, vectors = snapshot.vectors.after(last, dimension, limit=_BATCH)
        ids[at : at + len(found)] = found
        index.add_with_ids(vectors.astype(np.float32), ids[at : at + len(found)])
        at, last = at + len(found), found[-1]
    return index, ids


def _empty_flat(dimension: int) -> Any:
    faiss = import_faiss()
    kind = faiss.ScalarQuantizer.QT_fp16
    return faiss.IndexScalarQuantizer(dimension, kind, faiss.METRIC_INNER_PRODUCT)


def _trained_ivf(snapshot: Snapshot, total: int, dimension: int) -> Any:
    """Return an empty inverted file, with txtai's number of cells: min(4 sqrt(n), n / 39)."""
    faiss = import_faiss()
    cells = int(min(4 * total**0.5, total / 39))
    quantizer = faiss.IndexFlatIP(dimension)
    index = faiss.IndexIVFScalarQuantizer(
        quantizer, dimension, cells, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    index.nprobe = max(16, int(cells * _NPROBE_SHARE))
    index.train(_sample(snapshot, min(total, cells * 40), total, dimension))
    return index


def _sample(snapshot: Snapshot, wanted: int, total: int, dimension: int) -> Scores:
    """Return about `wanted` of all vectors, evenly spaced: float32 of shape (n, dimension)."""
    step = max(1, total // wanted)
    parts: list[HalfVectors] = []
    last = 0
    while True:
        found, vectors = snapshot.vectors.after(last, dimension, limit=_BATCH)
        if not found:
            break
        parts.append(vectors[::step].copy())
        last = found[-1]
    return np.concatenate(parts).astype(np.float32)
