"""Who may read what, said once more and as plainly as possible: what ragkit is compared with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

EVERYONE = "everyone"


@dataclass
class Rules:
    """The label of each document, by any name, and who was granted which label."""

    labels: dict[str, str] = field(default_factory=dict)
    grants: set[tuple[str, str]] = field(default_factory=set)
    enforced: bool = True

    def readable(self, user: str, groups: Collection[str] = ()) -> set[str]:
        """The documents whose label is granted to a user, to a group of theirs, or to everyone."""
        names = {user, EVERYONE, *groups}
        granted = {label for label, name in self.grants if name in names}
        return {
            document
            for document, label in self.labels.items()
            if label in granted or not self.enforced
        }
