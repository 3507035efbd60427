"""The audit log: read and verify it, export it, and create checkpoints of it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

from ragkit.errors import SourceError, StoreDamaged, StoreError
from ragkit.governance.receipts import Receipt
from ragkit.store.audit import current_user, read_records
from ragkit.store.audit_chain import ChainReport, check_chain
from ragkit.store.audit_record import AuditRecord
from ragkit.store.keys import AuditKey, load_keys
from ragkit.store.patterns import find_documents
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store

__all__ = [
    "AuditLog",
    "AuditRecord",
    "AuditReport",
    "ChainReport",
    "Checkpoint",
    "current_user",
    "read_checkpoints",
    "records_as_csv",
    "records_as_jsonl",
]

# Starts of formulas (OWASP, CSV injection), and characters that may end a cell.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_SEPARATOR = re.compile("[\x00-\x1f\x7f-\x9f;\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The end of the audit log at some time, to store where the log's owner cannot change it.

    With it, a check also detects removed records at the end, and a log that was rewritten.
    `record_signature` is that of the last record, `signature` that of the checkpoint itself.
    """

    kb: str
    record: int
    record_signature: str
    at: str
    key: str
    signature: str = ""

    def sign(self, key: AuditKey) -> Checkpoint:
        """Return the checkpoint with its signature."""
        body = json.dumps([self.kb, self.record, self.record_signature, self.at, self.key])
        return replace(self, signature=key.sign(b"checkpoint" + body.encode()).hex())


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The result of verifying the log; `checkpoints` counts those that it matches."""

    chain: ChainReport
    checkpoints: int
    problems: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """Return True if every record was checked and fits, and all checkpoints match."""
        return not self.problems


class AuditLog:
    """The records of who did what to which object, and when."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def records(
        self,
        after: int = 0,
        *,
        actor: str | None = None,
        action: str | None = None,
        document: str | int | None = None,
        since: str = "",
    ) -> list[AuditRecord]:
        """Return the records after a number, in order; the reading is recorded, too.

        `action` is one ("ask") or all of a kind ("document" for "document.add" and others). `since`
        is a day or time ("2026-11-22", "2026-11-22 14:30"), in UTC unless it has an offset.
        `document` is an id, a source path or a pattern as in `ragkit label set`, or a former name:
        then all records are returned that changed, found, cited or opened any of its versions.

        Raises SourceError for an unknown document, ValueError for an invalid time, and StoreDamaged
        for a changed record.
        """
        from_then = _parse_time(since) if since else _parse_time("0001-01-01")
        with self._store.snapshot() as snapshot:
            is_about = (
                _match_document(snapshot, document, self._store)
                if document is not None
                else _accept_all
            )
            found = [
                record
                for record in read_records(snapshot.connection, after)
                if (actor is None or record.actor == actor)
                and (
                    action is None
                    or record.action.split(".")[0] == action
                    or record.action == action
                )
                and _parse_time(record.at) >= from_then
                and is_about(record)
            ]
        with self._store.recorder() as writer:
            detail = {"records": len(found), "after": after}
            writer.record(current_user(), "audit.read", "kb", detail)
        return found

    def checkpoint(self) -> Checkpoint:
        """Return a signed checkpoint; the record of its creation is the last of the log."""
        with self._store.recorder() as writer:
            writer.record(current_user(), "audit.checkpoint", "kb", {})
            snapshot = Snapshot(writer.connection)
            *_, last = read_records(snapshot.connection, snapshot.audit.history()[0] - 1)
        key = self._store.key()
        kb = snapshot.meta("kb") or ""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        return Checkpoint(kb, last.number, last.signature, at, key.id).sign(key)

    def holds(self, receipt: Receipt) -> bool:
        """Return True if the log has the erasure of a receipt, and a record of this receipt."""
        digest = hashlib.sha256(receipt.body()).hexdigest()
        with self._store.snapshot() as snapshot:
            later = read_records(snapshot.connection, receipt.record - 1)
            first = next(later, None)
            return (
                receipt.kb == snapshot.meta("kb")
                and first is not None
                and (first.number, first.signature) == (receipt.record, receipt.record_signature)
                and any(record.detail.get("receipt") == digest for record in later)
            )

    def verify(
        self, *, keys: Sequence[Path] = (), checkpoints: Sequence[Checkpoint] = ()
    ) -> AuditReport:
        """Check every record against the keys: that of this machine, and those in files.

        Raises StoreError for a file that holds no key.
        """
        known = load_keys(keys, self._store.key_file)
        with self._store.snapshot() as snapshot:
            chain = check_chain(snapshot.connection, known)
            problems = [chain.problem] if chain.broken is not None else []
            problems += [
                f"{count} records, the first of them {chain.unknown_from[key]}, are signed with "
                f"the key {key}, which is missing; name its file with --key"
                for key, count in chain.unknown.items()
            ]
            for what, count in (("", chain.lost), ("the names of ", chain.nameless)):
                if count:
                    problems.append(
                        f"{what}{count} records were lost to damage, as a repair recorded"
                    )
            broken = [
                why
                for checkpoint in checkpoints
                if (why := _explain_mismatch(snapshot, checkpoint, known))
            ]
        held = len(checkpoints) - len(broken)
        return AuditReport(chain, held, (*problems, *broken))


