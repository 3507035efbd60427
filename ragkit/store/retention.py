"""Retention: how long documents are kept, and which ones are on legal hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from ragkit.store import audit
from ragkit.store.database import Database
from ragkit.store.records import document_object
from ragkit.store.rows import RowMapper
from ragkit.store.transaction import ReadTransaction, WriteTransaction


class StoredHold(NamedTuple):
    """A legal hold on a document: since when (UTC), and why."""

    document: int
    source: str
    at: str
    reason: str


_HOLD = RowMapper(StoredHold, document="d.id", source="d.source", at="h.at", reason="h.reason")


def is_on_hold(connection: Database, uid: int) -> bool:
    """Return True if the document with this uid is on legal hold."""
    found = connection.execute("SELECT 1 FROM legal_hold WHERE uid = ?", (uid,))
    return found.fetchone() is not None


class RetentionRules:
    """Reads the retention periods and legal holds of a snapshot."""

    def __init__(self, snapshot: ReadTransaction) -> None:
        self._db = snapshot.connection

    def keep_days(self) -> dict[str, int]:
        """Return the retention period in days by label, without those that are kept forever."""
        return dict(
            self._db.execute("SELECT name, keep_days FROM label WHERE keep_days IS NOT NULL")
        )

    def legal_holds(self) -> list[StoredHold]:
        """Return the legal holds on documents that exist, by source."""
        rows = self._db.execute(
            f"SELECT {_HOLD.columns} FROM legal_hold h "
            "JOIN document d ON d.uid = h.uid ORDER BY d.source, d.source_folder"
        )
        return [_HOLD(row) for row in rows]

    def held_uids(self) -> frozenset[int]:
        """Return the uids of all documents on legal hold, also of missing ones."""
        return frozenset(uid for (uid,) in self._db.execute("SELECT uid FROM legal_hold"))


class RetentionWriter:
    """Writes retention periods and legal holds; each method is one commit."""

    def __init__(self, writer: WriteTransaction) -> None:
        self._writer = writer
        self._db = writer.connection

    def keep_days(self, label: str, days: int | None) -> bool:
        """Set a label's retention period, None for forever; return whether the label exists."""
        with self._writer.commit():
            found = self._db.execute(
                "UPDATE label SET keep_days = ? WHERE name = ? RETURNING 1", (days, label)
            ).fetchall()
            if found:
                self._writer.audit("retention.keep", "label", {"label": label, "days": days})
            return bool(found)

    def hold(self, uids: Collection[int], reason: str) -> list[str]:
        """Put documents on legal hold; return the sources of those that were not on hold yet.

        For documents that are, the reason is added to the one they have.
        """
        with self._writer.commit():
            new = [uid for uid in uids if not is_on_hold(self._db, uid) and self._sources_of([uid])]
            for uid in new:
                self._db.execute(
                    "INSERT INTO legal_hold (uid, at, reason) VALUES (?, ?, ?)",
                    (uid, audit.current_time(), reason),
                )
                self._record_hold(uid, reason)
            for uid in {*uids} - {*new}:
                is_changed = self._db.execute(
                    "UPDATE legal_hold SET reason = reason || '; ' || ? WHERE uid = ? "
                    "AND reason != ? RETURNING 1",
                    (reason, uid, reason),
                ).fetchall()
                if is_changed:
                    self._record_hold(uid, reason)
            return self._sources_of(new)

    def _record_hold(self, uid: int, reason: str) -> None:
        self._writer.audit("retention.hold", document_object(uid), names={"reason": reason})

    def release(self, uids: Iterable[int]) -> list[str]:
        """Release documents from legal hold; return the sources of those that were on hold."""
        with self._writer.commit():
            released = self.drop_holds(uids)
            for uid in released:
                self._writer.audit("retention.release", document_object(uid))
            return self._sources_of(released)

    def drop_holds(self, uids: Iterable[int]) -> list[int]:
        """Delete legal holds, inside a commit; return the uids that were on hold."""
        held = [uid for uid in uids if is_on_hold(self._db, uid)]
        for uid in held:
            self._db.execute("DELETE FROM legal_hold WHERE uid = ?", (uid,))
        return held

    def record_run(self, erased: int, held: int, *, doubt: bool) -> None:
        """Record a retention run: how many documents it erased, and how many a hold kept.

        `doubt` is whether the clock was in doubt.
        """
        with self._writer.commit():
            detail: dict[str, object] = {"erased": erased, "held": held}
            if doubt:
                detail["doubt"] = True
            self._writer.audit("retention.erase", "kb", detail)

    def _sources_of(self, uids: Iterable[int]) -> list[str]:
        """Return the sources of the documents with these uids that exist."""
        return [
            source
            for uid in uids
            for (source,) in self._db.execute("SELECT source FROM document WHERE uid = ?", (uid,))
        ]
