"""Receipts of erasures: signed proofs that can be verified without the knowledge base."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from ragkit.errors import StoreError
from ragkit.store.keys import verify_ed25519
from ragkit.store.records import PastErasure

_FORMAT = "ragkit erasure receipt 1"
_TUPLE_FIELDS = ("documents", "digests", "rewritten", "remains")
_REQUIRED_COUNTS = {"places", "found", "shared", "files", "bytes"}  # in `searched`


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of an erasure. It holds ids and digests, no names.

    `searched` counts the places of the erased content that were searched for, and the files and
    bytes that were read. Of these places, `shared` also occur in documents that remain, and
    `elsewhere` in conversations or audit records that do not depend on the erased documents.
    `rewritten` lists files that were rebuilt, `remains` what lies outside the knowledge base.
    `complete` is true if no audit record was missing, so all versions of the documents were known.
    `record` is the audit record of the erasure, with its `record_signature`. `public_key` verifies
    the `signature`.
    """

    kb: str
    erasure: int
    at: str
    reason: str
    documents: tuple[str, ...]
    digests: tuple[str, ...]
    rewritten: tuple[str, ...]
    searched: dict[str, int]
    remains: tuple[str, ...]
    complete: bool
    record: int
    record_signature: str
    key: str
    public_key: str
    signature: str = ""

    def body(self) -> bytes:
        """Return the bytes that are signed: all fields but the signature, in a fixed form."""
        content = {**asdict(self), "format": _FORMAT}
        del content["signature"]
        text = json.dumps(content, sort_keys=True, ensure_ascii=False)
        return text.encode("utf-8", "surrogatepass")

    def verify(self) -> bool:
        """Return True if the receipt is unchanged since the named key signed it."""
        return verify_ed25519(self.body(), self.signature, self.public_key)

    def to_json(self) -> str:
        """Return the receipt as indented JSON."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, indent=1, ensure_ascii=False)

    def to_line(self) -> str:
        """Return the receipt as one line of JSON."""
        return json.dumps({"format": _FORMAT, **asdict(self)}) + "\n"


def read_receipt(text: str) -> Receipt:
    """Parse the JSON of a receipt. Raises StoreError for anything else."""
    try:
        content = json.loads(text)
        if not isinstance(content, dict) or content.pop("format", None) != _FORMAT:
            raise ValueError("it has another format")
        if content.keys() != {field.name for field in fields(Receipt)}:
            raise ValueError("it has other fields")
        for name in _TUPLE_FIELDS:
            content[name] = tuple(content[name])
        receipt = Receipt(**content)
        _check_types(receipt)
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"not a receipt of an erasure: {error}; expected the JSON of: ragkit receipt"
        ) from error
    except RecursionError as error:
        raise StoreError("not a receipt of an erasure: it is nested too deep") from error
    return receipt


def _check_types(receipt: Receipt) -> None:
    for name, value in asdict(receipt).items():
        if name in _TUPLE_FIELDS:
            fits = all(isinstance(each, str) for each in value)
        elif name == "searched":
            fits = isinstance(value, dict) and all(map(_is_number, value.values()))
            fits = fits and value.keys() >= _REQUIRED_COUNTS
        elif name == "complete":
            fits = isinstance(value, bool)
        else:
            fits = _is_number(value) if name in ("erasure", "record") else isinstance(value, str)
        if not fits:
            raise ValueError(f"its {name} is {value!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and 0 <= value < 1 << 63


def parse_past_erasure(receipt: Receipt) -> PastErasure:
    """Return what a receipt says was erased. Raises StoreError for a changed receipt."""
    if not receipt.verify():
        raise StoreError(
            f"the receipt of erasure {receipt.erasure} was changed after it was signed; get it "
            f"again with: ragkit receipt {receipt.erasure}"
        )
    try:
        uids = tuple(int(one.removeprefix("document:")) for one in receipt.documents)
        digests = tuple(bytes.fromhex(one) for one in receipt.digests)
    except ValueError as error:
        raise StoreError(
            f"not a receipt of an erasure: {error}; expected the JSON of: ragkit receipt"
        ) from error
    return PastErasure(receipt.kb, uids, digests, receipt.reason, receipt.complete)
