"""Transactions: one that reads a snapshot of the database, and one that commits changes to it.

The aggregates (documents, labels, conversations ...) read and write their tables through these.
`Snapshot` and `Writer` are the same transactions together with all aggregates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import apsw

from ragkit.errors import StoreLocked
from ragkit.store.audit import Detail, append_record, current_user
from ragkit.store.audit_chain import append_repair
from ragkit.store.commit_marker import read_commit, write_marker
from ragkit.store.database import BUSY_TIMEOUT, Database, open_writer, translate_errors
from ragkit.store.keys import AuditKey
from ragkit.store.layout import Layout
from ragkit.store.locks import hold_commit_lock

_CHECKPOINT_PATIENCE = 1000  # milliseconds


Scope = tuple[frozenset[int] | None, str]


class ReadTransaction:
    """Reads inside one transaction: `seq` is the last commit it sees.

    `readable_labels` are the ids of the labels whose documents may be read; None means all of them,
    an empty set means none. `condition` is the SQL condition of a filter, "" without one.
    `is_filtered` says whether a filter leaves out documents, also where it only names labels.
    `has_spare_vectors` says that vectors are read from the second set, which searches do not use.
    """

    condition = ""
    is_filtered = False
    has_spare_vectors = False

    def __init__(self, connection: Database, readable_labels: frozenset[int] | None = None) -> None:
        self.connection = connection
        self.readable_labels = readable_labels
        self.seq = int(self.meta("seq") or 0)

    @property
    def scope(self) -> Scope:
        """Which documents this transaction sees at its commit, as a key for caches."""
        return self.readable_labels, self.condition

    @property
    def sees_all(self) -> bool:
        """Whether neither access rights nor a filter leave out documents."""
        return self.readable_labels is None and not self.condition

    def document_clause(self) -> str:
        """Return the SQL condition for the documents that this transaction sees.

        It is for a table `document` with the alias `d`. This is the only place where access rights
        and filters become SQL. Label ids are integers of our own table; `build_condition` quotes
        what a filter names.
        """
        clauses = [f"({self.condition})"] if self.condition else []
        if self.readable_labels is not None:
            labels = ",".join(str(int(each)) for each in sorted(self.readable_labels))
            clauses.append(f"d.label IN ({labels})")
        return " AND ".join(clauses) or "1"

    def meta(self, key: str) -> str | None:
        """Return a value of the table `meta`; None if the key is missing."""
        row = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None


class WriteTransaction:
    """Commits changes, each under the commit lock, with its audit records."""

    def __init__(self, layout: Layout, key: AuditKey) -> None:
        self._layout = layout
        self._key = key
        with translate_errors(layout.root), hold_commit_lock(layout.commit_lock):
            self._db = open_writer(layout)
        self._actor = current_user()

    def close(self) -> None:
        """Close the connection, after a checkpoint of the write-ahead log if it is not in use.

        Each page of the database file has a checksum; committed data is safe in either file.
        """
        try:
            with hold_commit_lock(self._layout.commit_lock):
                with suppress(apsw.Error):  # a reader uses it, or the disk is full
                    self._db.execute("PRAGMA busy_timeout = 0")
                    self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                self._db.close()
        except StoreLocked:  # another process checkpoints it
            self._db.close()

    @property
    def connection(self) -> Database:
        """The connection, to read what this writer has committed: Snapshot(writer.connection)."""
        return self._db

    @contextmanager
    def commit(self) -> Iterator[None]:
        """Make the block one commit; nothing of it is stored if the block raises."""
        with (
            translate_errors(self._layout.root),
            hold_commit_lock(self._layout.commit_lock) as lock,
        ):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                head = read_commit(self._db)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            with suppress(OSError):  # it is committed, also if this finds no space
                write_marker(lock, head)

    @contextmanager
    def transaction(self) -> Iterator[int]:
        """Make the block one commit that changes what can be found; yield its sequence number."""
        with self.commit():
            seq = int(self.meta("seq") or 0) + 1
            yield seq
            self.set_meta("seq", str(seq))

    def journal(self, seq: int, operation: str, document: int, uid: int) -> None:
        """Add an entry to the journal, inside a commit."""
        self._db.execute(
            "INSERT INTO journal (seq, operation, document, uid) VALUES (?, ?, ?, ?)",
            (seq, operation, document, uid),
        )

    def record_repair(self, detail: Detail, *, end_lost: bool) -> None:
        """Commit the audit record of a repair; see audit.append_repair."""
        with self.commit():
            append_repair(self._db, self._key, actor=self._actor, detail=detail, end_lost=end_lost)

    def audit(
        self,
        action: str,
        object: str,
        detail: Detail | None = None,
        names: Mapping[str, str] | None = None,
    ) -> int:
        """Add an audit record of this process's user, inside a commit; return its number."""
        return append_record(
            self._db,
            self._key,
            actor=self._actor,
            action=action,
            object=object,
            detail=detail,
            names=names,
        )

    def meta(self, key: str) -> str | None:
        """Return a value of the table `meta`; None if the key is missing."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, key: str, value: str) -> None:
        """Set a value of the table `meta`, inside a commit."""
        self._db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))

    def new_ids(self, count: int) -> int:
        """Return the first of `count` new ids, inside a commit; no id is ever used twice."""
        first = int(self.meta("next_id") or 1)
        self.set_meta("next_id", str(first + count))
        return first

    def set_identity(self, identity: str) -> None:
        """Store what the knowledge base is built with (a JSON text), at its first ingest."""
        with self.transaction():
            self.set_meta("identity", identity)

    def vacuum(self) -> None:
        """Rewrite the database file without deleted data."""
        with translate_errors(self._layout.root), hold_commit_lock(self._layout.commit_lock):
            self._db.execute("VACUUM")

    def checkpoint_wal(self) -> None:
        """Move the write-ahead log into the database file, and empty it.

        Raises StoreLocked if readers keep using it.
        """
        with translate_errors(self._layout.root), hold_commit_lock(self._layout.commit_lock):
            (busy, _, _) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StoreLocked(
                f"the write-ahead log of {self._layout.root} cannot be emptied: another process "
                "reads from it without a pause; end that process, and run this again"
            )

    def try_checkpoint(self) -> None:
        """Checkpoint the write-ahead log unless readers use it for more than a second.

        Others wait to commit for as long as this waits for readers.
        """
        with translate_errors(self._layout.root), hold_commit_lock(self._layout.commit_lock):
            self._db.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_PATIENCE}")
            try:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                self._db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
