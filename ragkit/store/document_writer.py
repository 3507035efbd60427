"""Adds, replaces, renames and removes documents."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from ragkit.errors import DocumentOnHold
from ragkit.store.file_errors import FileErrorWriter
from ragkit.store.labels import LabelWriter
from ragkit.store.records import NewDocument, document_object
from ragkit.store.retention import is_on_hold
from ragkit.store.transaction import WriteTransaction
from ragkit_ingest.chunk_texts import document_header
from ragkit_ingest.model import FileError
from ragkit_ingest.places import pack_rows


class DocumentWriter:
    """Writes documents; each method is one commit unless it says otherwise."""

    def __init__(self, writer: WriteTransaction) -> None:
        self._writer = writer
        self._db = writer.connection
        self._labels = LabelWriter(writer)
        self._file_errors = FileErrorWriter(writer)

    def put(self, new: NewDocument) -> int:
        """Commit a document, replacing one with the same folder and source; return its id."""
        with self._writer.transaction() as seq:
            replaced = self._db.execute(
                "SELECT d.id, d.uid, l.name, d.pinned FROM document d "
                "JOIN label l ON l.id = d.label "
                "WHERE d.source_folder = ? AND d.source = ?",
                (new.source_folder, new.source),
            ).fetchone()
            if replaced:
                replaced_id, uid, label, pinned = replaced
                self.delete(replaced_id, seq)
            else:
                label, pinned = self._labels.take_remembered(new.source_folder, new.source)
            if new.label is not None:
                label, pinned = new.label, True
            elif new.rule is not None and not pinned:
                label = new.rule
            document = self._writer.new_ids(1 + len(new.chunks))
            if not replaced:
                uid = document
            self._insert(document, uid, new, self._labels.id_of(label), pinned)
            self._file_errors.drop(new.source_folder, new.source)
            self._writer.journal(seq, "add", document, uid)
            self._writer.audit(
                "document.replace" if replaced else "document.add",
                document_object(uid),
                {"digest": new.digest.hex(), "chunks": len(new.chunks), "label": label},
                {"source": new.source},
            )
            return document

    def _insert(self, document: int, uid: int, new: NewDocument, label: int, pinned: bool) -> None:
        content = new.document
        first = document + 1
        self._db.execute(
            "INSERT INTO document (id, source_folder, source, digest, size, kind, title, label, "
            "metadata, warnings, first_chunk, last_chunk, added_at, modified_at, readable_pages, "
            "uid, pinned) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                new.modified_at,
                sum(bool(page.text.strip()) for page in content.pages),
                uid,
                int(pinned),
            ),
        )
        self._db.executemany(
            "INSERT INTO page (document, ordinal, kind, number, page_label, text, images, hidden, "
            "garbage) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (document, ordinal, page.kind, page.number, page.page_label, page.text,
                 page.images, page.hidden, page.garbage)
                for ordinal, page in enumerate(content.pages)
            ],
        )  # fmt: skip
        self._db.executemany(
            'INSERT INTO chunk (id, document, ordinal, page, number, start, "end", header, '
            "sections, rows, text, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (first + n, document, chunk.ordinal, chunk.page,
                 content.pages[chunk.page].number, chunk.start, chunk.end,
                 chunk.header, json.dumps(chunk.sections, ensure_ascii=False),
                 json.dumps(pack_rows(chunk.rows), ensure_ascii=False),
                 content.pages[chunk.page].text[chunk.start : chunk.end], digest)
                for n, (chunk, digest) in enumerate(zip(new.chunks, new.digests, strict=True))
            ],
        )  # fmt: skip
        self._db.executemany(
            "INSERT INTO vector (chunk, data) VALUES (?, ?)",
            [(first + n, vector.tobytes()) for n, vector in enumerate(new.vectors)],
        )

    def remove(self, documents: Iterable[tuple[int, str]]) -> None:
        """Remove (id, source) pairs in one commit. Raises DocumentOnHold."""
        with self._writer.transaction() as seq:
            for document, source in documents:
                self._labels.remember(document)
                target = document_object(self.delete(document, seq))
                self._writer.audit("document.remove", target, names={"source": source})

    def refuse(self, source_folder: int, error: FileError, reader: str) -> None:
        """Store a file's error in one commit, and remove the document that the file was before.

        `reader` is the version of the reader that failed. Raises DocumentOnHold.
        """
        with self._writer.transaction() as seq:
            replaced = self._db.execute(
                "SELECT id FROM document WHERE source_folder = ? AND source = ?",
                (source_folder, error.source),
            ).fetchone()
            target = "file"
            if replaced:
                self._labels.remember(replaced[0])
                target = document_object(self.delete(replaced[0], seq))
            self._db.execute(
                "INSERT OR REPLACE INTO file_error (source_folder, source, digest, reason, detail, "
                "reader) VALUES (?, ?, ?, ?, ?, ?)",
                (source_folder, error.source, error.digest, error.reason, error.detail, reader),
            )
            self._writer.audit(
                "document.refuse",
                target,
                {"reason": error.reason},
                {"source": error.source},
            )

    def rename(self, document: int, source: str) -> None:
        """Give a document another source in its folder."""
        with self._writer.transaction() as seq:
            (source_folder,) = self._db.execute(
                "SELECT source_folder FROM document WHERE id = ?", (document,)
            ).fetchone()
            self.move(document, source_folder, source, seq)
            self._file_errors.drop(source_folder, source)

    def set_modified(self, times: Iterable[tuple[int, str]]) -> None:
        """Store new modification times of unchanged files: (document id, time) pairs, one commit.

        The documents keep their versions, and no index changes.
        """
        with self._writer.transaction():
            self._db.executemany(
                "UPDATE document SET modified_at = ? WHERE id = ?",
                [(modified_at, document) for document, modified_at in times],
            )

    def move(self, document: int, source_folder: int, source: str, seq: int) -> None:
        """Give a document another source, inside a commit.

        Its chunks keep their vectors and get new headers.
        """
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
        self._writer.journal(seq, "change", document, uid)
        self._writer.audit(
            "document.rename", document_object(uid), names={"source": source, "from": old}
        )

    def delete(self, document: int, seq: int, *, despite_hold: bool = False) -> int:
        """Delete a document inside a commit; return its uid.

        Raises DocumentOnHold for a document on legal hold unless `despite_hold` is set.
        """
        uid, source = self._db.execute(
            "SELECT uid, source FROM document WHERE id = ?", (document,)
        ).fetchone()
        if not despite_hold and is_on_hold(self._db, uid):
            raise DocumentOnHold(
                f"{source} is on legal hold; release it first, with: ragkit release {source}"
            )
        self._db.execute(
            "INSERT INTO tombstone (chunk, seq) SELECT id, ? FROM chunk WHERE document = ?",
            (seq, document),
        )
        self._db.execute("DELETE FROM document WHERE id = ?", (document,))
        self._writer.journal(seq, "remove", document, uid)
        return int(uid)
