"""Vectors of chunks, and the published index files that are built from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple

import numpy as np

from ragkit.errors import StoreDamaged
from ragkit.store.records import HalfVectors, IndexVersion, UnembeddedChunk
from ragkit.store.rows import RowMapper, batches, placeholders
from ragkit.store.transaction import ReadTransaction, WriteTransaction

SPARE_TABLE = "spare_vector"
_INDEX_VERSION = RowMapper(
    IndexVersion,
    id="id",
    name="name",
    kind="kind",
    built_at="built_at",
    last_chunk="last_chunk",
    count="count",
    bytes="bytes",
    sha256="sha256",
    signature="signature",
)


class Vectors:
    """Reads the vectors of a snapshot, from the first or the second set."""

    def __init__(self, snapshot: ReadTransaction) -> None:
        self._db = snapshot.connection
        self._spare = int(snapshot.has_spare_vectors)
        self._table = SPARE_TABLE if snapshot.has_spare_vectors else "vector"

    def get(self, ids: Sequence[int], dimension: int) -> tuple[list[int], HalfVectors]:
        """Return the ids found, ascending, and their vectors.

        The vectors are float16 of shape (number of ids found, dimension).
        """
        rows: list[tuple[int, bytes]] = []
        for batch in batches(sorted(ids)):
            rows += self._db.execute(
                f"SELECT chunk, data FROM {self._table} WHERE chunk IN ({placeholders(batch)}) "
                "ORDER BY chunk",
                batch,
            )
        return _stack(rows, dimension)

    def after(
        self, chunk: int, dimension: int, *, limit: int = -1
    ) -> tuple[list[int], HalfVectors]:
        """Return the ids above `chunk`, ascending, and their vectors as `get` does.

        At most `limit` of them, unless that is -1.
        """
        rows = self._db.execute(
            f"SELECT chunk, data FROM {self._table} WHERE chunk > ? ORDER BY chunk LIMIT ?",
            (chunk, limit),
        ).fetchall()
        return _stack(rows, dimension)

    def by_digest(self, digests: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the stored bytes of vectors of texts that were embedded before."""
        found: dict[bytes, bytes] = {}
        for batch in batches(list(digests)):
            found.update(
                self._db.execute(
                    f"SELECT c.digest, v.data FROM chunk c JOIN {self._table} v ON v.chunk = c.id "
                    f"WHERE c.digest IN ({placeholders(batch)})",
                    batch,
                )
            )
        return found

    def count(self) -> int:
        """Return the number of vectors."""
        (count,) = self._db.execute(f"SELECT count(*) FROM {self._table}").fetchone()
        return int(count)

    def dimension(self) -> int:
        """Return the length of the vectors; 1 if there are none."""
        row = self._db.execute(f"SELECT length(data) FROM {self._table} LIMIT 1").fetchone()
        return row[0] // 2 if row else 1  # float16

    def index_version(self) -> IndexVersion | None:
        """Return the published index file; None if there is none."""
        row = self._db.execute(
            f"SELECT {_INDEX_VERSION.columns} FROM index_version WHERE spare = ? "
            "ORDER BY id DESC LIMIT 1",
            (self._spare,),
        ).fetchone()
        return _INDEX_VERSION(row) if row else None

    def file_names(self) -> list[str]:
        """Return the names of the published index files of both sets."""
        return [name for (name,) in self._db.execute("SELECT name FROM index_version")]

    def next_number(self) -> int:
        """Return the number of the next index file, which neither set has used."""
        (last,) = self._db.execute("SELECT coalesce(max(id), 0) FROM index_version").fetchone()
        return int(last) + 1

    def tombstones(self, last_chunk: int, built_at: int = -1) -> list[int]:
        """Return the ids of chunks up to `last_chunk` deleted after a commit, ascending."""
        rows = self._db.execute(
            "SELECT chunk FROM tombstone WHERE chunk <= ? AND seq > ? ORDER BY chunk",
            (last_chunk, built_at),
        )
        return [row[0] for row in rows]

    def count_missing(self) -> int:
        """Return the number of chunks that have no vector in this set."""
        (count,) = self._db.execute(f"SELECT count(*) FROM {self._missing()}").fetchone()
        return int(count)

    def missing(self, chunk: int, limit: int) -> list[UnembeddedChunk]:
        """Return chunks above `chunk` that have no vector in this set, ascending."""
        rows = self._db.execute(
            f"SELECT c.id, c.header, c.text FROM {self._missing()} AND c.id > ? "
            "ORDER BY c.id LIMIT ?",
            (chunk, limit),
        )
        return [UnembeddedChunk(*row) for row in rows]

    def _missing(self) -> str:
        return f"chunk c WHERE NOT EXISTS (SELECT 1 FROM {self._table} v WHERE v.chunk = c.id)"


class VectorWriter:
    """Writes which index file is published. It changes no text: the sequence number stays."""

    def __init__(self, writer: WriteTransaction) -> None:
        self._writer = writer
        self._db = writer.connection

    def publish(self, index_version: IndexVersion, *, spare: bool = False) -> list[str]:
        """Make an index file the published one of its set; return the names of those it replaces.

        `spare` says that it is made of the second set of vectors.
        """
        with self._writer.commit():
            old = [
                name
                for (name,) in self._db.execute(
                    "DELETE FROM index_version WHERE spare = ? RETURNING name", (spare,)
                )
            ]
            self._db.execute(
                f"INSERT INTO index_version ({_INDEX_VERSION.columns}, spare) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*astuple(index_version), spare),
            )
            self._db.execute(
                "DELETE FROM tombstone WHERE seq <= (SELECT min(built_at) FROM index_version)"
            )
        return [name for name in old if name != index_version.name]

    def set_signature(self, index_version: int, signature: str) -> None:
        """Store the current signature of an index file (size and times)."""
        with self._writer.commit():
            self._db.execute(
                "UPDATE index_version SET signature = ? WHERE id = ?", (signature, index_version)
            )


def _stack(rows: Sequence[tuple[int, bytes]], dimension: int) -> tuple[list[int], HalfVectors]:
    """Return the ids and the vectors of rows. Raises StoreDamaged for one of another length."""
    if any(len(row[1]) != 2 * dimension for row in rows):
        raise StoreDamaged(
            f"the database is damaged: a vector does not have {dimension} numbers; check the whole "
            "knowledge base with: ragkit verify"
        )
    data = np.frombuffer(b"".join(row[1] for row in rows), dtype=np.float16)
    return [row[0] for row in rows], data.reshape(len(rows), dimension)
