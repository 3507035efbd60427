"""Copies the readable rows of a damaged database into a new one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import apsw

from ragkit.store.audit import find_records
from ragkit.store.database import Database

DAMAGE = (apsw.IOError, apsw.CorruptError, UnicodeDecodeError)
"""The errors that reading a damaged part raises."""

_SINGLE_STEPS = 10_000  # keys tried one by one after a damaged page; then the steps grow
_MAX_KEY = 1 << 62
_REBUILT = ("index_version", "tombstone")  # tables about a file that is rebuilt
_BATCH_ROWS = 1000


@dataclass(slots=True)
class Losses:
    """What could not be copied.

    `unread` names the tables with unreadable rows, and whether these include the last rows.
    `orphans` counts, by table, the rows that were left out because the row they refer to is lost.
    `labels` are the new names of labels that lost their own.
    """

    unread: dict[str, bool] = field(default_factory=dict)
    orphans: dict[str, int] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)


def readable_rows(
    database: Database, table: str, columns: str, losses: Losses | None = None
) -> Iterator[tuple[Any, ...]]:
    """Yield the readable rows of a table, in the order of its key."""
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
            if isinstance(last, str):  # the next key is not known
                losses.unread[table] = True
                return
            last = max(last, resumed)  # the next row was found, but not read
            after = _next_key(database, table, key, last)
            losses.unread[table] = after is None
            if after is None:
                return
            last, resumed = after - 1, after


def _key(database: Database, table: str) -> tuple[str, str]:
    """Return the column that orders the rows of a table in the file, and its type."""
    found = database.execute(
        "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?", (table,)
    ).fetchone()
    if found is None:
        raise apsw.CorruptError(f"the place of the table {table} cannot be read")
    if not found[0]:
        return "rowid", "INTEGER"
    name, kind = database.execute(
        "SELECT name, type FROM pragma_table_info(?) WHERE pk = 1", (table,)
    ).fetchone()
    return name, kind


def _next_key(database: Database, table: str, key: str, last: int) -> int | None:
    """Return the first key after `last` that can be found; None if there is none."""
    query = f"SELECT {key} FROM {table} WHERE {key} >= ? ORDER BY {key} LIMIT 1"
    at, tried = last + 1, 0
    while at < _MAX_KEY:
        try:
            row = database.execute(query, (at,)).fetchone()
            return int(row[0]) if row else None
        except DAMAGE:
            tried += 1
            at += 1 if tried < _SINGLE_STEPS else at + 1
    return None


def salvage(damaged: Database, fresh: Database) -> Losses:
    """Copy all readable rows into a new database of the same format.

    Raises apsw.CorruptError if the list of tables or the table `meta` cannot be read.
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
        raise apsw.CorruptError("the table meta cannot be read")
    _rename_lost_labels(fresh, losses)
    _restore_erasures(fresh)
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
    while batch := list(islice(rows, _BATCH_ROWS)):
        found += len(batch)
        fresh.executemany(insert, batch)
    (kept,) = fresh.execute(f"SELECT count(*) FROM {table}").fetchone()
    if kept < found:  # some have the same key, or lack a required value
        losses.unread.setdefault(table, False)


def _rename_lost_labels(fresh: Database, losses: Losses) -> None:
    """Give labels that lost their name a new one, so that no document becomes more accessible."""
    missing = fresh.execute(
        "SELECT DISTINCT label FROM document WHERE label NOT IN (SELECT id FROM label) ORDER BY 1"
    ).fetchall()
    for (label,) in missing:
        name = "default" if label == 1 else f"lost-{label}"
        fresh.execute("INSERT INTO label (id, name) VALUES (?, ?)", (label, name))
        if label != 1:
            losses.labels.append(name)


def _restore_erasures(fresh: Database) -> None:
    """Restore the list of erased contents from receipts and the audit log.

    Erasures that were not finished count as done: only readable rows are copied.
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
            "INSERT OR IGNORE INTO erasure (id, at, record, state, files, fingerprints, receipt) "
            "VALUES (?, ?, ?, 'done', '[]', x'', '')",
            (number, record.at, record.number),
        )
        fresh.executemany(
            "INSERT OR IGNORE INTO erased_document (uid, erasure) VALUES (?, ?)",
            [(int(one.removeprefix("document:")), number) for one in record.detail["documents"]],
        )
        digests |= dict.fromkeys(record.detail["digests"], number)
    fresh.executemany(
        "INSERT OR IGNORE INTO erased_content (digest, erasure) VALUES (?, ?)",
        [(bytes.fromhex(digest), number) for digest, number in digests.items()],
    )


def _delete_orphans(fresh: Database, losses: Losses) -> int:
    """Delete rows that refer to missing rows; return how many."""
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
    """Return (table, table it refers to, columns, columns referred to) of each foreign key."""
    return fresh.execute(
        'SELECT m.name, f."table", group_concat(f."from"), group_concat(f."to") '
        "FROM sqlite_master m, pragma_foreign_key_list(m.name) f "
        "WHERE m.type = 'table' GROUP BY m.name, f.id"
    ).fetchall()
