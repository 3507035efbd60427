"""The backups of a knowledge base, each with the receipts of later erasures.

Restoring a backup repeats these erasures.
"""

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
"""The file in a backup that lists its content; written last."""
PURPOSE = "backup"
"""The purpose in the name of a backup's unfinished directory; see `create_sibling`."""

_REGISTRY = "erasures.jsonl"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup according to the audit log: its start, its path, and whether it was finished."""

    id: str
    at: str
    path: Path
    is_finished: bool

    @property
    def folders(self) -> list[Path]:
        """The writable directories that hold the backup; unfinished ones lie beside its path."""
        found = (
            [] if self.is_finished else list(find_siblings(self.path, PURPOSE))
        )  # before it is moved
        found += [self.path] if _read_id(self.path) == self.id else []
        return [folder for folder in found if os.access(folder, os.W_OK)]


def _read_id(folder: Path) -> str:
    """Return the id of the backup in a directory; "" for none."""
    try:
        return str(json.loads((folder / MANIFEST).read_bytes())["id"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def find_backups(snapshot: Snapshot) -> list[Backup]:
    """Return the backups, without those whose names are erased and those that were abandoned.

    A restored knowledge base counts the backup that it came from as finished.
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
    """Yield a sentence for each backup that still holds what was erased, for a receipt."""
    for backup in found:
        until = "until it is deleted; restoring it repeats the erasure"
        folders = backup.folders
        if not folders:
            until = "which is not reachable now, until it is deleted; restore it with this receipt"
        for folder in folders or [backup.path]:
            yield f"the backup of {backup.at[:10]} in {folder}, {until}"


def register_erasure(found: Sequence[Backup], receipt: Receipt) -> None:
    """Add a receipt to every reachable backup, durably. Repeating it has no effect."""
    for backup in (*found, *found):  # again: one may just have been moved to its path
        for folder in backup.folders:
            with translate_errors(folder), suppress(FileNotFoundError):
                _append_receipt(folder / _REGISTRY, receipt.to_line().encode())


def _append_receipt(registry: Path, line: bytes) -> None:
    """Append a line to the registry, unless it has it."""
    known = registry.read_bytes() if registry.exists() else b""
    if line in known:
        return
    write_atomic(registry, known + line, scratch=registry.with_suffix(".new"))


def read_past_erasures(folder: Path) -> list[PastErasure]:
    """Return the erasures since a backup, from the receipts in it.

    Raises StoreDamaged if they cannot be read.
    """
    registry = folder / _REGISTRY
    if not registry.exists():
        return []
    try:
        found = registry.read_text("utf-8").split("\n")
        return [parse_past_erasure(read_receipt(line)) for line in found if line]
    except (UnicodeDecodeError, StoreError) as error:
        raise StoreDamaged(
            f"{registry} is damaged ({error}), so later erasures are not known; take another backup"
        ) from error
