"""Queries about the audit log, in a snapshot."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator

from ragkit.store.rows import batches, placeholders
from ragkit.store.transaction import ReadTransaction


class AuditQueries:
    """Reads the audit log of a snapshot; see store/audit for whole records."""

    def __init__(self, snapshot: ReadTransaction) -> None:
        self._db = snapshot.connection

    def last_number(self) -> int:
        """Return the number of the last record; 0 if there is none."""
        (number,) = self._db.execute("SELECT coalesce(max(id), 0) FROM audit").fetchone()
        return int(number)

    def signature(self, number: int) -> bytes | None:
        """Return the signature of a record; None if there is no such record."""
        row = self._db.execute(
            "SELECT CAST(signature AS BLOB) FROM audit WHERE id = ?", (number,)
        ).fetchone()
        return row[0] if row else None

    def history(self, number: int | None = None) -> tuple[int, int]:
        """Return (number, digest) of a record, by default the last one; (0, 0) if none.

        Equal digests mean equal histories up to that record, also after a backup was restored.
        """
        row = self._db.execute(
            "SELECT id, CAST(signature AS BLOB) FROM audit "
            "WHERE id = coalesce(?, (SELECT max(id) FROM audit))",
            (number,),
        ).fetchone()
        return (row[0], int.from_bytes(row[1][:8], "big")) if row else (0, 0)

    def is_complete(self) -> bool:
        """Return False if records are missing, as damage took them."""
        last, count = self._db.execute(
            "SELECT coalesce(max(id), 0), count(*) FROM audit"
        ).fetchone()
        return bool(last == count)

    def times_since_retention_run(self) -> list[str]:
        """Return the times of the audit records since the last retention run, oldest first.

        The record of that run comes first. Runs that erased nothing while the clock was in
        doubt do not count.
        """
        rows = self._db.execute(
            "SELECT at FROM audit WHERE id >= coalesce((SELECT max(id) FROM audit "
            "WHERE action = 'retention.erase' AND iif(json_valid(detail), "
            "json_extract(detail, '$.doubt'), 1) IS NULL), 0) ORDER BY id"
        )
        return [row[0] for row in rows]

    def find_questions(self, questions: Collection[str]) -> list[int]:
        """Return the numbers of the records with the text of one of these questions."""
        rows = self._db.execute(
            "SELECT record FROM audit_names WHERE json_valid(text) "
            "AND json_extract(text, '$.question') IN (SELECT value FROM json_each(?))",
            (json.dumps(sorted(questions)),),
        )
        return [row[0] for row in rows] if questions else []

    def names_of(self, records: Collection[int]) -> Iterator[bytes]:
        """Yield the names and texts of records, as they are stored."""
        for batch in batches(sorted(records)):
            for (text,) in self._db.execute(
                "SELECT CAST(text AS BLOB) FROM audit_names "
                f"WHERE record IN ({placeholders(batch)})",
                batch,
            ):
                yield text
