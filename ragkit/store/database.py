"""Opens the SQLite file of a base: pragmas, checksums, format check, foreign errors made ours.

Every page of the file carries a checksum that is compared whenever it is read (SQLite's checksum
VFS, sqlite.org/cksumvfs.html, which comes with APSW): a bit that has flipped is an error, never
another answer.
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
from ragkit.store.layout import Layout
from ragkit.store.locks import block_commits

FORMAT = "1"
_CHECKSUM_BYTES = 8  # bytes at the end of each page
_CACHE_KIB = 16_000  # KiB of pages that a connection keeps
BUSY_TIMEOUT = 10_000  # milliseconds
_PAGES_PER_STEP = 4_000  # copied between two looks at whether all are
_MIN_FREE_BYTES = 1_000_000  # bytes; with fewer left, what SQLite calls an I/O error is a full disk


class Rows(Protocol):
    """What a statement gives, row by row."""

    def __iter__(self) -> Iterator[tuple[Any, ...]]: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[tuple[Any, ...]]: ...


class Database(Protocol):
    """A connection; what ragkit asks of APSW's."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, statements: str, bindings: Sequence[object] = ...) -> Rows: ...

    def executemany(self, statements: str, bindings: Sequence[Sequence[object]]) -> Rows: ...

    def close(self) -> None: ...


def _read_schema() -> str:
    return files("ragkit.store").joinpath("schema.sql").read_text()


def compute_schema_digest() -> str:
    """Return the digest of the tables' definitions, comments and white space left out."""
    definitions = " ".join(re.sub(r"--[^\n]*", "", _read_schema()).split())
    return hashlib.sha256(definitions.encode()).hexdigest()[:16]


def create_database(layout: Layout) -> None:
    """Make the database of a new base, whole or not at all; the writer lock must be held."""
    with translate_errors(layout.root):
        layout.index.mkdir(mode=0o700, exist_ok=True)
        fresh = prepare_database(layout)
        database = connect(fresh)
        try:
            # Without a write-ahead log until all is there: on a full disk closing leaves pages in
            # the log without a word, and the file that is renamed would lack them.
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
    """Where a database is made that will be put in place; what a killed process left is gone."""
    layout.tmp.mkdir(mode=0o700, exist_ok=True)
    _delete_leftovers(layout)
    return layout.tmp / "ragkit.db"


def _delete_leftovers(layout: Layout) -> None:
    for leftover in layout.tmp.glob("ragkit.db*"):
        leftover.unlink()


def publish_database(layout: Layout, fresh: Path) -> None:
    """Let a whole database that nobody has open be that of the base, durably."""
    os.chmod(fresh, 0o600)
    sync_directory(layout.tmp)  # so that no power cut brings back the journal that it had
    publish_file(fresh, layout.database)
    with suppress(OSError):  # it is done; SQLite leaves a journal that it could not delete
        _delete_leftovers(layout)
        sync_directory(layout.tmp)


def open_writer(layout: Layout) -> Database:
    """A connection that writes and checkpoints, which nobody else does in the same moment."""
    with translate_errors(layout.root), ExitStack() as opened:
        database = opened.enter_context(closing(connect(layout.database)))
        configure_writer(database)
        _check_format(database, layout)
        opened.pop_all()
        return database


def open_reader(layout: Layout) -> Database:
    """A connection that can only read."""
    with translate_errors(layout.root), ExitStack() as opened:
        database = opened.enter_context(closing(_connect_reader(layout)))
        _check_format(database, layout)
        opened.pop_all()
        return database


def connect(path: Path, *, readonly: bool = False) -> Database:
    """A connection to a SQLite file, which compares the checksums if its pages have any."""
    flags = apsw.SQLITE_OPEN_READONLY
    if not readonly:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    return _set_up_connection(apsw.Connection(str(path), flags, _load_checksum_vfs()))


def _set_up_connection(connection: apsw.Connection) -> Database:
    database = cast(Database, connection)
    try:
        connection.set_busy_timeout(BUSY_TIMEOUT)
        database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    except BaseException:
        connection.close()
        raise
    return database


def connect_damaged(path: Path) -> Database:
    """A connection that reads what there is, also of a file that was cut off."""
    connection = apsw.Connection(str(path), apsw.SQLITE_OPEN_READONLY, _load_checksum_vfs())
    cast(Database, connection).execute("PRAGMA writable_schema = ON")
    return _set_up_connection(connection)


def connect_unused(path: Path) -> Database:
    """A connection to a file that nobody else has open; it puts no other one beside it."""
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    return _set_up_connection(apsw.Connection(_immutable_uri(path), flags, _load_checksum_vfs()))


