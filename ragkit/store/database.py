"""Opens the SQLite file of a base: pragmas, format check, foreign errors made ours."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path

from ragkit.errors import StoreDamaged, StoreError, StoreForeign, StoreFull, StoreLocked
from ragkit.store.layout import Layout

FORMAT = "3"
_FULL = ("full", "no space")
_SPARE = 1_000_000  # bytes; with fewer left, what SQLite calls an I/O error is a full disk


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
            # Without a write-ahead log until all is there: on a full disk closing leaves pages in
            # the log without a word, and the file that is renamed would lack them.
            database.execute("PRAGMA synchronous = FULL")
            schema = files("ragkit.store").joinpath("schema.sql").read_text()
            database.executescript(f"BEGIN;{schema}")
            database.executemany(
                "INSERT INTO meta VALUES (?, ?)",
                [("format", FORMAT), ("seq", "0"), ("next_id", "1"), ("access", "off")],
            )
            database.execute("INSERT INTO label VALUES (1, 'default')")
            database.execute("COMMIT")
            configure(database)
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
        configure(database)
        _check(database, layout)
        return database


def open_reader(layout: Layout) -> sqlite3.Connection:
    """A connection that can only read."""
    with translated(layout.root):
        database = _connect_reader(layout)
        _check(database, layout)
        return database


def _connect_reader(layout: Layout) -> sqlite3.Connection:
    uri = f"{layout.database.absolute().as_uri()}?mode=ro"
    database = sqlite3.connect(
        uri, uri=True, isolation_level=None, timeout=10, check_same_thread=False
    )
    database.execute("PRAGMA query_only = ON")
    database.execute("PRAGMA wal_autocheckpoint = 0")
    database.execute("PRAGMA mmap_size = 1073741824")
    return database


def configure(database: sqlite3.Connection) -> None:
    """What holds for every connection that writes."""
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA secure_delete = ON")
    database.execute("PRAGMA foreign_keys = ON")


def stored_format(layout: Layout) -> str:
    """The format of a base, whichever it is."""
    with translated(layout.root), closing(_connect_reader(layout)) as database:
        return format_of(database, layout)


def format_of(database: sqlite3.Connection, layout: Layout) -> str:
    """What a database says of its format. Raises StoreForeign for another program's."""
    columns = [name for (name,) in database.execute("SELECT name FROM pragma_table_info('meta')")]
    row = (
        database.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
        if columns == ["key", "value"]
        else None
    )
    if row is None:
        raise StoreForeign(
            f"{layout.database} is a SQLite file, but not a ragkit base; name another directory"
        )
    return str(row[0])


def _check(database: sqlite3.Connection, layout: Layout) -> None:
    found = format_of(database, layout)
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
        if any(word in text for word in _FULL) or ("I/O" in text and is_full(place)):
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
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(place) from error
        if error.errno == errno.EROFS:
            raise StoreError(f"{place} is on a disk that can only be read") from error
        raise


def is_full(place: Path, spare: int = _SPARE) -> bool:
    """Whether less than `spare` bytes are left on the disk: what libraries call an I/O error."""
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free < spare


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
