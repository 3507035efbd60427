"""Opens the SQLite file of a knowledge base: pragmas, checksums, format check, error translation.

Every page of the file has a checksum that is compared on each read (SQLite's checksum VFS,
sqlite.org/cksumvfs.html, included in APSW). A flipped bit raises an error; it never changes an
answer.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol, cast
from uuid import uuid4

import apsw

from ragkit.errors import NotAKnowledgeBase, StoreDamaged, StoreError, StoreFull, StoreLocked
from ragkit.store.atomic import publish_file, sync_directory
from ragkit.store.filesystem import find_network_type
from ragkit.store.filters import compose
from ragkit.store.layout import Layout
from ragkit.store.locks import block_commits

FORMAT = "1"
_CHECKSUM_BYTES = 8  # at the end of each page
_CACHE_KIB = 16_000  # pages that a connection keeps
BUSY_TIMEOUT = 10_000  # milliseconds
_PAGES_PER_STEP = 4_000  # pages copied between two checks for the end
_MIN_FREE_BYTES = 1_000_000  # with fewer left, an I/O error of SQLite means a full disk


class Rows(Protocol):
    """The rows of a statement, as APSW's cursor gives them."""

    def __iter__(self) -> Iterator[tuple[Any, ...]]: ...

    def fetchone(self) -> Any:
        """Return the next row; None after the last."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows that are left."""
        ...


class Database(Protocol):
    """A connection: the part of APSW's that ragkit uses."""

    @property
    def in_transaction(self) -> bool:
        """Return True between BEGIN and its end."""
        ...

    def execute(self, statements: str, bindings: Sequence[object] = ...) -> Rows:
        """Run SQL statements, with values for their placeholders."""
        ...

    def executemany(self, statements: str, bindings: Sequence[Sequence[object]]) -> Rows:
        """Run a statement once for each set of values."""
        ...

    def close(self) -> None:
        """Close the connection."""


def _read_schema() -> str:
    return files("ragkit.store").joinpath("schema.sql").read_text()


def compute_schema_digest() -> str:
    """Return the digest of the table definitions, without comments and white space."""
    definitions = " ".join(re.sub(r"--[^\n]*", "", _read_schema()).split())
    return hashlib.sha256(definitions.encode()).hexdigest()[:16]


def create_database(layout: Layout) -> None:
    """Create the database of a new knowledge base, completely or not at all.

    The caller holds the writer lock.
    """
    with translate_errors(layout.root):
        layout.index.mkdir(mode=0o700, exist_ok=True)
        fresh = prepare_database(layout)
        database = connect(fresh)
        try:
            # No write-ahead log until the file is complete: on a full disk, closing silently
            # leaves pages in that log, and the renamed file would lack them.
            database.execute("PRAGMA synchronous = FULL")
            reserve_checksums(database)
            database.execute(f"BEGIN;{_read_schema()}")
            database.executemany(
                "INSERT INTO meta VALUES (?, ?)",
                [
                    ("format", FORMAT),
                    ("schema", compute_schema_digest()),
                    ("kb", uuid4().hex),
                    ("seq", "0"),
                    ("next_id", "1"),
                    ("access", "off"),
                ],
            )
            database.execute("INSERT INTO label VALUES (1, 'default', NULL)")
            database.execute("COMMIT")
            configure_writer(database)
        finally:
            database.close()
        publish_database(layout, fresh)


def prepare_database(layout: Layout) -> Path:
    """Return the path for building a new database; delete what a killed process left there."""
    layout.tmp.mkdir(mode=0o700, exist_ok=True)
    _delete_leftovers(layout)
    return layout.tmp / "ragkit.db"


def _delete_leftovers(layout: Layout) -> None:
    for leftover in layout.tmp.glob("ragkit.db*"):
        leftover.unlink()


def publish_database(layout: Layout, fresh: Path) -> None:
    """Make a complete database, open nowhere, that of the knowledge base, durably."""
    os.chmod(fresh, 0o600)
    sync_directory(layout.tmp)  # or a power cut may bring back the journal that it had
    publish_file(fresh, layout.database)
    with suppress(OSError):  # only a journal that SQLite could not delete
        _delete_leftovers(layout)
        sync_directory(layout.tmp)


def open_writer(layout: Layout) -> Database:
    """Open a connection that writes and checkpoints; the caller holds the lock for that."""
    with translate_errors(layout.root), ExitStack() as opened:
        database = opened.enter_context(closing(connect(layout.database)))
        configure_writer(database)
        _check_format(database, layout)
        opened.pop_all()
        return database


