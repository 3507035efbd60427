"""The audit log of a base, for people: read it, check it, anchor it elsewhere."""

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
from ragkit.store.audit import AuditRecord, ChainReport, check, current_user, lines
from ragkit.store.keys import AuditKey, known_keys
from ragkit.store.labels import matching
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store

__all__ = [
    "AuditLog",
    "AuditRecord",
    "AuditReport",
    "ChainReport",
    "Checkpoint",
    "as_csv",
    "as_jsonl",
    "current_user",
    "read_anchors",
]

# What a spreadsheet would run (OWASP, CSV injection), and what it may take for the end of a cell.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_SEPARATOR = re.compile("[\x00-\x1f\x7f-\x9f;\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the log ended with at some time, to be kept where its keeper cannot change it.

    With it a check also finds that lines are missing from the end, or that all were written anew.
    `seal` shows that this very anchor was made with the key.
    """

    kb: str
    line: int
    hash: str
    at: str
    key: str
    seal: str = ""

    def sealed(self, key: AuditKey) -> Checkpoint:
        body = json.dumps([self.kb, self.line, self.hash, self.at, self.key])
        return replace(self, seal=key.seal(b"anchor" + body.encode()).hex())


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a check of the log found; see ChainReport. `anchors` is how many of them it holds to."""

    chain: ChainReport
    anchors: int
    problems: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """Whether every line was checked and fits, and the log holds to all anchors."""
        return not self.problems