def _explain_mismatch(snapshot: Snapshot, checkpoint: Checkpoint, keys: dict[str, AuditKey]) -> str:
    """Return why the log does not match a checkpoint; "" if it does."""
    when = f"the checkpoint of {checkpoint.at}"
    if checkpoint.key not in keys:
        return f"{when} is signed with the key {checkpoint.key}, which is missing"
    if checkpoint != checkpoint.sign(keys[checkpoint.key]):
        return f"{when} was changed"
    if checkpoint.kb != snapshot.meta("kb"):
        return f"{when} belongs to another knowledge base"
    last = snapshot.audit.last_number()
    if last < checkpoint.record:
        return (
            f"the log ends at record {last}, but {when} has record {checkpoint.record}: "
            "records were removed"
        )
    with suppress(StoreDamaged):
        record = next(read_records(snapshot.connection, checkpoint.record - 1))
        if (record.number, record.signature) == (checkpoint.record, checkpoint.record_signature):
            return ""
    return f"record {checkpoint.record} differs from {when}: the log was rewritten"


def read_checkpoints(path: Path) -> list[Checkpoint]:
    """Read checkpoints from a file of JSON lines. Raises StoreError for anything else."""
    try:
        text = path.read_text(encoding="utf-8")
        found = [_parse_checkpoint(line) for line in text.splitlines() if line.strip()]
        if not found:
            raise ValueError("the file is empty")
        return found
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise StoreError(
            f"cannot read checkpoints from {path}: {error}; expected lines of: "
            "ragkit audit checkpoint"
        ) from error


def _parse_checkpoint(text: str) -> Checkpoint:
    checkpoint = Checkpoint(**json.loads(text))
    for name, value in asdict(checkpoint).items():
        if type(value) is not (int if name == "record" else str):
            raise ValueError(f"its {name} is {value!r}")
    return checkpoint


def records_as_jsonl(found: Sequence[AuditRecord]) -> Iterator[str]:
    """Yield each record as one line of JSON."""
    for record in found:
        yield json.dumps(asdict(record), ensure_ascii=False)


def records_as_csv(found: Sequence[AuditRecord]) -> Iterator[str]:
    """Yield a header and the records as lines of CSV that no spreadsheet executes.

    This holds whether it splits cells at commas, semicolons or tabs: semicolons and control
    characters are escaped (\\u003b), and a cell that starts like a formula gets an apostrophe.
    """
    names = [field.name for field in fields(AuditRecord)]
    yield _csv_row(names)
    for record in found:
        values = asdict(record)
        for name in ("detail", "names"):
            values[name] = json.dumps(values[name], ensure_ascii=False)
        yield _csv_row([_escape_cell(str(values[name])) for name in names])


def _csv_row(values: Sequence[str]) -> str:
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(values)
    return row.getvalue()


def _escape_cell(cell: str) -> str:
    written = _SEPARATOR.sub(lambda found: f"\\u{ord(found.group()):04x}", cell)
    return f"'{written}" if cell.startswith(_FORMULA) else written


def _parse_time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(
            f"invalid time {text!r}: expected a day or time such as 2026-11-22"
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _accept_all(record: AuditRecord) -> bool:
    return True


def _match_document(
    snapshot: Snapshot, pattern: str | int, store: Store
) -> Callable[[AuditRecord], bool]:
    """Return a test for records about documents, also removed ones."""
    uids = {found.uid for found in find_documents(snapshot, pattern, store.layout)}
    naming = [
        record for record in read_records(snapshot.connection) if pattern in record.document_names
    ]
    uids |= {record.document_uid for record in naming if record.document_uid is not None}
    refused = {record.number for record in naming if record.object == "file"}
    if not (uids or refused):
        raise SourceError(
            f"no document {pattern} in the knowledge base or its audit log; list documents "
            "with: ragkit status --documents"
        )
    objects = {f"document:{uid}" for uid in uids}
    ids = snapshot.documents.versions_of(uids)

    def is_about(record: AuditRecord) -> bool:
        is_named = record.object in objects or record.number in refused
        return is_named or not ids.isdisjoint(record.documents)

    return is_about
