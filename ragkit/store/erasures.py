"""Erasures: what was erased, and what must not be ingested again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from ragkit.store.audit import find_records
from ragkit.store.audit_queries import AuditQueries
from ragkit.store.audit_record import AuditRecord
from ragkit.store.database import Database
from ragkit.store.records import OpenErasure, PastErasure
from ragkit.store.rows import RowMapper, decode_list
from ragkit.store.transaction import ReadTransaction

_CONTENT_TABLES = ("document", "page", "chunk", "vector", "spare_vector")

_OPEN_ERASURE = RowMapper(
    OpenErasure,
    id="e.id",
    at="e.at",
    record="e.record",
    files="e.files",
    fingerprints="e.fingerprints",
    asked="coalesce(m.value, '')",
    is_stuck="e.state = 'stuck'",
    convert={"files": decode_list, "is_stuck": bool},
)


def is_erased(connection: Database, uid: int) -> bool:
    """Return True if the document with this uid was erased."""
    found = connection.execute("SELECT 1 FROM erased_document WHERE uid = ?", (uid,))
    return found.fetchone() is not None


def is_any_erased(connection: Database, documents: Iterable[int]) -> bool:
    """Return True if one of these documents was erased, in any version."""
    found = connection.execute(
        "SELECT 1 FROM journal j JOIN erased_document e ON e.uid = j.uid "
        "WHERE j.document IN (SELECT value FROM json_each(?)) LIMIT 1",
        (json.dumps(list(documents)),),
    )
    return found.fetchone() is not None


class Erasures:
    """Reads the erasures of a snapshot."""

    def __init__(self, snapshot: ReadTransaction) -> None:
        self._snapshot = snapshot
        self._db = snapshot.connection

    def open(self) -> list[OpenErasure]:
        """Return the erasures that may have left something on the disk."""
        rows = self._db.execute(
            f"SELECT {_OPEN_ERASURE.columns} FROM erasure e "
            "LEFT JOIN meta m ON m.key = 'erasing ' || e.id "
            "WHERE e.state != 'done' ORDER BY e.id"
        )
        return [_OPEN_ERASURE(row) for row in rows]

    def past(self) -> list[PastErasure]:
        """Return all erasures, also open ones, in order.

        Content that may be ingested again is left out.
        """
        kb = self._snapshot.meta("kb") or ""
        is_complete = AuditQueries(self._snapshot).is_complete()
        rows = self._db.execute(
            "SELECT e.id, coalesce(json_extract(n.text, '$.reason'), '') FROM erasure e "
            "LEFT JOIN audit_names n ON n.record = e.record ORDER BY e.id"
        ).fetchall()
        records = {record.object: record for record in find_records(self._db, "document.erase")}
        found = []
        for id, reason in rows:
            uids, digests = self.contents(id, records.get(f"erasure:{id}"))
            digests = tuple(each for each in digests if self.erased_at(each) is not None)
            found.append(PastErasure(kb, uids, digests, reason, is_complete))
        return found

    def contents(
        self, erasure: int, record: AuditRecord | None
    ) -> tuple[tuple[int, ...], tuple[bytes, ...]]:
        """Return the uids of the documents that an erasure took, and their contents' digests.

        The erasure's audit record has all of them. Without it, if damage took it, those are missing
        that a later erasure had, too.
        """
        if record is None:
            return tuple(self.uids(erasure)), tuple(self.digests(erasure))
        uids = (int(each.removeprefix("document:")) for each in record.detail["documents"])
        return tuple(uids), tuple(map(bytes.fromhex, record.detail["digests"]))

    def uids(self, erasure: int) -> list[int]:
        """Return the uids of the documents that an erasure took, ascending."""
        rows = self._db.execute(
            "SELECT uid FROM erased_document WHERE erasure = ? ORDER BY uid", (erasure,)
        )
        return [row[0] for row in rows]

    def digests(self, erasure: int) -> list[bytes]:
        """Return the digests of the contents that an erasure took, ascending."""
        rows = self._db.execute(
            "SELECT digest FROM erased_content WHERE erasure = ? ORDER BY digest", (erasure,)
        )
        return [row[0] for row in rows]

    def receipt(self, erasure: int) -> str:
        """Return the receipt of an erasure; "" if there is none."""
        row = self._db.execute("SELECT receipt FROM erasure WHERE id = ?", (erasure,)).fetchone()
        return row[0] if row else ""

    def receipt_of(self, asked: str) -> str:
        """Return the receipt of the last erasure with this request; "" if there is none."""
        row = self._db.execute(
            "SELECT e.receipt FROM erasure e JOIN meta m ON m.key = 'erasing ' || e.id "
            "WHERE m.value = ? AND e.state = 'done' ORDER BY e.id DESC LIMIT 1",
            (asked,),
        ).fetchone()
        return row[0] if row else ""

    def is_erased(self, uid: int) -> bool:
        """Return True if the document with this uid was erased."""
        return is_erased(self._db, uid)

    def erased_at(self, digest: bytes) -> str | None:
        """Return when a content was erased that must not return; None if it was not."""
        row = self._db.execute(
            "SELECT e.at FROM erased_content c JOIN erasure e ON e.id = c.erasure "
            "WHERE c.digest = ?",
            (digest,),
        ).fetchone()
        return row[0] if row else None

    def stored_values(self, vector_bytes: int, *, of_documents: bool) -> Iterator[bytes]:
        """Yield all stored texts and byte strings: those of documents, or all others.

        Of each vector its first `vector_bytes`. A chunk's text is left out: its page has it.
        """
        vector = f"substr(data, 1, {vector_bytes})"
        columns = {"vector": vector, "spare_vector": vector, "chunk": "header, sections, rows"}
        tables = self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            if table == "erasure":  # it has the fingerprints that are searched for
                continue
            if (table in _CONTENT_TABLES) is not of_documents:
                continue
            for row in self._db.execute(f'SELECT {columns.get(table, "*")} FROM "{table}"'):
                for value in row:
                    if isinstance(value, str):
                        yield value.encode("utf-8", "surrogatepass")
                    elif isinstance(value, bytes):
                        yield value
