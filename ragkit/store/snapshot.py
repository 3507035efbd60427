"""What a reader sees: one snapshot of the base, defined by one sequence number."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ragkit.errors import StoreDamaged
from ragkit.store.access import Access, access_of
from ragkit.store.audit import find_records
from ragkit.store.audit_record import AuditRecord
from ragkit.store.database import Database
from ragkit.store.records import (
    HalfVectors,
    IndexVersion,
    KindCounts,
    LabelGrants,
    OpenErasure,
    Outcome,
    PastErasure,
    Rating,
    StoredChunk,
    StoredConversation,
    StoredDocument,
    StoredPage,
    StoredTurn,
)
from ragkit_ingest.model import FileError

_CHUNK = """
    SELECT c.id, c.document, d.source, f.path, d.title, d.kind, c.ordinal, c.page,
           p.number, p.page_label, c.start, c.end, c.header, c.headings, c.ref, c.text
    FROM chunk c
    JOIN document d ON d.id = c.document
    JOIN source_folder f ON f.id = d.source_folder
    JOIN page p ON p.document = c.document AND p.ordinal = c.page
"""
_DOCUMENT = """
    SELECT d.id, d.source_folder, d.source, d.digest, d.size, d.kind, d.title, l.name, d.warnings,
           (SELECT count(*) FROM page p WHERE p.document = d.id),
           coalesce(d.last_chunk - d.first_chunk + 1, 0), d.added_at, d.readable_pages, d.metadata,
           f.path = 'uploads:', d.uid
    FROM document d JOIN label l ON l.id = d.label JOIN source_folder f ON f.id = d.source_folder
"""


_OF_DOCUMENTS = ("document", "page", "chunk", "vector")
"""The tables that hold what documents are; what people said of them is in others."""


class Named(NamedTuple):
    """What a document is called."""

    document: int
    source: str
    kind: str
    title: str


class Section(NamedTuple):
    """Chunks of a document under the same headings: the first of them, and how much text."""

    headings: tuple[str, ...]
    ordinal: int
    characters: int


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the journal."""

    operation: str
    document: int


class Place(NamedTuple):
    """Where a chunk is: the page by its position in the document and by the number it bears."""

    document: int
    ordinal: int
    page: int
    number: int | None


