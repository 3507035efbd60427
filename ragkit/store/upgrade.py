"""Brings a base of an older format to this one, where that loses nothing."""

from __future__ import annotations

import json
import os
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

from ragkit.store import audit
from ragkit.store.database import (
    FORMAT,
    Database,
    configure,
    connect,
    format_of,
    fresh_database,
    put_in_place,
    stored_format,
    translated,
    with_checksums,
)
from ragkit.store.filesystem import check_local
from ragkit.store.keys import AuditKey
from ragkit.store.layout import Layout
from ragkit.store.locks import WriterLock, commit_lock


def upgrade(layout: Layout, key: Callable[[], AuditKey]) -> None:
    """Bring a base to this format, whole or not at all; one of an unknown format stays as it is.

    Raises StoreLocked while another process has it open: it may be of the older format.
    """
    if layout.journal.exists() and os.access(layout.root, os.W_OK):
        _roll_back(layout)
    if stored_format(layout) not in _STEPS:
        return
    check_local(layout.root)
    with translated(layout.root), WriterLock(layout.lock), commit_lock(layout.commit_lock):
        with closing(connect(layout.database)) as older:
            older.execute("PRAGMA journal_mode = DELETE")  # fails while somebody else has it open
        fresh = fresh_database(layout)
        with closing(connect(fresh)) as database:
            _copy(layout.database, database)
            database.execute("BEGIN")
            while (found := format_of(database, layout)) != FORMAT:
                _STEPS[found](database, key())
            database.execute("COMMIT")
            configure(database)
        put_in_place(layout, fresh)


def _roll_back(layout: Layout) -> None:
    """Take back what a killed one has begun to change in the file, which no reader can."""
    check_local(layout.root)
    with (
        translated(layout.root),
        WriterLock(layout.lock),
        commit_lock(layout.commit_lock),
        closing(connect(layout.database)) as database,
    ):
        database.execute("PRAGMA schema_version")


def _copy(older: Path, database: Database) -> None:
    """Copy all that a database holds into a new one, whose pages have checksums.

    Pages get theirs from the first commit on: it must be a small one (VACUUM of a large file
    writes pages before it has written the one that says that they have any).
    """
    database.execute("PRAGMA synchronous = FULL")
    with_checksums(database)
    database.execute("ATTACH ? AS older", (str(older),))
    made = database.execute(
        "SELECT type, name, sql FROM older.sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
    ).fetchall()
    tables = [name for kind, name, _ in made if kind == "table"]
    database.execute("BEGIN")
    for *_, statement in made:
        database.execute(statement)
    database.execute("COMMIT")
    database.execute("BEGIN")
    for table in tables:
        database.execute(f'INSERT INTO main."{table}" SELECT * FROM older."{table}"')  # noqa: S608
    database.execute("COMMIT")
    database.execute("DETACH older")


def _from_2(database: Database, key: AuditKey) -> None:
    pages = database.execute("SELECT document, text FROM page").fetchall()
    readable = [document for document, text in pages if text.strip()]
    database.execute("ALTER TABLE document ADD COLUMN readable_pages INTEGER NOT NULL DEFAULT 0")
    database.executemany(
        "UPDATE document SET readable_pages = readable_pages + 1 WHERE id = ?",
        [(document,) for document in readable],
    )
    database.execute(
        """
        ALTER TABLE conversation ADD COLUMN title TEXT NOT NULL DEFAULT '';
        CREATE TABLE rating (
            conversation INTEGER NOT NULL,
            ordinal INTEGER NOT NULL,
            up INTEGER NOT NULL,
            comment TEXT NOT NULL,
            at TEXT NOT NULL,
            PRIMARY KEY (conversation, ordinal),
            FOREIGN KEY (conversation, ordinal) REFERENCES turn (conversation, ordinal)
                ON DELETE CASCADE
        ) WITHOUT ROWID;
        UPDATE meta SET value = '3' WHERE key = 'format'
        """
    )


