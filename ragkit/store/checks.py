"""Checks that the rows of the database are complete and agree with each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from ragkit.store.database import Database
from ragkit.store.rows import decode_rows, decode_sections
from ragkit.store.salvage import DAMAGE, readable_rows

_WRONG_TYPE = "a value has another type than its column"
_BATCH_ROWS = 1000
_LENGTH_TOLERANCE = 0.01  # of a vector's length 1: float16 loses less than 0.001

_MISSING = """
    SELECT j.document, j.uid FROM journal j
    GROUP BY j.document HAVING sum(j.operation = 'add') > sum(j.operation = 'remove')
    EXCEPT SELECT id, uid FROM document
"""
_UNKNOWN = """
    SELECT id, uid FROM document
    EXCEPT SELECT j.document, j.uid FROM journal j
    GROUP BY j.document HAVING sum(j.operation = 'add') > sum(j.operation = 'remove')
"""
_CONTRADICTIONS = {
    "the journal is ahead of the sequence number": (
        "SELECT 1 FROM journal WHERE seq > (SELECT CAST(value AS INTEGER) FROM meta "
        "WHERE key = 'seq') LIMIT 1"
    ),
    "an id is in use that was never assigned": (
        "SELECT 1 FROM meta WHERE key = 'next_id' AND CAST(value AS INTEGER) <= max("
        "(SELECT coalesce(max(id), 0) FROM document), (SELECT coalesce(max(id), 0) FROM chunk), "
        "(SELECT coalesce(max(id), 0) FROM conversation))"
    ),
    "the number of chunks differs from that of the documents": (
        "SELECT 1 WHERE (SELECT count(*) FROM chunk) != "
        "(SELECT coalesce(sum(last_chunk - first_chunk + 1), 0) FROM document)"
    ),
    "the number of vectors differs from that of the chunks": (
        "SELECT 1 WHERE (SELECT count(*) FROM vector) != (SELECT count(*) FROM chunk)"
    ),
    "existing chunks are marked as deleted": (
        "SELECT 1 FROM tombstone WHERE chunk IN (SELECT id FROM chunk) LIMIT 1"
    ),
}


class Flaw(NamedTuple):
    """A damaged document, and what is wrong with it."""

    document: int
    source: str
    what: str


def count_pages(database: Database) -> int:
    """Return the number of pages of the file."""
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    return int(pages)


def has_checksums(database: Database) -> bool:
    """Return True if the pages of the file have checksums that SQLite compares."""
    return bool(database.execute("PRAGMA checksum_verification").fetchone() == ("1",))


def read_facts(database: Database) -> tuple[str, int, int, str] | None:
    """Return the id of the knowledge base, its sequence number, and the last audit record.

    The record as its number and its signature in hexadecimal digits. None if one is missing.
    """
    found: tuple[str, int, int, str] | None = database.execute(
        "SELECT b.value, CAST(s.value AS INTEGER), a.id, lower(hex(a.signature)) "
        "FROM meta b, meta s, audit a WHERE b.key = 'kb' AND s.key = 'seq' "
        "ORDER BY a.id DESC LIMIT 1"
    ).fetchone()
    return found


def structure_flaws(database: Database) -> Iterator[str]:
    """Yield what is wrong with the file: read every page, and compare its checksum."""
    for pragma in ("integrity_check(20)", "foreign_key_check"):
        try:
            for row in database.execute(f"PRAGMA {pragma}"):
                if row == ("ok",):
                    continue
                if pragma == "foreign_key_check":
                    yield f"a row of {row[0]} refers to a missing row of {row[2]}"
                else:
                    yield from str(row[0]).removeprefix("*** in database main ***\n").splitlines()
        except DAMAGE as error:
            yield f"a part of it cannot be read ({error})"


def contradictions(database: Database) -> Iterator[str]:
    """Yield what does not agree: counts, ids, the journal."""
    for what, query in _CONTRADICTIONS.items():
        try:
            if database.execute(query).fetchone() is not None:
                yield what
        except DAMAGE:
            yield f"cannot check whether {what}"
    try:
        for query, what in (
            (_MISSING, "documents of the journal are missing"),
            (_UNKNOWN, "documents are missing in the journal, or differ from it"),
        ):
            if found := len(database.execute(query).fetchall()):
                yield f"{found} {what}"
    except DAMAGE:
        yield "the journal cannot be compared with the documents"


def missing_documents(database: Database) -> list[tuple[int, int]]:
    """Return (id, uid) of the documents that the journal has, and whose row is missing."""
    return database.execute(_MISSING).fetchall()


def unknown_documents(database: Database) -> list[tuple[int, int]]:
    """Return (id, uid) of the documents that differ from the journal or are missing in it."""
    return database.execute(_UNKNOWN).fetchall()


def waiting_documents(database: Database) -> list[str]:
    """Return the sources of documents whose content is lost until the next ingest."""
    rows = database.execute("SELECT source FROM document WHERE digest = x'' ORDER BY source")
    return [source for (source,) in rows]


def flawed_documents(database: Database, dimension: int) -> Iterator[Flaw]:
    """Yield the documents with parts that are missing, unreadable or contradictory."""
    typed = {
        table: _type_condition(database, table) for table in ("document", "page", "chunk", "vector")
    }
    for (document,) in readable_rows(database, "document", "id"):
        source = f"document {document}"
        try:
            found = database.execute("SELECT source FROM document WHERE id = ?", (document,))
            source = str(found.fetchone()[0])
            what = _flaw(database, document, dimension, typed)
        except DAMAGE:
            what = "a part cannot be read"
        if what:
            yield Flaw(document, source, what)


def flawed_vectors(database: Database, table: str, dimension: int) -> list[int]:
    """Return the chunks whose vector in a table is not one of `dimension` numbers and length 1."""
    flawed: list[int] = []
    rows = readable_rows(database, table, f"chunk, data, {_type_condition(database, table)}")
    while batch := list(islice(rows, _BATCH_ROWS)):
        if not all(fits for *_, fits in batch) or _rows_flaw([row[1] for row in batch], dimension):
            flawed += [
                chunk for chunk, data, fits in batch if not fits or _rows_flaw([data], dimension)
            ]
    return flawed


def _type_condition(database: Database, table: str) -> str:
    """Return SQL that checks that values have their column's type: SQLite stores any type."""
    columns = database.execute(
        'SELECT name, lower(type), "notnull" FROM pragma_table_info(?)', (table,)
    )
    conditions = [
        f"typeof(\"{name}\") = '{kind}'" + ("" if full else f' OR "{name}" IS NULL')
        for name, kind, full in columns
    ]
    return " AND ".join(f"({condition})" for condition in conditions) or "1"


