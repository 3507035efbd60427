"""The audit log of a base, for people: read it, check it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ragkit.store.audit import AuditLine, ChainReport, check, lines
from ragkit.store.keys import read_key

if TYPE_CHECKING:
    from ragkit.store import Store


class AuditLog:
    """What happened in a base: who did what to what, when, line by line."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def lines(self, after: int = 0) -> Iterator[AuditLine]:
        """The lines after a number, in order, as they are now."""
        with self._store.snapshot() as snapshot:
            yield from lines(snapshot.connection, after)

    def verify(self, *, keys: tuple[Path, ...] = ()) -> ChainReport:
        """Check every line against the keys: this machine's, and those in the files `keys`.

        Raises StoreError for a file that holds no key.
        """
        own = (self._store.key_file,) if self._store.key_file.exists() else ()
        known = {key.id: key for key in map(read_key, (*own, *keys))}
        with self._store.snapshot() as snapshot:
            return check(snapshot.connection, known)
