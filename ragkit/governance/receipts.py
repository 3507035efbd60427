"""Receipts of erasures: that something was erased, for whoever has nothing but the receipt."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from ragkit.errors import StoreError
from ragkit.store.keys import verify_ed25519
from ragkit.store.records import PastErasure

_FORMAT = "ragkit erasure receipt 1"
_TUPLE_FIELDS = ("documents", "digests", "rewritten", "remains")
_REQUIRED_COUNTS = {"places", "found", "shared", "files", "bytes"}  # of a search, at the least


@dataclass(frozen=True, slots=True)
class Receipt:
    """That something was erased, and how that was made sure; it holds ids and digests, no names.

    `searched` says how many places of the erased content were looked for in how many files and
    bytes of the base; `shared` of them also stand in documents that remain, and `elsewhere` in what
    does not rest on the erased ones: other conversations, names in the log. `rewritten` are the
    files that were made anew. `remains` says what is beyond the base. `complete` is whether the
    log had all its records, by which every version of the documents was known. `record` is the
    number of the erasure's audit record, with its `record_signature`, and `public_key` the key that
    checks the `signature`.
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
        """What is signed: everything but the signature, in one form only."""
        content = {**asdict(self), "format": _FORMAT}
        del content["signature"]
        text = json.dumps(content, sort_keys=True, ensure_ascii=False)
        return text.encode("utf-8", "surrogatepass")

    def verify(self) -> bool:
        """Return whether the receipt is as the key that it names signed it."""
        return verify_ed25519(self.body(), self.signature, self.public_key)

    def to_json(self) -> str:
        """As JSON, in several lines."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, indent=1, ensure_ascii=False)

    def to_line(self) -> str:
        """As JSON in one line."""
        return json.dumps({"format": _FORMAT, **asdict(self)}) + "\n"


def read_receipt(text: str) -> Receipt:
    """A receipt from its JSON. Raises StoreError for anything else."""
    try:
        content = json.loads(text)
        if not isinstance(content, dict) or content.pop("format", None) != _FORMAT:
            raise ValueError("it has another format")
        if content.keys() != {field.name for field in fields(Receipt)}:
            raise ValueError("it has other parts")
        for name in _TUPLE_FIELDS:
            content[name] = tuple(content[name])
        receipt = Receipt(**content)
        _check_types(receipt)
    except (ValueError, TypeError) as error:
        raise StoreError(f"this is no receipt of an erasure: {error}") from error
    except RecursionError as error:
        raise StoreError("this is no receipt of an erasure: it is nested too deep") from error
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
    """What a receipt says was erased. Raises StoreError for one that was changed."""
    if not receipt.verify():
        raise StoreError(f"the receipt of erasure {receipt.erasure} is not what was signed")
    try:
        uids = tuple(int(one.removeprefix("document:")) for one in receipt.documents)
        digests = tuple(bytes.fromhex(one) for one in receipt.digests)
    except ValueError as error:
        raise StoreError(f"this is no receipt of an erasure: {error}") from error
    return PastErasure(receipt.kb, uids, digests, receipt.reason, receipt.complete)
