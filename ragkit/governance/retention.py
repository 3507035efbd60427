"""How long documents are kept: days for each label, holds that stop the clock, and the purge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ragkit.errors import ClockSkewError, SourceError
from ragkit.governance import erasure
from ragkit.governance.erasure_plan import about
from ragkit.governance.receipts import Receipt
from ragkit.store.labels import meant_by
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from ragkit.store.writer import Writer

MOST_DAYS = 100_000
_STEP = timedelta(hours=36)  # that the log may be silent for before its clock is in doubt


@dataclass(frozen=True, slots=True)
class ExpiredDocument:
    """A document that has been kept for as long as its label says.

    One that is held stays all the same: `hold` is the reason, None if it is not held.
    """

    document: int
    source: str
    label: str
    added_at: str
    days: int
    hold: str | None


@dataclass(frozen=True, slots=True)
class LegalHold:
    """A document that is not to go, since when, and why."""

    document: int
    source: str
    at: str
    reason: str


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """What a retention run erased and what a legal hold kept, with the receipt if any went."""

    erased: tuple[ExpiredDocument, ...]
    held: tuple[ExpiredDocument, ...]
    receipt: Receipt | None


class Retention:
    """How long the documents of a base are kept. Each change is a record of the audit log."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, label: str, days: int | None) -> None:
        """Keep documents of a label for so many days after they were ingested; None is for ever.

        Raises SourceError for a label that no document ever had, and ValueError for no number.
        """
        if days is not None and not 1 <= days <= MOST_DAYS:
            raise ValueError(f"{days} is no number of days to keep documents: 1 to {MOST_DAYS}")
        with self._store.recorder() as writer:
            if not writer.keep_days(label, days):
                raise SourceError(f"no document has the label {label!r}; see: ragkit access show")

    def rules(self) -> dict[str, int]:
        """The days that each label is kept for; those that are kept for ever are not in it."""
        with self._store.snapshot() as snapshot:
            return snapshot.keep_days()

    def hold(self, pattern: str | int, reason: str) -> list[str]:
        """Let documents not go, in whatever way but an erasure; returns those newly held.

        A file that was changed is not ingested, and one that vanished stays, while it is held.
        `pattern` is what `KnowledgeBase.remove` takes. Raises SourceError if nothing matches, and
        ValueError without a reason.
        """
        if not reason.strip():
            raise ValueError("a hold without a reason is none that anybody can end")
        reason = reason.encode("utf-8", "replace").decode()  # a lone surrogate has no UTF-8
        with self._store.recorder() as writer:
            return writer.hold(self._uids(writer, pattern), reason)

    def release(self, pattern: str | int) -> list[str]:
        """Let documents go again; returns those that were held. Raises SourceError as `hold`."""
        with self._store.recorder() as writer:
            return writer.release(self._uids(writer, pattern))

    def holds(self) -> list[LegalHold]:
        """What is held, by source."""
        with self._store.snapshot() as snapshot:
            return [LegalHold(*row) for row in snapshot.holds()]

    def expired(self) -> list[ExpiredDocument]:
        """Return the documents whose retention period is over, including those on legal hold."""
        with self._store.snapshot() as snapshot:
            return list(_due(snapshot, _now()))

    def clock_problem(self) -> str:
        """Return why a retention run would not trust the clock, or "" if it would."""
        with self._store.snapshot() as snapshot:
            return _doubt(snapshot, _now())

    def erase(self, *, clock_is_right: bool = False) -> RetentionReport:
        """Erase what is due, as KnowledgeBase.erase does; to be run daily.

        A clock that has jumped must not take everything: if the log has a step of more than 36
        hours since the last retention run, forward or back, and something is due, this raises
        ClockSkewError, unless somebody has looked and says that the `clock_is_right`.
        """
        now = _now()
        with erasure.writing(self._store, again=True) as writer:
            snapshot = Snapshot(writer.connection)
            due = list(_due(snapshot, now))
            erased = tuple(one for one in due if one.hold is None)
            doubt = "" if clock_is_right else _doubt(snapshot, now)
            if erased and doubt:
                raise ClockSkewError(f"{len(erased)} documents would be erased, but {doubt}")
            receipt = None
            if erased:
                days = ", ".join(sorted({f"{one.label} {one.days} days" for one in erased}))
                uids = snapshot.uids_of({one.document for one in erased})
                layout, key = self._store.layout, self._store.key()
                found = about(snapshot, uids)
                receipt = erasure.execute_erasure(writer, layout, key, found, f"retention: {days}")
            held = tuple(one for one in due if one.hold is not None)
            writer.record_retention_run(len(erased), len(held), doubt=bool(doubt))
        return RetentionReport(erased, held, receipt)

    def _uids(self, writer: Writer, pattern: str | int) -> list[int]:
        found = meant_by(pattern, Snapshot(writer.connection), self._store.layout)
        return [document.uid for document in found]


def _now() -> datetime:
    return datetime.now(UTC)


def _due(snapshot: Snapshot, now: datetime) -> Iterator[ExpiredDocument]:
    days = snapshot.keep_days()
    holds = {document: reason for document, _, _, reason in snapshot.holds()}
    for one in snapshot.documents():
        kept = days.get(one.label)
        if kept is not None and now - datetime.fromisoformat(one.added_at) >= timedelta(days=kept):
            yield ExpiredDocument(
                one.id, one.source, one.label, one.added_at, kept, holds.get(one.id)
            )


def _doubt(snapshot: Snapshot, now: datetime) -> str:
    """What step time has made since the last retention run, forward or back; "" if none."""
    before = None
    for at in (*_moments(snapshot.times_since_retention_run()), now):
        if before is not None and (at - before > _STEP or before - at > _STEP):
            return (
                f"by the log the clock went from {before:%Y-%m-%d %H:%M} to {at:%Y-%m-%d %H:%M}; "
                f"if it is right now (it is {now:%Y-%m-%d %H:%M} UTC), say so: "
                "ragkit retention erase --clock-is-right"
            )
        before = at
    return ""


def _moments(times: Iterable[str]) -> Iterator[datetime]:
    """The times of records, but for what is none: the log's check is there for that."""
    for at in times:
        with suppress(ValueError):
            moment = datetime.fromisoformat(at)
            if moment.tzinfo is not None:
                yield moment
