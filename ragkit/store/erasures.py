"""Erasures: deletes documents with everything derived from them, and keeps them from returning."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ragkit.store import audit
from ragkit.store.audit import find_records
from ragkit.store.audit_record import AuditRecord
from ragkit.store.records import Erasure, OpenErasure, PastErasure, document_object
from ragkit.store.rows import RowMapper

if TYPE_CHECKING:
    from ragkit.store.snapshot import Snapshot
    from ragkit.store.writer import Writer

_CONTENT_TABLES = ("document", "page", "chunk", "vector")

_OPEN_ERASURE = RowMapper(
    OpenErasure,
    id="e.id",
    at="e.at",
    record="e.record",
    files="e.files",
    fingerprints="e.fingerprints",
    asked="coalesce(m.value, '')",
    is_stuck="e.state = 'stuck'",
    convert={"files": lambda stored: tuple(json.loads(stored)), "is_stuck": bool},
)


class Erasures:
    """Reads the erasures of a snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
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
        is_complete = self._snapshot.audit.is_complete()
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
        found = self._db.execute("SELECT 1 FROM erased_document WHERE uid = ?", (uid,))
        return found.fetchone() is not None

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
        columns = {"vector": f"substr(data, 1, {vector_bytes})", "chunk": "header, headings, ref"}
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


class ErasureWriter:
    """Writes erasures; each method is one commit unless it says otherwise."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._db = writer.connection

    def begin(
        self,
        complete: Callable[[], tuple[Erasure, bytes]],
        *,
        reason: str,
        files: Sequence[str],
        outside: int,
        asked: str,
    ) -> int:
        """Delete everything that an erasure takes; return the erasure's number.

        `complete` is called inside the commit, when no other process can add to the conversations
        and the audit log; it returns the erasure and its fingerprints. `outside` counts the files
        outside the knowledge base that the documents were read from. After this commit searches
        find none of it; `end` states that it is gone from the disk, too.
        """
        with self._writer.transaction() as seq:
            erasure, fingerprints = complete()
            held = self._delete(erasure, seq)
            (number,) = self._db.execute("SELECT coalesce(max(id), 0) + 1 FROM erasure").fetchone()
            record = self._writer.audit(
                "document.erase",
                f"erasure:{number}",
                {
                    "documents": [document_object(uid) for uid in erasure.uids],
                    "digests": [digest.hex() for digest in erasure.digests],
                    "turns": len(erasure.turns),
                    "records": list(erasure.records),
                    "held": [document_object(uid) for uid in held],
                    "outside": outside,
                },
                {"reason": reason},
            )
            self._db.execute(
                "INSERT INTO erasure (id, at, record, state, files, fingerprints, receipt) "
                "VALUES (?, ?, ?, 'begun', ?, ?, '')",
                (number, audit.current_time(), record, json.dumps(list(files)), fingerprints),
            )
            if asked:
                self._writer.set_meta(f"erasing {number}", asked)
            self._db.executemany(
                "INSERT OR REPLACE INTO erased_document (uid, erasure) VALUES (?, ?)",
                [(uid, number) for uid in erasure.uids],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO erased_content (digest, erasure) VALUES (?, ?)",
                [(digest, number) for digest in erasure.digests],
            )
            return int(number)

    def _delete(self, erasure: Erasure, seq: int) -> list[int]:
        """Delete what an erasure takes; return the uids of documents that were on legal hold."""
        writer = self._writer
        source_folders = self._source_folders_of(erasure)
        for document in erasure.documents:
            writer.documents.delete(document, seq, despite_hold=True)
        held = writer.retention.drop_holds(erasure.uids)
        writer.conversations.drop_turns(erasure.turns)
        self._db.executemany(
            "DELETE FROM audit_names WHERE record = ?", [(record,) for record in erasure.records]
        )
        places = [(folder, name) for folder in source_folders for name in erasure.own]
        places += [(f, name) for f in writer.source_folders.ids() for name in erasure.refused]
        for folder, name in places:
            writer.file_errors.drop(folder, name)
            writer.labels.take_remembered(folder, name)
        writer.file_errors.drop_contents(erasure.digests)
        writer.labels.drop_lost(erasure.own)
        return held

    def _source_folders_of(self, erasure: Erasure) -> set[int]:
        """Return the folders that the documents may have been in: all if one is already gone."""
        folders = dict(
            self._db.execute(
                "SELECT uid, source_folder FROM document "
                "WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(erasure.documents),),
            ).fetchall()
        )
        if folders.keys() >= {*erasure.uids}:
            return set(folders.values())
        return self._writer.source_folders.ids()

    def keep_receipt(self, number: int, receipt: str) -> None:
        """Store the receipt of a finished erasure, before it is handed out."""
        with self._writer.commit():
            self._db.execute("UPDATE erasure SET receipt = ? WHERE id = ?", (receipt, number))

    def mark_stuck(self, number: int) -> None:
        """Store that something is left of an erasure, which a person has to delete."""
        with self._writer.commit():
            self._db.execute("UPDATE erasure SET state = 'stuck' WHERE id = ?", (number,))

    def end(self, number: int, digest: str) -> None:
        """Store that an erasure is done; `digest` is that of its receipt."""
        with self._writer.commit():
            self._writer.audit("document.erase-done", f"erasure:{number}", {"receipt": digest})
            self._db.execute(
                "UPDATE erasure SET state = 'done', fingerprints = x'' WHERE id = ?", (number,)
            )

    def clear_files(self, number: int) -> None:
        """Delete the names of the files that an erasure had to delete."""
        with self._writer.commit():
            self._db.execute("UPDATE erasure SET files = '[]' WHERE id = ?", (number,))

    def allow(self, digest: bytes) -> bool:
        """Allow an erased content to be ingested again; return whether it was erased."""
        with self._writer.commit():
            found = self._db.execute(
                "DELETE FROM erased_content WHERE digest = ? RETURNING erasure", (digest,)
            ).fetchone()
            if found:
                self._writer.audit(
                    "document.allow-erased", f"erasure:{found[0]}", {"digest": digest.hex()}
                )
            return found is not None

    def is_erased(self, uid: int) -> bool:
        """Return True if the document with this uid was erased."""
        found = self._db.execute("SELECT 1 FROM erased_document WHERE uid = ?", (uid,))
        return found.fetchone() is not None

    def is_any_erased(self, documents: Iterable[int]) -> bool:
        """Return True if one of these documents was erased, in any version."""
        found = self._db.execute(
            "SELECT 1 FROM journal j JOIN erased_document e ON e.uid = j.uid "
            "WHERE j.document IN (SELECT value FROM json_each(?)) LIMIT 1",
            (json.dumps(list(documents)),),
        )
        return found.fetchone() is not None
