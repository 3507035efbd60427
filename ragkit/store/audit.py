"""The audit log: a chain of records, each signed over itself and the record before it.

What a record says forever is who did what to which object, and when. Names and texts, which may
have to be erased one day, lie beside it with a salt: the record holds their digest only, so they
can be erased and the chain still fits.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ragkit.errors import StoreDamaged
from ragkit.store.database import Database
from ragkit.store.keys import AuditKey

_SALT_BYTES = 16  # bytes
_ERASURE, _REPAIR = "document.erase", "kb.repair"  # the records that say of others what is gone

Detail = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One record: `actor` did `action` to `object` at a time in UTC.

    `detail` holds ids, digests and counts. `names` are names and texts; None if they were erased.
    `key` is the id of the key that signed it, and `signature` its signature in hexadecimal digits.
    """

    number: int
    at: str
    actor: str
    action: str
    object: str
    detail: dict[str, Any]
    names: dict[str, str] | None
    key: str
    signature: str

    @property
    def document_uid(self) -> int | None:
        """Which document the record is about, through all its versions and names; None if none."""
        return _uid(self.object)

    @property
    def documents(self) -> set[int]:
        """The ids of the documents that were found or cited."""
        found = {passage[0] for passage in self.detail.get("found", ())}
        return found | {cited[1] for cited in self.detail.get("citations", ())}

    @property
    def called(self) -> list[str]:
        """What the record says that its document is, or was, called; reasons are no such names."""
        return [name for what, name in (self.names or {}).items() if what in ("source", "from")]


def current_time() -> str:
    """The time in UTC, as the log writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def current_user() -> str:
    """Who acts where nobody is named: the user of the operating system, "user:ana".

    By the process, and not by its environment, which can say anything.
    """
    number = os.getuid()
    try:
        return f"user:{pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"user:UID {number}"


def append_record(
    database: Database,
    key: AuditKey,
    *,
    actor: str,
    action: str,
    object: str,
    detail: Detail | None = None,
    names: Mapping[str, str] | None = None,
    at: str = "",
    number: int | None = None,
) -> int:
    """Add a record inside the caller's transaction; returns its number, by default the next."""
    row = database.execute(
        "SELECT id, CASE typeof(signature) WHEN 'blob' THEN signature ELSE x'' END FROM audit "
        "ORDER BY id DESC LIMIT 1"
    ).fetchone()
    last, previous = row or (0, _digest_kb_id(database))
    number = number or last + 1
    at = at or current_time()
    names_digest = b""
    if names:
        salt, text = secrets.token_bytes(_SALT_BYTES), _to_json(names)
        text = text.encode("utf-8", "replace").decode()  # a lone surrogate has no UTF-8
        names_digest = _digest_names(salt, text)
        database.execute("INSERT INTO audit_names VALUES (?, ?, ?)", (number, salt, text))
    record = (number, at, actor, action, object, _to_json(detail or {}), names_digest, key.id)
    database.execute(
        "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*record, key.sign(previous + _signed_bytes(record))),
    )
    return int(number)


def read_records(database: Database, after: int = 0) -> Iterator[AuditRecord]:
    """The records after a number, in order. Raises StoreDamaged for one that cannot be read."""
    return map(_parse_record, _select_rows(database, after))


def find_records(database: Database, *actions: str) -> list[AuditRecord]:
    """The records of these actions but for those that cannot be read, in order."""
    named = "a.action IN (SELECT value FROM json_each(?))"
    return _parse_readable(_select_rows(database, _BEFORE_FIRST, named, json.dumps(actions)))[0]


def find_naming_records(
    database: Database, after: int | None = None
) -> tuple[list[AuditRecord], int]:
    """The records about documents and files, and others with names, after a number, in order.

    But for those that cannot be read, and how many these are. Not those of questions, which most
    records of a log are; see find_questions_about.
    """
    return _parse_readable(
        _select_rows(database, _BEFORE_FIRST if after is None else after, _IS_NAMING)
    )


