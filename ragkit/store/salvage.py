"""Reads what can be read of a damaged database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import apsw

from ragkit.store.audit import find_records
from ragkit.store.database import Database

DAMAGE = (apsw.IOError, apsw.CorruptError, UnicodeDecodeError)
"""What reading a damaged part raises."""

_NEAR = 10_000  # keys tried one by one behind a damaged page; then the steps grow
_LAST = 1 << 62  # no key is greater
_REBUILT = ("index_version", "tombstone")  # tables about a file that is built anew
_ROWS = 1000  # written at once


@dataclass(slots=True)
class Losses:
    """What could not be carried over.

    `unread` are tables of which rows could not be read, each with whether its last rows are among
    them; `orphans` counts rows that were left out because what they belong to is lost; `labels`
    are the new names of labels whose own is lost.
    """

    unread: dict[str, bool] = field(default_factory=dict)
    orphans: dict[str, int] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)


def readable_rows(
    database: Database, table: str, columns: str, losses: Losses | None = None
) -> Iterator[tuple[Any, ...]]:
    """The rows of a table in the order of its key, but for those that cannot be read."""
    losses = Losses() if losses is None else losses
    key, kind = _key(database, table)
    query = f"SELECT {key}, {columns} FROM {table} WHERE {key} > ? ORDER BY {key}"
    last, resumed = (-1 if kind == "INTEGER" else ""), -1
    while True:
        try:
            for row in database.execute(query, (last,)):
                last = row[0]
                yield row[1:]
            return
        except DAMAGE:
            if isinstance(last, str):  # there is no telling what comes next
                losses.unread[table] = True
                return
            last = max(last, resumed)  # the row that was to be the next was found, but not read
            after = _next_key(database, table, key, last)
            losses.unread[table] = after is None
            if after is None:
                return
            last, resumed = after - 1, after


def _key(database: Database, table: str) -> tuple[str, str]:
    """The column by which the rows of a table lie in the file, and its type."""
    found = database.execute(
        "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?", (table,)
    ).fetchone()
    if found is None:
        raise apsw.CorruptError(f"where the table {table} lies cannot be read")
    if not found[0]:
        return "rowid", "INTEGER"
    name, kind = database.execute(
        "SELECT name, type FROM pragma_table_info(?) WHERE pk = 1", (table,)
    ).fetchone()
    return name, kind


def _next_key(database: Database, table: str, key: str, last: int) -> int | None:
    """The first key after `last` that can be found; None if there is none."""
    query = f"SELECT {key} FROM {table} WHERE {key} >= ? ORDER BY {key} LIMIT 1"
    at, tried = last + 1, 0
    while at < _LAST:
        try:
            row = database.execute(query, (at,)).fetchone()
            return int(row[0]) if row else None
        except DAMAGE:
            tried += 1
            at += 1 if tried < _NEAR else at + 1
    return None


def salvage(damaged: Database, fresh: Database) -> Losses:
    """Copy all that can be read into a new database of the same format.

    Raises apsw.CorruptError if not even where the tables lie and what the base was made with can be
    read.
    """
    losses = Losses()
    fresh.execute("PRAGMA journal_mode = DELETE")
    fresh.execute("PRAGMA synchronous = OFF")  # the caller syncs the whole file at the end
    tables = [
        name
        for (name,) in fresh.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if name not in _REBUILT
    ]
    fresh.execute("BEGIN")
    for table in tables:
        fresh.execute(f"DELETE FROM {table}")
        _copy(damaged, fresh, table, losses)
    if "meta" in losses.unread:
        raise apsw.CorruptError("what the base was made with cannot be read")
    _name_lost_labels(fresh, losses)
    _erase_again(fresh)
    while _delete_orphans(fresh, losses):
        pass
    fresh.execute("COMMIT")
    return losses


def _copy(damaged: Database, fresh: Database, table: str, losses: Losses) -> None:
    names = [name for (name,) in fresh.execute("SELECT name FROM pragma_table_info(?)", (table,))]
    columns = ", ".join(names)
    insert = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({', '.join('?' * len(names))})"
    rows = readable_rows(damaged, table, columns, losses)
    found = 0
    while batch := list(islice(rows, _ROWS)):
        found += len(batch)
        fresh.executemany(insert, batch)
    (kept,) = fresh.execute(f"SELECT count(*) FROM {table}").fetchone()
    if kept < found:  # some have the same key, or lack what none may lack
        losses.unread.setdefault(table, False)


def _name_lost_labels(fresh: Database, losses: Losses) -> None:
    """Give labels whose own name is lost another one, so that nobody reads more than before."""
    missing = fresh.execute(
        "SELECT DISTINCT label FROM document WHERE label NOT IN (SELECT id FROM label) ORDER BY 1"
    ).fetchall()
    for (label,) in missing:
        name = "default" if label == 1 else f"lost-{label}"
        fresh.execute("INSERT INTO label (id, name) VALUES (?, ?)", (label, name))
        if label != 1:
            losses.labels.append(name)


def _erase_again(fresh: Database) -> None:
    """Note once more what was erased, by receipts and the log: it must not come back.

    One that was not finished is finished now, for nothing but what can be found is carried over.
    """
    digests: dict[str, int] = {
        digest: number
        for number, digest in fresh.execute(
            "SELECT e.id, d.value FROM erasure e, json_each(e.receipt, '$.digests') d "
            "WHERE json_valid(e.receipt)"
        )
    }
    for record in find_records(fresh, "document.erase", "document.allow-erased"):
        if record.action == "document.allow-erased":
            digests.pop(record.detail.get("digest", ""), None)
            continue
        number = int(record.object.removeprefix("erasure:"))
        fresh.execute(
            "INSERT OR IGNORE INTO erasure VALUES (?, ?, ?, 'done', '[]', x'', '')",
            (number, record.at, record.number),
        )
        fresh.executemany(
            "INSERT OR IGNORE INTO erased_document VALUES (?, ?)",
            [(int(one.removeprefix("document:")), number) for one in record.detail["documents"]],
        )
        digests |= dict.fromkeys(record.detail["digests"], number)
    fresh.executemany(
        "INSERT OR IGNORE INTO erased_content VALUES (?, ?)",
        [(bytes.fromhex(digest), number) for digest, number in digests.items()],
    )


def _delete_orphans(fresh: Database, losses: Losses) -> int:
    """Delete rows that refer to rows that are not there; returns how many."""
    found = 0
    for table, parent, columns, parent_columns in _references(fresh):
        names, targets = columns.split(","), parent_columns.split(",")
        pairs = zip(names, targets, strict=True)
        same = " AND ".join(f"{parent}.{target} = {table}.{name}" for name, target in pairs)
        rows = fresh.execute(
            f"DELETE FROM {table} WHERE NOT EXISTS (SELECT 1 FROM {parent} WHERE {same}) "
            "RETURNING 1"
        ).fetchall()
        if rows:
            losses.orphans[table] = losses.orphans.get(table, 0) + len(rows)
            found += len(rows)
    return found


def _references(fresh: Database) -> list[tuple[str, str, str, str]]:
    """Each table, another one that its rows refer to, and by which columns."""
    return fresh.execute(
        'SELECT m.name, f."table", group_concat(f."from"), group_concat(f."to") '
        "FROM sqlite_master m, pragma_foreign_key_list(m.name) f "
        "WHERE m.type = 'table' GROUP BY m.name, f.id"
    ).fetchall()