def open_reader(layout: Layout) -> Database:
    """Open a read-only connection."""
    with translate_errors(layout.root), ExitStack() as opened:
        database = opened.enter_context(closing(_connect_reader(layout)))
        _check_format(database, layout)
        opened.pop_all()
        return database


def connect(path: Path, *, readonly: bool = False) -> Database:
    """Open a SQLite file; page checksums are compared if the file has them."""
    flags = apsw.SQLITE_OPEN_READONLY
    if not readonly:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    return _set_up_connection(apsw.Connection(str(path), flags, _load_checksum_vfs()))


def _set_up_connection(connection: apsw.Connection) -> Database:
    database = cast(Database, connection)
    try:
        connection.set_busy_timeout(BUSY_TIMEOUT)
        database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.create_scalar_function("nfc", _compose_value, 1, deterministic=True)
    except BaseException:
        connection.close()
        raise
    return database


def _compose_value(*values: Any) -> Any:
    return compose(values[0]) if isinstance(values[0], str) else values[0]


def connect_damaged(path: Path) -> Database:
    """Open a damaged or truncated SQLite file to read what is left of it."""
    connection = apsw.Connection(str(path), apsw.SQLITE_OPEN_READONLY, _load_checksum_vfs())
    cast(Database, connection).execute("PRAGMA writable_schema = ON")
    return _set_up_connection(connection)


def connect_unused(path: Path) -> Database:
    """Open a SQLite file that no other process has open, without creating files beside it."""
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    return _set_up_connection(apsw.Connection(_immutable_uri(path), flags, _load_checksum_vfs()))


def copy_database(database: Database, path: Path) -> None:
    """Copy all that a connection sees into a new file, page by page, comparing checksums.

    Raises StoreFull if the disk is full.
    """
    with closing(connect(path)) as copy:
        source, target = cast(apsw.Connection, database), cast(apsw.Connection, copy)
        try:
            # Checksums start with the first page of a new file. With more pages than the cache
            # holds, others are written before it and would stay without one.
            reserve_checksums(copy)
            copy.execute("CREATE TABLE first (page)")
            with target.backup("main", source, "main") as backup:
                while not backup.done:
                    backup.step(_PAGES_PER_STEP)
        except (apsw.FullError, apsw.IOError) as error:
            if isinstance(error, apsw.FullError) or is_disk_full(path):
                raise _make_full_error(path.parent) from error
            raise


class ImmutableConnection(apsw.Connection):
    """A connection to a database in a directory that is read-only here.

    SQLite opens a database in WAL mode only where it can create files beside it, unless it is told
    that the file does not change (sqlite.org/uri.html, immutable). So the write-ahead log must be
    empty, and no other process can commit while this connection is open.
    """

    def __init__(self, layout: Layout) -> None:
        with ExitStack() as held:
            held.enter_context(block_commits(layout.commit_lock))
            if pending := _find_pending_files(layout):
                raise StoreError(
                    f"{layout.root} is read-only here, and its last changes are still in "
                    f"{pending[0]}; run once where it is writable: ragkit repair"
                )
            flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
            super().__init__(_immutable_uri(layout.database), flags, _load_checksum_vfs())
            self._held = held.pop_all()

    def close(self, force: bool = False) -> None:
        """Close the connection and let other processes commit."""
        super().close(force)
        self._held.close()


def _find_pending_files(layout: Layout) -> list[str]:
    """Return the names of the files beside the database that hold its last changes."""
    files = (layout.wal, layout.journal)
    return [path.name for path in files if path.exists() and path.stat().st_size]


def _immutable_uri(path: Path) -> str:
    return f"{path.as_uri()}?immutable=1"


@cache
def _load_checksum_vfs() -> str:
    """Load the VFS that compares checksums and return its name; the default VFS stays."""
    usual = apsw.vfs_names()[0]
    loader = apsw.Connection(":memory:")
    loader.enable_load_extension(True)
    binaries = Path(str(apsw.__file__)).parent / "sqlite_extra_binaries"
    loader.load_extension(str(binaries / "cksumvfs"))
    loader.close()
    name = apsw.vfs_names()[0]
    apsw.set_default_vfs(usual)
    return name


def reserve_checksums(database: Database) -> None:
    """Reserve room for a checksum in each page; in a database with content, VACUUM after it."""
    cast(apsw.Connection, database).reserve_bytes("main", _CHECKSUM_BYTES)


