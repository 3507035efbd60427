"""The backups of a base, and in each of them what was erased from the base since it was made."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ragkit.errors import StoreDamaged, StoreError
from ragkit.governance.receipts import Receipt, parse_past_erasure, read_receipt
from ragkit.store.atomic import write_atomic
from ragkit.store.atomic_directory import find_siblings
from ragkit.store.audit import find_records
from ragkit.store.database import translate_errors
from ragkit.store.records import PastErasure
from ragkit.store.snapshot import Snapshot

MANIFEST = "manifest.json"
"""In a backup's directory, written last: what it holds."""
PURPOSE = "backup"
"""What a backup's directory is made for beside the place that it is to have."""

_REGISTRY = "erasures.jsonl"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup by the log of its base: when and where it was begun, and whether it was finished."""

    id: str
    at: str
    path: Path
    is_finished: bool

    @property
    def folders(self) -> list[Path]:
        """Where it is, as far as it can be written to: while it is being made, beside its place."""
        found = (
            [] if self.is_finished else list(find_siblings(self.path, PURPOSE))
        )  # before it is moved
        found += [self.path] if _read_id(self.path) == self.id else []
        return [folder for folder in found if os.access(folder, os.W_OK)]


def _read_id(folder: Path) -> str:
    """Which backup lies in a directory; "" for none."""
    try:
        return str(json.loads((folder / MANIFEST).read_bytes())["id"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def find_backups(snapshot: Snapshot) -> list[Backup]:
    """The backups of a base, but for those whose names are erased, and those that never came.

    A base that was restored knows of the one that it was made of, which was finished then.
    """
    found: dict[str, Backup] = {}
    for record in find_records(snapshot.connection, "kb.backup", "kb.backup-done", "kb.restore"):
        id = record.detail.get("backup", "")
        if record.action == "kb.backup" and record.names:
            found[id] = Backup(id, record.at, Path(record.names.get("target", "")), False)
        elif record.action != "kb.backup" and id in found:
            found[id] = replace(found[id], is_finished=True)
    return [one for one in found.values() if one.is_finished or one.folders]


def describe_backups(found: Sequence[Backup]) -> Iterator[str]:
    """For a receipt: the backups that what was erased still lies in."""
    for backup in found:
        until = "until it is deleted; when it is restored it is erased from that, too"
        folders = backup.folders
        if not folders:
            until = "which is not there now, until it is deleted; restore it with this receipt"
        for folder in folders or [backup.path]:
            yield f"the backup of {backup.at[:10]} in {folder}, {until}"


def register_erasure(found: Sequence[Backup], receipt: Receipt) -> None:
    """Put a receipt into every backup that is there, durably; twice does no harm."""
    for backup in (*found, *found):  # one that is moved to its place meanwhile is met there
        for folder in backup.folders:
            with translate_errors(folder), suppress(FileNotFoundError):
                _append_receipt(folder / _REGISTRY, receipt.to_line().encode())


def _append_receipt(registry: Path, line: bytes) -> None:
    """Add a line, whole or not at all."""
    known = registry.read_bytes() if registry.exists() else b""
    if line in known:
        return
    write_atomic(registry, known + line, scratch=registry.with_suffix(".new"))


def read_past_erasures(folder: Path) -> list[PastErasure]:
    """What was erased since a backup was made, by the receipts that lie in it."""
    registry = folder / _REGISTRY
    if not registry.exists():
        return []
    try:
        found = registry.read_text("utf-8").split("\n")
        return [parse_past_erasure(read_receipt(line)) for line in found if line]
    except (UnicodeDecodeError, StoreError) as error:
        raise StoreDamaged(
            f"{registry} is not what was written ({error}), so what was erased is not known; "
            "take another backup"
        ) from error
