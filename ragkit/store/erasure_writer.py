"""Erases documents with everything derived from them, and keeps them from returning."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from ragkit.store import audit
from ragkit.store.conversations import ConversationWriter
from ragkit.store.document_writer import DocumentWriter
from ragkit.store.file_errors import FileErrorWriter
from ragkit.store.labels import LabelWriter
from ragkit.store.records import Erasure, document_object
from ragkit.store.retention import RetentionWriter
from ragkit.store.source_folders import SourceFolders
from ragkit.store.transaction import WriteTransaction


class ErasureWriter:
    """Writes erasures; each method is one commit unless it says otherwise."""

    def __init__(self, writer: WriteTransaction) -> None:
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
        file_errors, labels = FileErrorWriter(writer), LabelWriter(writer)
        source_folders = self._source_folders_of(erasure)
        for document in erasure.documents:
            DocumentWriter(writer).delete(document, seq, despite_hold=True)
        held = RetentionWriter(writer).drop_holds(erasure.uids)
        ConversationWriter(writer).drop_turns(erasure.turns)
        self._db.executemany(
            "DELETE FROM audit_names WHERE record = ?", [(record,) for record in erasure.records]
        )
        places = [(folder, name) for folder in source_folders for name in erasure.own]
        places += [(f, name) for f in SourceFolders(writer).ids() for name in erasure.refused]
        for folder, name in places:
            file_errors.drop(folder, name)
            labels.take_remembered(folder, name)
        file_errors.drop_contents(erasure.digests)
        labels.drop_lost(erasure.own)
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
        return SourceFolders(self._writer).ids()

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
