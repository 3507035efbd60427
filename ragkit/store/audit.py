"""The audit chain: each line's hash covers the line and the hash before it."""

from __future__ import annotations

import getpass
import hashlib
import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime

_START = bytes(32)


def acting() -> str:
    """Who acts: the user of the operating system, "os:ana"."""
    try:
        return f"os:{getpass.getuser()}"
    except (KeyError, OSError):
        return "os:unknown"


def append(
    database: sqlite3.Connection,
    *,
    actor: str,
    action: str,
    target: str,
    detail: Mapping[str, str | int],
) -> None:
    """Add a line inside the caller's transaction."""
    row = database.execute("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    number, previous = (row[0] + 1, row[1]) if row else (1, _START)
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    text = json.dumps(detail, sort_keys=True, ensure_ascii=False)
    database.execute(
        "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (number, at, actor, action, target, text, previous,
         line_hash(previous, number, at, actor, action, target, text)),
    )  # fmt: skip


def line_hash(
    previous: bytes, number: int, at: str, actor: str, action: str, target: str, detail: str
) -> bytes:
    body = json.dumps([number, at, actor, action, target, detail], ensure_ascii=False)
    return hashlib.sha256(previous + body.encode("utf-8", "surrogatepass")).digest()


def first_broken(database: sqlite3.Connection) -> int | None:
    """The number of the first line that does not fit the chain, or None if all do."""
    previous = _START
    expected = 1
    for number, at, actor, action, target, detail, before, found in database.execute(
        "SELECT * FROM audit ORDER BY id"
    ):
        fits = number == expected and before == previous
        if not fits or found != line_hash(previous, number, at, actor, action, target, detail):
            return int(number)
        previous, expected = found, expected + 1
    return None