class Snapshot:
    """Reads inside one transaction: `seq` is the last commit it sees.

    `labels` are the ids of the labels whose documents may be seen; None means all of them, an
    empty set means none.
    """

    def __init__(self, database: Database, labels: frozenset[int] | None = None) -> None:
        self._db = database
        self.labels = labels
        self.seq = int(self.meta("seq") or 0)

    @property
    def is_strict(self) -> bool:
        """Whether what this reader may not see must change nothing in what they find."""
        return self.labels is not None and access_of(self._db) is Access.STRICT

    @property
    def has_every_label(self) -> bool:
        """Whether no document has a label that may not be read."""
        others = self._db.execute("SELECT id FROM label").fetchall()
        return self.labels is None or self.labels.issuperset(label for (label,) in others)

    def meta(self, key: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def label_ids(self, names: Collection[str]) -> frozenset[int]:
        marks = ",".join("?" * len(names))
        rows = self._db.execute(
            f"SELECT id FROM label WHERE name IN ({marks})",
            list(names),
        )
        return frozenset(row[0] for row in rows)

    def only(self, names: Collection[str] | None) -> Snapshot:
        """Of what may be seen here, the documents with a label of one of these names, if given."""
        if names is None:
            return self
        labels = self.label_ids([names] if isinstance(names, str) else names)
        return self.restricted(labels if self.labels is None else labels & self.labels)

    def restricted(self, labels: frozenset[int] | None) -> Snapshot:
        """The same snapshot for someone who may read these labels only."""
        snapshot = Snapshot.__new__(Snapshot)
        snapshot._db, snapshot.labels, snapshot.seq = self._db, labels, self.seq
        return snapshot

    def _label_clause(self) -> str:
        """The one place where access becomes SQL; label ids are integers from our own table."""
        if self.labels is None:
            return "1"
        return f"d.label IN ({','.join(str(int(label)) for label in sorted(self.labels))})"

    # -- documents ---------------------------------------------------------------------------

    def documents(self) -> Iterator[StoredDocument]:
        rows = self._db.execute(
            f"{_DOCUMENT} WHERE {self._label_clause()} ORDER BY d.source, d.source_folder"
        )
        return map(_document, rows)

    def document(self, id: int) -> StoredDocument | None:
        """The document with this id; None if there is none that may be read."""
        if id.bit_length() > 63:  # more than SQLite can look for
            return None
        row = self._db.execute(
            f"{_DOCUMENT} WHERE d.id = ? AND {self._label_clause()}", (id,)
        ).fetchone()
        return _document(row) if row else None

    def pages_of(self, document: int, ordinal: int | None = None) -> list[StoredPage]:
        """Return a document's pages in order, or the one with this ordinal."""
        rows = self._db.execute(
            "SELECT p.ordinal, p.kind, p.number, p.page_label, p.text, p.images, p.hidden, "
            "p.garbage FROM page p JOIN document d ON d.id = p.document "
            "WHERE p.document = ? AND (? IS NULL OR p.ordinal = ?) "
            f"AND {self._label_clause()} ORDER BY p.ordinal",
            (document, ordinal, ordinal),
        )
        return [_page(row) for row in rows]

    def names(self) -> list[Named]:
        """What all documents are called, by source."""
        rows = self._db.execute(
            "SELECT d.id, d.source, d.kind, d.title FROM document d "
            f"WHERE {self._label_clause()} ORDER BY d.source, d.source_folder"
        )
        return [Named(*row) for row in rows]

    def sections(self, document: int, most: int) -> list[Section]:
        """The sections that a document's first chunks, so many at the most, belong to; in order."""
        rows = self._db.execute(
            "SELECT c.headings, min(c.ordinal), sum(c.end - c.start) "
            "FROM chunk c JOIN document d ON d.id = c.document "
            f"WHERE c.document = ? AND c.ordinal < ? AND {self._label_clause()} "
            "GROUP BY c.headings ORDER BY 2",
            (document, most),
        )
        return [Section(tuple(json.loads(row[0])), *row[1:]) for row in rows]

    def page_labels(self, document: int) -> list[str]:
        """The labels of a document's pages, in order: of a spreadsheet its sheets' names."""
        rows = self._db.execute(
            "SELECT p.page_label FROM page p JOIN document d ON d.id = p.document "
            f"WHERE p.document = ? AND {self._label_clause()} ORDER BY p.ordinal",
            (document,),
        )
        return [row[0] for row in rows]

    def known_files(self, source_folder: int) -> dict[str, tuple[int, bytes, int]]:
        """(document id, content digest, size) by source: all that an ingest compares."""
        rows = self._db.execute(
            "SELECT source, id, digest, size FROM document WHERE source_folder = ?",
            (source_folder,),
        )
        return {source: (document, digest, size) for source, document, digest, size in rows}

    def labels_of(self, source_folder: int) -> dict[str, tuple[int, str, bool]]:
        """(document id, label, whether it was given by hand) by source, of a folder's documents."""
        rows = self._db.execute(
            "SELECT d.source, d.id, l.name, d.pinned FROM document d "
            "JOIN label l ON l.id = d.label WHERE d.source_folder = ?",
            (source_folder,),
        )
        return {source: (id, label, bool(pinned)) for source, id, label, pinned in rows}

    def grants(self) -> list[LabelGrants]:
        """The labels that may be read, with their documents counted and to whom they are granted.

        By name; for whoever keeps the base these are all of them.
        """
        granted: dict[int, list[str]] = {}
        for label, principal in self._db.execute(
            "SELECT label, principal FROM label_grant ORDER BY principal"
        ):
            granted.setdefault(label, []).append(principal)
        rows = self._db.execute(
            "SELECT d.label, d.name, (SELECT count(*) FROM document o WHERE o.label = d.label) "
            f"FROM (SELECT id AS label, name FROM label) d WHERE {self._label_clause()} "
            "ORDER BY d.name"
        )
        return [LabelGrants(name, count, tuple(granted.get(id, ()))) for id, name, count in rows]

    def source_folders(self) -> list[tuple[int, str, bool]]:
        rows = self._db.execute("SELECT id, path, whole FROM source_folder ORDER BY path")
        return [(source_folder, path, bool(whole)) for source_folder, path, whole in rows]

    def file_errors(self, source_folder: int) -> dict[str, tuple[FileError, str]]:
        """File errors of a folder by source, each with the version of the reader that met it."""
        rows = self._db.execute(
            "SELECT source, reason, detail, digest, reader FROM file_error WHERE source_folder = ?",
            (source_folder,),
        )
        return {row[0]: (FileError(*row[:4]), row[4]) for row in rows}

    def all_file_errors(self) -> list[FileError]:
        rows = self._db.execute(
            "SELECT e.source, e.reason, e.detail, e.digest, f.path = 'uploads:' "
            "FROM file_error e JOIN source_folder f ON f.id = e.source_folder "
            "ORDER BY e.source, f.path"
        )
        return [
            FileError(source, reason, detail, digest, bool(uploaded))
            for source, reason, detail, digest, uploaded in rows
        ]

    def page_text(self, document: int, ordinal: int) -> str:
        """A page's whole text; "" if the document is gone or may not be read."""
        row = self._db.execute(
            "SELECT p.text FROM page p JOIN document d ON d.id = p.document "
            f"WHERE p.document = ? AND p.ordinal = ? AND {self._label_clause()}",
            (document, ordinal),
        ).fetchone()
        return _whole(row[0]) if row else ""

    def counts(self) -> tuple[int, int, int]:
        """Documents, pages and chunks that may be seen."""
        documents, chunks = self._db.execute(
            "SELECT count(*), coalesce(sum(d.last_chunk - d.first_chunk + 1), 0) "
            f"FROM document d WHERE {self._label_clause()}"
        ).fetchone()
        (pages,) = self._db.execute(
            "SELECT count(*) FROM page p JOIN document d ON d.id = p.document "
            f"WHERE {self._label_clause()}"
        ).fetchone()
        return documents, pages, chunks

    def kinds(self) -> list[KindCounts]:
        """How much there is of each kind of document, by its name."""
        rows = self._db.execute(
            "SELECT d.kind, count(*), "
            "sum((SELECT count(*) FROM page p WHERE p.document = d.id)), sum(d.readable_pages), "
            "coalesce(sum(d.last_chunk - d.first_chunk + 1), 0) "
            f"FROM document d WHERE {self._label_clause()} GROUP BY d.kind ORDER BY d.kind"
        )
        return [KindCounts(*row) for row in rows]

    def days_added(self) -> list[tuple[str, int]]:
        """How many documents were added on which day, in order."""
        return self._db.execute(
            "SELECT substr(d.added_at, 1, 10), count(*) "
            f"FROM document d WHERE {self._label_clause()} GROUP BY 1 ORDER BY 1"
        ).fetchall()

    # -- chunks ------------------------------------------------------------------------------

    def chunks(self, ids: Sequence[int]) -> dict[int, StoredChunk]:
        """The chunks of these ids that exist in this snapshot and may be read."""
        return {
            chunk.id: chunk
            for part in _parts(ids)
            for chunk in map(
                _chunk,
                self._db.execute(
                    f"{_CHUNK} WHERE c.id IN ({_marks(part)}) AND {self._label_clause()}", part
                ),
            )
        }

    def chunks_of(self, document: int, page: int | None = None) -> list[StoredChunk]:
        """Return a document's chunks in order, or those of the page with this ordinal."""
        rows = self._db.execute(
            f"{_CHUNK} WHERE c.document = ? AND (? IS NULL OR c.page = ?) "
            f"AND {self._label_clause()} ORDER BY c.ordinal",
            (document, page, page),
        )
        return [_chunk(row) for row in rows]

    def neighbours(self, document: int, first: int, last: int) -> list[StoredChunk]:
        """Chunks of a document by ordinal, both ends included."""
        rows = self._db.execute(
            f"{_CHUNK} WHERE c.document = ? AND c.ordinal BETWEEN ? AND ? "
            f"AND {self._label_clause()} ORDER BY c.ordinal",
            (document, first, last),
        )
        return [_chunk(row) for row in rows]

    def places(self, ids: Sequence[int]) -> dict[int, Place]:
        """Where the chunks of these ids are; of those alone that may be read."""
        found: dict[int, Place] = {}
        joined = "" if self.labels is None else "JOIN document d ON d.id = c.document"
        for part in _parts(ids):
            rows = self._db.execute(
                f"SELECT c.id, c.document, c.ordinal, c.page, c.number FROM chunk c {joined} "
                f"WHERE c.id IN ({_marks(part)}) AND {self._label_clause()}",
                part,
            )
            found.update((row[0], Place(*row[1:])) for row in rows)
        return found

    def readable(self, documents: Collection[int]) -> set[int]:
        """Those of the documents that are there and may be read."""
        return {
            row[0]
            for part in _parts(sorted(documents))
            for row in self._db.execute(
                f"SELECT d.id FROM document d WHERE d.id IN ({_marks(part)}) "
                f"AND {self._label_clause()}",
                part,
            )
        }

    def uids_of(self, documents: Collection[int]) -> frozenset[int]:
        """The ids that documents had when they were first added; also of those that are gone."""
        return frozenset(
            row[0]
            for part in _parts(sorted(documents))
            for row in self._db.execute(
                f"SELECT uid FROM journal WHERE document IN ({_marks(part)})", part
            )
        )

    def versions_of(self, uids: Collection[int]) -> frozenset[int]:
        """The ids of all documents, also of those that are gone, that have one of these uids."""
        return frozenset(
            row[0]
            for part in _parts(sorted(uids))
            for row in self._db.execute(
                f"SELECT document FROM journal WHERE uid IN ({_marks(part)})", part
            )
        )

    def readable_uids(self, uids: Collection[int]) -> frozenset[int]:
        """Those uids whose document is there, in whatever version, and may be read."""
        return frozenset(
            row[0]
            for part in _parts(sorted(uids))
            for row in self._db.execute(
                f"SELECT d.uid FROM document d WHERE d.uid IN ({_marks(part)}) "
                f"AND {self._label_clause()}",
                part,
            )
        )

    def pinned(self) -> frozenset[int]:
        """The documents whose label was given by hand."""
        return frozenset(id for (id,) in self._db.execute("SELECT id FROM document WHERE pinned"))

    def keep_days(self) -> dict[str, int]:
        """How long documents are kept, by their labels; those kept for ever are not in it."""
        return dict(
            self._db.execute("SELECT name, keep_days FROM label WHERE keep_days IS NOT NULL")
        )

    def holds(self) -> list[tuple[int, str, str, str]]:
        """(document, source, since when, why) of documents that are not to go, by source."""
        return self._db.execute(
            "SELECT d.id, d.source, h.at, h.reason FROM legal_hold h "
            "JOIN document d ON d.uid = h.uid ORDER BY d.source, d.source_folder"
        ).fetchall()

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

    def open_erasures(self) -> list[OpenErasure]:
        """Erasures that were begun and of which something may be left on the disk."""
        rows = self._db.execute(
            "SELECT e.id, e.at, e.record, e.files, e.fingerprints, coalesce(m.value, ''), "
            "e.state = 'stuck' FROM erasure e LEFT JOIN meta m ON m.key = 'erasing ' || e.id "
            "WHERE e.state != 'done' ORDER BY e.id"
        )
        return [
            OpenErasure(id, at, record, tuple(json.loads(files)), fingerprints, asked, bool(stuck))
            for id, at, record, files, fingerprints, asked, stuck in rows
        ]

    def receipt_of(self, asked: str) -> str:
        """The receipt of the last erasure that was asked for by this; "" if there is none."""
        row = self._db.execute(
            "SELECT e.receipt FROM erasure e JOIN meta m ON m.key = 'erasing ' || e.id "
            "WHERE m.value = ? AND e.state = 'done' ORDER BY e.id DESC LIMIT 1",
            (asked,),
        ).fetchone()
        return row[0] if row else ""

    def receipt(self, erasure: int) -> str:
        """The receipt of an erasure; "" if there is none."""
        row = self._db.execute("SELECT receipt FROM erasure WHERE id = ?", (erasure,)).fetchone()
        return row[0] if row else ""

    def past_erasures(self) -> list[PastErasure]:
        """All that was ever erased, also what was only begun, in order; not what may come back."""
        base, is_complete = self.meta("kb") or "", self.has_whole_log()
        rows = self._db.execute(
            "SELECT e.id, coalesce(json_extract(n.text, '$.reason'), '') FROM erasure e "
            "LEFT JOIN audit_names n ON n.record = e.record ORDER BY e.id"
        ).fetchall()
        said = {record.object: record for record in find_records(self._db, "document.erase")}
        found = []
        for id, reason in rows:
            uids, digests = self.erased(id, said.get(f"erasure:{id}"))
            digests = tuple(one for one in digests if self.erased_at(one) is not None)
            found.append(PastErasure(base, uids, digests, reason, is_complete))
        return found

    def erased(
        self, erasure: int, record: AuditRecord | None
    ) -> tuple[tuple[int, ...], tuple[bytes, ...]]:
        """The uids of the documents that an erasure took, and the digests of their content.

        By its record of the log, which has all of them; by what is known without, where damage took
        that: a later erasure may have had the same content.
        """
        if record is None:
            return tuple(self.erased_uids(erasure)), tuple(self.erased_contents(erasure))
        uids = (int(one.removeprefix("document:")) for one in record.detail["documents"])
        return tuple(uids), tuple(map(bytes.fromhex, record.detail["digests"]))

    def is_erased(self, uid: int) -> bool:
        """Whether the document of this uid was erased."""
        found = self._db.execute("SELECT 1 FROM erased_document WHERE uid = ?", (uid,))
        return found.fetchone() is not None

    def erased_at(self, digest: bytes) -> str | None:
        """When a content was erased that must not come back; None if it was not."""
        row = self._db.execute(
            "SELECT e.at FROM erased_content c JOIN erasure e ON e.id = c.erasure "
            "WHERE c.digest = ?",
            (digest,),
        ).fetchone()
        return row[0] if row else None

    def erased_contents(self, erasure: int) -> list[bytes]:
        """The digests of the content that an erasure took, ascending."""
        rows = self._db.execute(
            "SELECT digest FROM erased_content WHERE erasure = ? ORDER BY digest", (erasure,)
        )
        return [row[0] for row in rows]

    def erased_uids(self, erasure: int) -> list[int]:
        """The uids of the documents that an erasure took, ascending."""
        rows = self._db.execute(
            "SELECT uid FROM erased_document WHERE erasure = ? ORDER BY uid", (erasure,)
        )
        return [row[0] for row in rows]

    def turns_resting_on(self, uids: Collection[int]) -> list[tuple[int, int]]:
        """(conversation, ordinal) of the first turn in each that rests on one of the documents."""
        first: dict[int, int] = {}
        for part in _parts(sorted(uids)):
            for conversation, ordinal in self._db.execute(
                "SELECT conversation, min(ordinal) FROM turn_document "
                f"WHERE uid IN ({_marks(part)}) GROUP BY conversation",
                part,
            ):
                first[conversation] = min(ordinal, first.get(conversation, ordinal))
        return sorted(first.items())

    def find_question_records(self, questions: Collection[str]) -> list[int]:
        """The records of the log that have the words of one of these questions."""
        rows = self._db.execute(
            "SELECT record FROM audit_names WHERE json_valid(text) "
            "AND json_extract(text, '$.question') IN (SELECT value FROM json_each(?))",
            (json.dumps(sorted(questions)),),
        )
        return [row[0] for row in rows] if questions else []

    def names_of(self, records: Collection[int]) -> Iterator[bytes]:
        """The names and texts that lie beside records of the log, as they are stored."""
        for part in _parts(sorted(records)):
            for (text,) in self._db.execute(
                f"SELECT CAST(text AS BLOB) FROM audit_names WHERE record IN ({_marks(part)})", part
            ):
                yield text

    def everything(self, of_vectors: int, *, of_documents: bool) -> Iterator[bytes]:
        """All texts and byte strings of the documents, or all that stand elsewhere in the base.

        As they are stored; of each vector as many bytes as `of_vectors`, from its beginning. A
        chunk's text is left out, for it stands in its page.
        """
        columns = {"vector": f"substr(data, 1, {of_vectors})", "chunk": "header, headings, ref"}
        tables = self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            if table == "erasure":  # which has the fingerprints of what is looked for
                continue
            if (table in _OF_DOCUMENTS) is not of_documents:
                continue
            for row in self._db.execute(f'SELECT {columns.get(table, "*")} FROM "{table}"'):
                for value in row:
                    if isinstance(value, str):
                        yield value.encode("utf-8", "surrogatepass")
                    elif isinstance(value, bytes):
                        yield value

    def last_change(self) -> int:
        """The sequence number of the last change to a document that may be read; 0 if none is."""
        (seq,) = self._db.execute(
            "SELECT coalesce(max(j.seq), 0) FROM journal j JOIN document d ON d.id = j.document "
            f"WHERE {self._label_clause()}"
        ).fetchone()
        return int(seq)

    def document_ids(self) -> list[int]:
        """The ids of all documents that may be read, ascending."""
        rows = self._db.execute(
            f"SELECT d.id FROM document d WHERE {self._label_clause()} ORDER BY d.id"
        )
        return [row[0] for row in rows]

    def chunk_counts(self) -> dict[int, int]:
        """How many chunks every document has that may be read, by their ids, ascending."""
        return dict(
            self._db.execute(
                "SELECT d.id, coalesce(d.last_chunk - d.first_chunk + 1, 0) "
                f"FROM document d WHERE {self._label_clause()} ORDER BY d.id"
            )
        )

    def chunk_runs(self) -> list[tuple[int, int]]:
        """First and last chunk id of every document that may be read, ascending."""
        return self._db.execute(
            "SELECT d.first_chunk, d.last_chunk FROM document d "
            f"WHERE d.first_chunk IS NOT NULL AND {self._label_clause()} ORDER BY 1"
        ).fetchall()

    # -- vectors and index versions -------------------------------------------------------------

    def vectors(self, ids: Sequence[int], dimension: int) -> tuple[list[int], HalfVectors]:
        """The ids found, ascending, and their vectors: float16, shape (len(ids), dimension)."""
        rows: list[tuple[int, bytes]] = []
        for part in _parts(sorted(ids)):
            rows += self._db.execute(
                f"SELECT chunk, data FROM vector WHERE chunk IN ({_marks(part)}) ORDER BY chunk",
                part,
            )
        return _matrix(rows, dimension)

    def vectors_after(
        self, chunk: int, dimension: int, *, limit: int = -1
    ) -> tuple[list[int], HalfVectors]:
        """Ids above `chunk`, ascending, and their vectors; at most `limit` if that is not -1."""
        rows = self._db.execute(
            "SELECT chunk, data FROM vector WHERE chunk > ? ORDER BY chunk LIMIT ?", (chunk, limit)
        ).fetchall()
        return _matrix(rows, dimension)

    def vectors_by_digest(self, digests: Iterable[bytes]) -> dict[bytes, bytes]:
        """Vectors (as stored bytes) of texts that were embedded before."""
        found: dict[bytes, bytes] = {}
        for part in _parts(list(digests)):
            found.update(
                self._db.execute(
                    "SELECT c.digest, v.data FROM chunk c JOIN vector v ON v.chunk = c.id "
                    f"WHERE c.digest IN ({_marks(part)})",
                    part,
                )
            )
        return found

    def index_version(self) -> IndexVersion | None:
        row = self._db.execute("SELECT * FROM index_version ORDER BY id DESC LIMIT 1").fetchone()
        return IndexVersion(*row) if row else None

    def tombstones(self, last_chunk: int) -> list[int]:
        """Deleted chunks with ids up to `last_chunk`, ascending."""
        rows = self._db.execute(
            "SELECT chunk FROM tombstone WHERE chunk <= ? ORDER BY chunk", (last_chunk,)
        )
        return [row[0] for row in rows]

    def vector_count(self) -> int:
        (count,) = self._db.execute("SELECT count(*) FROM vector").fetchone()
        return int(count)

    def vector_dimension(self) -> int:
        """Return the length of the vectors, 1 while there are none."""
        row = self._db.execute("SELECT length(data) FROM vector LIMIT 1").fetchone()
        return row[0] // 2 if row else 1  # float16

    def changes_since(self, seq: int) -> list[Change]:
        """What the journal says after `seq`, in order."""
        rows = self._db.execute(
            "SELECT operation, document FROM journal WHERE seq > ? ORDER BY seq", (seq,)
        )
        return [Change(*row) for row in rows]

    def history(self, record: int | None = None) -> tuple[int, int]:
        """(number, digest) of a record of the audit chain, by default the last; (0, 0) if none.

        Equal digests mean equal histories up to that record, also after a backup was restored.
        """
        row = self._db.execute(
            "SELECT id, CAST(signature AS BLOB) FROM audit "
            "WHERE id = coalesce(?, (SELECT max(id) FROM audit))",
            (record,),
        ).fetchone()
        return (row[0], int.from_bytes(row[1][:8], "big")) if row else (0, 0)

    def has_whole_log(self) -> bool:
        """Whether the audit log has all its records; those of which damage took some have not."""
        last, count = self._db.execute(
            "SELECT coalesce(max(id), 0), count(*) FROM audit"
        ).fetchone()
        return bool(last == count)

    @property
    def connection(self) -> Database:
        """For what else is read in this transaction."""
        return self._db

    # -- conversations -----------------------------------------------------------------------

    def conversations(self, who: str | None = None) -> list[StoredConversation]:
        """The conversations of one person, or of all; newest first."""
        rows = self._db.execute(
            "SELECT c.id, c.who, c.started, coalesce(nullif(c.title, ''), t.question), "
            "(SELECT count(*) FROM turn n WHERE n.conversation = c.id) FROM conversation c "
            "JOIN turn t ON t.conversation = c.id AND t.ordinal = 1 "
            "WHERE c.who = coalesce(?, c.who) ORDER BY c.id DESC",
            (who,),
        )
        return [StoredConversation(*row) for row in rows]

    def turns(self, conversation: int) -> list[StoredTurn]:
        """What was said in a conversation, in order."""
        uids: dict[int, set[int]] = {}
        for ordinal, uid in self._db.execute(
            "SELECT ordinal, uid FROM turn_document WHERE conversation = ?", (conversation,)
        ):
            uids.setdefault(ordinal, set()).add(uid)
        rows = self._db.execute(
            "SELECT c.who, t.at, t.question, t.answer, t.ordinal, r.up, r.comment, r.at "
            "FROM turn t JOIN conversation c ON c.id = t.conversation "
            "LEFT JOIN rating r ON r.conversation = t.conversation AND r.ordinal = t.ordinal "
            "WHERE t.conversation = ? ORDER BY t.ordinal",
            (conversation,),
        )
        return [_turn(row, tuple(sorted(uids.get(row[4], ())))) for row in rows]

    def outcomes(self, who: str | None = None) -> list[Outcome]:
        """What became of the questions of one person's conversations, or of all, in order."""
        rows = self._db.execute(
            """
            SELECT substr(t.at, 1, 10), coalesce(json_extract(t.answer, '$.abstention'), ''),
                   json_extract(t.answer, '$.model') IS NOT NULL,
                   json_extract(t.answer, '$.incomplete'),
                   EXISTS (SELECT 1 FROM json_tree(t.answer, '$.statements')
                           WHERE key = 'verdict' AND atom != 'supported'),
                   coalesce(json_extract(t.answer, '$.first_word'), 0.0),
                   coalesce(json_extract(t.answer, '$.seconds'), 0.0), r.up
            FROM turn t
            JOIN conversation c ON c.id = t.conversation
            LEFT JOIN rating r ON r.conversation = t.conversation AND r.ordinal = t.ordinal
            WHERE c.who = coalesce(?, c.who)
            ORDER BY t.conversation, t.ordinal
            """,
            (who,),
        )
        return [_outcome(row) for row in rows]

    def title(self, conversation: int) -> str:
        """The name that a conversation was given; "" if it has none."""
        row = self._db.execute(
            "SELECT title FROM conversation WHERE id = ?", (conversation,)
        ).fetchone()
        return row[0] if row else ""

    def lexical_rows(self, document: int) -> list[tuple[int, int, str, str]]:
        """(chunk id, label id, header, text) of a document's chunks."""
        return self._db.execute(
            "SELECT c.id, d.label, c.header, c.text FROM chunk c "
            "JOIN document d ON d.id = c.document WHERE c.document = ? ORDER BY c.ordinal",
            (document,),
        ).fetchall()


def _parts(ids: Sequence[int] | Sequence[bytes]) -> Iterator[list[int | bytes]]:
    for at in range(0, len(ids), 500):
        yield list(ids[at : at + 500])


def _marks(part: Sequence[int | bytes]) -> str:
    return ",".join("?" * len(part))


def _matrix(rows: Sequence[tuple[int, bytes]], dimension: int) -> tuple[list[int], HalfVectors]:
    if any(len(row[1]) != 2 * dimension for row in rows):
        raise StoreDamaged(
            f"the base's database is damaged, a vector has not {dimension} numbers; see what else "
            "is with: ragkit verify"
        )
    data = np.frombuffer(b"".join(row[1] for row in rows), dtype=np.float16)
    return [row[0] for row in rows], data.reshape(len(rows), dimension)


def _document(row: tuple[Any, ...]) -> StoredDocument:
    values = list(row)
    # Most are empty, and a listing may be of thousands.
    values[8] = () if row[8] == "[]" else tuple(json.loads(row[8]))
    values[13] = {} if row[13] == "{}" else json.loads(row[13])
    values[14] = bool(row[14])
    return StoredDocument(*values)


def _page(row: tuple[Any, ...]) -> StoredPage:
    ordinal, kind, number, page_label, text, images, hidden, garbage = row
    return StoredPage(ordinal, kind, number, page_label, _whole(text), images, hidden, garbage)


def _turn(row: tuple[Any, ...], uids: tuple[int, ...]) -> StoredTurn:
    who, at, question, answer, ordinal, up, comment, rated = row
    rating = None if up is None else Rating(bool(up), comment, rated)
    return StoredTurn(who, at, question, _whole(answer), ordinal, rating, uids)


def _outcome(row: tuple[Any, ...]) -> Outcome:
    day, abstention, model, incomplete, doubtful, first_word, seconds, up = row
    return Outcome(
        day=day,
        abstention=abstention,
        model=bool(model),
        incomplete=bool(incomplete),
        doubtful=bool(doubtful),
        first_word=first_word,
        seconds=seconds,
        up=None if up is None else bool(up),
    )


def _chunk(row: tuple[object, ...]) -> StoredChunk:
    values = list(row)
    values[13] = tuple(json.loads(str(values[13])))
    values[15] = _whole(str(values[15]))
    return StoredChunk(*values)  # type: ignore[arg-type]


def _whole(text: str) -> str:
    """The text, unless its end was lost: nothing that is stored ends with this character.

    Where a disk gives zeros for a page, also its checksum is right.
    """
    if text.endswith("\0"):
        raise StoreDamaged(
            "a text in the base's database is damaged, its end is gone; see what else is with: "
            "ragkit verify"
        )
    return text
