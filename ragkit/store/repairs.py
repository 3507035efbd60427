"""Writes what a repair changes: lost content, the journal, the counters and the audit log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ragkit.store.checks import missing_documents, unknown_documents
from ragkit.store.labels import LabelWriter
from ragkit.store.records import Lost, document_object
from ragkit.store.spare_vectors import SPARE
from ragkit.store.transaction import WriteTransaction
from ragkit.store.vectors import SPARE_TABLE


class RepairWriter:
    """Writes repairs; each method is one commit."""

    def __init__(self, writer: WriteTransaction) -> None:
        self._writer = writer
        self._db = writer.connection

    def clear_contents(self, documents: Iterable[int]) -> None:
        """Delete the content of damaged documents.

        They keep their label and history, and the next ingest reads their files again.
        """
        with self._writer.transaction() as seq:
            for document in documents:
                source, uid = self._db.execute(
                    "SELECT source, uid FROM document WHERE id = ?", (document,)
                ).fetchone()
                self._db.execute(
                    "INSERT OR IGNORE INTO tombstone (chunk, seq) "
                    "SELECT id, ? FROM chunk WHERE document = ?",
                    (seq, document),
                )
                for table in ("chunk", "page"):
                    self._db.execute(f"DELETE FROM {table} WHERE document = ?", (document,))
                self._db.execute(
                    "UPDATE document SET digest = x'', first_chunk = NULL, last_chunk = NULL, "
                    "readable_pages = 0, title = '', metadata = '{}', warnings = '[]' WHERE id = ?",
                    (document,),
                )
                self._writer.journal(seq, "change", document, uid)
                self._writer.audit("document.lost", document_object(uid), names={"source": source})

    def delete_spare_vectors(self, chunks: Sequence[int] | None) -> None:
        """Delete vectors of the second set and its index file; None deletes the whole set."""
        with self._writer.commit():
            self._db.execute("DELETE FROM index_version WHERE spare = 1")
            if chunks is None:
                self._db.execute(f"DELETE FROM {SPARE_TABLE}")
                self._db.execute("DELETE FROM meta WHERE key = ?", (SPARE,))
                return
            self._db.executemany(
                f"DELETE FROM {SPARE_TABLE} WHERE chunk = ?", [(chunk,) for chunk in chunks]
            )

    def reconcile(self, lost: Iterable[Lost]) -> None:
        """Correct the journal by the documents that exist, and the counters by the ids in use.

        The audit log gets a record for each `lost` document, and files of their names get their
        labels.
        """
        writer = self._writer
        with writer.commit():
            for each in lost:
                writer.audit("document.lost", document_object(each.uid))
                LabelWriter(writer).remember_lost(each.source, each.label)
            ids, seq = self._db.execute(
                "SELECT max((SELECT coalesce(max(id), 0) FROM document), "
                "(SELECT coalesce(max(id), 0) FROM chunk), "
                "(SELECT coalesce(max(id), 0) FROM conversation), "
                "(SELECT coalesce(max(document), 0) FROM journal)), "
                "(SELECT coalesce(max(seq), 0) FROM journal)"
            ).fetchone()
            seq = max(seq, int(writer.meta("seq") or 0)) + 1
            writer.set_meta("seq", str(seq))
            writer.set_meta("next_id", str(max(int(writer.meta("next_id") or 1), ids + 1)))
            for document, uid in missing_documents(self._db):
                writer.journal(seq, "remove", document, uid)
            for document, uid in unknown_documents(self._db):
                self._db.execute("DELETE FROM journal WHERE document = ?", (document,))
                writer.journal(seq, "add", document, uid)

    def record(self, kept: str, *, end_lost: bool) -> None:
        """Record where the damaged knowledge base is kept, and which audit records are missing.

        It must be the first record of the repaired knowledge base; see audit.append_repair.
        """
        self._writer.record_repair({"kept": kept}, end_lost=end_lost)
