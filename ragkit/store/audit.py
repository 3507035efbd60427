"""The audit log: a chain of lines, each sealed over itself and the line before it.

What a line says forever is who did what to which object, and when. Names and texts, which may have
to be forgotten one day, lie beside it with a salt: the line holds their digest only, so that they
can be erased and the chain still fits.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ragkit.store.database import Database
from ragkit.store.keys import AuditKey

_SALT = 16  # bytes
_REPAIR = "base.repair"

Detail = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One line: `actor` did `action` to `object` at a time in UTC.

    `detail` holds ids, digests and counts. `names` are names and texts; None if they were erased.
    `key` is the id of the key that sealed it, and `hash` its seal in hexadecimal digits.
    """

    number: int
    at: str
    actor: str
    action: str
    object: str
    detail: dict[str, Any]
    names: dict[str, str] | None
    key: str
    hash: str

    @property
    def origin(self) -> int | None:
        """Which document the line is about, through all its versions and names; None if none."""
        kind, _, number = self.object.partition(":")
        return int(number) if kind == "document" and number else None

    @property
    def called(self) -> list[str]:
        """What the line says that its document is, or was, called; reasons are no such names."""
        return [name for what, name in (self.names or {}).items() if what in ("source", "from")]


def now() -> str:
    """The time in UTC, as the log writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def acting() -> str:
    """Who acts where nobody is named: the user of the operating system, "user:ana".

    By the process, and not by its environment, which can say anything.
    """
    number = os.getuid()
    try:
        return f"user:{pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"user:UID {number}"


def append(
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
    """Add a line inside the caller's transaction; returns its number, by default the next."""
    row = database.execute("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    last, previous = row or (0, _start(database))
    number = number or last + 1
    at = at or now()
    sealed = b""
    if names:
        salt, text = secrets.token_bytes(_SALT), _json(names)
        sealed = _commitment(salt, text)
        database.execute("INSERT INTO audit_names VALUES (?, ?, ?)", (number, salt, text))
    line = (number, at, actor, action, object, _json(detail or {}), sealed, key.id)
    database.execute(
        "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*line, key.seal(previous + _body(line))),
    )
    return int(number)


def lines(database: Database, after: int = 0) -> Iterator[AuditLine]:
    """The lines after a number, in order."""
    rows = database.execute(
        "SELECT a.id, a.at, a.actor, a.action, a.object, a.detail, n.text, a.sealed, a.key, a.hash "
        "FROM audit a LEFT JOIN audit_names n ON n.line = a.id WHERE a.id > ? ORDER BY a.id",
        (after,),
    )
    for number, at, actor, action, target, detail, text, sealed, key, digest in rows:
        names = json.loads(text) if text is not None else None if sealed else {}
        yield AuditLine(
            number, at, actor, action, target, json.loads(detail), names, key, digest.hex()
        )


def _start(database: Database) -> bytes:
    """What the first line is sealed over: which base the log is of."""
    (base,) = database.execute(
        "SELECT CAST(max(value) AS BLOB) FROM meta WHERE key = 'base'"
    ).fetchone()
    return hashlib.sha256(base or b"").digest()


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, ensure_ascii=False)


def _commitment(salt: bytes, text: str) -> bytes:
    return hashlib.sha256(salt + text.encode("utf-8", "surrogatepass")).digest()


def _body(line: tuple[Any, ...]) -> bytes:
    """A line's fields up to its seal, as they are sealed."""
    *texts, sealed, key = line
    return json.dumps([*texts, sealed.hex(), key], ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


# -- checking --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a check of the log found: `broken` is the first line that does not fit, and why.

    `unknown` counts, for each key that is not at hand, the lines that it sealed: whether these
    were changed cannot be told without it. `lost` lines are missing because of damage, and a line
    of the repair says so.
    """

    lines: int
    erased: int
    broken: int | None
    why: str
    unknown: dict[str, int]
    lost: int = 0

    @property
    def intact(self) -> bool:
        """Whether every line was checked, and fits."""
        return self.broken is None and not self.unknown and not self.lost


def check(database: Database, keys: Mapping[str, AuditKey]) -> ChainReport:
    """Go through the whole chain with the keys at hand, by their ids."""
    previous, expected, erased, lost = _start(database), 1, 0, 0
    unknown: dict[str, int] = {}
    gaps = _declared_gaps(database)

    def report(broken: int | None = None, why: str = "") -> ChainReport:
        return ChainReport(expected - 1, erased, broken, why, unknown, lost)

    rows = database.execute(
        "SELECT a.id, a.at, a.actor, a.action, a.object, a.detail, a.sealed, a.key, a.hash, "
        "n.salt, n.text FROM audit a LEFT JOIN audit_names n ON n.line = a.id ORDER BY a.id"
    )
    for *line, digest, salt, text in rows:
        number, sealed, key = line[0], line[6], line[7]
        told = None
        if number != expected:
            if number not in gaps or gaps[number][0] != expected:
                return report(expected, f"line {expected} is missing")
            told, lost, expected = gaps[number][1], lost + number - expected, number
        if told is not None:  # it was sealed over the hash of a line that is lost
            if told != _fingerprint(tuple(line), digest):
                return report(number, f"line {number} is not what was written")
        elif key not in keys:
            unknown[key] = unknown.get(key, 0) + 1
        elif digest != keys[key].seal(previous + _body(tuple(line))):
            return report(number, f"line {number} is not what was written, or not in its place")
        if text is None:
            erased += bool(sealed)
        elif _commitment(salt, text) != sealed:
            return report(number, f"the names of line {number} are not what was written")
        previous, expected = digest, expected + 1
    stray = database.execute(
        "SELECT line FROM audit_names WHERE line NOT IN (SELECT id FROM audit) ORDER BY line"
    ).fetchone()
    if stray is not None:
        return report(int(stray[0]), f"line {stray[0]} is missing")
    return report()


# -- after damage ------------------------------------------------------------------------------


def append_repair(
    database: Database, key: AuditKey, *, actor: str, detail: Detail, end_lost: bool
) -> int:
    """Add a line that says of all that are missing that damage took them; returns its number.

    Each gap is told by where it begins, the line behind it, and what that one is: it can no longer
    be checked by itself. `end_lost` is whether lines may be missing behind the last one: then no
    number is given again that one of them had, as far as it is known.
    """
    rows = database.execute("SELECT * FROM audit ORDER BY id")
    gaps: list[tuple[int, int, str | None]] = []
    expected = 1
    for *line, digest in rows:
        number = line[0]
        if number != expected:
            gaps.append((expected, number, _fingerprint(tuple(line), digest)))
        expected = number + 1
    number = expected
    if end_lost:
        (named,) = database.execute("SELECT coalesce(max(line), 0) FROM audit_names").fetchone()
        number = max(expected, named) + 1
        gaps.append((expected, number, None))
    database.execute("DELETE FROM audit_names WHERE line NOT IN (SELECT id FROM audit)")
    content = {**detail, "gaps": gaps} if gaps else detail
    return append(
        database, key, actor=actor, action=_REPAIR, object="base", detail=content, number=number
    )


def _declared_gaps(database: Database) -> dict[int, tuple[int, str | None]]:
    """By the line behind a gap: where it begins, and what that line is."""
    rows = database.execute("SELECT detail FROM audit WHERE action = ?", (_REPAIR,))
    return {
        number: (first, told)
        for (detail,) in rows
        for first, number, told in json.loads(detail).get("gaps", ())
    }


def _fingerprint(line: tuple[Any, ...], digest: bytes) -> str:
    return hashlib.sha256(_body(line) + digest).hexdigest()
