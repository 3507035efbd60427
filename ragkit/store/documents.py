"""Documents: lists them, and adds, replaces, renames and removes them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ragkit.errors import DocumentOnHold
from ragkit.store.records import (
    DocumentName,
    KindCounts,
    KnownFile,
    NewDocument,
    Section,
    StoredDocument,
    document_object,
)
from ragkit.store.rows import RowMapper, batches, placeholders
from ragkit_ingest.chunk import document_header

if TYPE_CHECKING:
    from ragkit.store.snapshot import Snapshot
    from ragkit.store.writer import Writer

_DOCUMENT = RowMapper(
    StoredDocument,
    id="d.id",
    source_folder="d.source_folder",
    source="d.source",
    digest="d.digest",
    size="d.size",
    kind="d.kind",
    title="d.title",
    label="l.name",
    warnings="d.warnings",
    pages="(SELECT count(*) FROM page p WHERE p.document = d.id)",
    chunks="coalesce(d.last_chunk - d.first_chunk + 1, 0)",
    added_at="d.added_at",
    readable_pages="d.readable_pages",
    metadata="d.metadata",
    uploaded="f.path = 'uploads:'",
    uid="d.uid",
    convert={
        # Most are empty, and a listing may have thousands.
        "warnings": lambda stored: () if stored == "[]" else tuple(json.loads(stored)),
        "metadata": lambda stored: {} if stored == "{}" else json.loads(stored),
        "uploaded": bool,
    },
)
_SELECT_DOCUMENT = f"""
    SELECT {_DOCUMENT.columns}
    FROM document d JOIN label l ON l.id = d.label JOIN source_folder f ON f.id = d.source_folder
"""


_NAME = RowMapper(DocumentName, document="d.id", source="d.source", kind="d.kind", title="d.title")
_SECTION = RowMapper(
    Section,
    headings="c.headings",
    ordinal="min(c.ordinal)",
    characters="sum(c.end - c.start)",
    convert={"headings": lambda stored: tuple(json.loads(stored))},
)
_KIND_COUNTS = RowMapper(
    KindCounts,
    kind="d.kind",
    documents="count(*)",
    pages="sum((SELECT count(*) FROM page p WHERE p.document = d.id))",
    readable_pages="sum(d.readable_pages)",
    chunks="coalesce(sum(d.last_chunk - d.first_chunk + 1), 0)",
)


class Documents:
    """Reads the documents of a snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._db = snapshot.connection

    def all(self) -> Iterator[StoredDocument]:
        """Yield all documents that may be read, by source."""
        rows = self._db.execute(
            f"{_SELECT_DOCUMENT} WHERE {self._snapshot.label_clause()} "
            "ORDER BY d.source, d.source_folder"
        )
        return map(_DOCUMENT, rows)

    def get(self, id: int) -> StoredDocument | None:
        """Return the document with this id; None if it does not exist or may not be read."""
        if id.bit_length() > 63:  # more than SQLite can look for
            return None
        row = self._db.execute(
            f"{_SELECT_DOCUMENT} WHERE d.id = ? AND {self._snapshot.label_clause()}", (id,)
        ).fetchone()
        return _DOCUMENT(row) if row else None

    def ids(self) -> list[int]:
        """Return the ids of all documents that may be read, ascending."""
        rows = self._db.execute(
            f"SELECT d.id FROM document d WHERE {self._snapshot.label_clause()} ORDER BY d.id"
        )
        return [row[0] for row in rows]

    def names(self) -> list[DocumentName]:
        """Return the names of all documents that may be read, by source."""
        rows = self._db.execute(
            f"SELECT {_NAME.columns} FROM document d "
            f"WHERE {self._snapshot.label_clause()} ORDER BY d.source, d.source_folder"
        )
        return [_NAME(row) for row in rows]

    def sections(self, document: int, max_chunks: int) -> list[Section]:
        """Return the sections of a document's first `max_chunks` chunks, in order."""
        rows = self._db.execute(
            f"SELECT {_SECTION.columns} "
            "FROM chunk c JOIN document d ON d.id = c.document "
            f"WHERE c.document = ? AND c.ordinal < ? AND {self._snapshot.label_clause()} "
            "GROUP BY c.headings ORDER BY 2",
            (document, max_chunks),
        )
        return [_SECTION(row) for row in rows]

    def counts(self) -> tuple[int, int, int]:
        """Count the documents, pages and chunks that may be read."""
        documents, chunks = self._db.execute(
            "SELECT count(*), coalesce(sum(d.last_chunk - d.first_chunk + 1), 0) "
            f"FROM document d WHERE {self._snapshot.label_clause()}"
        ).fetchone()
        (pages,) = self._db.execute(
            "SELECT count(*) FROM page p JOIN document d ON d.id = p.document "
            f"WHERE {self._snapshot.label_clause()}"
        ).fetchone()
        return documents, pages, chunks

    def counts_by_kind(self) -> list[KindCounts]:
        """Count documents, pages and chunks for each kind of document, by its name."""
        rows = self._db.execute(
            f"SELECT {_KIND_COUNTS.columns} FROM document d "
            f"WHERE {self._snapshot.label_clause()} GROUP BY d.kind ORDER BY d.kind"
        )
        return [_KIND_COUNTS(row) for row in rows]

    def counts_by_day(self) -> list[tuple[str, int]]:
        """Return (day, number of documents added on it), oldest first."""
        return self._db.execute(
            "SELECT substr(d.added_at, 1, 10), count(*) "
            f"FROM document d WHERE {self._snapshot.label_clause()} GROUP BY 1 ORDER BY 1"
        ).fetchall()

    def chunk_counts(self) -> dict[int, int]:
        """Return the number of chunks of each document that may be read, by ascending ids."""
        return dict(
            self._db.execute(
                "SELECT d.id, coalesce(d.last_chunk - d.first_chunk + 1, 0) "
                f"FROM document d WHERE {self._snapshot.label_clause()} ORDER BY d.id"
            )
        )

    def chunk_runs(self) -> list[tuple[int, int]]:
        """Return the first and last chunk id of each document that may be read, ascending."""
        return self._db.execute(
            "SELECT d.first_chunk, d.last_chunk FROM document d "
            f"WHERE d.first_chunk IS NOT NULL AND {self._snapshot.label_clause()} ORDER BY 1"
        ).fetchall()

    def last_change(self) -> int:
        """Return the sequence number of the last change to a readable document; 0 if none."""
        (seq,) = self._db.execute(
            "SELECT coalesce(max(j.seq), 0) FROM journal j JOIN document d ON d.id = j.document "
            f"WHERE {self._snapshot.label_clause()}"
        ).fetchone()
        return int(seq)

    def readable(self, documents: Collection[int]) -> set[int]:
        """Return the ids among `documents` that exist and may be read."""
        return {
            row[0]
            for batch in batches(sorted(documents))
            for row in self._db.execute(
                f"SELECT d.id FROM document d WHERE d.id IN ({placeholders(batch)}) "
                f"AND {self._snapshot.label_clause()}",
                batch,
            )
        }

    def readable_uids(self, uids: Collection[int]) -> frozenset[int]:
        """Return those uids whose document exists, in any version, and may be read."""
        return frozenset(
            row[0]
            for batch in batches(sorted(uids))
            for row in self._db.execute(
                f"SELECT d.uid FROM document d WHERE d.uid IN ({placeholders(batch)}) "
                f"AND {self._snapshot.label_clause()}",
                batch,
            )
        )

    def known_files(self, source_folder: int) -> dict[str, KnownFile]:
        """Return the documents of a source folder by source: all that an ingest compares."""
        rows = self._db.execute(
            "SELECT source, id, digest, size FROM document WHERE source_folder = ?",
            (source_folder,),
        )
        return {source: KnownFile(id, digest, size) for source, id, digest, size in rows}

    def uids(self) -> frozenset[int]:
        """Return the uids of all documents that exist."""
        return frozenset(uid for (uid,) in self._db.execute("SELECT uid FROM document"))

    def uids_of(self, documents: Collection[int]) -> frozenset[int]:
        """Return the uids of documents, also of those that no longer exist."""
        return frozenset(
            row[0]
            for batch in batches(sorted(documents))
            for row in self._db.execute(
                f"SELECT uid FROM journal WHERE document IN ({placeholders(batch)})", batch
            )
        )

    def versions_of(self, uids: Collection[int]) -> frozenset[int]:
        """Return the ids of all versions with one of these uids, also of deleted ones."""
        return frozenset(
            row[0]
            for batch in batches(sorted(uids))
            for row in self._db.execute(
                f"SELECT document FROM journal WHERE uid IN ({placeholders(batch)})", batch
            )
        )

    def indexed_ranges(self) -> list[tuple[int, int, int, int]]:
        """Return (id, label id, first chunk, last chunk) of every document with chunks."""
        return self._db.execute(
            "SELECT id, label, first_chunk, last_chunk FROM document WHERE first_chunk IS NOT NULL"
        ).fetchall()