class AuditLog:
    """What happened in a base: who did what to what, when, line by line."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def lines(
        self,
        after: int = 0,
        *,
        actor: str | None = None,
        action: str | None = None,
        document: str | int | None = None,
        since: str = "",
    ) -> list[AuditRecord]:
        """The lines after a number, in order; that they were read is a line of its own.

        Only those of an actor, of an action ("ask", or "document" for all such as "document.add"),
        since a day or time ("2026-11-22", "2026-11-22 14:30", in UTC unless it says otherwise), or
        about a document: that it was changed, found, cited or opened, in whatever version.
        `document` is what `ragkit label set` takes, or the name that it had. Raises SourceError for
        a document that was never in the base, ValueError for what is no time, and StoreDamaged for
        a line that is not what was written.
        """
        from_then = _time(since) if since else _time("0001-01-01")
        with self._store.snapshot() as snapshot:
            is_about = _about(snapshot, document, self._store) if document is not None else _any
            found = [
                line
                for line in lines(snapshot.connection, after)
                if (actor is None or line.actor == actor)
                and (action is None or line.action.split(".")[0] == action or line.action == action)
                and _time(line.at) >= from_then
                and is_about(line)
            ]
        with self._store.recorder() as writer:
            detail = {"lines": len(found), "after": after}
            writer.record(current_user(), "audit.read", "kb", detail)
        return found

    def anchor(self) -> Checkpoint:
        """What the log ends with now, sealed; the line that says so is its last."""
        with self._store.recorder() as writer:
            writer.record(current_user(), "audit.anchor", "kb", {})
            snapshot = Snapshot(writer.connection)
            *_, last = lines(snapshot.connection, snapshot.history()[0] - 1)
        key = self._store.key()
        base = snapshot.meta("kb") or ""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        return Checkpoint(base, last.number, last.hash, at, key.id).sealed(key)

    def holds(self, receipt: Receipt) -> bool:
        """Whether the log has the line that a receipt names, and one about this very receipt."""
        digest = hashlib.sha256(receipt.body()).hexdigest()
        with self._store.snapshot() as snapshot:
            later = lines(snapshot.connection, receipt.line - 1)
            first = next(later, None)
            return (
                receipt.kb == snapshot.meta("kb")
                and first is not None
                and (first.number, first.hash) == (receipt.line, receipt.hash)
                and any(line.detail.get("receipt") == digest for line in later)
            )

    def verify(
        self, *, keys: Sequence[Path] = (), anchors: Sequence[Checkpoint] = ()
    ) -> AuditReport:
        """Check every line against the keys: this machine's, and those in the files `keys`.

        Raises StoreError for a file that holds no key.
        """
        known = known_keys(keys, self._store.key_file)
        with self._store.snapshot() as snapshot:
            chain = check(snapshot.connection, known)
            problems = [chain.why] if chain.broken is not None else []
            problems += [
                f"{count} lines, the first of them {chain.unknown_from[key]}, are sealed with the "
                f"key {key}, which is not here"
                for key, count in chain.unknown.items()
            ]
            for what, count in (("", chain.lost), ("the names of ", chain.nameless)):
                if count:
                    problems.append(
                        f"{what}{count} lines were lost to damage, as a later line says"
                    )
            broken = [why for anchor in anchors if (why := _unheld(snapshot, anchor, known))]
        held = len(anchors) - len(broken)
        return AuditReport(chain, held, (*problems, *broken))


def _unheld(snapshot: Snapshot, anchor: Checkpoint, keys: dict[str, AuditKey]) -> str:
    """Why the log does not hold to an anchor; "" if it does."""
    when = f"the anchor of {anchor.at}"
    if anchor.key not in keys:
        return f"{when} is sealed with the key {anchor.key}, which is not here"
    if anchor != anchor.sealed(keys[anchor.key]):
        return f"{when} is not what was made then"
    if anchor.kb != snapshot.meta("kb"):
        return f"{when} is of another base"
    (last,) = snapshot.connection.execute("SELECT coalesce(max(id), 0) FROM audit").fetchone()
    if last < anchor.line:
        return f"the log ends at line {last}, and {when} has seen line {anchor.line}: some are gone"
    with suppress(StoreDamaged):
        line = next(lines(snapshot.connection, anchor.line - 1))
        if (line.number, line.hash) == (anchor.line, anchor.hash):
            return ""
    return f"line {anchor.line} is not the one that {when} has seen: it was written anew"


def read_anchors(path: Path) -> list[Checkpoint]:
    """The anchors in a file, one JSON object on each line. Raises StoreError for anything else."""
    try:
        text = path.read_text(encoding="utf-8")
        found = [_anchor(line) for line in text.splitlines() if line.strip()]
        if not found:
            raise ValueError("there is none")
        return found
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise StoreError(f"{path} cannot be read as anchors: {error}") from error


def _anchor(text: str) -> Checkpoint:
    anchor = Checkpoint(**json.loads(text))
    for name, value in asdict(anchor).items():
        if type(value) is not (int if name == "line" else str):
            raise ValueError(f"its {name} is {value!r}")
    return anchor


def as_jsonl(found: Sequence[AuditRecord]) -> Iterator[str]:
    """Lines of the log as JSON objects."""
    for line in found:
        yield json.dumps(asdict(line), ensure_ascii=False)


def as_csv(found: Sequence[AuditRecord]) -> Iterator[str]:
    """Lines of the log as CSV with a head; nothing in it is run by a spreadsheet.

    Wherever that parts cells, at commas, semicolons or tabs: semicolons and control characters are
    written out (\\u003b), and what begins like a formula gets an apostrophe before it.
    """
    names = [field.name for field in fields(AuditRecord)]
    yield _csv_row(names)
    for line in found:
        values = asdict(line)
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


def _any(line: AuditRecord) -> bool:
    return True


def _about(snapshot: Snapshot, pattern: str | int, store: Store) -> Callable[[AuditRecord], bool]:
    """Tells lines about documents, also about such as are in the base no longer."""
    uids = {found.uid for found in matching(snapshot, pattern, store.layout)}
    called = [line for line in lines(snapshot.connection) if pattern in line.called]
    uids |= {line.document_uid for line in called if line.document_uid is not None}
    refused = {line.number for line in called if line.object == "file"}
    if not (uids or refused):
        raise SourceError(f"{pattern} is not in the base, and its log knows no such name")
    objects = {f"document:{uid}" for uid in uids}
    ids = snapshot.versions_of(uids)

    def is_about(line: AuditRecord) -> bool:
        is_named = line.object in objects or line.number in refused
        return is_named or not ids.isdisjoint(line.documents)

    return is_about
