"""Access control: labels of documents, grants of labels, and the mode that enforces them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ragkit.config import check_label
from ragkit.errors import SourceError, StoreLocked
from ragkit.governance.erasure import open_writer
from ragkit.index.faiss_index import FaissIndex
from ragkit.index.indexes import sync_indexes
from ragkit.store.access import (
    EVERYONE,
    Access,
    Principal,
    check_grantee,
    group_names,
)
from ragkit.store.patterns import require_documents
from ragkit.store.records import LabelGrants, StoredDocument
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store

__all__ = [
    "Access",
    "AccessControl",
    "AccessSummary",
    "LabelGrants",
    "Principal",
    "check_label",
]


@dataclass(frozen=True, slots=True)
class AccessSummary:
    """The labels that a principal can access, and how many of `total` documents have one."""

    labels: tuple[str, ...]
    documents: int
    total: int


class AccessControl:
    """The access control of a knowledge base. Every change is recorded in the audit log."""

    def __init__(self, store: Store, rules: Mapping[str, str]) -> None:
        self._store = store
        self._rules = rules

    @property
    def mode(self) -> Access:
        """The access control mode; see Access."""
        with self._store.snapshot() as snapshot:
            return snapshot.access.mode()

    def set_mode(self, mode: Access | str) -> None:
        """Set the access control mode: "off", "enforced" or "strict".

        Unless it is "off", users read only documents whose label is granted to them. In a large
        knowledge base, "strict" rebuilds the vector index as one that is searched exactly. Raises
        ValueError for any other mode.
        """
        mode = Access(mode)
        if mode is Access.STRICT:
            with open_writer(self._store) as writer:
                for spare in (False, True):
                    FaissIndex(self._store.layout, spare=spare).make_exact(writer)
                writer.access.set_mode(mode)
        else:
            with self._store.recorder() as writer:
                writer.access.set_mode(mode)

    def label(self, pattern: str | int, label: str) -> list[str]:
        """Label documents, and return the sources of those that had another label.

        The rules of the settings no longer change these labels. `pattern` is a source, a path on
        disk, a folder of either kind, a document's id, or a pattern of sources like "hr/*.pdf".
        Raises SourceError if nothing matches, and ValueError for an invalid label.
        """
        check_label(label)
        with self._store.recorder() as writer:  # works while an ingest runs, too
            found = require_documents(Snapshot(writer.connection), pattern, self._store.layout)
            changed = writer.labels.assign([one.id for one in found], label, by_hand=True)
        with suppress(StoreLocked), open_writer(self._store) as writer:
            sync_indexes(writer, self._store.layout)
        return changed

    def grant(self, label: str, to: str) -> bool:
        """Let "user:ana", "group:hr" or "everyone" access a label; returns True if that is new.

        Raises ValueError for an invalid principal, and SourceError for a label that neither a
        document nor a rule of the settings has.
        """
        check_grantee(to)
        self._check_known(label)
        with self._store.recorder() as writer:
            return writer.access.grant(label, to)

    def revoke(self, label: str, to: str) -> bool:
        """Revoke a grant, from the next request on; returns True if there was one.

        Raises ValueError and SourceError like `grant`.
        """
        check_grantee(to)
        self._check_known(label)
        with self._store.recorder() as writer:
            return writer.access.revoke(label, to)

    def _check_known(self, label: str) -> None:
        known = sorted({*(grants.label for grants in self.labels()), *self._rules.values()})
        if label not in known:
            expected = f"expected {', '.join(known)}" if known else "there are no labels yet"
            raise SourceError(
                f"no document and no rule has the label {label!r}: {expected}; label documents "
                "first, with: ragkit label set"
            )

    def labels(self) -> list[LabelGrants]:
        """Return every label with its number of documents and the principals it is granted to."""
        with self._store.snapshot() as snapshot:
            return snapshot.access.grants()

    def documents(self, pattern: str | int) -> Sequence[StoredDocument]:
        """Return the documents that match a pattern. Raises SourceError if none does."""
        with self._store.snapshot() as snapshot:
            return require_documents(snapshot, pattern, self._store.layout)

    def summary(self, name: str, groups: Iterable[str] = ()) -> AccessSummary:
        """Return what "user:ana", in these groups, "group:hr" or "everyone" can access.

        Raises ValueError for an invalid principal.
        """
        names = frozenset({EVERYONE, check_grantee(name)}) | group_names(groups)
        with self._store.snapshot() as snapshot:
            allowed = snapshot.access.allowed_labels(names)
            accessible = snapshot.restrict(allowed)
            labels = tuple(entry.label for entry in accessible.access.grants())
            return AccessSummary(
                labels, accessible.documents.counts()[0], snapshot.documents.counts()[0]
            )
