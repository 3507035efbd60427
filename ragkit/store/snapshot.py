"""A snapshot: one read transaction, restricted to the labels that a principal may read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ragkit.store.access import Access, AccessReader
from ragkit.store.audit_queries import AuditQueries
from ragkit.store.chunks import Chunks, Pages
from ragkit.store.conversations import Conversations
from ragkit.store.database import Database
from ragkit.store.documents import Documents
from ragkit.store.erasures import Erasures
from ragkit.store.labels import Labels
from ragkit.store.retention import RetentionRules
from ragkit.store.source_folders import FileErrors, SourceFolders
from ragkit.store.vectors import Vectors


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the journal: an add, change or remove of a document."""

    operation: str
    document: int


class Snapshot:
    """Reads inside one transaction: `seq` is the last commit it sees.

    `readable_labels` are the ids of the labels whose documents may be read; None means all of them,
    an empty set means none. The tables are read through the aggregates: `snapshot.documents.all()`.
    """

    def __init__(self, connection: Database, readable_labels: frozenset[int] | None = None) -> None:
        self.connection = connection
        self.readable_labels = readable_labels
        self.seq = int(self.meta("seq") or 0)

    def restrict(self, labels: frozenset[int] | None) -> Snapshot:
        """Return the same snapshot, restricted to documents with these label ids; None for all."""
        snapshot = Snapshot.__new__(Snapshot)
        snapshot.connection, snapshot.readable_labels = self.connection, labels
        snapshot.seq = self.seq
        return snapshot

    def filter_labels(self, names: Collection[str] | None) -> Snapshot:
        """Return the same snapshot without documents that have none of these labels.

        With None all documents stay that may be read.
        """
        if names is None:
            return self
        labels = self.labels.ids_of([names] if isinstance(names, str) else names)
        allowed = self.readable_labels
        return self.restrict(labels if allowed is None else labels & allowed)

    def label_clause(self) -> str:
        """Return the SQL condition for readable documents, of a table with the alias `d`.

        This is the only place where access becomes SQL. Label ids are integers of our own table.
        """
        if self.readable_labels is None:
            return "1"
        return f"d.label IN ({','.join(str(int(each)) for each in sorted(self.readable_labels))})"

    @property
    def is_strict(self) -> bool:
        """Whether hidden documents must not influence the results of this reader."""
        return self.readable_labels is not None and self.access.mode() is Access.STRICT

    @property
    def has_every_label(self) -> bool:
        """Whether every label may be read."""
        return self.readable_labels is None or self.readable_labels >= self.labels.all_ids()

    def meta(self, key: str) -> str | None:
        """Return a value of the table `meta`; None if the key is missing."""
        row = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def changes_since(self, seq: int) -> list[Change]:
        """Return the journal's entries after `seq`, in order."""
        rows = self.connection.execute(
            "SELECT operation, document FROM journal WHERE seq > ? ORDER BY seq", (seq,)
        )
        return [Change(*row) for row in rows]

    @property
    def documents(self) -> Documents:
        """The documents."""
        return Documents(self)

    @property
    def pages(self) -> Pages:
        """The pages of documents."""
        return Pages(self)

    @property
    def chunks(self) -> Chunks:
        """The chunks of documents."""
        return Chunks(self)

    @property
    def vectors(self) -> Vectors:
        """The vectors of chunks, and the published index file."""
        return Vectors(self)

    @property
    def source_folders(self) -> SourceFolders:
        """The folders that were ingested."""
        return SourceFolders(self)

    @property
    def file_errors(self) -> FileErrors:
        """The files that could not be read."""
        return FileErrors(self)

    @property
    def labels(self) -> Labels:
        """The access labels of documents."""
        return Labels(self)

    @property
    def access(self) -> AccessReader:
        """The access control mode and the grants."""
        return AccessReader(self)

    @property
    def conversations(self) -> Conversations:
        """The conversations of all people."""
        return Conversations(self)

    @property
    def retention(self) -> RetentionRules:
        """The retention periods and legal holds."""
        return RetentionRules(self)

    @property
    def erasures(self) -> Erasures:
        """The erasures."""
        return Erasures(self)

    @property
    def audit(self) -> AuditQueries:
        """The audit log."""
        return AuditQueries(self)