def copy_database(database: Database, path: Path) -> None:
    """Copy all that a connection sees, page by page and checked, into a new file.

    Raises StoreFull where that has no room.
    """
    with closing(connect(path)) as copy:
        source, target = cast(apsw.Connection, database), cast(apsw.Connection, copy)
        try:
            # The checksums of a new file begin with its first page. Others are written before that
            # where there are more than a cache holds, and would keep what stood in the log: none.
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
    """Reads a database that cannot be written to from here, as it is in its file.

    SQLite reads one with a write-ahead log only where it may put files beside it, unless it is
    told that nobody writes (sqlite.org/uri.html, immutable). So it must have no log, and as long
    as this connection is open whoever could commit by another way is held back.
    """

    def __init__(self, layout: Layout) -> None:
        with ExitStack() as held:
            held.enter_context(block_commits(layout.commit_lock))
            if held_back := _find_pending_files(layout):
                raise StoreError(
                    f"{layout.root} cannot be written to from here, and its last changes are still "
                    f"in {held_back[0]}; where it can be written to, run once: ragkit repair"
                )
            flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
            super().__init__(_immutable_uri(layout.database), flags, _load_checksum_vfs())
            self._held = held.pop_all()

    def close(self, force: bool = False) -> None:
        super().close(force)
        self._held.close()


def _find_pending_files(layout: Layout) -> list[str]:
    """The files beside the database that its last changes are still in."""
    files = (layout.wal, layout.journal)
    return [path.name for path in files if path.exists() and path.stat().st_size]


def _immutable_uri(path: Path) -> str:
    return f"{path.as_uri()}?immutable=1"


@cache
def _load_checksum_vfs() -> str:
    """The name of the VFS that compares checksums; it is not made the default of the process."""
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
    """Give each page room for a checksum; of a database with content once it is vacuumed."""
    cast(apsw.Connection, database).reserve_bytes("main", _CHECKSUM_BYTES)


def _connect_reader(layout: Layout) -> Database:
    if find_network_type(layout.root):
        return _set_up_connection(ImmutableConnection(layout))
    with ExitStack() as opened:
        try:
            database = opened.enter_context(closing(connect(layout.database, readonly=True)))
            database.execute("PRAGMA query_only = ON")
            database.execute("PRAGMA wal_autocheckpoint = 0")
            database.execute("PRAGMA wal_checkpoint(NOOP)")  # fails unless the log can be shared
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
    """What holds for every connection that writes."""
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
    # One byte of the file says whether its pages have checksums; it is read before any of them.
    if database.execute("PRAGMA checksum_verification").fetchone() != ("1",):
        raise make_damage_error(layout.root, "its head is not what was written")


@contextmanager
def translate_errors(place: Path) -> Iterator[None]:
    """Turn SQLite's and the system's errors into ours, with the way out."""
    try:
        with translate_sqlite_errors(place):
            yield
    except PermissionError as error:
        raise StoreError(f"no permission for {error.filename or place}; check its owner") from error
    except NotADirectoryError as error:
        raise NotAKnowledgeBase(f"{place} is a file, not the directory of a base") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _make_full_error(place) from error
        if error.errno == errno.EROFS:
            raise StoreError(f"{place} is on a disk that can only be read") from error
        if error.errno == errno.EIO or error.filename is None:
            raise StoreError(
                f"the disk under {place} failed ({error}); what was reported as done is safe: "
                "check the disk, and run the same command again"
            ) from error
        raise


@contextmanager
def translate_sqlite_errors(place: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours, with the way out."""
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
            f"cannot open the base in {place}: {error}; check its owner and mode"
        ) from error
    except apsw.Error as error:
        raise _translate_damage(place, error) from error


def _translate_damage(place: Path, error: apsw.Error) -> StoreDamaged:
    what = "it cannot be read as a base"
    if getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_DATA:
        what = "a part of it is not what was written"
    return make_damage_error(place, f"{what} ({error})")


def make_damage_error(place: Path, what: str) -> StoreDamaged:
    return StoreDamaged(
        f"{place / 'ragkit.db'} is damaged: {what}; restore a backup, or keep what can be read "
        f"with: ragkit repair --kb {place}"
    )


def is_disk_full(place: Path, spare: int = _MIN_FREE_BYTES) -> bool:
    """Whether less than `spare` bytes are left on the disk: what libraries call an I/O error."""
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free < spare


def _make_full_error(place: Path) -> StoreFull:
    return StoreFull(
        f"no space left for the base in {place}; what was reported as done is safe: "
        "free some space and run the same command again"
    )