class DocumentWriter:
    """Writes documents; each method is one commit unless it says otherwise."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._db = writer.connection

    def put(self, new: NewDocument) -> int:
        """Commit a document, replacing one with the same folder and source; return its id."""
        with self._writer.transaction() as seq:
            replaced = self._db.execute(
                "SELECT d.id, d.uid, l.name, d.pinned FROM document d "
                "JOIN label l ON l.id = d.label "
                "WHERE d.source_folder = ? AND d.source = ?",
                (new.source_folder, new.source),
            ).fetchone()
            labels = self._writer.labels
            if replaced:
                replaced_id, uid, label, pinned = replaced
                self.delete(replaced_id, seq)
            else:
                label, pinned = labels.take_remembered(new.source_folder, new.source)
            if new.label is not None:
                label, pinned = new.label, True
            elif new.rule is not None and not pinned:
                label = new.rule
            document = self._writer.new_ids(1 + len(new.chunks))
            if not replaced:
                uid = document
            self._insert(document, uid, new, labels.id_of(label), pinned)
            self._writer.file_errors.drop(new.source_folder, new.source)
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
            "metadata, warnings, first_chunk, last_chunk, added_at, readable_pages, uid, pinned) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
            "headings, ref, text, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (first + n, document, chunk.ordinal, chunk.page,
                 content.pages[chunk.page].number, chunk.start, chunk.end,
                 chunk.header, json.dumps(chunk.headings, ensure_ascii=False), chunk.ref,
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
                self._writer.labels.remember(document)
                target = document_object(self.delete(document, seq))
                self._writer.audit("document.remove", target, names={"source": source})

    def rename(self, document: int, source: str) -> None:
        """Give a document another source in its folder."""
        with self._writer.transaction() as seq:
            (source_folder,) = self._db.execute(
                "SELECT source_folder FROM document WHERE id = ?", (document,)
            ).fetchone()
            self.move(document, source_folder, source, seq)
            self._writer.file_errors.drop(source_folder, source)

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
        if not despite_hold and self._writer.retention.is_held(uid):
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

    def sources_of(self, uids: Iterable[int]) -> list[str]:
        """Return the sources of the documents with these uids that exist."""
        return [
            source
            for uid in uids
            for (source,) in self._db.execute("SELECT source FROM document WHERE uid = ?", (uid,))
        ]
