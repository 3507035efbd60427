"""The stored form of audit records: rows, what of them is signed, and digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ragkit.store.database import Database

BEFORE_FIRST = -(1 << 63)
"""Less than the number of any record."""


class AuditRow(NamedTuple):
    """An audit record as stored. A part of another type than ragkit writes is None.

    `fields` are number, time, actor, action, object, detail, names digest and key id: what the
    signature covers. `names` are the salt and the JSON text from table audit_names.
    """

    number: int
    fields: tuple[Any, ...] | None
    signature: bytes | None
    has_names: bool
    names: tuple[bytes, str] | None

    @property
    def key(self) -> str:
        """The id of the key that signed the record; "" if it cannot be read."""
        return self.fields[-1] if self.fields else ""

    @property
    def names_digest(self) -> bytes:
        """The digest of the names; empty if the record never had any, or cannot be read."""
        return self.fields[-2] if self.fields else b""

    @property
    def fingerprint(self) -> str:
        """Return the hexadecimal SHA-256 of the record; "" if it cannot be read."""
        if self.fields is None or self.signature is None:
            return ""
        return hashlib.sha256(encode_signed(self.fields) + self.signature).hexdigest()


def select_rows(
    database: Database, after: int = BEFORE_FIRST, where: str = "1", *values: str
) -> Iterator[AuditRow]:
    """Yield the rows after a number that meet a SQL condition, in order.

    The condition sees the tables audit as `a` and audit_names as `n`.
    """
    rows = database.execute(f"{_SELECT} AND ({where}) ORDER BY a.id", (after, *values))
    for number, *columns, names_digest, signature, salt, has_names in rows:
        *texts, key, text = [None if data is None else _decode(data) for data in columns]
        fields = (number, *texts, names_digest, key)
        names = (salt, text) if salt is not None and text is not None else None
        yield AuditRow(
            number, None if None in fields else fields, signature, bool(has_names), names
        )


def digest_kb_id(database: Database) -> bytes:
    """Return the digest that the first record is signed over: that of the knowledge base's id."""
    (kb,) = database.execute(
        "SELECT CAST(max(value) AS BLOB) FROM meta WHERE key = 'kb'"
    ).fetchone()
    return hashlib.sha256(kb or b"").digest()


def digest_names(salt: bytes, text: str) -> bytes:
    """Return the SHA-256 of salted names."""
    return hashlib.sha256(salt + text.encode("utf-8", "surrogatepass")).digest()


def encode_signed(fields: tuple[Any, ...]) -> bytes:
    """Return the bytes of a record's fields that are signed."""
    *texts, names_digest, key = fields
    return json.dumps([*texts, names_digest.hex(), key], ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


def to_json(content: Mapping[str, Any]) -> str:
    """Return JSON in the only form that ragkit writes."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False)


def _cast_if(column: str, kind: str) -> str:
    """Return SQL for the bytes of a column if it has this type: a text may not be UTF-8."""
    return f"CASE typeof({column}) WHEN '{kind}' THEN CAST({column} AS BLOB) END"


_TEXT_COLUMNS = ("a.at", "a.actor", "a.action", "a.object", "a.detail", "a.key", "n.text")
_BLOB_COLUMNS = ("a.names_digest", "a.signature", "n.salt")
_SELECT = (
    f"SELECT a.id, {', '.join(_cast_if(name, 'text') for name in _TEXT_COLUMNS)}, "
    f"{', '.join(_cast_if(name, 'blob') for name in _BLOB_COLUMNS)}, n.record IS NOT NULL "
    "FROM audit a LEFT JOIN audit_names n ON n.record = a.id WHERE a.id > ?"
)


def _decode(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