def find_questions_about(
    database: Database, documents: Collection[int], after: int | None = None
) -> tuple[list[int], int]:
    """The records after a number that have the words of questions for which documents were found.

    And how many more have words of questions and cannot be read.
    """
    rows = database.execute(
        "SELECT a.id, iif(typeof(a.detail) = 'text' AND json_valid(a.detail), EXISTS (SELECT 1 "
        "FROM json_each(a.detail, '$.found') f WHERE json_extract(f.value, '$[0]') IN "
        "(SELECT value FROM json_each(?))), NULL) FROM audit a JOIN audit_names n ON "
        "n.record = a.id WHERE a.object = 'question' AND a.id > ?",
        (json.dumps(sorted(documents)), _BEFORE_FIRST if after is None else after),
    ).fetchall()
    return [record for record, is_about in rows if is_about], sum(row[1] is None for row in rows)


def _parse_readable(rows: Iterator[_Row]) -> tuple[list[AuditRecord], int]:
    found, unread = [], 0
    for row in rows:
        try:
            found.append(_parse_record(row))
        except StoreDamaged:
            unread += 1
    return found, unread


def make_unreadable_error(number: int) -> StoreDamaged:
    """What to raise for a record that has not the form in which records are written."""
    return StoreDamaged(
        f"record {number} of the audit log is not what was written; check all of it with: "
        "ragkit audit verify"
    )


def _digest_kb_id(database: Database) -> bytes:
    """What the first record is signed over: which base the log is of."""
    (base,) = database.execute(
        "SELECT CAST(max(value) AS BLOB) FROM meta WHERE key = 'kb'"
    ).fetchone()
    return hashlib.sha256(base or b"").digest()


def _to_json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, ensure_ascii=False)


def _digest_names(salt: bytes, text: str) -> bytes:
    return hashlib.sha256(salt + text.encode("utf-8", "surrogatepass")).digest()


