"""The audit log of a base, for people: read it, check it, checkpoint it elsewhere."""

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

# What a spreadsheet would run (OWASP, CSV injection), and what it may take for the end of a cell.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_SEPARATOR = re.compile("[\x00-\x1f\x7f-\x9f;\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the log ended with at some time, to be kept where its keeper cannot change it.

    With it a check also finds that records are missing from the end, or that all were rewritten.
    `signature` shows that this very checkpoint was made with the key.
    """

    kb: str
    record: int
    record_signature: str
    at: str
    key: str
    signature: str = ""

    def sign(self, key: AuditKey) -> Checkpoint:
        body = json.dumps([self.kb, self.record, self.record_signature, self.at, self.key])
        return replace(self, signature=key.sign(b"checkpoint" + body.encode()).hex())


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a check of the log found; see ChainReport. `checkpoints` counts those it matches."""

    chain: ChainReport
    checkpoints: int
    problems: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """Whether every record was checked and fits, and the log holds to all checkpoints."""
        return not self.problems


class AuditLog:
    """What happened in a base: who did what to what, when, record by record."""

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
        """The records after a number, in order; that they were read is a record of its own.

        Only those of an actor, of an action ("ask", or "document" for all such as "document.add"),
        since a day or time ("2026-11-22", "2026-11-22 14:30", in UTC unless it says otherwise), or
        about a document: that it was changed, found, cited or opened, in whatever version.
        `document` is what `ragkit label set` takes, or the name that it had. Raises SourceError for
        a document that was never in the base, ValueError for what is no time, and StoreDamaged for
        a record that is not what was written.
        """
        from_then = _time(since) if since else _time("0001-01-01")
        with self._store.snapshot() as snapshot:
            is_about = _about(snapshot, document, self._store) if document is not None else _any
            found = [
                record
                for record in read_records(snapshot.connection, after)
                if (actor is None or record.actor == actor)
                and (
                    action is None
                    or record.action.split(".")[0] == action
                    or record.action == action
                )
                and _time(record.at) >= from_then
                and is_about(record)
            ]
        with self._store.recorder() as writer:
            detail = {"records": len(found), "after": after}
            writer.record(current_user(), "audit.read", "kb", detail)
        return found

    def checkpoint(self) -> Checkpoint:
        """What the log ends with now, signed; the record that says so is its last."""
        with self._store.recorder() as writer:
            writer.record(current_user(), "audit.checkpoint", "kb", {})
            snapshot = Snapshot(writer.connection)
            *_, last = read_records(snapshot.connection, snapshot.audit.history()[0] - 1)
        key = self._store.key()
        base = snapshot.meta("kb") or ""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        return Checkpoint(base, last.number, last.signature, at, key.id).sign(key)

    def holds(self, receipt: Receipt) -> bool:
        """Whether the log has the record that a receipt names, and one about this very receipt."""
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
        """Check every record against the keys: this machine's, and those in the files `keys`.

        Raises StoreError for a file that holds no key.
        """
        known = load_keys(keys, self._store.key_file)
        with self._store.snapshot() as snapshot:
            chain = check_chain(snapshot.connection, known)
            problems = [chain.problem] if chain.broken is not None else []
            problems += [
                f"{count} records, the first of them {chain.unknown_from[key]}, are signed with "
                f"the key {key}, which is not here"
                for key, count in chain.unknown.items()
            ]
            for what, count in (("", chain.lost), ("the names of ", chain.nameless)):
                if count:
                    problems.append(
                        f"{what}{count} records were lost to damage, as a later record says"
                    )
            broken = [
                why for checkpoint in checkpoints if (why := _unheld(snapshot, checkpoint, known))
            ]
        held = len(checkpoints) - len(broken)
        return AuditReport(chain, held, (*problems, *broken))


def _unheld(snapshot: Snapshot, checkpoint: Checkpoint, keys: dict[str, AuditKey]) -> str:
    """Why the log does not hold to a checkpoint; "" if it does."""
    when = f"the checkpoint of {checkpoint.at}"
    if checkpoint.key not in keys:
        return f"{when} is signed with the key {checkpoint.key}, which is not here"
    if checkpoint != checkpoint.sign(keys[checkpoint.key]):
        return f"{when} is not what was made then"
    if checkpoint.kb != snapshot.meta("kb"):
        return f"{when} is of another base"
    last = snapshot.audit.last_number()
    if last < checkpoint.record:
        return (
            f"the log ends at record {last}, and {when} has seen record {checkpoint.record}: "
            "some are gone"
        )
    with suppress(StoreDamaged):
        record = next(read_records(snapshot.connection, checkpoint.record - 1))
        if (record.number, record.signature) == (checkpoint.record, checkpoint.record_signature):
            return ""
    return f"record {checkpoint.record} is not the one that {when} has seen: it was written anew"


def read_checkpoints(path: Path) -> list[Checkpoint]:
    """The checkpoints in a file, one JSON object a line. Raises StoreError for anything else."""
    try:
        text = path.read_text(encoding="utf-8")
        found = [_parse_checkpoint(line) for line in text.splitlines() if line.strip()]
        if not found:
            raise ValueError("there is none")
        return found
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise StoreError(f"{path} cannot be read as checkpoints: {error}") from error


def _parse_checkpoint(text: str) -> Checkpoint:
    checkpoint = Checkpoint(**json.loads(text))
    for name, value in asdict(checkpoint).items():
        if type(value) is not (int if name == "record" else str):
            raise ValueError(f"its {name} is {value!r}")
    return checkpoint


def records_as_jsonl(found: Sequence[AuditRecord]) -> Iterator[str]:
    """Records of the log as JSON objects."""
    for record in found:
        yield json.dumps(asdict(record), ensure_ascii=False)


def records_as_csv(found: Sequence[AuditRecord]) -> Iterator[str]:
    """Records of the log as CSV with a head; nothing in it is run by a spreadsheet.

    Wherever that parts cells, at commas, semicolons or tabs: semicolons and control characters are
    written out (\\u003b), and what begins like a formula gets an apostrophe before it.
    """
    names = [field.name for field in fields(AuditRecord)]
    yield _csv_row(names)
    for record in found:
        values = asdict(record)
        for name in ("detail", "names"):
            values[name] = json.dumps(values[name], ensure_ascii=False)
        yield _csv_row([_harmless(str(values[name])) for name in names])


def _csv_row(values: Sequence[str]) -> str:
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(values)
    return row.getvalue()


def _harmless(cell: str) -> str:
    written = _SEPARATOR.sub(lambda found: f"\\u{ord(found.group()):04x}", cell)
    return f"'{written}" if cell.startswith(_FORMULA) else written


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no day or time; expected one like 2026-11-22") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _any(record: AuditRecord) -> bool:
    return True


def _about(snapshot: Snapshot, pattern: str | int, store: Store) -> Callable[[AuditRecord], bool]:
    """Tells records about documents, also about such as are in the base no longer."""
    uids = {found.uid for found in find_documents(snapshot, pattern, store.layout)}
    called = [
        record for record in read_records(snapshot.connection) if pattern in record.document_names
    ]
    uids |= {record.document_uid for record in called if record.document_uid is not None}
    refused = {record.number for record in called if record.object == "file"}
    if not (uids or refused):
        raise SourceError(f"{pattern} is not in the base, and its log knows no such name")
    objects = {f"document:{uid}" for uid in uids}
    ids = snapshot.documents.versions_of(uids)

    def is_about(record: AuditRecord) -> bool:
        is_named = record.object in objects or record.number in refused
        return is_named or not ids.isdisjoint(record.documents)

    return is_about
