"""Checks that the rows of a base are whole and agree with each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ragkit.store.database import Database
from ragkit.store.salvage import DAMAGE, readable_rows

_LENGTH = 0.01  # that a vector's may differ from 1: float16 loses less than 0.001

_MISSING = """
    SELECT j.document, j.origin FROM journal j
    GROUP BY j.document HAVING sum(j.operation = 'add') > sum(j.operation = 'remove')
    EXCEPT SELECT id, origin FROM document
"""
_UNKNOWN = """
    SELECT id, origin FROM document
    EXCEPT SELECT j.document, j.origin FROM journal j
    GROUP BY j.document HAVING sum(j.operation = 'add') > sum(j.operation = 'remove')
"""
_CONTRADICTIONS = {
    "the journal is ahead of the base's sequence number": (
        "SELECT 1 FROM journal WHERE seq > (SELECT CAST(value AS INTEGER) FROM meta "
        "WHERE key = 'seq') LIMIT 1"
    ),
    "an id is in use that was never given": (
        "SELECT 1 FROM meta WHERE key = 'next_id' AND CAST(value AS INTEGER) <= max("
        "(SELECT coalesce(max(id), 0) FROM document), (SELECT coalesce(max(id), 0) FROM chunk), "
        "(SELECT coalesce(max(id), 0) FROM conversation))"
    ),
    "there are more or fewer chunks than the documents have": (
        "SELECT 1 WHERE (SELECT count(*) FROM chunk) != "
        "(SELECT coalesce(sum(last_chunk - first_chunk + 1), 0) FROM document)"
    ),
    "there are more or fewer vectors than chunks": (
        "SELECT 1 WHERE (SELECT count(*) FROM vector) != (SELECT count(*) FROM chunk)"
    ),
    "chunks that are there are marked as deleted": (
        "SELECT 1 FROM tombstone WHERE chunk IN (SELECT id FROM chunk) LIMIT 1"
    ),
}


class Flaw(NamedTuple):
    """A document that is not whole, and what is wrong with it."""

    document: int
    source: str
    what: str


def structure_flaws(database: Database) -> Iterator[str]:
    """What is wrong with the file: every page of it is read, and its checksum compared."""
    for pragma in ("integrity_check(20)", "foreign_key_check"):
        try:
            for row in database.execute(f"PRAGMA {pragma}"):
                if row == ("ok",):
                    continue
                if pragma == "foreign_key_check":
                    yield f"a row of {row[0]} belongs to a row of {row[2]} that is not there"
                else:
                    yield from str(row[0]).removeprefix("*** in database main ***\n").splitlines()
        except DAMAGE as error:
            yield f"a part of it cannot be read ({error})"


def contradictions(database: Database) -> Iterator[str]:
    """What does not agree: counts, ids, the journal."""
    for what, query in _CONTRADICTIONS.items():
        try:
            if database.execute(query).fetchone() is not None:
                yield what
        except DAMAGE:
            yield f"whether {what} cannot be told"
    try:
        for query, what in (
            (_MISSING, "documents are missing that the journal has"),
            (_UNKNOWN, "documents are there that the journal has not, or not so"),
        ):
            if found := len(database.execute(query).fetchall()):
                yield f"{found} {what}"
    except DAMAGE:
        yield "the journal cannot be compared with the documents"


def missing_documents(database: Database) -> list[tuple[int, int]]:
    """(id, origin) of the documents that the journal has, and whose row is not there."""
    return database.execute(_MISSING).fetchall()


def unknown_documents(database: Database) -> list[tuple[int, int]]:
    """(id, origin) of the documents that the journal does not have, or not so."""
    return database.execute(_UNKNOWN).fetchall()


def waiting_documents(database: Database) -> list[str]:
    """The sources of documents whose content was lost, and that are to be read again."""
    rows = database.execute("SELECT source FROM document WHERE digest = x'' ORDER BY source")
    return [source for (source,) in rows]


def flawed_documents(database: Database, dimension: int) -> Iterator[Flaw]:
    """Documents of which something is missing, cannot be read or does not fit, one by one."""
    columns = "id, source, first_chunk, last_chunk, readable_pages"
    for document, source, first, last, readable in readable_rows(database, "document", columns):
        ids = range(first, last + 1) if first is not None else range(0)
        try:
            pages = _pages(database, document)
            what = (
                _page_flaw(pages, readable)
                or _chunk_flaw(database, document, ids, [text for _, text in pages])
                or _vector_flaw(database, ids, dimension)
            )
        except DAMAGE:
            what = "a part of it cannot be read"
        if what:
            yield Flaw(document, source, what)


def _pages(database: Database, document: int) -> list[tuple[int, str]]:
    return database.execute(
        "SELECT ordinal, text FROM page WHERE document = ? ORDER BY ordinal", (document,)
    ).fetchall()


def _page_flaw(pages: list[tuple[int, str]], readable: int) -> str:
    if [ordinal for ordinal, _ in pages] != list(range(len(pages))):
        return "a page is missing"
    if any(text.endswith("\0") for _, text in pages):
        return "the end of a page is gone"
    if sum(bool(text.strip()) for _, text in pages) != readable:
        return "a page is missing, or empty that had text"
    return ""


def _chunk_flaw(database: Database, document: int, ids: range, pages: list[str]) -> str:
    rows = database.execute(
        'SELECT id, document, ordinal, page, start, "end", text FROM chunk '
        "WHERE id BETWEEN ? AND ? ORDER BY id",
        (ids.start, ids.stop - 1),
    ).fetchall()
    if [row[:3] for row in rows] != [(id, document, n) for n, id in enumerate(ids)]:
        return "a chunk is missing"
    for *_, page, start, end, text in rows:
        if page >= len(pages) or pages[page][start:end] != text or not text:
            return "a chunk is not what stands on its page"
    return ""


def _vector_flaw(database: Database, ids: range, dimension: int) -> str:
    rows = database.execute(
        "SELECT chunk, data FROM vector WHERE chunk BETWEEN ? AND ? ORDER BY chunk",
        (ids.start, ids.stop - 1),
    ).fetchall()
    if [row[0] for row in rows] != list(ids):
        return "a vector is missing"
    if any(len(data) != 2 * dimension for _, data in rows):
        return f"a vector has not {dimension} numbers"
    vectors = np.frombuffer(b"".join(data for _, data in rows), np.float16).astype(np.float32)
    lengths = np.linalg.norm(vectors.reshape(len(rows), dimension), axis=1)
    if not (abs(lengths - 1) <= _LENGTH).all():  # also for a NaN
        return "a vector is not of length 1"
    return ""
