"""Chunks and pages: the text of documents, for search and display."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ragkit.store.records import StoredChunk, StoredPage
from ragkit.store.rows import (
    RowMapper,
    batches,
    check_text,
    decode_rows,
    decode_sections,
    placeholders,
)
from ragkit.store.transaction import ReadTransaction

_CHUNK = RowMapper(
    StoredChunk,
    id="c.id",
    document="c.document",
    source="d.source",
    folder="f.path",
    title="d.title",
    kind="d.kind",
    ordinal="c.ordinal",
    page_ordinal="c.page",
    page="p.number",
    page_label="p.page_label",
    start="c.start",
    end="c.end",
    header="c.header",
    sections="c.sections",
    rows="c.rows",
    text="c.text",
    convert={"sections": decode_sections, "rows": decode_rows, "text": check_text},
)
_SELECT_CHUNK = f"""
    SELECT {_CHUNK.columns}
    FROM chunk c
    JOIN document d ON d.id = c.document
    JOIN source_folder f ON f.id = d.source_folder
    JOIN page p ON p.document = c.document AND p.ordinal = c.page
"""
_PAGE = RowMapper(
    StoredPage,
    ordinal="p.ordinal",
    kind="p.kind",
    number="p.number",
    page_label="p.page_label",
    text="p.text",
    images="p.images",
    hidden="p.hidden",
    garbage="p.garbage",
    convert={"text": check_text},
)


class Place(NamedTuple):
    """A chunk's place: its page by position in the document (from 0) and by number."""

    document: int
    ordinal: int
    page: int
    number: int | None


_PLACE = RowMapper(
    Place, document="c.document", ordinal="c.ordinal", page="c.page", number="c.number"
)


class Chunks:
    """Reads the chunks of a snapshot."""

    def __init__(self, snapshot: ReadTransaction) -> None:
        self._snapshot = snapshot
        self._db = snapshot.connection

    def get(self, ids: Sequence[int]) -> dict[int, StoredChunk]:
        """Return the chunks with these ids that exist and may be read."""
        return {
            chunk.id: chunk
            for batch in batches(ids)
            for chunk in map(
                _CHUNK,
                self._db.execute(
                    f"{_SELECT_CHUNK} WHERE c.id IN ({placeholders(batch)}) "
                    f"AND {self._snapshot.document_clause()}",
                    batch,
                ),
            )
        }

    def of(self, document: int, page: int | None = None) -> list[StoredChunk]:
        """Return the chunks of a document in order, or those of the page with this ordinal."""
        rows = self._db.execute(
            f"{_SELECT_CHUNK} WHERE c.document = ? AND (? IS NULL OR c.page = ?) "
            f"AND {self._snapshot.document_clause()} ORDER BY c.ordinal",
            (document, page, page),
        )
        return [_CHUNK(row) for row in rows]

    def neighbours(self, document: int, first: int, last: int) -> list[StoredChunk]:
        """Return the chunks of a document from ordinal `first` to `last`, both included."""
        rows = self._db.execute(
            f"{_SELECT_CHUNK} WHERE c.document = ? AND c.ordinal BETWEEN ? AND ? "
            f"AND {self._snapshot.document_clause()} ORDER BY c.ordinal",
            (document, first, last),
        )
        return [_CHUNK(row) for row in rows]

    def places(self, ids: Sequence[int]) -> dict[int, Place]:
        """Return the places of the chunks with these ids that may be read."""
        found: dict[int, Place] = {}
        joined = ""
        if not self._snapshot.sees_all:
            joined = "JOIN document d ON d.id = c.document"
        for batch in batches(ids):
            rows = self._db.execute(
                f"SELECT c.id, {_PLACE.columns} FROM chunk c {joined} "
                f"WHERE c.id IN ({placeholders(batch)}) AND {self._snapshot.document_clause()}",
                batch,
            )
            found.update((row[0], Place(*row[1:])) for row in rows)
        return found

    def page_runs(self, document: int) -> dict[int, tuple[int, int]]:
        """Return the first and last chunk id of each page of a document, by the page's ordinal."""
        rows = self._db.execute(
            "SELECT c.page, min(c.id), max(c.id) FROM chunk c JOIN document d ON d.id = c.document "
            f"WHERE c.document = ? AND {self._snapshot.document_clause()} GROUP BY c.page",
            (document,),
        )
        return {page: (first, last) for page, first, last in rows}

    def texts(self, ids: Sequence[int]) -> dict[int, str]:
        """Return the header and text of the chunks with these ids that may be read."""
        return {
            chunk: f"{header}\n{text}"
            for batch in batches(ids)
            for chunk, header, text in self._db.execute(
                "SELECT c.id, c.header, c.text FROM chunk c JOIN document d ON d.id = c.document "
                f"WHERE c.id IN ({placeholders(batch)}) AND {self._snapshot.document_clause()}",
                batch,
            )
        }

    def lexical_rows(self, document: int) -> list[tuple[int, int, str, str]]:
        """Return (chunk id, label id, header, text) of a document's chunks, for an index."""
        return self._db.execute(
            "SELECT c.id, d.label, c.header, c.text FROM chunk c "
            "JOIN document d ON d.id = c.document WHERE c.document = ? ORDER BY c.ordinal",
            (document,),
        ).fetchall()


class Pages:
    """Reads the pages of a snapshot's documents."""

    def __init__(self, snapshot: ReadTransaction) -> None:
        self._snapshot = snapshot
        self._db = snapshot.connection

    def of(self, document: int, ordinal: int | None = None) -> list[StoredPage]:
        """Return a document's pages in order, or the one with this ordinal."""
        rows = self._db.execute(
            f"SELECT {_PAGE.columns} FROM page p JOIN document d ON d.id = p.document "
            "WHERE p.document = ? AND (? IS NULL OR p.ordinal = ?) "
            f"AND {self._snapshot.document_clause()} ORDER BY p.ordinal",
            (document, ordinal, ordinal),
        )
        return [_PAGE(row) for row in rows]

    def text(self, document: int, ordinal: int) -> str:
        """Return a page's whole text; "" if the document is gone or may not be read."""
        row = self._db.execute(
            "SELECT p.text FROM page p JOIN document d ON d.id = p.document "
            f"WHERE p.document = ? AND p.ordinal = ? AND {self._snapshot.document_clause()}",
            (document, ordinal),
        ).fetchone()
        return check_text(row[0]) if row else ""

    def labels(self, document: int) -> list[str]:
        """Return the page labels of a document in order: for a spreadsheet, its sheet names."""
        rows = self._db.execute(
            "SELECT p.page_label FROM page p JOIN document d ON d.id = p.document "
            f"WHERE p.document = ? AND {self._snapshot.document_clause()} ORDER BY p.ordinal",
            (document,),
        )
        return [row[0] for row in rows]
