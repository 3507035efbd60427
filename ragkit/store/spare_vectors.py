"""Writes the second set of vectors, which a change of the embedder builds and keeps."""

from __future__ import annotations

from collections.abc import Sequence

from ragkit.errors import StoreError
from ragkit.store.audit import Detail
from ragkit.store.transaction import WriteTransaction
from ragkit.store.vectors import SPARE_TABLE

SPARE = "spare"
"""The key in `meta` of what the second set is: a JSON text, which names its embedder."""


class SpareVectorWriter:
    """Writes the second set of vectors; each method is one commit.

    `spare` is what `meta.spare` has to be: another process may have ended this change of the
    embedder, or have begun another one. Then these methods raise StoreError and write nothing.
    """

    def __init__(self, writer: WriteTransaction) -> None:
        self._writer = writer
        self._db = writer.connection

    def begin(self, spare: str, detail: Detail) -> None:
        """Begin an empty set, with an audit record."""
        with self._writer.commit():
            self._check(None)
            self._writer.set_meta(SPARE, spare)
            self._writer.audit("kb.reembed", "kb", detail)

    def add(self, spare: str, vectors: Sequence[tuple[int, bytes]]) -> None:
        """Add (chunk, vector) pairs, ascending; chunks that were deleted meanwhile are left out."""
        with self._writer.commit():
            self._check(spare)
            self._db.executemany(
                f"INSERT OR IGNORE INTO {SPARE_TABLE} (chunk, data) "
                "SELECT id, ? FROM chunk WHERE id = ?",
                [(data, chunk) for chunk, data in vectors],
            )
            # A file that holds later chunks lacks these: a search reads only those behind its end.
            self._db.execute(
                "DELETE FROM index_version WHERE spare = 1 AND last_chunk >= ?",
                (min((chunk for chunk, _ in vectors), default=0),),
            )

    def swap(self, spare: str, *, identity: str, kept: str, action: str, detail: Detail) -> None:
        """Let the second set serve, and the first one be the second.

        `identity` becomes what the knowledge base is built with, and `kept` what the second set is.
        The caller holds the writer lock. Raises StoreError if chunks lack a vector.
        """
        with self._writer.transaction():
            self._check(spare)
            (missing,) = self._db.execute(
                "SELECT EXISTS (SELECT 1 FROM chunk c WHERE NOT EXISTS "
                f"(SELECT 1 FROM {SPARE_TABLE} v WHERE v.chunk = c.id))"
            ).fetchone()
            if missing:
                raise StoreError(
                    "some chunks have no vector of the new embedder yet; run the command again"
                )
            self._db.execute("ALTER TABLE vector RENAME TO swapped_vector")
            self._db.execute(f"ALTER TABLE {SPARE_TABLE} RENAME TO vector")
            self._db.execute(f"ALTER TABLE swapped_vector RENAME TO {SPARE_TABLE}")
            self._db.execute("UPDATE index_version SET spare = 1 - spare")
            self._writer.set_meta("identity", identity)
            self._writer.set_meta(SPARE, kept)
            self._writer.audit(action, "kb", detail)

    def mark(self, spare: str, marked: str, action: str, detail: Detail) -> None:
        """Change what the second set is, with an audit record."""
        with self._writer.commit():
            self._check(spare)
            self._writer.set_meta(SPARE, marked)
            self._writer.audit(action, "kb", detail)

    def delete(self, spare: str, limit: int) -> int:
        """Delete at most `limit` vectors of the set and its index file; return how many.

        In parts, because others wait to commit in the meantime.
        """
        with self._writer.commit():
            self._check(spare)
            self._db.execute("DELETE FROM index_version WHERE spare = 1")
            return len(
                self._db.execute(
                    f"DELETE FROM {SPARE_TABLE} WHERE chunk IN "
                    f"(SELECT chunk FROM {SPARE_TABLE} ORDER BY chunk LIMIT ?) RETURNING 1",
                    (limit,),
                ).fetchall()
            )

    def end(self, spare: str) -> None:
        """Forget the set, which has no vectors left."""
        with self._writer.commit():
            self._check(spare)
            self._db.execute("DELETE FROM meta WHERE key = ?", (SPARE,))

    def _check(self, spare: str | None) -> None:
        if self._writer.meta(SPARE) != spare:
            raise StoreError(
                "another process has changed the second set of vectors in the meantime; see its "
                "state with ragkit status, and run the command again"
            )
