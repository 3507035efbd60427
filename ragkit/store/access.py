"""Who may read what: the one place that decides."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ragkit.errors import AccessDenied, StoreDamaged
from ragkit.store.audit import current_user
from ragkit.store.database import Database

EVERYONE = "everyone"
"""Whoever asks, known or not: what is granted to it is public."""

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
    """Somebody who asks, "user:ana", with the groups that they belong to, "group:hr".

    Who somebody is, and in which groups, is for the caller to know: ragkit has no log-in.
    """

    name: str
    groups: frozenset[str] = frozenset()
    is_owner: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name.startswith("group:"):
            raise ValueError(f"{self.name!r} is nobody who can ask; expected a name like user:ana")
        for group in self.groups:
            if not _NAME.fullmatch(group) or not group.startswith("group:"):
                raise ValueError(f"{group!r} is no group; expected a name like group:hr")

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
        """All names that a label can be granted to for this one to read it."""
        return self.groups | {self.name, EVERYONE}


def group_names(groups: Iterable[str]) -> frozenset[str]:
    """The full names of groups that may be named without "group:"."""
    if isinstance(groups, str):
        raise ValueError(f"groups are a list of names, not the text {groups!r}")
    return frozenset(group if group.startswith("group:") else f"group:{group}" for group in groups)


def check_grantee(name: str) -> str:
    """A name that a label can be granted to. Raises ValueError for any other."""
    if name == EVERYONE or _NAME.fullmatch(name):
        return name
    raise ValueError(
        f"{name!r} is nobody to grant anything to; expected user:NAME, group:NAME or everyone"
    )


def access_of(database: Database) -> Access:
    """Return the access control mode. Raises StoreDamaged if it is missing or unknown."""
    row = database.execute("SELECT value FROM meta WHERE key = 'access'").fetchone()
    try:
        return Access(row[0])
    except (TypeError, ValueError) as error:
        raise StoreDamaged(
            f"the knowledge base has no valid access control mode ({row}): expected off, enforced "
            "or strict; restore a backup"
        ) from error


def allowed_labels(database: Database, names: frozenset[str] | None) -> frozenset[int] | None:
    """The ids of the labels that may be read by whoever is all of `names`.

    None for all labels, an empty set for none. Raises AccessDenied if access
    control is enforced and nobody is named.
    """
    if access_of(database) is Access.OFF:
        return None
    if names is None:
        raise AccessDenied(
            "access control is enforced: say who asks, with KnowledgeBase.as_principal or --as"
        )
    rows = database.execute(
        "SELECT label FROM label_grant WHERE principal IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(names)),),
    )
    return frozenset(label for (label,) in rows)
