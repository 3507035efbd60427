"""The store of a knowledge base: creates its directory and opens snapshots and writers."""

from __future__ import annotations

import os
import shutil
import threading
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from ragkit.errors import NotAKnowledgeBase, StoreError, StoreLocked, StoreMissing
from ragkit.store.access import Principal
from ragkit.store.commit_marker import CommitMarker, is_truncated, read_commit, read_marker
from ragkit.store.database import (
    Database,
    ImmutableConnection,
    create_database,
    make_damage_error,
    open_reader,
    translate_errors,
    translate_sqlite_errors,
)
from ragkit.store.filesystem import check_local
from ragkit.store.filters import Filter
from ragkit.store.keys import AuditKey, default_key_file, load_or_create_key
from ragkit.store.layout import Layout
from ragkit.store.locks import WriterLock, block_commits, lock_shared
from ragkit.store.snapshot import Snapshot
from ragkit.store.writer import Writer


class Store:
    """Open the knowledge base in a directory, or create it there if `create` is true.

    `key_file` holds the audit key; it is created at the first write.
    """

    def __init__(self, path: Path, *, create: bool = True, key_file: Path | None = None) -> None:
        self.layout = Layout(path.absolute())
        self.key_file = key_file or default_key_file()
        self._key: AuditKey | None = None
        self._idle: list[Database] = []
        self._guard = threading.Lock()
        self._recording = threading.Lock()
        self._recorder: Writer | None = None
        self._closed = False
        if not self.layout.exists():
            self._create(create)
        with translate_errors(self.layout.root):
            self._leave = weakref.finalize(self, os.close, lock_shared(self.layout.root))
        try:
            self._open()
        except BaseException:
            self._leave()
            raise

    def _open(self) -> None:
        with translate_errors(self.layout.root):
            marker = read_marker(self.layout.commit_lock)
        connection = open_reader(self.layout)
        try:
            self._check_complete(connection, marker)
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)

    def _check_complete(self, database: Database, marker: CommitMarker | None) -> None:
        """Raise StoreDamaged if something is missing that SQLite does not notice.

        `marker` was read before the database was opened; None if it cannot be read.
        """
        layout = self.layout
        with translate_errors(layout.root):
            found = read_commit(database)
            if marker is None or is_truncated(database, layout.database):
                try:
                    with block_commits(layout.commit_lock):  # a process may be writing it
                        marker = read_marker(layout.commit_lock)
                        found = read_commit(database)
                        cut = is_truncated(database, layout.database)
                        logged = layout.wal.exists() and layout.wal.stat().st_size
                except StoreLocked:  # the next opening checks it
                    return
                if cut:
                    raise make_damage_error(layout.root, "its end is missing")
                if marker is None and logged:
                    raise make_damage_error(layout.root, f"{layout.wal.name} may be incomplete")
        if marker and (found.seq < marker.seq or found.record < marker.record):
            lost = max(marker.seq - found.seq, marker.record - found.record)
            raise make_damage_error(
                layout.root,
                f"at least {lost} of its last commits are missing (from {layout.wal.name}, unless "
                "an older file was copied here)",
            )

    def _create(self, wanted: bool) -> None:
        root = self.layout.root
        if root.exists() and not root.is_dir():
            raise NotAKnowledgeBase(
                f"{root} is a file, not the directory of a knowledge base; name another directory"
            )
        if not wanted:
            raise StoreMissing(
                f"there is no knowledge base in {root}; create one with: "
                f"ragkit ingest FOLDER --kb {root}"
            )
        check_local(root)
        with translate_errors(root):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            others = [entry.name for entry in root.iterdir()]
            if others and "writer.lock" not in others:
                raise NotAKnowledgeBase(
                    f"{root} is not a knowledge base and not empty (it holds {others[0]!r}); "
                    "name another directory"
                )
            with suppress(PermissionError):  # the directory has another owner
                root.chmod(0o700)
            with WriterLock(self.layout.lock):
                if not self.layout.exists():
                    create_database(self.layout)

    @contextmanager
    def view(self, principal: Principal, where: Filter | None = None) -> Iterator[Snapshot]:
        """Open a snapshot of what a principal may read, with `where` only of what it matches.

        Grants and revocations before the snapshot are in effect. Raises AccessDenied if access
        control is enforced and the principal is anonymous.
        """
        with self.snapshot() as snapshot:
            names = None if principal.is_owner else principal.names
            allowed = snapshot.access.allowed_labels(names)
            yield snapshot.restrict(allowed).narrow(where)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Open a consistent snapshot of everything, for the owner's own work.

        What a person sees goes through `view`.
        """
        connection = self._take()
        try:
            with translate_errors(self.layout.root):
                connection.execute("BEGIN")
                try:
                    yield Snapshot(connection)
                finally:
                    if connection.in_transaction:  # an I/O error has ended it
                        connection.execute("ROLLBACK")
        finally:
            self._give_back(connection)

    @contextmanager
    def writer(self) -> Iterator[Writer]:
        """Open the single writer, under the writer lock; delete what a killed one left in tmp."""
        with ExitStack() as held:
            with translate_errors(self.layout.root):
                self._check_open()
                check_local(self.layout.root)
                held.enter_context(WriterLock(self.layout.lock))
                shutil.rmtree(self.layout.tmp, ignore_errors=True)
                for folder in (self.layout.tmp, self.layout.index):
                    folder.mkdir(mode=0o700, exist_ok=True)
                writer = held.enter_context(closing(Writer(self.layout, self.key())))
            with translate_sqlite_errors(self.layout.root):  # of reads through it
                yield writer

    @contextmanager
    def recorder(self) -> Iterator[Writer]:
        """Open a writer for all that is not text: conversations, grants, holds and audit records.

        It takes only the commit lock, for the moment of each commit, so it also writes while
        another process ingests. It stays open for the next call, unless an error occurred.
        """
        with self._recording:
            self._check_open()
            if self._recorder is None:
                check_local(self.layout.root)
                self._recorder = Writer(self.layout, self.key())
            try:
                yield self._recorder
            except StoreError:
                self._close_recorder()
                raise

    def key(self) -> AuditKey:
        """Return the key that signs the audit log; create it if there is none."""
        if self._key is None:
            self._key = load_or_create_key(self.key_file)
        return self._key

    def close(self) -> None:
        """Close all connections. A second call does nothing."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        with self._recording:  # last: it checkpoints the write-ahead log
            self._close_recorder()
        self._leave()

    def _close_recorder(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.close()

    def _take(self) -> Database:
        with self._guard:
            self._check_open()
            if self._idle:
                return self._idle.pop()
        return open_reader(self.layout)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(
                "this knowledge base is closed; open it again with KnowledgeBase(path)"
            )

    def _give_back(self, connection: Database) -> None:
        with self._guard:
            if not self._closed and not isinstance(connection, ImmutableConnection):
                self._idle.append(connection)
                return
        connection.close()
