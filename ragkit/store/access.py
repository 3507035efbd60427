"""Access control: principals, grants, and which labels a principal may read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ragkit.errors import AccessDenied, StoreDamaged
from ragkit.store.audit import current_user
from ragkit.store.labels import LabelWriter
from ragkit.store.records import LabelGrants
from ragkit.store.transaction import ReadTransaction, WriteTransaction

EVERYONE = "everyone"
"""The principal that stands for everybody: a label granted to it is public."""

_NAME = re.compile(r"(user|group|page):[^\x00-\x1f\x7f\ud800-\udfff]{1,200}")


class Access(StrEnum):
    """The access control mode of a knowledge base.

    OFF: everybody reads everything. ENFORCED: a document is read by those that its label is
    granted to. STRICT: like ENFORCED, and hidden documents do not influence the results: keyword
    weights count only documents the user can access, and vector search is always exact.
    """

    OFF = "off"
    ENFORCED = "enforced"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Principal:
    """A person who asks, "user:ana", with their groups, "group:hr".

    ragkit has no login: the caller must know who the person is, and in which groups.
    """

    name: str
    groups: frozenset[str] = frozenset()
    is_owner: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name.startswith("group:"):
            raise ValueError(f"invalid principal {self.name!r}: expected user:NAME")
        for group in self.groups:
            if not _NAME.fullmatch(group) or not group.startswith("group:"):
                raise ValueError(f"invalid group {group!r}: expected group:NAME")

    @classmethod
    def parse(cls, name: str, groups: Iterable[str] = ()) -> Principal:
        """Return the principal called `name`; groups may be named without "group:".

        Raises ValueError for an invalid name.
        """
        return cls(name, group_names(groups))

    @classmethod
    def owner(cls) -> Principal:
        """Return the owner of a knowledge base: the operating system's user of this process.

        The owner lists all documents. With access control, the owner reads no text.
        """
        return cls(current_user(), is_owner=True)

    @property
    def names(self) -> frozenset[str]:
        """The names whose grants hold for this principal: its own, its groups and everyone."""
        return self.groups | {self.name, EVERYONE}


def group_names(groups: Iterable[str]) -> frozenset[str]:
    """Return the full names of groups: "group:hr" for "hr" or "group:hr"."""
    if isinstance(groups, str):
        raise ValueError(f"invalid groups {groups!r}: expected a list of names")
    return frozenset(group if group.startswith("group:") else f"group:{group}" for group in groups)


def check_grantee(name: str) -> str:
    """Return the name if a label can be granted to it. Raises ValueError otherwise."""
    if name == EVERYONE or _NAME.fullmatch(name):
        return name
    raise ValueError(f"invalid principal {name!r}: expected user:NAME, group:NAME or everyone")


class AccessReader:
    """Reads the access control mode and the grants of a snapshot."""

    def __init__(self, snapshot: ReadTransaction) -> None:
        self._snapshot = snapshot
        self._db = snapshot.connection

    def mode(self) -> Access:
        """Return the access control mode. Raises StoreDamaged if it is missing or unknown."""
        stored = self._snapshot.meta("access")
        try:
            return Access(stored or "")
        except ValueError as error:
            raise StoreDamaged(
                f"the knowledge base has no valid access control mode ({stored!r}): expected off, "
                "enforced or strict; restore a backup"
            ) from error

    def allowed_labels(self, names: frozenset[str] | None) -> frozenset[int] | None:
        """Return the ids of the labels that a principal with these names may read.

        None means all labels, an empty set means none. Raises AccessDenied if access control is
        enforced and `names` is None.
        """
        if self.mode() is Access.OFF:
            return None
        if names is None:
            raise AccessDenied(
                "access control is enforced: say who asks, with KnowledgeBase.as_principal or --as"
            )
        rows = self._db.execute(
            "SELECT label FROM label_grant WHERE principal IN (SELECT value FROM json_each(?))",
            (json.dumps(sorted(names)),),
        )
        return frozenset(label for (label,) in rows)

    def grants(self) -> list[LabelGrants]:
        """Return the labels that may be read, by name, with their grants and documents counted."""
        granted: dict[int, list[str]] = {}
        for label, principal in self._db.execute(
            "SELECT label, principal FROM label_grant ORDER BY principal"
        ):
            granted.setdefault(label, []).append(principal)
        rows = self._db.execute(
            "SELECT l.id, l.name, (SELECT count(*) FROM document d WHERE d.label = l.id) "
            "FROM label l ORDER BY l.name"
        )
        readable = self._snapshot.readable_labels
        return [
            LabelGrants(label=name, documents=count, principals=tuple(granted.get(id, ())))
            for id, name, count in rows
            if readable is None or id in readable
        ]


class AccessWriter:
    """Writes the access control mode and grants; each method is one commit."""

    def __init__(self, writer: WriteTransaction) -> None:
        self._writer = writer
        self._db = writer.connection

    def set_mode(self, access: Access) -> None:
        """Set the access control mode."""
        with self._writer.commit():
            if self._writer.meta("access") != access:
                self._writer.set_meta("access", access)
                self._writer.audit("access.mode", "kb", {"access": access})

    def grant(self, label: str, principal: str) -> bool:
        """Grant a label to a principal; return whether the grant is new."""
        with self._writer.commit():
            found = self._db.execute(
                "SELECT 1 FROM label_grant g JOIN label l ON l.id = g.label "
                "WHERE l.name = ? AND g.principal = ?",
                (label, principal),
            ).fetchone()
            if found is None:
                self._db.execute(
                    "INSERT INTO label_grant (label, principal) VALUES (?, ?)",
                    (LabelWriter(self._writer).id_of(label), principal),
                )
                self._writer.audit(
                    "access.grant", "label", {"label": label, "principal": principal}
                )
            return found is None

    def revoke(self, label: str, principal: str) -> bool:
        """Revoke a grant; return whether there was one."""
        with self._writer.commit():
            found = self._db.execute(
                "DELETE FROM label_grant WHERE principal = ? "
                "AND label = (SELECT id FROM label WHERE name = ?) RETURNING 1",
                (principal, label),
            ).fetchall()
            if found:
                self._writer.audit(
                    "access.revoke", "label", {"label": label, "principal": principal}
                )
            return bool(found)
