"""Backups: consistent copies of a knowledge base, taken while it is in use."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ragkit.errors import NotAKnowledgeBase, StoreDamaged, StoreError, StoreMissing
from ragkit.governance.backup_registry import MANIFEST, PURPOSE
from ragkit.store.atomic_directory import create_sibling, publish_directory, sync_tree
from ragkit.store.audit import current_user
from ragkit.store.checks import has_checksums, structure_flaws
from ragkit.store.database import connect_unused, copy_database, translate_errors
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store

_VERSION = 1  # of the manifest


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """What a backup contains.

    `kb` is the id of the knowledge base and `seq` the commit that was copied. `last_record` and
    `last_signature` are the number and the signature of the last audit record in it. `files` maps
    each path in the backup to its size in bytes and its SHA-256.
    """

    id: str
    kb: str
    format: str
    seq: int
    created_at: str
    documents: int
    pages: int
    chunks: int
    last_record: int
    last_signature: str
    files: dict[str, tuple[int, str]]
    version: int = _VERSION


@dataclass(frozen=True, slots=True)
class BackupReport:
    """A finished backup, its size in bytes, and the audit key file, which is not part of it."""

    path: Path
    manifest: BackupManifest
    bytes: int
    key_file: Path


def back_up(store: Store, target: Path) -> BackupReport:
    """Copy a knowledge base into the new directory `target`, without what can be rebuilt.

    Others may read and write while the copy is made; it contains exactly one commit. Raises
    StoreError if the target exists, and StoreDamaged if the copy has errors.
    """
    target = target.resolve()
    if os.path.lexists(target):
        raise StoreError(f"{target} already exists: expected a new directory for the backup")
    if target.is_relative_to(store.layout.root.resolve()):
        raise StoreError(
            f"{target} is inside the knowledge base: expected a directory outside of it"
        )
    id = secrets.token_hex(8)
    with store.recorder() as writer:  # first, so that the copy contains this record, too
        writer.record(current_user(), "kb.backup", "kb", {"backup": id}, {"target": str(target)})
    with translate_errors(target), create_sibling(target, PURPOSE) as fresh:
        with store.snapshot() as snapshot:
            copy_database(snapshot.connection, fresh / "ragkit.db")
            facts = _describe_snapshot(snapshot)
        _check_copy(fresh / "ragkit.db")
        _copy_uploads(store.layout.uploads, fresh / "uploads")
        files = {name: measure_file(fresh / name) for name in _list_files(fresh)}
        manifest = BackupManifest(id, files=files, **facts)
        content = json.dumps(asdict(manifest), indent=1, sort_keys=True)
        (fresh / MANIFEST).write_text(content)
        make_private(fresh)
        sync_tree(fresh)
        publish_directory(fresh, target)
    digest = hashlib.sha256(content.encode()).hexdigest()
    with store.recorder() as writer:
        writer.record(current_user(), "kb.backup-done", "kb", {"backup": id, "manifest": digest})
    total = sum(size for size, _ in files.values())
    return BackupReport(target, manifest, total, store.key_file)


def _describe_snapshot(snapshot: Snapshot) -> dict[str, Any]:
    documents, pages, chunks = snapshot.documents.counts()
    record = snapshot.audit.last_number()
    return {
        "kb": snapshot.meta("kb"),
        "format": snapshot.meta("format"),
        "seq": snapshot.seq,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "documents": documents,
        "pages": pages,
        "chunks": chunks,
        "last_record": record,
        "last_signature": (snapshot.audit.signature(record) or b"").hex(),
    }


def _check_copy(path: Path) -> None:
    with closing(connect_unused(path)) as copy:
        flaws = list(structure_flaws(copy))
        if not has_checksums(copy):
            flaws.append("its pages have no checksums")
    if flaws:
        raise StoreDamaged(f"the copy in {path.parent} has errors ({flaws[0]}): check the disk")


def _copy_uploads(uploads: Path, target: Path) -> None:
    """Copy the uploaded files, without links and without files that are still being written."""
    for folder, _, names in os.walk(uploads):
        for name in names:
            source = Path(folder, name)
            if name.startswith(".") or source.is_symlink() or not source.is_file():
                continue
            copy = target / source.relative_to(uploads)
            copy.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # somebody removed it in the meantime
                shutil.copyfile(source, copy)


def _list_files(folder: Path) -> Iterator[str]:
    """Yield the files for the manifest; the backup registry is not one, because it grows."""
    for path in (folder / "ragkit.db", *sorted((folder / "uploads").rglob("*"))):
        if path.is_file():
            yield path.relative_to(folder).as_posix()


def measure_file(path: Path) -> tuple[int, str]:
    """Return the size of a file in bytes and its SHA-256."""
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def make_private(folder: Path) -> None:
    """Let only the owner access what is in a folder."""
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)


def read_manifest(backup: Path) -> BackupManifest:
    """Read the manifest of a backup.

    Raises StoreMissing if there is none, NotAKnowledgeBase if another version of ragkit wrote it,
    and StoreDamaged if it cannot be read.
    """
    try:
        content = json.loads((backup / MANIFEST).read_bytes())
        version = content["version"]
        if version != _VERSION:
            raise NotAKnowledgeBase(
                f"{backup} is a backup of version {version}: expected version {_VERSION}; restore "
                "it with the ragkit that made it"
            )
        files = {_check_name(name): (*facts,) for name, facts in content.pop("files").items()}
        return BackupManifest(**content, files=files)
    except FileNotFoundError as error:
        raise StoreMissing(
            f"{backup} is not a backup: expected a directory with {MANIFEST}, as ragkit backup "
            "makes it"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StoreDamaged(
            f"{backup / MANIFEST} cannot be read ({error}): restore another backup"
        ) from error


def _check_name(name: str) -> str:
    """Return a file name. Raises ValueError for one that no file can have."""
    if b"\0" in os.fsencode(name):
        raise ValueError(f"invalid file name {name!r}")
    return name
