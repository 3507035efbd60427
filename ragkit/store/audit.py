"""The audit log: appends records and reads them.

Each record is signed over itself and the signature before it (see audit_chain). It says forever who
did what to which object, and when. Names and texts, which may have to be erased one day, are stored
beside it with a salt. The record holds only their digest, so the chain still fits without them.
"""

from __future__ import annotations

import json
import os
import pwd
import secrets
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ragkit.errors import StoreDamaged
from ragkit.store.audit_record import AuditRecord, parse_record
from ragkit.store.audit_rows import (
    BEFORE_FIRST,
    AuditRow,
    digest_kb_id,
    digest_names,
    encode_signed,
    select_rows,
    to_json,
)
from ragkit.store.database import Database
from ragkit.store.keys import AuditKey

Detail = Mapping[str, Any]

_SALT_BYTES = 16
_IS_NAMING = (
    "(n.record IS NOT NULL AND a.object != 'question') OR a.object = 'file' "
    "OR a.object LIKE 'document:%'"
)


def current_time() -> str:
    """Return the time in UTC as the audit log writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def current_user() -> str:
    """Return the user of the operating system, such as "user:ana".

    The process decides, not its environment: that can be set to anything.
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
    """Append a record inside the caller's transaction; return its number, by default the next."""
    row = database.execute(
        "SELECT id, CASE typeof(signature) WHEN 'blob' THEN signature ELSE x'' END FROM audit "
        "ORDER BY id DESC LIMIT 1"
    ).fetchone()
    last, previous = row or (0, digest_kb_id(database))
    number = number or last + 1
    at = at or current_time()
    names_digest = b""
    if names:
        salt, text = secrets.token_bytes(_SALT_BYTES), to_json(names)
        text = text.encode("utf-8", "replace").decode()  # a lone surrogate has no UTF-8
        names_digest = digest_names(salt, text)
        database.execute("INSERT INTO audit_names VALUES (?, ?, ?)", (number, salt, text))
    fields = (number, at, actor, action, object, to_json(detail or {}), names_digest, key.id)
    database.execute(
        "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*fields, key.sign(previous + encode_signed(fields))),
    )
    return int(number)


def read_records(database: Database, after: int = 0) -> Iterator[AuditRecord]:
    """Yield the records after a number, in order. Raises StoreDamaged for an unreadable one."""
    return map(parse_record, select_rows(database, after))


def find_records(database: Database, *actions: str) -> list[AuditRecord]:
    """Return the readable records of these actions, in order."""
    condition = "a.action IN (SELECT value FROM json_each(?))"
    return _parse_readable(select_rows(database, BEFORE_FIRST, condition, json.dumps(actions)))[0]


def find_naming_records(
    database: Database, after: int | None = None
) -> tuple[list[AuditRecord], int]:
    """Return the readable records about documents and files, or with names, after a number.

    Also returns how many cannot be read. Questions, most records of a log, are not among them: see
    `find_questions_about`.
    """
    return _parse_readable(
        select_rows(database, BEFORE_FIRST if after is None else after, _IS_NAMING)
    )


def find_questions_about(
    database: Database, documents: Collection[int], after: int | None = None
) -> tuple[list[int], int]:
    """Return the numbers of records with a question's words that found any of these documents.

    Also returns how many records with a question's words cannot be read.
    """
    rows = database.execute(
        "SELECT a.id, iif(typeof(a.detail) = 'text' AND json_valid(a.detail), EXISTS (SELECT 1 "
        "FROM json_each(a.detail, '$.found') f WHERE json_extract(f.value, '$[0]') IN "
        "(SELECT value FROM json_each(?))), NULL) FROM audit a JOIN audit_names n ON "
        "n.record = a.id WHERE a.object = 'question' AND a.id > ?",
        (json.dumps(sorted(documents)), BEFORE_FIRST if after is None else after),
    ).fetchall()
    return [record for record, is_about in rows if is_about], sum(row[1] is None for row in rows)


def _parse_readable(rows: Iterator[AuditRow]) -> tuple[list[AuditRecord], int]:
    records, unreadable = [], 0
    for row in rows:
        try:
            records.append(parse_record(row))
        except StoreDamaged:
            unreadable += 1
    return records, unreadable
