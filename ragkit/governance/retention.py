"""Retention: how long documents are kept, legal holds, and erasing what has expired."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ragkit.errors import ClockSkewError, SourceError
from ragkit.governance import erasure
from ragkit.governance.erasure_plan import collect_traces
from ragkit.governance.receipts import Receipt
from ragkit.store.patterns import require_documents
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from ragkit.store.writer import Writer

MAX_DAYS = 100_000
_MAX_GAP = timedelta(hours=36)
"""Between two audit records; with a longer gap the clock may have jumped."""


@dataclass(frozen=True, slots=True)
class ExpiredDocument:
    """A document whose retention period of `days` is over.

    `hold` is the reason of its legal hold, which still protects it; None without one.
    """

    document: int
    source: str
    label: str
    added_at: str
    days: int
    hold: str | None


@dataclass(frozen=True, slots=True)
class LegalHold:
    """A document on legal hold, since when, and why."""

    document: int
    source: str
    at: str
    reason: str


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """What a retention run erased, with its receipt, and what is still on legal hold."""

    erased: tuple[ExpiredDocument, ...]
    held: tuple[ExpiredDocument, ...]
    receipt: Receipt | None


class Retention:
    """The retention rules and legal holds of a knowledge base; every change is audited."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, label: str, days: int | None) -> None:
        """Keep documents with a label for so many days after their ingest; None means forever.

        Raises SourceError for a label that no document ever had, and ValueError for an invalid
        number of days.
        """
        if days is not None and not 1 <= days <= MAX_DAYS:
            raise ValueError(f"invalid retention period of {days} days: expected 1 to {MAX_DAYS}")
        with self._store.recorder() as writer:
            if not writer.retention.keep_days(label, days):
                raise SourceError(
                    f"no document has the label {label!r}: list the labels with: ragkit access show"
                )

    def rules(self) -> dict[str, int]:
        """Return the retention period of each label in days, without labels kept forever."""
        with self._store.snapshot() as snapshot:
            return snapshot.retention.keep_days()

    def hold(self, pattern: str | int, reason: str) -> list[str]:
        """Put documents on legal hold, and return the sources of those that were not on hold.

        Documents on hold are not removed, replaced or erased by retention. Only
        `KnowledgeBase.erase` overrides a hold. An ingest skips their changed files, and keeps them
        if their files vanish. `pattern` is the same as in `KnowledgeBase.remove`. Raises
        SourceError if nothing matches, and ValueError without a reason.
        """
        if not reason.strip():
            raise ValueError(
                "a legal hold needs a reason: expected a text that says why, such as a case number"
            )
        reason = reason.encode("utf-8", "replace").decode()  # a lone surrogate has no UTF-8
        with self._store.recorder() as writer:
            return writer.retention.hold(self._uids(writer, pattern), reason)

    def release(self, pattern: str | int) -> list[str]:
        """End legal holds, and return the sources concerned. Raises SourceError like `hold`."""
        with self._store.recorder() as writer:
            return writer.retention.release(self._uids(writer, pattern))

    def holds(self) -> list[LegalHold]:
        """Return the documents on legal hold, by source."""
        with self._store.snapshot() as snapshot:
            return [LegalHold(*row) for row in snapshot.retention.legal_holds()]

    def find_expired(self) -> list[ExpiredDocument]:
        """Return the documents whose retention period is over, including those on legal hold."""
        with self._store.snapshot() as snapshot:
            return list(_find_expired(snapshot, _now()))

    def clock_problem(self) -> str:
        """Return why a retention run would not trust the clock; "" if it would."""
        with self._store.snapshot() as snapshot:
            return _find_clock_problem(snapshot, _now())

    def erase(self, *, clock_is_right: bool = False) -> RetentionReport:
        """Erase expired documents like `KnowledgeBase.erase`; meant to run daily.

        A clock that jumped must not erase everything. If the times in the audit log differ by more
        than 36 hours from one record to the next since the last retention run, forward or backward,
        nothing is erased: this raises ClockSkewError. `clock_is_right` says that an administrator
        has checked the clock.
        """
        now = _now()
        with erasure.open_writer(self._store, retry_stuck=True) as writer:
            snapshot = Snapshot(writer.connection)
            expired = list(_find_expired(snapshot, now))
            erased = tuple(one for one in expired if one.hold is None)
            problem = "" if clock_is_right else _find_clock_problem(snapshot, now)
            if erased and problem:
                raise ClockSkewError(f"{len(erased)} documents would be erased, but {problem}")
            receipt = None
            if erased:
                days = ", ".join(sorted({f"{one.label} {one.days} days" for one in erased}))
                uids = snapshot.documents.uids_of({one.document for one in erased})
                layout, key = self._store.layout, self._store.key()
                traces = collect_traces(snapshot, uids)
                receipt = erasure.execute_erasure(writer, layout, key, traces, f"retention: {days}")
            held = tuple(one for one in expired if one.hold is not None)
            writer.retention.record_run(len(erased), len(held), doubt=bool(problem))
        return RetentionReport(erased, held, receipt)

    def _uids(self, writer: Writer, pattern: str | int) -> list[int]:
        found = require_documents(Snapshot(writer.connection), pattern, self._store.layout)
        return [document.uid for document in found]


def _now() -> datetime:
    return datetime.now(UTC)


def _find_expired(snapshot: Snapshot, now: datetime) -> Iterator[ExpiredDocument]:
    days = snapshot.retention.keep_days()
    holds = {document: reason for document, _, _, reason in snapshot.retention.legal_holds()}
    for one in snapshot.documents.all():
        period = days.get(one.label)
        if period is None:
            continue
        if now - datetime.fromisoformat(one.added_at) >= timedelta(days=period):
            yield ExpiredDocument(
                one.id, one.source, one.label, one.added_at, period, holds.get(one.id)
            )


def _find_clock_problem(snapshot: Snapshot, now: datetime) -> str:
    """Describe a jump of the clock since the last retention run; "" if there was none."""
    before = None
    for at in (*_parse_times(snapshot.audit.times_since_retention_run()), now):
        if before is not None and (at - before > _MAX_GAP or before - at > _MAX_GAP):
            return (
                f"the clock may have jumped from {before:%Y-%m-%d %H:%M} to {at:%Y-%m-%d %H:%M} "
                f"(UTC): expected at most 36 hours between audit records; if {now:%Y-%m-%d %H:%M} "
                "UTC is right, run: ragkit retention erase --clock-is-right"
            )
        before = at
    return ""


def _parse_times(times: Iterable[str]) -> Iterator[datetime]:
    """Yield the valid times among these; the check of the audit log finds the others."""
    for at in times:
        with suppress(ValueError):
            moment = datetime.fromisoformat(at)
            if moment.tzinfo is not None:
                yield moment
