"""Who may read what in a base: labels, grants, and the switch that makes them hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ragkit.config import check_label
from ragkit.errors import SourceError, StoreLocked
from ragkit.governance.erasure import writing
from ragkit.index.faiss_index import FaissIndex
from ragkit.index.indexes import sync_indexes
from ragkit.store.access import (
    EVERYONE,
    Access,
    Principal,
    access_of,
    allowed_labels,
    check_grantee,
    group_names,
)
from ragkit.store.labels import meant_by
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
    """What somebody may read: the labels, and how many of all documents carry one of them."""

    labels: tuple[str, ...]
    documents: int
    of: int


class AccessControl:
    """The rules of a base about who may read what. Each change is a record of the audit log."""

    def __init__(self, store: Store, rules: Mapping[str, str]) -> None:
        self._store = store
        self._rules = rules

    @property
    def mode(self) -> Access:
        """The access control mode; see Access."""
        with self._store.snapshot() as snapshot:
            return access_of(snapshot.connection)

    def set_mode(self, mode: Access | str) -> None:
        """Set the access control mode: "off", "enforced" or "strict".

        Unless it is "off", users read only documents whose label is granted to them. In a large
        knowledge base, "strict" rebuilds the vector index as one that is searched exactly. Raises
        ValueError for any other mode.
        """
        mode = Access(mode)
        if mode is Access.STRICT:
            with writing(self._store) as writer:
                FaissIndex(self._store.layout).make_exact(writer)
                writer.set_access(mode)
        else:
            with self._store.recorder() as writer:
                writer.set_access(mode)

    def label(self, pattern: str | int, label: str) -> list[str]:
        """Give documents a label, which no rule then changes; returns those that had another.

        `pattern` is a source, a path on disk, a folder of either kind, a document's id, or a
        pattern of sources like "hr/*.pdf". Raises SourceError if nothing matches, and ValueError
        for a name that no label can have.
        """
        check_label(label)
        with self._store.recorder() as writer:  # also while an ingest runs
            found = meant_by(pattern, Snapshot(writer.connection), self._store.layout)
            changed = writer.relabel([one.id for one in found], label, pinned=True)
        with suppress(StoreLocked), writing(self._store) as writer:
            sync_indexes(writer, self._store.layout)
        return changed

    def grant(self, label: str, to: str) -> bool:
        """Let "user:ana", "group:hr" or "everyone" read what carries a label; says if it is new.

        Raises ValueError for no such principal, and SourceError for a label that neither a
        document nor a rule of the settings has.
        """
        check_grantee(to)
        self._check_known(label)
        with self._store.recorder() as writer:
            return writer.grant(label, to)

    def revoke(self, label: str, to: str) -> bool:
        """Take back a grant; holds for whatever is asked next. Returns whether there was one.

        Raises ValueError and SourceError as `grant` does.
        """
        check_grantee(to)
        self._check_known(label)
        with self._store.recorder() as writer:
            return writer.revoke(label, to)

    def _check_known(self, label: str) -> None:
        known = sorted({*(grants.label for grants in self.labels()), *self._rules.values()})
        if label not in known:
            there = f"there are {', '.join(known)}" if known else "there is none"
            raise SourceError(
                f"no document and no rule has the label {label!r}; {there}; give it first, with: "
                "ragkit label set"
            )

    def labels(self) -> list[LabelGrants]:
        """Every label, with its documents counted and the principals it is granted to."""
        with self._store.snapshot() as snapshot:
            return snapshot.grants()

    def documents(self, pattern: str | int) -> Sequence[StoredDocument]:
        """The documents that a pattern means. Raises SourceError if it is none."""
        with self._store.snapshot() as snapshot:
            return meant_by(pattern, snapshot, self._store.layout)

    def of(self, name: str, groups: Iterable[str] = ()) -> AccessSummary:
        """What somebody may read, or whoever is in "group:hr", or "everyone".

        Raises ValueError for a name that is none.
        """
        names = frozenset({EVERYONE, check_grantee(name)}) | group_names(groups)
        with self._store.snapshot() as everything:
            allowed = allowed_labels(everything.connection, names)
            seen = everything.restricted(allowed)
            labels = tuple(entry.label for entry in seen.grants())
            return AccessSummary(labels, seen.counts()[0], everything.counts()[0])
