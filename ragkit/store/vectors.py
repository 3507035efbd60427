"""Vectors of chunks, and the published index files that are built from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple

import numpy as np

from ragkit.errors import StoreDamaged
from ragkit.store.records import HalfVectors, IndexVersion
from ragkit.store.rows import RowMapper, batches, placeholders
from ragkit.store.transaction import ReadTransaction, WriteTransaction

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
    """Reads the vectors of a snapshot."""

    def __init__(self, snapshot: ReadTransaction) -> None:
        self._db = snapshot.connection

    def get(self, ids: Sequence[int], dimension: int) -> tuple[list[int], HalfVectors]:
        """Return the ids found, ascending, and their vectors.

        The vectors are float16 of shape (number of ids found, dimension).
        """
        rows: list[tuple[int, bytes]] = []
        for batch in batches(sorted(ids)):
            rows += self._db.execute(
                f"SELECT chunk, data FROM vector WHERE chunk IN ({placeholders(batch)}) "
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
            "SELECT chunk, data FROM vector WHERE chunk > ? ORDER BY chunk LIMIT ?", (chunk, limit)
        ).fetchall()
        return _stack(rows, dimension)

    def by_digest(self, digests: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the stored bytes of vectors of texts that were embedded before."""
        found: dict[bytes, bytes] = {}
        for batch in batches(list(digests)):
            found.update(
                self._db.execute(
                    "SELECT c.digest, v.data FROM chunk c JOIN vector v ON v.chunk = c.id "
                    f"WHERE c.digest IN ({placeholders(batch)})",
                    batch,
                )
            )
        return found

    def count(self) -> int:
        """Return the number of vectors."""
        (count,) = self._db.execute("SELECT count(*) FROM vector").fetchone()
        return int(count)

    def dimension(self) -> int:
        """Return the length of the vectors; 1 if there are none."""
        row = self._db.execute("SELECT length(data) FROM vector LIMIT 1").fetchone()
        return row[0] // 2 if row else 1  # float16

    def index_version(self) -> IndexVersion | None:
        """Return the published index file; None if there is none."""
        row = self._db.execute(
            f"SELECT {_INDEX_VERSION.columns} FROM index_version ORDER BY id DESC LIMIT 1"
        ).fetchone()
        return _INDEX_VERSION(row) if row else None

    def tombstones(self, last_chunk: int) -> list[int]:
        """Return the ids of deleted chunks up to `last_chunk`, ascending."""
        rows = self._db.execute(
            "SELECT chunk FROM tombstone WHERE chunk <= ? ORDER BY chunk", (last_chunk,)
        )
        return [row[0] for row in rows]


class VectorWriter:
    """Writes which index file is published. It changes no text: the sequence number stays."""

    def __init__(self, writer: WriteTransaction) -> None:
        self._writer = writer
        self._db = writer.connection

    def publish(self, index_version: IndexVersion) -> list[str]:
        """Make an index file the published one; return the names of the files it replaces."""
        with self._writer.commit():
            old = [name for (name,) in self._db.execute("SELECT name FROM index_version")]
            self._db.execute("DELETE FROM index_version")
            self._db.execute(
                f"INSERT INTO index_version ({_INDEX_VERSION.columns}) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                astuple(index_version),
            )
            self._db.execute("DELETE FROM tombstone WHERE seq <= ?", (index_version.built_at,))
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
