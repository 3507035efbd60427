"""Writes to a base: a document is one transaction, committed by sequence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path

import apsw

from ragkit.errors import DocumentOnHold, SourceError, StoreError, StoreLocked
from ragkit.store import audit
from ragkit.store.access import Access
from ragkit.store.audit_chain import append_repair
from ragkit.store.checks import missing_documents, unknown_documents
from ragkit.store.commit_marker import read_commit, write_marker
from ragkit.store.database import BUSY_TIMEOUT, Database, open_writer, translate_errors
from ragkit.store.keys import AuditKey
from ragkit.store.layout import Layout
from ragkit.store.locks import hold_commit_lock
from ragkit.store.records import (
    Erasure,
    IndexVersion,
    Lost,
    NewDocument,
    Rating,
    StoredTurn,
)
from ragkit_ingest.chunk import document_header
from ragkit_ingest.model import FileError

DEFAULT_LABEL = "default"


class Writer:
    """Writes to a base; whoever changes the text of documents holds the writer lock.

    A conversation's turn, a label or a grant is one short commit and needs no such lock: people go
    on asking, and rights are given and taken, while a long ingest runs.
    """

    def __init__(self, layout: Layout, key: AuditKey) -> None:
        self._layout = layout
        self._key = key
        with translate_errors(layout.root), hold_commit_lock(layout.commit_lock):
            self._db = open_writer(layout)
        self._actor = audit.current_user()

    def close(self) -> None:
        """Move the log into the file, where each page is checked; what was committed stands."""
        try:
            with hold_commit_lock(self._layout.commit_lock):
                with suppress(apsw.Error):  # somebody reads what is in it, or the disk is full
                    self._db.execute("PRAGMA busy_timeout = 0")
                    self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                self._db.close()
        except StoreLocked:  # somebody else moves it
            self._db.close()

    @property
    def connection(self) -> Database:
        """For reading what this writer has committed."""
        return self._db

    @contextmanager
    def _commit(self) -> Iterator[None]:
        """One commit: nothing of it stands if the block raises."""
        with (
            translate_errors(self._layout.root),
            hold_commit_lock(self._layout.commit_lock) as lock,
        ):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                head = read_commit(self._db)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            with suppress(OSError):  # it is done, also where this finds no space
                write_marker(lock, head)

    @contextmanager
    def _transaction(self) -> Iterator[int]:
        """A commit that changes what can be found; yields its sequence number."""
        with self._commit():
            seq = int(self._meta("seq") or 0) + 1
            yield seq
            self._set_meta("seq", str(seq))

    def record(
        self,
        actor: str,
        action: str,
        object: str,
        detail: audit.Detail,
        names: Mapping[str, str] | None = None,
    ) -> int:
        """Commit a record of the log that goes with no change; returns its number.

        Without its names, where it tells of a document that was erased meanwhile.
        """
        with self._commit():
            if names and self._was_erased(passage[0] for passage in detail.get("found", ())):
                names = None
            return audit.append_record(
                self._db,
                self._key,
                actor=actor,
                action=action,
                object=object,
                detail=detail,
                names=names,
            )

    def _audit(
        self,
        action: str,
        object: str,
        detail: audit.Detail | None = None,
        names: Mapping[str, str] | None = None,
    ) -> int:
        """Add a record to the log, inside a commit; returns its number."""
        return audit.append_record(
            self._db,
            self._key,
            actor=self._actor,
            action=action,
            object=object,
            detail=detail,
            names=names,
        )

    def _was_erased(self, documents: Iterable[int]) -> bool:
        """Whether one of these documents, in whatever version, was erased."""
        found = self._db.execute(
            "SELECT 1 FROM journal j JOIN erased_document e ON e.uid = j.uid "
            "WHERE j.document IN (SELECT value FROM json_each(?)) LIMIT 1",
            (json.dumps(list(documents)),),
        )
        return found.fetchone() is not None

    def _meta(self, key: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def _set_meta(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def _new_ids(self, count: int) -> int:
        """The first of `count` fresh ids; no id is ever given twice."""
        first = int(self._meta("next_id") or 1)
        self._set_meta("next_id", str(first + count))
        return first

    def set_identity(self, identity: str) -> None:
        """Store what the base is built with (a JSON text); done once, at its first ingest."""
        with self._transaction():
            self._set_meta("identity", identity)

    def add_source_folder(self, path: str, *, whole: bool) -> int:
        """Remember a folder and return its id; those inside a whole one become part of it."""
        row = self._db.execute(
            "SELECT id, whole FROM source_folder WHERE path = ?", (path,)
        ).fetchone()
        if row is not None and row[1] >= whole:
            return int(row[0])
        with self._transaction() as seq:
            self._db.execute(
                "INSERT INTO source_folder (path, whole) VALUES (?, ?) "
                "ON CONFLICT (path) DO UPDATE SET whole = max(whole, excluded.whole)",
                (path, int(whole)),
            )
            (source_folder,) = self._db.execute(
                "SELECT id FROM source_folder WHERE path = ?", (path,)
            ).fetchone()
            if whole:
                self._absorb(int(source_folder), path, seq)
            return int(source_folder)

    def _absorb(self, source_folder: int, path: str, seq: int) -> None:
        for inner, inner_path in self._db.execute("SELECT id, path FROM source_folder").fetchall():
            if inner == source_folder or not Path(inner_path).is_relative_to(path):
                continue
            prefix = Path(inner_path).relative_to(path).as_posix() + "/"
            for document, source in self._db.execute(
                "SELECT id, source FROM document WHERE source_folder = ?", (inner,)
            ).fetchall():
                self._move(document, source_folder, prefix + source, seq)
            for (source,) in self._db.execute(
                "UPDATE file_error SET source_folder = ?, source = ? || source "
                "WHERE source_folder = ? RETURNING source",
                (source_folder, prefix, inner),
            ).fetchall():
                moved = {"source": source, "from": source.removeprefix(prefix)}
                self._audit("document.rename", "file", names=moved)
            self._db.execute("DELETE FROM source_folder WHERE id = ?", (inner,))

    def _move(self, document: int, source_folder: int, source: str, seq: int) -> None:
        """Give a document another source; its chunks keep their vectors, not their headers."""
        old, title, uid = self._db.execute(
            "SELECT source, title, uid FROM document WHERE id = ?", (document,)
        ).fetchone()
        self._db.execute(
            "UPDATE document SET source_folder = ?, source = ? WHERE id = ?",
            (source_folder, source, document),
        )
        before, after = document_header(title, old), document_header(title, source)
        rows = self._db.execute(
            "SELECT id, header FROM chunk WHERE document = ? AND header != ''", (document,)
        ).fetchall()
        self._db.executemany(
            "UPDATE chunk SET header = ? WHERE id = ?",
            [(after + header.removeprefix(before), chunk) for chunk, header in rows],
        )
        self._journal(seq, "change", document, uid)
        self._audit("document.rename", _document(uid), names={"source": source, "from": old})

    def put_document(self, new: NewDocument) -> int:
        """Commit a document in place of the one with the same folder and source; returns its id."""
        with self._transaction() as seq:
            replaced = self._db.execute(
                "SELECT d.id, d.uid, l.name, d.pinned FROM document d "
                "JOIN label l ON l.id = d.label "
                "WHERE d.source_folder = ? AND d.source = ?",
                (new.source_folder, new.source),
            ).fetchone()
            if replaced:
                self._delete(replaced[0], seq)
            label, pinned = (
                replaced[2:] if replaced else self._take_label(new.source_folder, new.source)
            )
            if new.label is not None:
                label, pinned = new.label, True
            elif new.rule is not None and not pinned:
                label = new.rule
            document = self._new_ids(1 + len(new.chunks))
            uid = replaced[1] if replaced else document
            self._insert(document, uid, new, self._label(label), pinned)
            self._clear_file_error(new.source_folder, new.source)
            self._journal(seq, "add", document, uid)
            self._audit(
                "document.replace" if replaced else "document.add",
                _document(uid),
                {"digest": new.digest.hex(), "chunks": len(new.chunks), "label": label},
                {"source": new.source},
            )
            return document

    def _insert(self, document: int, uid: int, new: NewDocument, label: int, pinned: bool) -> None:
        content = new.document
        first = document + 1
        self._db.execute(
            "INSERT INTO document VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                document,
                new.source_folder,
                new.source,
                new.digest,
                new.size,
                content.kind,
                content.title,
                label,
                json.dumps(content.metadata, ensure_ascii=False),
                json.dumps(content.warnings, ensure_ascii=False),
                first if new.chunks else None,
                first + len(new.chunks) - 1 if new.chunks else None,
                datetime.now(UTC).isoformat(timespec="seconds"),
                sum(bool(page.text.strip()) for page in content.pages),
                uid,
                int(pinned),
            ),
        )
        self._db.executemany(
            "INSERT INTO page VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (document, ordinal, page.kind, page.number, page.page_label, page.text,
                 page.images, page.hidden, page.garbage)
                for ordinal, page in enumerate(content.pages)
            ],
        )  # fmt: skip
        self._db.executemany(
            "INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (first + n, document, chunk.ordinal, chunk.page,
                 content.pages[chunk.page].number, chunk.start, chunk.end,
                 chunk.header, json.dumps(chunk.headings, ensure_ascii=False), chunk.ref,
                 content.pages[chunk.page].text[chunk.start : chunk.end], digest)
                for n, (chunk, digest) in enumerate(zip(new.chunks, new.digests, strict=True))
            ],
        )  # fmt: skip
        self._db.executemany(
            "INSERT INTO vector VALUES (?, ?)",
            [(first + n, vector.tobytes()) for n, vector in enumerate(new.vectors)],
        )

    def _label(self, name: str) -> int:
        self._db.execute("INSERT OR IGNORE INTO label (name) VALUES (?)", (name,))
        (label,) = self._db.execute("SELECT id FROM label WHERE name = ?", (name,)).fetchone()
        return int(label)

    def relabel(self, documents: Iterable[int], label: str, *, pinned: bool) -> list[str]:
        """Give documents a label, in one commit; returns the sources of those that had another.

        A rule's label is not `pinned`, and is given only where no hand has given one. A document
        that was replaced meanwhile is labelled as it is now, and one that was removed is left out.
        """
        with self._transaction() as seq:
            number = self._label(label)
            changed = []
            for document in documents:
                row = self._db.execute(
                    "SELECT d.id, d.source, d.uid, d.label, d.pinned FROM journal j "
                    "JOIN document d ON d.uid = j.uid WHERE j.document = ?",
                    (document,),
                ).fetchone()
                if row is None:
                    continue
                current, source, uid, old, held = row
                if (held and not pinned) or (old, held) == (number, pinned):
                    continue
                self._db.execute(
                    "UPDATE document SET label = ?, pinned = ? WHERE id = ?",
                    (number, int(pinned), current),
                )
                if old != number:
                    changed.append(source)
                    self._journal(seq, "change", current, uid)
                    self._audit(
                        "document.label", _document(uid), {"label": label}, {"source": source}
                    )
            return changed

    def set_access(self, access: Access) -> None:
        """Set the access control mode."""
        with self._commit():
            if self._meta("access") != access:
                self._set_meta("access", access)
                self._audit("access.mode", "kb", {"access": access})

    def grant(self, label: str, principal: str) -> bool:
        """Let somebody read what carries a label; returns whether that is new."""
        with self._commit():
            found = self._db.execute(
                "SELECT 1 FROM label_grant g JOIN label l ON l.id = g.label "
                "WHERE l.name = ? AND g.principal = ?",
                (label, principal),
            ).fetchone()
            if found is None:
                self._db.execute(
                    "INSERT INTO label_grant VALUES (?, ?)", (self._label(label), principal)
                )
                self._audit("access.grant", "label", {"label": label, "principal": principal})
            return found is None

    def revoke(self, label: str, principal: str) -> bool:
        """Take back what was granted; returns whether there was anything."""
        with self._commit():
            found = self._db.execute(
                "DELETE FROM label_grant WHERE principal = ? "
                "AND label = (SELECT id FROM label WHERE name = ?) RETURNING 1",
                (principal, label),
            ).fetchall()
            if found:
                self._audit("access.revoke", "label", {"label": label, "principal": principal})
            return bool(found)

    def keep_days(self, label: str, days: int | None) -> bool:
        """Keep documents of a label for so many days; returns whether there is that label."""
        with self._commit():
            found = self._db.execute(
                "UPDATE label SET keep_days = ? WHERE name = ? RETURNING 1", (days, label)
            ).fetchall()
            if found:
                self._audit("retention.keep", "label", {"label": label, "days": days})
            return bool(found)

    def hold(self, uids: Collection[int], reason: str) -> list[str]:
        """Let documents not go; returns the sources of those that were not held yet.

        Of others the reason is added to the one that they are held for.
        """
        with self._commit():
            fresh = [
                uid
                for uid in uids  # of documents that are there still
                if not self._is_held(uid) and self._sources([uid])
            ]
            for uid in fresh:
                self._db.execute(
                    "INSERT INTO legal_hold VALUES (?, ?, ?)", (uid, audit.current_time(), reason)
                )
                self._audit("retention.hold", _document(uid), names={"reason": reason})
            for uid in {*uids} - {*fresh}:
                also = self._db.execute(
                    "UPDATE legal_hold SET reason = reason || '; ' || ? WHERE uid = ? "
                    "AND reason != ? RETURNING 1",
                    (reason, uid, reason),
                ).fetchall()
                if also:
                    self._audit("retention.hold", _document(uid), names={"reason": reason})
            return self._sources(fresh)

    def release(self, uids: Iterable[int]) -> list[str]:
        """Let documents go again; returns the sources of those that were held."""
        with self._commit():
            held = [uid for uid in uids if self._is_held(uid)]
            for uid in held:
                self._db.execute("DELETE FROM legal_hold WHERE uid = ?", (uid,))
                self._audit("retention.release", _document(uid))
            return self._sources(held)

    def record_retention_run(self, erased: int, held: int, *, doubt: bool) -> None:
        """Note in the log that what is due was erased, or that the clock is in doubt."""
        with self._commit():
            detail: dict[str, object] = {"erased": erased, "held": held}
            self._audit("retention.erase", "kb", {**detail, **({"doubt": True} if doubt else {})})

    def _is_held(self, uid: int) -> bool:
        found = self._db.execute("SELECT 1 FROM legal_hold WHERE uid = ?", (uid,))
        return found.fetchone() is not None

    def _sources(self, uids: Iterable[int]) -> list[str]:
        return [
            source
            for uid in uids
            for (source,) in self._db.execute("SELECT source FROM document WHERE uid = ?", (uid,))
        ]

    def _keep_label(self, document: int) -> None:
        """Keep the label that a hand gave a document: it may come back, and not be for others."""
        row = self._db.execute(
            "SELECT d.source_folder, source, l.name FROM document d JOIN label l ON l.id = d.label "
            "WHERE d.id = ? AND d.pinned",
            (document,),
        ).fetchone()
        if row is not None:
            self._set_meta(self._label_key(*row[:2]), row[2])

    def _take_label(self, source_folder: int, source: str) -> tuple[str, bool]:
        """The label of a document that was not there, and whether a hand had given it that.

        It is kept no longer, unless damage took the document: then its folder is not known, and
        whatever has its name gets that label.
        """
        held = self._db.execute(
            "DELETE FROM meta WHERE key = ? RETURNING value",
            (self._label_key(source_folder, source),),
        ).fetchall()
        label = held[0][0] if held else self._meta(_lost_key(source))
        return (DEFAULT_LABEL, False) if label is None else (label, True)

    def _label_key(self, source_folder: int, source: str) -> str:
        """The key that a document's label is kept by, in which its name is not."""
        (path,) = self._db.execute(
            "SELECT path FROM source_folder WHERE id = ?", (source_folder,)
        ).fetchone()
        place = f"{path}/{source}".encode("utf-8", "surrogatepass")
        return f"label {hashlib.sha256(place).hexdigest()}"

    def _delete(self, document: int, seq: int, *, despite_hold: bool = False) -> int:
        """Take a document out; returns its uid. Raises DocumentOnHold for one that is held."""
        uid, source = self._db.execute(
            "SELECT uid, source FROM document WHERE id = ?", (document,)
        ).fetchone()
        if not despite_hold and self._is_held(uid):
            raise DocumentOnHold(
                f"{source} is held; let it go first, with: ragkit release {source}"
            )
        self._db.execute(
            "INSERT INTO tombstone SELECT id, ? FROM chunk WHERE document = ?", (seq, document)
        )
        self._db.execute("DELETE FROM document WHERE id = ?", (document,))
        self._journal(seq, "remove", document, uid)
        return int(uid)

    def _journal(self, seq: int, operation: str, document: int, uid: int) -> None:
        self._db.execute("INSERT INTO journal VALUES (?, ?, ?, ?)", (seq, operation, document, uid))

    def remove_documents(self, documents: Iterable[tuple[int, str]]) -> None:
        """Remove (id, source) pairs in one commit."""
        with self._transaction() as seq:
            for document, source in documents:
                self._keep_label(document)
                target = _document(self._delete(document, seq))
                self._audit("document.remove", target, names={"source": source})

    def begin_erasure(
        self,
        complete: Callable[[], tuple[Erasure, bytes]],
        *,
        reason: str,
        files: Sequence[str],
        outside: int,
        asked: str,
    ) -> int:
        """Take out, in one commit, all that is to be erased; returns the erasure's number.

        `complete` gives that and its fingerprints, once nobody can add to the conversations and the
        log; it was read from so many files `outside` of the base. From then on nobody finds any of
        it; `end_erasure` says that it is gone from the disk, too.
        """
        with self._transaction() as seq:
            erasure, fingerprints = complete()
            held = self._take_out(erasure, seq)
            (number,) = self._db.execute("SELECT coalesce(max(id), 0) + 1 FROM erasure").fetchone()
            record = self._audit(
                "document.erase",
                f"erasure:{number}",
                {
                    "documents": [_document(uid) for uid in erasure.uids],
                    "digests": [digest.hex() for digest in erasure.digests],
                    "turns": len(erasure.turns),
                    "records": list(erasure.records),
                    "held": [_document(uid) for uid in held],
                    "outside": outside,
                },
                {"reason": reason},
            )
            self._db.execute(
                "INSERT INTO erasure VALUES (?, ?, ?, 'begun', ?, ?, '')",
                (number, audit.current_time(), record, json.dumps(list(files)), fingerprints),
            )
            if asked:
                self._set_meta(f"erasing {number}", asked)
            self._db.executemany(
                "INSERT OR REPLACE INTO erased_document VALUES (?, ?)",
                [(uid, number) for uid in erasure.uids],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO erased_content VALUES (?, ?)",
                [(digest, number) for digest in erasure.digests],
            )
            return int(number)

    def _take_out(self, erasure: Erasure, seq: int) -> list[int]:
        """Delete what is to be erased; returns the uids of those documents that were held."""
        source_folders = self._source_folders_of(erasure)
        for document in erasure.documents:
            self._delete(document, seq, despite_hold=True)
        held = [uid for uid in erasure.uids if self._is_held(uid)]
        for uid in held:
            self._db.execute("DELETE FROM legal_hold WHERE uid = ?", (uid,))
        for conversation, ordinal in erasure.turns:
            self._db.execute(
                "DELETE FROM turn WHERE conversation = ? AND ordinal >= ?",
                (conversation, ordinal),
            )
        self._db.execute("DELETE FROM conversation WHERE id NOT IN (SELECT conversation FROM turn)")
        self._db.executemany(
            "DELETE FROM audit_names WHERE record = ?", [(record,) for record in erasure.records]
        )
        places = [(source_folder, name) for source_folder in source_folders for name in erasure.own]
        places += [
            (source_folder, name)
            for source_folder in self._source_folders()
            for name in erasure.refused
        ]
        for source_folder, name in places:
            self._clear_file_error(source_folder, name)
            self._take_label(source_folder, name)
        self._db.executemany(
            "DELETE FROM file_error WHERE digest = ?", [(digest,) for digest in erasure.digests]
        )
        self._db.executemany(
            "DELETE FROM meta WHERE key = ?", [(_lost_key(name),) for name in erasure.own]
        )
        return held

    def _source_folders_of(self, erasure: Erasure) -> set[int]:
        """The source_folders that documents may have been in: of those that are not there, any."""
        uids = dict(
            self._db.execute(
                "SELECT uid, source_folder FROM document "
                "WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(erasure.documents),),
            ).fetchall()
        )
        return set(uids.values()) if uids.keys() >= {*erasure.uids} else self._source_folders()

    def _source_folders(self) -> set[int]:
        return {
            source_folder
            for (source_folder,) in self._db.execute("SELECT id FROM source_folder").fetchall()
        }

    def keep_receipt(self, number: int, receipt: str) -> None:
        """Keep the receipt of an erasure of which nothing is left, before anybody else gets it."""
        with self._commit():
            self._db.execute("UPDATE erasure SET receipt = ? WHERE id = ?", (receipt, number))

    def stick(self, number: int) -> None:
        """Note that something is left of what was erased, which somebody has to see to."""
        with self._commit():
            self._db.execute("UPDATE erasure SET state = 'stuck' WHERE id = ?", (number,))

    def end_erasure(self, number: int, digest: str) -> None:
        """Note that an erasure is done; its receipt, of this digest, is kept."""
        with self._commit():
            self._audit("document.erase-done", f"erasure:{number}", {"receipt": digest})
            self._db.execute(
                "UPDATE erasure SET state = 'done', fingerprints = x'' WHERE id = ?", (number,)
            )

    def clear_erasure_files(self, number: int) -> None:
        """Keep the names of the files that an erasure had to delete no longer."""
        with self._commit():
            self._db.execute("UPDATE erasure SET files = '[]' WHERE id = ?", (number,))

    def allow_erased(self, digest: bytes) -> bool:
        """Let a content come back that was erased; returns whether it was."""
        with self._commit():
            found = self._db.execute(
                "DELETE FROM erased_content WHERE digest = ? RETURNING erasure", (digest,)
            ).fetchone()
            if found:
                self._audit(
                    "document.allow-erased", f"erasure:{found[0]}", {"digest": digest.hex()}
                )
            return found is not None

    def vacuum(self) -> None:
        """Write the whole file anew, without what lies between the rows."""
        with translate_errors(self._layout.root), hold_commit_lock(self._layout.commit_lock):
            self._db.execute("VACUUM")

    def checkpoint_wal(self) -> None:
        """Empty the write-ahead log into the file. Raises StoreLocked while readers hold it."""
        with translate_errors(self._layout.root), hold_commit_lock(self._layout.commit_lock):
            (busy, _, _) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StoreLocked(
                f"{self._layout.root} is being read without end by another process, so its "
                "write-ahead log cannot be emptied; end that one, and run this again"
            )

    def rename_document(self, document: int, source: str) -> None:
        """Give a document another source in its source_folder."""
        with self._transaction() as seq:
            (source_folder,) = self._db.execute(
                "SELECT source_folder FROM document WHERE id = ?", (document,)
            ).fetchone()
            self._move(document, source_folder, source, seq)
            self._clear_file_error(source_folder, source)

    def set_file_error(self, source_folder: int, error: FileError, reader: str) -> None:
        """Remember why a file is not in the base; what was there of it before is removed."""
        with self._transaction() as seq:
            replaced = self._db.execute(
                "SELECT id FROM document WHERE source_folder = ? AND source = ?",
                (source_folder, error.source),
            ).fetchone()
            if replaced:
                self._keep_label(replaced[0])
            target = _document(self._delete(replaced[0], seq)) if replaced else "file"
            self._db.execute(
                "INSERT OR REPLACE INTO file_error VALUES (?, ?, ?, ?, ?, ?)",
                (source_folder, error.source, error.digest, error.reason, error.detail, reader),
            )
            self._audit(
                "document.refuse",
                target,
                {"reason": error.reason},
                {"source": error.source},
            )

    def clear_file_errors(self, source_folder: int, sources: Iterable[str]) -> None:
        with self._transaction():
            for source in sources:
                self._clear_file_error(source_folder, source)

    def _clear_file_error(self, source_folder: int, source: str) -> None:
        self._db.execute(
            "DELETE FROM file_error WHERE source_folder = ? AND source = ?", (source_folder, source)
        )

    def add_turn(
        self, conversation: int | None, turn: StoredTurn, title: str = ""
    ) -> tuple[int, int]:
        """Add what was said to a conversation, by default a new one of this title.

        Returns the conversation and the turn's ordinal. Raises StoreError for one that was removed
        meanwhile.
        """
        with self._commit():
            if conversation is None:
                conversation = self._new_conversation()
                self._db.execute(
                    "INSERT INTO conversation VALUES (?, ?, ?, ?)",
                    (conversation, turn.who, turn.at, title),
                )
            self._check_conversation(conversation)
            self._check_not_erased(turn.uids)
            (ordinal,) = self._db.execute(
                "SELECT count(*) + 1 FROM turn WHERE conversation = ?", (conversation,)
            ).fetchone()
            self._db.execute(
                "INSERT INTO turn VALUES (?, ?, ?, ?, ?)",
                (conversation, ordinal, turn.at, turn.question, turn.answer),
            )
            self._db.executemany(
                "INSERT INTO turn_document VALUES (?, ?, ?)",
                [(conversation, ordinal, uid) for uid in turn.uids],
            )
            return conversation, ordinal

    def _new_conversation(self) -> int:
        """A fresh id, of a row of their own: it is shown, and is not to tell of documents."""
        (last,) = self._db.execute("SELECT coalesce(max(id), 0) FROM conversation").fetchone()
        fresh = max(int(self._meta("next_conversation") or 1), int(last) + 1)
        self._set_meta("next_conversation", str(fresh + 1))
        return fresh

    def rename_conversation(self, conversation: int, title: str) -> None:
        """Give a conversation a name. Raises StoreError for one that was removed meanwhile."""
        with self._commit():
            self._check_conversation(conversation)
            self._db.execute(
                "UPDATE conversation SET title = ? WHERE id = ?", (title, conversation)
            )

    def rate(self, conversation: int, ordinal: int, rating: Rating | None) -> None:
        """Keep what somebody thinks of a turn, in place of what was thought before.

        Raises StoreError for a conversation that was removed meanwhile, and SourceError for a turn
        that it has not.
        """
        with self._commit():
            self._check_conversation(conversation)
            place = (conversation, ordinal)
            (turns,) = self._db.execute(
                "SELECT count(*) FROM turn WHERE conversation = ?", (conversation,)
            ).fetchone()
            if not 1 <= ordinal <= turns:
                raise SourceError(
                    f"conversation {conversation} has no turn {ordinal}; they count from 1"
                )
            self._db.execute("DELETE FROM rating WHERE conversation = ? AND ordinal = ?", place)
            if rating is not None:
                self._db.execute(
                    "INSERT INTO rating VALUES (?, ?, ?, ?, ?)", (*place, *astuple(rating))
                )

    def _check_not_erased(self, uids: Iterable[int]) -> None:
        """Raise StoreError for an answer from a document that was erased meanwhile."""
        for uid in uids:
            found = self._db.execute("SELECT 1 FROM erased_document WHERE uid = ?", (uid,))
            if found.fetchone() is not None:
                raise StoreError("a document that it was answered from was erased meanwhile")

    def _check_conversation(self, conversation: int) -> None:
        found = self._db.execute("SELECT 1 FROM conversation WHERE id = ?", (conversation,))
        if found.fetchone() is None:
            raise StoreError(f"conversation {conversation} was removed; begin another one")

    def remove_conversation(self, conversation: int) -> None:
        """Remove a conversation with all that was said."""
        with self._commit():
            self._set_meta("next_conversation", str(self._new_conversation()))  # not this one again
            self._db.execute("DELETE FROM conversation WHERE id = ?", (conversation,))
        with translate_errors(self._layout.root), hold_commit_lock(self._layout.commit_lock):
            # So that the log does not keep it; others wait to commit, so no reader is waited for
            # as long as they do.
            self._db.execute("PRAGMA busy_timeout = 1000")
            try:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                self._db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")

    def publish(self, index_version: IndexVersion) -> list[str]:
        """Make an index version the newest; returns the names of the files it replaces.

        Not a change of what is visible: the sequence stays.
        """
        with self._commit():
            old = [name for (name,) in self._db.execute("SELECT name FROM index_version")]
            self._db.execute("DELETE FROM index_version")
            self._db.execute(
                "INSERT INTO index_version VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                astuple(index_version),
            )
            self._db.execute("DELETE FROM tombstone WHERE seq <= ?", (index_version.built_at,))
        return [name for name in old if name != index_version.name]

    def lose(self, documents: Iterable[int]) -> None:
        """Take out the content of documents that are damaged, in one commit.

        They keep their label and their history, and the next ingest reads their files again.
        """
        with self._transaction() as seq:
            for document in documents:
                source, uid = self._db.execute(
                    "SELECT source, uid FROM document WHERE id = ?", (document,)
                ).fetchone()
                self._db.execute(
                    "INSERT OR IGNORE INTO tombstone SELECT id, ? FROM chunk WHERE document = ?",
                    (seq, document),
                )
                for table in ("chunk", "page"):
                    self._db.execute(f"DELETE FROM {table} WHERE document = ?", (document,))
                self._db.execute(
                    "UPDATE document SET digest = x'', first_chunk = NULL, last_chunk = NULL, "
                    "readable_pages = 0, title = '', metadata = '{}', warnings = '[]' WHERE id = ?",
                    (document,),
                )
                self._journal(seq, "change", document, uid)
                self._audit("document.lost", _document(uid), names={"source": source})

    def reconcile(self, lost: Iterable[Lost]) -> None:
        """Make the journal say what documents there are, and the counters what is in use.

        Of those that are `lost` the log says so, and files of their names get their labels.
        """
        with self._commit():
            for one in lost:
                self._audit("document.lost", _document(one.uid))
                if one.label not in ("", DEFAULT_LABEL):
                    self._set_meta(_lost_key(one.source), one.label)
            ids, seq = self._db.execute(
                "SELECT max((SELECT coalesce(max(id), 0) FROM document), "
                "(SELECT coalesce(max(id), 0) FROM chunk), "
                "(SELECT coalesce(max(id), 0) FROM conversation), "
                "(SELECT coalesce(max(document), 0) FROM journal)), "
                "(SELECT coalesce(max(seq), 0) FROM journal)"
            ).fetchone()
            seq = max(seq, int(self._meta("seq") or 0)) + 1
            self._set_meta("seq", str(seq))
            self._set_meta("next_id", str(max(int(self._meta("next_id") or 1), ids + 1)))
            for document, uid in missing_documents(self._db):
                self._journal(seq, "remove", document, uid)
            for document, uid in unknown_documents(self._db):
                self._db.execute("DELETE FROM journal WHERE document = ?", (document,))
                self._journal(seq, "add", document, uid)

    def begin_repair(self, kept: str, *, end_lost: bool) -> None:
        """Say in the log of a base that was carried over where the damaged one is kept.

        And which records are missing from it, before any other is added; see append_repair.
        """
        with self._commit():
            append_repair(
                self._db, self._key, actor=self._actor, detail={"kept": kept}, end_lost=end_lost
            )

    def note_stamp(self, index_version: int, stamp: str) -> None:
        """Note what the file of an index version looks like now."""
        with self._commit():
            self._db.execute(
                "UPDATE index_version SET signature = ? WHERE id = ?", (stamp, index_version)
            )


def _lost_key(source: str) -> str:
    """The key that the label of a lost document is kept by, in which its name is not."""
    return f"lost {hashlib.sha256(source.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _document(uid: int) -> str:
    """What the log calls a document, through all its versions and names."""
    return f"document:{uid}"
