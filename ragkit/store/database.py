"""Opens the SQLite file of a base: pragmas, format check, foreign errors made ours."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from ragkit.errors import StoreDamaged, StoreError, StoreForeign, StoreFull, StoreLocked
from ragkit.store.layout import Layout

FORMAT = "1"
_FULL = ("full", "no space")


def create(layout: Layout) -> None:
    """Make the database of a new base, whole or not at all; the writer lock must be held."""
    with translated(layout.root):
        layout.index.mkdir(mode=0o700, exist_ok=True)
        layout.tmp.mkdir(mode=0o700, exist_ok=True)
        fresh = layout.tmp / "ragkit.db"
        for leftover in layout.tmp.glob("ragkit.db*"):
            leftover.unlink()
        database = sqlite3.connect(fresh, isolation_level=None)
        try:
            _configure(database)
            schema = files("ragkit.store").joinpath("schema.sql").read_text()
            database.executescript(f"BEGIN;{schema}COMMIT;")
            database.executemany(
                "INSERT INTO meta VALUES (?, ?)",
                [("format", FORMAT), ("seq", "0"), ("next_id", "1"), ("access", "off")],
            )
            database.execute("INSERT INTO label VALUES (1, 'default')")
        finally:
            database.close()
        os.chmod(fresh, 0o600)
        fresh.rename(layout.database)
        sync_directory(layout.root)


def open_writer(layout: Layout) -> sqlite3.Connection:
    """The one connection that writes and checkpoints; the writer lock must be held."""
    with translated(layout.root):
        database = sqlite3.connect(
            layout.database, isolation_level=None, timeout=10, check_same_thread=False
        )
        _configure(database)
        _check(database, layout)
        return database


def open_reader(layout: Layout) -> sqlite3.Connection:
    """A connection that can only read."""
    with translated(layout.root):
        uri = f"{layout.database.absolute().as_uri()}?mode=ro"
        database = sqlite3.connect(
            uri, uri=True, isolation_level=None, timeout=10, check_same_thread=False
        )
        database.execute("PRAGMA query_only = ON")
        database.execute("PRAGMA wal_autocheckpoint = 0")
        database.execute("PRAGMA mmap_size = 1073741824")
        _check(database, layout)
        return database


def _configure(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA secure_delete = ON")
    database.execute("PRAGMA foreign_keys = ON")


def _check(database: sqlite3.Connection, layout: Layout) -> None:
    tables = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'meta'").fetchone()
    if not tables[0]:
        raise StoreForeign(f"{layout.database} is a SQLite file, but not a ragkit base")
    (found,) = database.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
    if found != FORMAT:
        raise StoreForeign(
            f"{layout.root} has format {found}, this ragkit reads format {FORMAT}; "
            "use the ragkit that wrote it, or ingest into a new base"
        )


@contextmanager
def translated(place: Path) -> Iterator[None]:
    """Turn SQLite's and the system's errors into ours, with the way out."""
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if any(word in text for word in _FULL):
            raise _full(place) from error
        if "locked" in text or "busy" in text:
            raise StoreLocked(f"{place} is busy: {text}; try again in a moment") from error
        if "unable to open" in text or "readonly" in text:
            raise StoreError(
                f"cannot open the base in {place}: {text}; check its owner and mode"
            ) from error
        raise StoreDamaged(
            f"the database in {place} failed: {text}; nothing more is written"
        ) from error
    except sqlite3.DatabaseError as error:
        raise StoreDamaged(
            f"{place / 'ragkit.db'} cannot be read as a base ({error}); restore a backup, "
            "or ingest the documents into a new base"
        ) from error
    except PermissionError as error:
        raise StoreError(f"no permission for {error.filename or place}; check its owner") from error
    except NotADirectoryError as error:
        raise StoreForeign(f"{place} is a file, not the directory of a base") from error
    except OSError as error:
        if error.errno in (28, 122):  # ENOSPC, EDQUOT
            raise _full(place) from error
        raise


def _full(place: Path) -> StoreFull:
    return StoreFull(
        f"no space left for the base in {place}; what was reported as done is safe: "
        "free some space and run the same command again"
    )


def sync_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