def _signed_bytes(record: tuple[Any, ...]) -> bytes:
    """A record's fields up to its signature, as they are signed."""
    *texts, names_digest, key = record
    return json.dumps([*texts, names_digest.hex(), key], ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


# -- reading ---------------------------------------------------------------------------------


class _Row(NamedTuple):
    """A record as it is stored; None is what has another type than ragkit writes.

    `record` are its fields up to the signature, `names` the salt and the text that lie beside it.
    """

    number: int
    record: tuple[Any, ...] | None
    signature: bytes | None
    has_names: bool
    names: tuple[bytes, str] | None


def _bytes_if(column: str, kind: str) -> str:
    """SQL for the bytes of a column; a text may be no UTF-8, and then cannot be read as one."""
    return f"CASE typeof({column}) WHEN '{kind}' THEN CAST({column} AS BLOB) END"


_TEXT_COLUMNS = ("a.at", "a.actor", "a.action", "a.object", "a.detail", "a.key", "n.text")
_BLOB_COLUMNS = ("a.names_digest", "a.signature", "n.salt")
_ROWS = (
    f"SELECT a.id, {', '.join(_bytes_if(name, 'text') for name in _TEXT_COLUMNS)}, "  # noqa: S608
    f"{', '.join(_bytes_if(name, 'blob') for name in _BLOB_COLUMNS)}, n.record IS NOT NULL "
    "FROM audit a LEFT JOIN audit_names n ON n.record = a.id WHERE a.id > ?"
)
_IS_NAMING = (
    "(n.record IS NOT NULL AND a.object != 'question') OR a.object = 'file' "
    "OR a.object LIKE 'document:%'"
)
_BEFORE_FIRST = -(1 << 63)  # no number is less


def _select_rows(
    database: Database, after: int = _BEFORE_FIRST, where: str = "1", *values: str
) -> Iterator[_Row]:
    rows = database.execute(f"{_ROWS} AND ({where}) ORDER BY a.id", (after, *values))
    for number, *found, names_digest, digest, salt, has_names in rows:
        *texts, key, text = [None if data is None else _decode(data) for data in found]
        record = (number, *texts, names_digest, key)
        names = (salt, text) if salt is not None and text is not None else None
        yield _Row(number, None if None in record else record, digest, bool(has_names), names)


def _decode(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _parse_record(row: _Row) -> AuditRecord:
    """The record in a row. Raises StoreDamaged for one that ragkit cannot have written."""
    try:
        if row.record is None or row.signature is None or (row.has_names and row.names is None):
            raise ValueError("a part of it has another type")
        number, at, actor, action, target, detail, names_digest, key = row.record
        names = _parse_object(row.names[1]) if row.names else None if names_digest else {}
        if not all(isinstance(name, str) for name in (names or {}).values()):
            raise ValueError("a name is no text")
        datetime.fromisoformat(at)
        if not 0 <= (_uid(target) or 0) < 1 << 63:
            raise ValueError("no document has this number")
        found = _parse_object(detail)
        forms = {name: form for name, form in _DETAIL_CHECKS.items() if name in found}
        for name, has_form in (forms | (_ERASURE_CHECKS if action == _ERASURE else {})).items():
            if not has_form(found[name]):
                raise ValueError(f"its {name} has another form")
        return AuditRecord(
            number, at, actor, action, target, found, names, key, row.signature.hex()
        )
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise make_unreadable_error(row.number) from error


def _is_digest(value: Any) -> bool:
    return bool(bytes.fromhex(value).hex() == value)


def _are_references(value: Any, at: int) -> bool:
    """Whether these are lists of numbers, of which one is a document's."""
    return all(isinstance(each[at], int) for each in value)


_DETAIL_CHECKS: dict[str, Callable[[Any], bool]] = {
    "backup": lambda value: isinstance(value, str),
    "citations": lambda value: _are_references(value, 1),
    "digest": _is_digest,
    "found": lambda value: _are_references(value, 0),
    "kept": lambda value: isinstance(value, str) and os.path.basename(value) == value,
}
"""What stands in a record's detail under these names, if there is any of them."""

_ERASURE_CHECKS: dict[str, Callable[[Any], bool]] = {
    "digests": lambda value: all(map(_is_digest, value)),
    "documents": lambda value: all(_uid(each) is not None for each in value),
    "records": lambda value: all(isinstance(each, int) for each in value),
}


def _parse_object(text: str) -> dict[str, Any]:
    """What stands in a text of ours. Raises ValueError for any other."""
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("it is no JSON object")
    if (
        "\\u" in text and _to_json(content) != text
    ):  # it may be a lone surrogate, which none can print
        raise ValueError("it is not JSON as ragkit writes it")
    return content


def _uid(target: str) -> int | None:
    """The number of the document that a record's object is; None if it is something else."""
    kind, _, number = target.partition(":")
    return int(number) if kind == "document" and number else None


# -- checking --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChainReport:
    """The result of checking the audit log.

    `broken` is the number of the first record that does not fit, and `why` says what is wrong.
    `erased` counts records whose names an erasure removed. `unknown` counts, by key id, the records
    that cannot be checked because their key is missing; `unknown_from` has the first of each.
    Damage removed `lost` records, and the names of `nameless` others; a repair has recorded both.
    """

    records: int
    erased: int
    broken: int | None
    why: str
    unknown: dict[str, int]
    lost: int = 0
    nameless: int = 0
    unknown_from: dict[str, int] = field(default_factory=dict)

    @property
    def intact(self) -> bool:
        """Whether every record was checked, and fits."""
        return self.broken is None and not (self.unknown or self.lost or self.nameless)


def check_chain(database: Database, keys: Mapping[str, AuditKey]) -> ChainReport:
    """Go through the whole chain with the keys at hand, by their ids."""
    chain = _Chain(keys, _digest_kb_id(database))
    for row in _select_rows(database):
        chain.add(row)
    for (number,) in database.execute(
        "SELECT record FROM audit_names WHERE record NOT IN (SELECT id FROM audit)"
    ):
        chain.problems[number] = f"record {number} is missing"
    return chain.report()


class _Gap(NamedTuple):
    """Records that are missing from `first` on, and what the record behind them is."""

    first: int
    fingerprint: str
    key: str


@dataclass(slots=True)
class _Chain:
    """A check in progress. Flaws stand against the log until a fitting record explains them.

    The record behind a gap was signed over the signature of a missing record. It fits if a later
    record describes both the gap and the record behind it.
    """

    keys: Mapping[str, AuditKey]
    previous: bytes
    last: int = 0
    lost: int = 0
    problems: dict[int, str] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    unknown_from: dict[str, int] = field(default_factory=dict)
    gaps: dict[int, _Gap] = field(default_factory=dict)  # by the record behind each
    unnamed: set[int] = field(default_factory=set)  # records whose names are gone
    erased: set[int] = field(default_factory=set)  # records of which an erasure says so
    damaged: set[int] = field(default_factory=set)  # records of which a repair says so

    def add(self, row: _Row) -> None:
        """Check the next record."""
        number, fits = row.number, self._fits(row)
        if number > self.last + 1:
            key = row.record[-1] if row.record else ""
            self.gaps[number] = _Gap(self.last + 1, _digest_row(row), key)
        try:
            record = _parse_record(row)
            if number <= self.last or not (fits or number in self.gaps):
                self.problems[number] = (
                    f"record {number} is not what was written, or not in its place"
                )
            else:
                self._explain(record, fits)
                self._check_names(row)
        except (StoreDamaged, TypeError, ValueError, KeyError):
            self.problems[number] = f"record {number} is not what was written"
        self.previous, self.last = row.signature or b"", max(number, self.last)

    def _fits(self, row: _Row) -> bool:
        """Whether a record was signed behind the one before it, as far as that can be told."""
        if row.record is None:
            return False
        key = row.record[-1]
        if key not in self.keys:
            self._count(key, row.number)
            return True
        return row.signature == self.keys[key].sign(self.previous + _signed_bytes(row.record))

    def _count(self, key: str, record: int) -> None:
        self.unknown[key] = self.unknown.get(key, 0) + 1
        self.unknown_from.setdefault(key, record)

    def _check_names(self, row: _Row) -> None:
        names_digest = row.record[-2] if row.record else b""
        if row.names is None:
            if names_digest:
                self.unnamed.add(row.number)
        elif _digest_names(*row.names) != names_digest:
            why = f"the names of record {row.number} are not what was written"
            self.problems[row.number] = why

    def _explain(self, record: AuditRecord, fits: bool) -> None:
        """Take from a record what it says of others."""
        if record.action == _ERASURE:
            self.erased.update(record.detail["records"])
        elif record.action == _REPAIR:
            self.damaged.update(record.detail.get("nameless", ()))
            for first, number, told in record.detail.get("gaps", ()):
                self._close(first, number, told, record, fits)

    def _close(
        self, first: int, number: int, told: str | None, record: AuditRecord, fits: bool
    ) -> None:
        gap = self.gaps.get(number)
        if gap is None or gap.first != first:
            return
        del self.gaps[number]
        self.lost += number - first
        is_own = number == record.number and fits  # nothing is known of the end that was lost
        if told != (None if is_own else gap.fingerprint):
            self.problems[number] = f"record {number} is not what was written"
        elif record.key not in self.keys and gap.key in self.keys:
            self._count(record.key, record.number)

    def report(self) -> ChainReport:
        """What was found."""
        for gap in self.gaps.values():
            self.problems[gap.first] = f"record {gap.first} is missing"
        unnamed = self.unnamed - self.erased
        if not self.problems:  # else the record that tells of them may be among those
            for number in unnamed - self.damaged:
                self.problems[number] = (
                    f"the names of record {number} are gone, "
                    "and no record says that they were erased"
                )
        broken = min(self.problems, default=None)
        return ChainReport(
            records=self.last,
            erased=len(self.unnamed & self.erased),
            broken=broken,
            why="" if broken is None else self.problems[broken],
            unknown=self.unknown,
            lost=self.lost,
            nameless=len(unnamed & self.damaged),
            unknown_from=self.unknown_from,
        )


# -- after damage ------------------------------------------------------------------------------


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
    for row in _select_rows(database):
        if row.number > last + 1:
            gaps.append((last + 1, row.number, _digest_row(row)))
        last = max(row.number, last)
        with suppress(StoreDamaged, TypeError, KeyError):  # a check will name it
            record = _parse_record(row)
            if record.names is None:
                unnamed.add(record.number)
            if record.action == _ERASURE:
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
        database, key, actor=actor, action=_REPAIR, object="kb", detail=content, number=number
    )


def _digest_row(row: _Row) -> str:
    """What tells a record from any other; "" for one that is not what was written."""
    if row.record is None or row.signature is None:
        return ""
    return hashlib.sha256(_signed_bytes(row.record) + row.signature).hexdigest()
