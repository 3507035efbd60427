"""An audit record as a value, parsed from its row and checked for its form."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ragkit.errors import StoreDamaged
from ragkit.store.audit_rows import AuditRow, to_json

ERASURE = "document.erase"
"""The action of a record that lists the records whose names were erased."""
REPAIR = "kb.repair"
"""The action of a record that lists what damage removed from the log."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One record of the audit log: `actor` did `action` to `object` at a time in UTC.

    `detail` holds ids, digests and counts. `names` holds names and texts; None if they were erased.
    `key` is the id of the key that signed the record, `signature` the HMAC in hexadecimal digits.
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
        """The uid of the document that the record is about; None if it is about something else."""
        return _parse_uid(self.object)

    @property
    def documents(self) -> set[int]:
        """The ids of the documents that were found or cited."""
        found = {passage[0] for passage in self.detail.get("found", ())}
        return found | {cited[1] for cited in self.detail.get("citations", ())}

    @property
    def document_names(self) -> list[str]:
        """The present and former source paths of the document, as far as the record has them."""
        return [name for what, name in (self.names or {}).items() if what in ("source", "from")]


def parse_record(row: AuditRow) -> AuditRecord:
    """Return the record of a row. Raises StoreDamaged for one that ragkit cannot have written."""
    try:
        if row.fields is None or row.signature is None or (row.has_names and row.names is None):
            raise ValueError("a part of it has another type")
        number, at, actor, action, target, detail, names_digest, key = row.fields
        names = _parse_object(row.names[1]) if row.names else None if names_digest else {}
        if not all(isinstance(name, str) for name in (names or {}).values()):
            raise ValueError("a name is not a text")
        datetime.fromisoformat(at)
        if not 0 <= (_parse_uid(target) or 0) < 1 << 63:
            raise ValueError("no document has this number")
        content = _parse_object(detail)
        checks = {name: check for name, check in _DETAIL_CHECKS.items() if name in content}
        for name, fits in (checks | (_ERASURE_CHECKS if action == ERASURE else {})).items():
            if not fits(content[name]):
                raise ValueError(f"its {name} has another form")
        return AuditRecord(
            number, at, actor, action, target, content, names, key, row.signature.hex()
        )
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise StoreDamaged(
            f"record {row.number} of the audit log was changed or damaged; check the whole log "
            "with: ragkit audit verify"
        ) from error


def _is_digest(value: Any) -> bool:
    return bool(bytes.fromhex(value).hex() == value)


def _are_references(value: Any, at: int) -> bool:
    """Return True for a list of lists that have a document's id at this position."""
    return all(isinstance(each[at], int) for each in value)


_DETAIL_CHECKS: dict[str, Callable[[Any], bool]] = {
    "backup": lambda value: isinstance(value, str),
    "citations": lambda value: _are_references(value, 1),
    "digest": _is_digest,
    "found": lambda value: _are_references(value, 0),
    "kept": lambda value: isinstance(value, str) and os.path.basename(value) == value,
}
"""What the detail of any record holds under these keys, if it has them."""

_ERASURE_CHECKS: dict[str, Callable[[Any], bool]] = {
    "digests": lambda value: all(map(_is_digest, value)),
    "documents": lambda value: all(_parse_uid(each) is not None for each in value),
    "records": lambda value: all(isinstance(each, int) for each in value),
}
"""What the detail of an erasure holds."""


def _parse_object(text: str) -> dict[str, Any]:
    """Parse a JSON object as ragkit writes it. Raises ValueError for any other text."""
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    if "\\u" in text and to_json(content) != text:  # it may hold a lone surrogate: not printable
        raise ValueError("it is not JSON as ragkit writes it")
    return content


def _parse_uid(target: str) -> int | None:
    """Return the document uid in the object of a record; None if it is about something else."""
    kind, _, number = target.partition(":")
    return int(number) if kind == "document" and number else None
