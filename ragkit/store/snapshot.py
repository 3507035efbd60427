"""A snapshot: one read transaction, restricted to what a principal may read and a filter."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

from ragkit.store.access import Access, AccessReader
from ragkit.store.audit_queries import AuditQueries
from ragkit.store.chunks import Chunks, Pages
from ragkit.store.conversations import Conversations
from ragkit.store.documents import Documents
from ragkit.store.erasures import Erasures
from ragkit.store.file_errors import FileErrors
from ragkit.store.filters import Filter, build_condition
from ragkit.store.labels import Labels
from ragkit.store.retention import RetentionRules
from ragkit.store.source_folders import SourceFolders
from ragkit.store.transaction import ReadTransaction
from ragkit.store.vectors import Vectors


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the journal: an add, change or remove of a document."""

    operation: str
    document: int


class Snapshot(ReadTransaction):
    """A read transaction with all aggregates: `snapshot.documents.all()`."""

    def restrict(self, labels: frozenset[int] | None) -> Snapshot:
        """Return the same snapshot of all documents with these label ids; None for all labels.

        A filter of this snapshot does not restrict the new one.
        """
        snapshot = copy(self)
        snapshot.readable_labels, snapshot.condition = labels, ""
        snapshot.is_filtered = False
        return snapshot

    def with_spare_vectors(self) -> Snapshot:
        """Return the same snapshot with the second set of vectors in place of the first."""
        snapshot = copy(self)
        snapshot.has_spare_vectors = True
        return snapshot

    def narrow(self, filter: Filter | None) -> Snapshot:
        """Return the same snapshot without documents that do not match a filter.

        With None all documents stay that may be read. Raises ValueError if it is not a Filter.
        """
        if filter is None:
            return self
        if not isinstance(filter, Filter):
            raise ValueError(
                f"invalid filter {filter!r}: expected a ragkit.Filter; write it like "
                'Filter(folder="finance/", kind="pdf")'
            )
        labels = self.readable_labels
        if filter.labels is not None:
            named = self.labels.ids_of(filter.labels)
            labels = named if labels is None else named & labels
        snapshot = self.restrict(labels)
        conditions = [each for each in (self.condition, build_condition(filter)) if each]
        snapshot.condition = " AND ".join(conditions)
        snapshot.is_filtered = self.is_filtered or filter != Filter()
        return snapshot

    def without_filter(self) -> Snapshot:
        """Return the same snapshot with all documents of the labels that may be read."""
        return self.restrict(self.readable_labels) if self.condition else self

    @property
    def is_strict(self) -> bool:
        """Whether hidden documents must not influence the results of this reader."""
        return self.readable_labels is not None and self.access.mode() is Access.STRICT

    @property
    def has_every_label(self) -> bool:
        """Whether every label may be read."""
        return self.readable_labels is None or self.readable_labels >= self.labels.all_ids()

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
