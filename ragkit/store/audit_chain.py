"""The chain of the audit log: checks every signature, and records what damage removed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from ragkit.errors import StoreDamaged
from ragkit.store.audit import Detail, append_record
from ragkit.store.audit_record import ERASURE, REPAIR, AuditRecord, parse_record
from ragkit.store.audit_rows import (
    AuditRow,
    digest_kb_id,
    digest_names,
    encode_signed,
    select_rows,
)
from ragkit.store.database import Database
from ragkit.store.keys import AuditKey


@dataclass(frozen=True, slots=True)
class ChainReport:
    """The result of checking the audit log.

    `broken` is the number of the first record that does not fit, and `problem` says what is wrong.
    `erased` counts records whose names an erasure removed. `unknown` counts, by key id, the records
    that cannot be checked because their key is missing; `unknown_from` has the first of each.
    Damage removed `lost` records, and the names of `nameless` others; a repair has recorded both.
    """

    records: int
    erased: int
    broken: int | None
    problem: str
    unknown: dict[str, int]
    lost: int = 0
    nameless: int = 0
    unknown_from: dict[str, int] = field(default_factory=dict)

    @property
    def intact(self) -> bool:
        """Return True if every record was checked and fits."""
        return self.broken is None and not (self.unknown or self.lost or self.nameless)


def check_chain(database: Database, keys: Mapping[str, AuditKey]) -> ChainReport:
    """Check every record of the log. `keys` are the known keys by id."""
    check = _ChainCheck(keys, digest_kb_id(database))
    for row in select_rows(database):
        check.add(row)
    for (number,) in database.execute(
        "SELECT record FROM audit_names WHERE record NOT IN (SELECT id FROM audit)"
    ):
        check.problems[number] = f"record {number} is missing"
    return check.report()


class _Gap(NamedTuple):
    """Missing records: the number of the first, then fingerprint and key of the one behind."""

    first: int
    fingerprint: str
    key: str


@dataclass(slots=True)
class _ChainCheck:
    """A check in progress. Flaws stand against the log until a fitting record explains them.

    The record behind a gap was signed over the signature of a missing record. It fits if a later
    record describes both the gap and the record behind it.
    """

    keys: Mapping[str, AuditKey]
    previous: bytes  # the signature before
    last: int = 0
    lost: int = 0
    problems: dict[int, str] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    unknown_from: dict[str, int] = field(default_factory=dict)
    gaps: dict[int, _Gap] = field(default_factory=dict)  # by the record behind each
    unnamed: set[int] = field(default_factory=set)  # records whose names are gone
    erased: set[int] = field(default_factory=set)  # records of which an erasure says so
    damaged: set[int] = field(default_factory=set)  # records of which a repair says so

    def add(self, row: AuditRow) -> None:
        """Check the next record."""
        number, fits = row.number, self._fits(row)
        if number > self.last + 1:
            self.gaps[number] = _Gap(self.last + 1, row.fingerprint, row.key)
        try:
            record = parse_record(row)
            if number <= self.last or not (fits or number in self.gaps):
                self.problems[number] = (
                    f"record {number} was changed or damaged, or is not in its place"
                )
            else:
                self._apply(record, fits)
                self._check_names(row)
        except (StoreDamaged, TypeError, ValueError, KeyError):
            self.problems[number] = _describe_change(number)
        self.previous, self.last = row.signature or b"", max(number, self.last)

    def _fits(self, row: AuditRow) -> bool:
        """Return False if the record was not signed behind the one before, as far as is known."""
        if row.fields is None:
            return False
        if row.key not in self.keys:
            self._count_unknown(row.key, row.number)
            return True
        signed = self.previous + encode_signed(row.fields)
        return row.signature == self.keys[row.key].sign(signed)

    def _count_unknown(self, key: str, record: int) -> None:
        self.unknown[key] = self.unknown.get(key, 0) + 1
        self.unknown_from.setdefault(key, record)

    def _check_names(self, row: AuditRow) -> None:
        if row.names is None:
            if row.names_digest:
                self.unnamed.add(row.number)
        elif digest_names(*row.names) != row.names_digest:
            self.problems[row.number] = f"the names of record {row.number} were changed"

    def _apply(self, record: AuditRecord, fits: bool) -> None:
        """Take from a record what it says about others."""
        if record.action == ERASURE:
            self.erased.update(record.detail["records"])
        elif record.action == REPAIR:
            self.damaged.update(record.detail.get("nameless", ()))
            for first, number, fingerprint in record.detail.get("gaps", ()):
                self._close_gap(first, number, fingerprint, record, fits)

    def _close_gap(
        self, first: int, number: int, fingerprint: str | None, record: AuditRecord, fits: bool
    ) -> None:
        gap = self.gaps.get(number)
        if gap is None or gap.first != first:
            return
        del self.gaps[number]
        self.lost += number - first
        # A lost end is recorded by the record right behind it, which has no fingerprint of itself.
        is_own = number == record.number and fits
        if fingerprint != (None if is_own else gap.fingerprint):
            self.problems[number] = _describe_change(number)
        elif record.key not in self.keys and gap.key in self.keys:
            self._count_unknown(record.key, record.number)

    def report(self) -> ChainReport:
        """Return what was found."""
        for gap in self.gaps.values():
            self.problems[gap.first] = f"record {gap.first} is missing"
        unnamed = self.unnamed - self.erased
        if not self.problems:  # else the record of the erasure may be among those
            for number in unnamed - self.damaged:
                self.problems[number] = (
                    f"the names of record {number} are missing, and no erasure is recorded for them"
                )
        broken = min(self.problems, default=None)
        return ChainReport(
            records=self.last,
            erased=len(self.unnamed & self.erased),
            broken=broken,
            problem="" if broken is None else self.problems[broken],
            unknown=self.unknown,
            lost=self.lost,
            nameless=len(unnamed & self.damaged),
            unknown_from=self.unknown_from,
        )


def _describe_change(number: int) -> str:
    return f"record {number} was changed or damaged"


def append_repair(
    database: Database, key: AuditKey, *, actor: str, detail: Detail, end_lost: bool
) -> int:
    """Append a record of what damage removed from the log; return its number.

    Each gap is recorded as its first number, the record behind it, and that record's fingerprint,
    because the signature of that record can no longer be checked. With `end_lost`, records may be
    missing behind the last one: then no number that one of them may have had is used again.
    Records that lost their names without an erasure are recorded by number.
    """
    gaps: list[tuple[int, int, str | None]] = []
    unnamed, erased = set[int](), set[int]()
    last = 0
    for row in select_rows(database):
        if row.number > last + 1:
            gaps.append((last + 1, row.number, row.fingerprint))
        last = max(row.number, last)
        with suppress(StoreDamaged, TypeError, KeyError):  # a check reports it
            record = parse_record(row)
            if record.names is None:
                unnamed.add(record.number)
            if record.action == ERASURE:
                erased.update(record.detail["records"])
    number = last + 1
    if end_lost:
        (named,) = database.execute("SELECT coalesce(max(record), 0) FROM audit_names").fetchone()
        number = max(number, named) + 1
        gaps.append((last + 1, number, None))
    database.execute("DELETE FROM audit_names WHERE record NOT IN (SELECT id FROM audit)")
    missing = {"gaps": gaps, "nameless": sorted(unnamed - erased)}
    content = {**detail, **{what: found for what, found in missing.items() if found}}
    return append_record(
        database, key, actor=actor, action=REPAIR, object="kb", detail=content, number=number
    )
