"""Documents: lists and counts them, and reads what belongs to one."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ragkit.store.records import (
    DocumentName,
    KindCounts,
    KnownFile,
    StoredDocument,
)
from ragkit.store.rows import (
    RowMapper,
    batches,
    decode_list,
    decode_object,
    decode_sections,
    placeholders,
)
from ragkit.store.transaction import ReadTransaction

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
    modified_at="d.modified_at",
    convert={
        "warnings": decode_list,
        "metadata": decode_object,
        "uploaded": bool,
    },
)

_SELECT_DOCUMENT = f"""
    SELECT {_DOCUMENT.columns}
    FROM document d JOIN label l ON l.id = d.label JOIN source_folder f ON f.id = d.source_folder
"""


_NAME = RowMapper(DocumentName, document="d.id", source="d.source", kind="d.kind", title="d.title")
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

    def __init__(self, snapshot: ReadTransaction) -> None:
        self._snapshot = snapshot
        self._db = snapshot.connection

    def all(self) -> Iterator[StoredDocument]:
        """Yield all documents that may be read, by source."""
        rows = self._db.execute(
            f"{_SELECT_DOCUMENT} WHERE {self._snapshot.document_clause()} "
            "ORDER BY d.source, d.source_folder"
        )
        return map(_DOCUMENT, rows)

    def get(self, id: int) -> StoredDocument | None:
        """Return the document with this id; None if it does not exist or may not be read."""
        if id.bit_length() > 63:  # more than SQLite can look for
            return None
        row = self._db.execute(
            f"{_SELECT_DOCUMENT} WHERE d.id = ? AND {self._snapshot.document_clause()}", (id,)
        ).fetchone()
        return _DOCUMENT(row) if row else None

    def ids(self) -> list[int]:
        """Return the ids of all documents that may be read, ascending."""
        rows = self._db.execute(
            f"SELECT d.id FROM document d WHERE {self._snapshot.document_clause()} ORDER BY d.id"
        )
        return [row[0] for row in rows]

    def names(self) -> list[DocumentName]:
        """Return the names of all documents that may be read, by source."""
        rows = self._db.execute(
            f"SELECT {_NAME.columns} FROM document d "
            f"WHERE {self._snapshot.document_clause()} ORDER BY d.source, d.source_folder"
        )
        return [_NAME(row) for row in rows]

    def display_source(self, folder: str, source: str) -> str:
        """Return the source of a document of a folder, as hits show it.

        If other readable documents have the same source, the end of the folder's path that tells
        them apart is in front: "north/policy.md" for policy.md in /data/north.
        """
        rows = self._db.execute(
            "SELECT f.path FROM source_folder f CROSS JOIN document d ON d.source_folder = f.id "
            f"WHERE d.source = ? AND f.path != ? AND {self._snapshot.document_clause()}",
            (source, folder),
        )
        others = [path.rstrip(":/").split("/") for (path,) in rows]
        if not others:
            return source
        own = folder.rstrip(":/").split("/")
        ends = (own[-n:] for n in range(1, len(own)))
        end = next((end for end in ends if end not in [o[-len(end) :] for o in others]), own)
        return "/".join([*end, source])

    def section_lengths(self, document: int, max_chunks: int) -> dict[tuple[str, ...], int]:
        """Return the characters below each heading path of a document's first chunks, in order."""
        rows = self._db.execute(
            "SELECT c.sections, c.end FROM chunk c JOIN document d ON d.id = c.document "
            f"WHERE c.document = ? AND c.ordinal < ? AND {self._snapshot.document_clause()} "
            "ORDER BY c.ordinal",
            (document, max_chunks),
        )
        lengths: dict[tuple[str, ...], int] = {}
        for stored, chunk_end in rows:
            sections = decode_sections(stored)
            starts = [*(section.start for section in sections), chunk_end]
            for (start, headings), end in zip(sections, starts[1:], strict=True):
                lengths[headings] = lengths.get(headings, 0) + end - start
        return lengths

    def counts(self) -> tuple[int, int, int]:
        """Count the documents, pages and chunks that may be read."""
        documents, chunks = self._db.execute(
            "SELECT count(*), coalesce(sum(d.last_chunk - d.first_chunk + 1), 0) "
            f"FROM document d WHERE {self._snapshot.document_clause()}"
        ).fetchone()
        (pages,) = self._db.execute(
            "SELECT count(*) FROM page p JOIN document d ON d.id = p.document "
            f"WHERE {self._snapshot.document_clause()}"
        ).fetchone()
        return documents, pages, chunks

    def counts_by_kind(self) -> list[KindCounts]:
        """Count documents, pages and chunks for each kind of document, by its name."""
        rows = self._db.execute(
            f"SELECT {_KIND_COUNTS.columns} FROM document d "
            f"WHERE {self._snapshot.document_clause()} GROUP BY d.kind ORDER BY d.kind"
        )
        return [_KIND_COUNTS(row) for row in rows]

    def counts_by_day(self) -> list[tuple[str, int]]:
        """Return (day, number of documents added on it), oldest first."""
        return self._db.execute(
            "SELECT substr(d.added_at, 1, 10), count(*) "
            f"FROM document d WHERE {self._snapshot.document_clause()} GROUP BY 1 ORDER BY 1"
        ).fetchall()

    def exist(self) -> bool:
        """Return True if there is a document that may be read."""
        (found,) = self._db.execute(
            f"SELECT EXISTS (SELECT 1 FROM document d WHERE {self._snapshot.document_clause()})"
        ).fetchone()
        return bool(found)

    def chunk_counts(self) -> dict[int, int]:
        """Return the number of chunks of each document that may be read, by ascending ids."""
        return dict(
            self._db.execute(
                "SELECT d.id, coalesce(d.last_chunk - d.first_chunk + 1, 0) "
                f"FROM document d WHERE {self._snapshot.document_clause()} ORDER BY d.id"
            )
        )

    def chunk_runs(self) -> list[tuple[int, int]]:
        """Return the first and last chunk id of each document that may be read, ascending."""
        return self._db.execute(
            "SELECT d.first_chunk, d.last_chunk FROM document d "
            f"WHERE d.first_chunk IS NOT NULL AND {self._snapshot.document_clause()} ORDER BY 1"
        ).fetchall()

    def long_runs(self, chunks: int) -> dict[int, tuple[int, int]]:
        """Return the first and last chunk id of each readable document with at least `chunks`."""
        rows = self._db.execute(
            "SELECT d.id, d.first_chunk, d.last_chunk FROM document d "
            f"WHERE d.last_chunk - d.first_chunk + 1 >= ? AND {self._snapshot.document_clause()} "
            "ORDER BY d.first_chunk",
            (chunks,),
        )
        return {id: (first, last) for id, first, last in rows}

    def last_change(self) -> int:
        """Return the sequence number of the last change to a readable document; 0 if none."""
        (seq,) = self._db.execute(
            "SELECT coalesce(max(j.seq), 0) FROM journal j JOIN document d ON d.id = j.document "
            f"WHERE {self._snapshot.document_clause()}"
        ).fetchone()
        return int(seq)

    def readable(self, documents: Collection[int]) -> set[int]:
        """Return the ids among `documents` that exist and may be read."""
        return {
            row[0]
            for batch in batches(sorted(documents))
            for row in self._db.execute(
                f"SELECT d.id FROM document d WHERE d.id IN ({placeholders(batch)}) "
                f"AND {self._snapshot.document_clause()}",
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
                f"AND {self._snapshot.document_clause()}",
                batch,
            )
        )

    def known_files(self, source_folder: int) -> dict[str, KnownFile]:
        """Return the documents of a source folder by source: all that an ingest compares."""
        rows = self._db.execute(
            "SELECT source, id, digest, size, modified_at FROM document WHERE source_folder = ?",
            (source_folder,),
        )
        return {source: KnownFile(*facts) for source, *facts in rows}

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