def _flaw(database: Database, document: int, dimension: int, typed: dict[str, str]) -> str:
    first, last, readable, metadata, warnings, *_, fits = database.execute(
        "SELECT first_chunk, last_chunk, readable_pages, metadata, warnings, title, kind, "
        f"added_at, modified_at, {typed['document']} FROM document WHERE id = ?",
        (document,),
    ).fetchone()
    if not fits:
        return _WRONG_TYPE
    if not _are_texts(warnings, list) or not _are_texts(metadata, dict):
        return "its warnings or metadata cannot be read"
    ids = range(first, last + 1) if None not in (first, last) else range(0)
    pages = _pages(database, document, typed["page"])
    return (
        _page_flaw(pages, readable)
        or _chunk_flaw(database, document, ids, [page.text for page in pages], typed["chunk"])
        or _vector_flaw(database, ids, dimension, typed["vector"])
    )


def _are_texts(stored: str, kind: type[list[str]] | type[dict[str, str]]) -> bool:
    """Return True for the JSON of a list, or an object, of texts only."""
    try:
        found = json.loads(stored)
    except (ValueError, RecursionError):
        return False
    values = found.values() if isinstance(found, dict) else found
    return isinstance(found, kind) and all(isinstance(value, str) for value in values)


def _are_places(sections: str, rows: str) -> bool:
    """Return True for the JSON of a chunk's sections and table rows."""
    try:
        found = decode_sections(sections)
        found_rows = decode_rows(rows)
    except (TypeError, ValueError, RecursionError):
        return False
    texts = [name for section in found for name in section.headings]
    texts += [text for row in found_rows for text in (*row.columns, row.label, row.unit, row.ref)]
    offsets = [section.start for section in found]
    offsets += [offset for row in found_rows for offset in (row.start, row.end)]
    return all(isinstance(text, str) for text in texts) and all(
        isinstance(offset, int) for offset in offsets
    )


class _Page(NamedTuple):
    ordinal: int
    text: str
    kind: str
    page_label: str
    fits: int


def _pages(database: Database, document: int, typed: str) -> list[_Page]:
    rows = database.execute(
        f"SELECT ordinal, text, kind, page_label, {typed} FROM page "
        "WHERE document = ? ORDER BY ordinal",
        (document,),
    )
    return [_Page(*row) for row in rows]


def _page_flaw(pages: list[_Page], readable: int) -> str:
    if not all(page.fits for page in pages):
        return _WRONG_TYPE
    if [page.ordinal for page in pages] != list(range(len(pages))):
        return "a page is missing"
    if any(page.text.endswith("\0") for page in pages):
        return "the end of a page is missing"
    if sum(bool(page.text.strip()) for page in pages) != readable:
        return "a page is missing, or its text is"
    return ""


def _chunk_flaw(database: Database, document: int, ids: range, pages: list[str], typed: str) -> str:
    rows = database.execute(
        'SELECT id, document, ordinal, page, start, "end", text, sections, header, rows, '
        f"{typed} FROM chunk WHERE id BETWEEN ? AND ? ORDER BY id",
        (ids.start, ids.stop - 1),
    ).fetchall()
    if not all(row[-1] for row in rows):
        return _WRONG_TYPE
    if len(rows) != ids.stop - ids.start or [row[:3] for row in rows] != [
        (id, document, n) for n, id in enumerate(ids)
    ]:
        return "a chunk is missing"
    for _, _, _, page, start, end, text, *_ in rows:
        if not (0 <= page < len(pages) and 0 <= start < end and end - start == len(text)):
            return "a chunk differs from the text of its page"
        if pages[page][start:end] != text:
            return "a chunk differs from the text of its page"
    if not all(_are_places(sections, found) for *_, sections, _, found, _ in rows):
        return "the headings or table rows of a chunk cannot be read"
    return ""


def _vector_flaw(database: Database, ids: range, dimension: int, typed: str) -> str:
    rows = database.execute(
        f"SELECT chunk, data, {typed} FROM vector WHERE chunk BETWEEN ? AND ? ORDER BY chunk",
        (ids.start, ids.stop - 1),
    ).fetchall()
    if [row[0] for row in rows] != list(ids):
        return "a vector is missing"
    if not all(fits for *_, fits in rows):
        return _WRONG_TYPE
    return _rows_flaw([data for _, data, _ in rows], dimension)


def _rows_flaw(rows: list[bytes], dimension: int) -> str:
    if any(len(data) != 2 * dimension for data in rows):
        return f"a vector does not have {dimension} numbers"
    vectors = np.frombuffer(b"".join(rows), np.float16).astype(np.float32)
    lengths = np.linalg.norm(vectors.reshape(len(rows), dimension), axis=1)
    if not (abs(lengths - 1) <= _LENGTH_TOLERANCE).all():  # also for a NaN
        return "a vector does not have the length 1"
    return ""