def _from_3(database: Database, key: AuditKey) -> None:
    """Documents get an origin, turns know theirs, and the log is sealed with names set apart."""
    journal = database.execute(
        "SELECT seq, operation, document, source FROM journal ORDER BY seq, document"
    ).fetchall()
    origins, replaced = dict[int, int](), dict[tuple[int, str], int]()
    for seq, operation, document, source in journal:
        origin = replaced.get((seq, source), document) if operation == "add" else document
        origins.setdefault(document, origin)
        if operation == "remove":
            replaced[seq, source] = origins[document]
    turns = database.execute(
        "SELECT conversation, ordinal, answer FROM turn ORDER BY conversation, ordinal"
    ).fetchall()
    lines = database.execute("SELECT * FROM audit ORDER BY id").fetchall()
    database.execute(
        """
        ALTER TABLE label ADD COLUMN keep_days INTEGER;
        CREATE TABLE hold (
            origin INTEGER PRIMARY KEY,
            at TEXT NOT NULL,
            reason TEXT NOT NULL
        );
        ALTER TABLE document ADD COLUMN origin INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE document ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
        CREATE INDEX document_origin ON document (origin);
        DROP TABLE journal;
        CREATE TABLE journal (
            seq INTEGER NOT NULL,
            operation TEXT NOT NULL,
            document INTEGER NOT NULL,
            origin INTEGER NOT NULL,
            PRIMARY KEY (seq, document)
        ) WITHOUT ROWID;
        CREATE INDEX journal_document ON journal (document, origin);
        CREATE INDEX journal_origin ON journal (origin, document);
        CREATE TABLE turn_origin (
            conversation INTEGER NOT NULL,
            ordinal INTEGER NOT NULL,
            origin INTEGER NOT NULL,
            PRIMARY KEY (conversation, ordinal, origin),
            FOREIGN KEY (conversation, ordinal) REFERENCES turn (conversation, ordinal)
                ON DELETE CASCADE
        ) WITHOUT ROWID;
        CREATE INDEX turn_origin_origin ON turn_origin (origin);
        DROP TABLE audit;
        CREATE TABLE audit (
            id INTEGER PRIMARY KEY,
            at TEXT NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            object TEXT NOT NULL,
            detail TEXT NOT NULL,
            sealed BLOB NOT NULL,
            key TEXT NOT NULL,
            hash BLOB NOT NULL
        );
        CREATE TABLE audit_names (
            line INTEGER PRIMARY KEY,
            salt BLOB NOT NULL,
            text TEXT NOT NULL
        );
        CREATE TABLE erasure (
            id INTEGER PRIMARY KEY,
            at TEXT NOT NULL,
            line INTEGER NOT NULL,
            state TEXT NOT NULL,
            files TEXT NOT NULL,
            traces BLOB NOT NULL,
            receipt TEXT NOT NULL
        );

        CREATE TABLE erased_origin (
            origin INTEGER PRIMARY KEY,
            erasure INTEGER NOT NULL REFERENCES erasure (id)
        );

        CREATE TABLE erased_content (
            digest BLOB PRIMARY KEY,
            erasure INTEGER NOT NULL REFERENCES erasure (id)
        ) WITHOUT ROWID;
        UPDATE conversation SET who = 'user:' || substr(who, 4) WHERE who LIKE 'os:%';
        UPDATE meta SET value = '4' WHERE key = 'format';
        """
    )
    database.execute("INSERT INTO meta VALUES ('base', ?)", (uuid4().hex,))
    database.executemany(
        "UPDATE document SET origin = ? WHERE id = ?",
        [(origin, document) for document, origin in origins.items()],
    )
    database.executemany(
        "INSERT INTO journal VALUES (?, ?, ?, ?)",
        [(seq, operation, document, origins[document]) for seq, operation, document, _ in journal],
    )
    known, rests_on = sorted(origins), defaultdict[int, set[int]](set)
    for conversation, ordinal, answer in turns:
        chunks = [chunk for ids, *_ in json.loads(answer)["passages"] for chunk in ids]
        # The ids of a document's chunks follow its own.
        documents = {known[bisect_right(known, chunk) - 1] for chunk in chunks}
        rests_on[conversation] |= {origins[document] for document in documents}  # and all before
        database.executemany(
            "INSERT INTO turn_origin VALUES (?, ?, ?)",
            [(conversation, ordinal, one) for one in sorted(rests_on[conversation])],
        )
    named = {source: origins[document] for _, _, document, source in journal}
    _reseal(database, key, lines, named)


def _reseal(
    database: Database, key: AuditKey, lines: list[tuple[Any, ...]], origins: Mapping[str, int]
) -> None:
    """Write lines that anybody could have sealed again, and note what they ended with."""
    for _, at, actor, action, source, detail, _, _ in lines:
        facts = json.loads(detail)
        names = {"source": source} | ({"from": facts.pop("from")} if "from" in facts else {})
        target = f"document:{origins[source]}" if source in origins else "file"
        who = actor.replace("os:", "user:", 1)
        audit.append(
            database, key, actor=who, action=action, object=target, detail=facts, names=names,
            at=at,
        )  # fmt: skip
    before = lines[-1][-1].hex() if lines else ""
    audit.append(
        database, key, actor=audit.current_user(), action="base.upgrade", object="base",
        detail={"format": "4", "lines_before": len(lines), "hash_before": before},
    )  # fmt: skip


_STEPS: dict[str, Callable[[Database, AuditKey], None]] = {"2": _from_2, "3": _from_3}