def _connect_reader(layout: Layout) -> Database:
    if find_network_type(layout.root):
        return _set_up_connection(ImmutableConnection(layout))
    with ExitStack() as opened:
        try:
            database = opened.enter_context(closing(connect(layout.database, readonly=True)))
            database.execute("PRAGMA query_only = ON")
            database.execute("PRAGMA wal_autocheckpoint = 0")
            database.execute("PRAGMA wal_checkpoint(NOOP)")  # fails unless the WAL can be shared
        except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.FullError, apsw.IOError) as error:
            lacks_space = isinstance(error, apsw.FullError | apsw.IOError) and is_disk_full(
                layout.root
            )
            if os.access(layout.root, os.W_OK) and (not lacks_space or _find_pending_files(layout)):
                raise
            opened.close()
            return _set_up_connection(ImmutableConnection(layout))
        opened.pop_all()
        return database


def configure_writer(database: Database) -> None:
    """Set the pragmas of a connection that writes."""
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA secure_delete = ON")
    database.execute("PRAGMA foreign_keys = ON")


def _check_format(database: Database, layout: Layout) -> None:
    columns = [name for (name,) in database.execute("SELECT name FROM pragma_table_info('meta')")]
    if columns != ["key", "value"]:
        raise NotAKnowledgeBase(
            f"{layout.database} is a SQLite file, but not a ragkit knowledge base; "
            "name another directory"
        )
    stored: dict[str, str] = dict(
        database.execute("SELECT key, value FROM meta WHERE key IN ('format', 'schema')")
    )
    if stored != {"format": FORMAT, "schema": compute_schema_digest()}:
        raise NotAKnowledgeBase(
            f"{layout.root} was written by another version of ragkit (format "
            f"{stored.get('format', 'unknown')}, expected format {FORMAT} with this version's "
            "tables); ingest the documents again into a new directory"
        )
    # One byte of the header says whether pages have checksums. No checksum covers it yet here.
    if database.execute("PRAGMA checksum_verification").fetchone() != ("1",):
        raise make_damage_error(layout.root, "its header was changed")


@contextmanager
def translate_errors(place: Path) -> Iterator[None]:
    """Translate errors of SQLite and the system into ragkit's, which say what to do."""
    try:
        with translate_sqlite_errors(place):
            yield
    except PermissionError as error:
        raise StoreError(
            f"no permission for {error.filename or place}; check its owner and mode"
        ) from error
    except NotADirectoryError as error:
        raise NotAKnowledgeBase(
            f"{place} is a file, not the directory of a knowledge base; name another directory"
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _make_full_error(place) from error
        if error.errno == errno.EROFS:
            raise StoreError(
                f"{place} is on a read-only disk; make it writable, or name another directory"
            ) from error
        if error.errno == errno.EIO or error.filename is None:
            raise StoreError(
                f"the disk under {place} failed ({error}); completed changes are safe: "
                "check the disk, and run the command again"
            ) from error
        raise


@contextmanager
def translate_sqlite_errors(place: Path) -> Iterator[None]:
    """Translate errors of SQLite into ragkit's, which say what to do."""
    try:
        yield
    except (apsw.FullError, apsw.IOError) as error:
        if isinstance(error, apsw.FullError) or is_disk_full(place):
            raise _make_full_error(place) from error
        raise _translate_damage(place, error) from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise StoreLocked(f"{place} is busy: {error}; try again in a moment") from error
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError) as error:
        raise StoreError(
            f"cannot open the knowledge base in {place}: {error}; check its owner and mode"
        ) from error
    except apsw.Error as error:
        raise _translate_damage(place, error) from error


def _translate_damage(place: Path, error: apsw.Error) -> StoreDamaged:
    what = "it cannot be read as a knowledge base"
    if getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_DATA:
        what = "a page of it was changed"
    return make_damage_error(place, f"{what} ({error})")


def make_damage_error(place: Path, what: str) -> StoreDamaged:
    """Return the error for a damaged database, with the ways to repair it."""
    return StoreDamaged(
        f"{place / 'ragkit.db'} is damaged: {what}; restore a backup, or save what is readable "
        f"with: ragkit repair --kb {place}"
    )


def is_disk_full(place: Path, spare: int = _MIN_FREE_BYTES) -> bool:
    """Return True if less than `spare` bytes are left; libraries then raise an I/O error."""
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free < spare


def _make_full_error(place: Path) -> StoreFull:
    return StoreFull(
        f"no space left for the knowledge base in {place}; completed changes are safe: "
        "free some space and run the command again"
    )
