"""Brings a base of an older format to this one, where that loses nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from ragkit.store.database import FORMAT, configure, format_of, stored_format, translated
from ragkit.store.layout import Layout
from ragkit.store.lock import WriterLock, commit_lock

# What each format needs to become the next one; `readable` says whether a text is not blank.
_STEPS = {
    "2": (
        "ALTER TABLE document ADD COLUMN readable_pages INTEGER NOT NULL DEFAULT 0",
        "UPDATE document SET readable_pages = (SELECT count(*) FROM page "
        "WHERE page.document = document.id AND readable(page.text))",
        "ALTER TABLE conversation ADD COLUMN title TEXT NOT NULL DEFAULT ''",
        """
        CREATE TABLE rating (
            conversation INTEGER NOT NULL,
            ordinal INTEGER NOT NULL,
            up INTEGER NOT NULL,
            comment TEXT NOT NULL,
            at TEXT NOT NULL,
            PRIMARY KEY (conversation, ordinal),
            FOREIGN KEY (conversation, ordinal) REFERENCES turn (conversation, ordinal)
                ON DELETE CASCADE
        ) WITHOUT ROWID
        """,
        "UPDATE meta SET value = '3' WHERE key = 'format'",
    ),
}


def upgrade(layout: Layout) -> None:
    """Bring a base to this format, whole or not at all; one of an unknown format stays as it is.

    Raises StoreLocked while another process writes: it may be of the older format.
    """
    if stored_format(layout) not in _STEPS:
        return
    with translated(layout.root), WriterLock(layout.lock), commit_lock(layout.commit_lock):
        database = sqlite3.connect(layout.database, isolation_level=None, timeout=10)
        with closing(database):
            configure(database)
            database.create_function("readable", 1, lambda text: bool(text.strip()))
            database.execute("BEGIN IMMEDIATE")  # closing without COMMIT takes it all back
            while (found := format_of(database, layout)) != FORMAT:
                for statement in _STEPS[found]:
                    database.execute(statement)
            database.execute("COMMIT")
