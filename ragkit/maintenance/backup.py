"""Copies of a base that are whole, taken while others read and write, and bases made of them."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from ragkit.config import Config
from ragkit.errors import NotAKnowledgeBase, RagkitError, StoreDamaged, StoreError, StoreMissing
from ragkit.governance.backup_registry import MANIFEST, PURPOSE, read_past_erasures
from ragkit.governance.erasure import replay, writing
from ragkit.governance.receipts import parse_past_erasure, read_receipt
from ragkit.index.indexes import sync_indexes
from ragkit.maintenance.restored_access import check_holds, rules_of, take_over
from ragkit.maintenance.verify import CONTENT, VerificationReport, verify_store
from ragkit.store.atomic_directory import (
    create_sibling,
    exchange_directories,
    publish_directory,
    sync_tree,
)
from ragkit.store.audit import current_user
from ragkit.store.checks import structure_flaws
from ragkit.store.database import (
    Database,
    connect_damaged,
    connect_unused,
    copy_database,
    open_reader,
    translate_errors,
)
from ragkit.store.filesystem import check_local
from ragkit.store.layout import Layout
from ragkit.store.locks import lock_exclusive
from ragkit.store.records import PastErasure
from ragkit.store.salvage import DAMAGE
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store

_VERSION = 1  # of the manifest

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds: of which base, as of which commit, and every file's size and SHA-256.

    `record` and `signature` are the last record of the audit log in it.
    """

    id: str
    kb: str
    format: str
    seq: int
    at: str
    documents: int
    pages: int
    chunks: int
    record: int
    signature: str
    files: dict[str, tuple[int, str]]
    version: int = _VERSION


@dataclass(frozen=True, slots=True)
class BackupReport:
    """A backup that was made, and where the key of its audit log is, which is not in it."""

    path: Path
    manifest: Manifest
    bytes: int
    key_file: Path


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """A base that was restored: `records_lost` of the one that it replaced were not in its log.

    None means that this cannot be told, as that one could not be read. `erased` erasures that came
    after the backup were repeated; unless `erasures_known`, there may have been more in the base
    that was replaced. `rules` are the changes that were made for it to be governed as that one was;
    unless `rules_known` it is governed as it was when the backup was made.
    """

    path: Path
    manifest: Manifest
    replaced: bool
    records_lost: int | None
    erased: int
    erasures_known: bool
    rules: tuple[str, ...]
    rules_known: bool
    documents: int
    after: VerificationReport


def back_up(store: Store, target: Path) -> BackupReport:
    """Copy a base into a new directory, with all that is not derived.

    Others may read and write meanwhile: it is as of one commit. Raises StoreError where something
    is there already, and StoreDamaged for a base that is not whole.
    """
    target = target.resolve()
    if os.path.lexists(target):
        raise StoreError(f"{target} is there already; name a new directory for the backup")
    if target.is_relative_to(store.layout.root.resolve()):
        raise StoreError(f"{target} is in the base itself; name a directory elsewhere")
    id = secrets.token_hex(8)
    with store.recorder() as writer:  # so that the copy says that it is one
        writer.record(current_user(), "kb.backup", "kb", {"backup": id}, {"target": str(target)})
    with translate_errors(target), create_sibling(target, PURPOSE) as fresh:
        with store.snapshot() as snapshot:
            copy_database(snapshot.connection, fresh / "ragkit.db")
            facts = _facts(snapshot)
        _check_copy(fresh / "ragkit.db")
        _copy_uploads(store.layout.uploads, fresh / "uploads")
        files = {name: _facts_of(fresh / name) for name in _files_in(fresh)}
        manifest = Manifest(id, files=files, **facts)
        content = json.dumps(asdict(manifest), indent=1, sort_keys=True)
        (fresh / MANIFEST).write_text(content)
        _make_private(fresh)
        sync_tree(fresh)
        publish_directory(fresh, target)
    digest = hashlib.sha256(content.encode()).hexdigest()
    with store.recorder() as writer:
        writer.record(current_user(), "kb.backup-done", "kb", {"backup": id, "manifest": digest})
    total = sum(size for size, _ in files.values())
    return BackupReport(target, manifest, total, store.key_file)


def _facts(snapshot: Snapshot) -> dict[str, Any]:
    documents, pages, chunks = snapshot.counts()
    record, signature = snapshot.connection.execute(
        "SELECT id, CAST(signature AS BLOB) FROM audit ORDER BY id DESC LIMIT 1"
    ).fetchone()
    return {
        "kb": snapshot.meta("kb"),
        "format": snapshot.meta("format"),
        "seq": snapshot.seq,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "documents": documents,
        "pages": pages,
        "chunks": chunks,
        "record": record,
        "signature": signature.hex(),
    }


def _check_copy(path: Path) -> None:
    with closing(connect_unused(path)) as copy:
        flaws = list(structure_flaws(copy))
        if copy.execute("PRAGMA checksum_verification").fetchone() != ("1",):
            flaws.append("its pages have no checksums")
    if flaws:
        raise StoreDamaged(f"the copy in {path.parent} is not whole ({flaws[0]}); check the disk")


def _copy_uploads(uploads: Path, target: Path) -> None:
    """Copy the files, no links, nor those that are not whole yet or taken out meanwhile."""
    for folder, _, names in os.walk(uploads):
        for name in names:
            source = Path(folder, name)
            if name.startswith(".") or source.is_symlink() or not source.is_file():
                continue
            copy = target / source.relative_to(uploads)
            copy.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                shutil.copyfile(source, copy)


def _files_in(folder: Path) -> Iterator[str]:
    """What was copied; the registry may be there, too, and grows."""
    for path in (folder / "ragkit.db", *sorted((folder / "uploads").rglob("*"))):
        if path.is_file():
            yield path.relative_to(folder).as_posix()


def _facts_of(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _make_private(folder: Path) -> None:
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)


# -- restoring -------------------------------------------------------------------------------


def read_manifest(backup: Path) -> Manifest:
    """What a backup holds.

    Raises StoreMissing where there is none, and NotAKnowledgeBase for one of a later ragkit.
    """
    try:
        content = json.loads((backup / MANIFEST).read_bytes())
        version = content["version"]
        if version != _VERSION:
            raise NotAKnowledgeBase(
                f"{backup} is a backup of version {version}, this ragkit reads {_VERSION}; use "
                "the ragkit that made it"
            )
        files = {_named(name): (*facts,) for name, facts in content.pop("files").items()}
        return Manifest(**content, files=files)
    except FileNotFoundError as error:
        raise StoreMissing(f"{backup} is no backup of ragkit's: it has no {MANIFEST}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StoreDamaged(f"{backup / MANIFEST} cannot be read: {error}") from error


def _named(name: str) -> str:
    """A name that a file can have. Raises ValueError for any other."""
    if b"\0" in os.fsencode(name):
        raise ValueError(f"{name!r} is no name of a file")
    return name


def restore_kb(
    backup: Path,
    path: Path,
    *,
    replace: bool = False,
    receipts: Sequence[Path] = (),
    config: Config | None = None,
) -> RestoreReport:
    """Make a base of a backup, in a new directory, or in the place of another base.

    It is checked, and all that is derived is built, before it gets its name; until then the other
    base stays as it is, and then it is deleted. What was erased since the backup was made is erased
    from it: by the receipts that lie in the backup, those in the files `receipts`, and the base
    that is replaced. Rights, labels, holds and retention are those of the base that is replaced.
    Raises StoreDamaged for a backup that is not what was written, StoreLocked while somebody has
    the other base open, and StoreError where there is something that may not be replaced.
    """
    manifest = read_manifest(backup)
    past = [
        *read_past_erasures(backup),
        *(parse_past_erasure(read_receipt(_text(one))) for one in receipts),
    ]
    target = Layout(path.resolve())
    if backup.resolve().is_relative_to(target.root):
        raise StoreError(f"{backup} would be replaced itself; name another directory")
    check_local(target.root)
    replaced = _check_target(target, replace)
    key_file = config.key_file if config else None
    with ExitStack() as held:
        held.enter_context(translate_errors(target.root))
        if replaced:
            held.enter_context(lock_exclusive(target.root))
        fresh = held.enter_context(create_sibling(target.root, "restore"))
        _copy_checked(backup, fresh, manifest)
        _check_facts(fresh / "ragkit.db", manifest)
        with closing(Store(fresh, create=False, key_file=key_file)) as store:
            settled = _settle(store, manifest, target if replaced else None, past)
            after = verify_store(store)
            with store.snapshot() as snapshot:
                documents, _, _ = snapshot.counts()
        if after.is_damaged(*CONTENT):
            why = next(one.finding for one in after.checks if one.state == "fail")
            raise StoreDamaged(
                f"{target.root} is as it was: what was restored from {backup} is not whole: {why}"
            )
        sync_tree(fresh)
        if replaced:
            exchange_directories(fresh, target.root)  # what is now in its place beside is deleted
        else:
            publish_directory(fresh, target.root)
    return RestoreReport(target.root, manifest, replaced, *settled, documents, after)


def _check_target(target: Layout, replace: bool) -> bool:
    """Whether there is a base that is to be replaced."""
    if target.exists():
        if not replace:
            raise StoreError(
                f"there is a base in {target.root}; name another directory, or replace it with "
                "--replace"
            )
        return True
    if target.root.exists() and (not target.root.is_dir() or any(target.root.iterdir())):
        raise NotAKnowledgeBase(
            f"{target.root} is something else, and not empty; name another directory"
        )
    return False


def _copy_checked(backup: Path, fresh: Path, manifest: Manifest) -> None:
    """Copy the files of a backup, each of them as its digest says."""
    for name, expected in manifest.files.items():
        copy = fresh / name
        if not copy.resolve().is_relative_to(fresh.resolve()):
            raise StoreDamaged(f"{backup / MANIFEST} names a file outside of it: {name}")
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            shutil.copyfile(backup / name, copy)
        except FileNotFoundError as error:
            raise StoreDamaged(f"{backup} lacks {name}; take another backup") from error
        if _facts_of(copy) != expected:
            raise StoreDamaged(f"{backup / name} is not what was written; take another backup")
    _make_private(fresh)


def _check_facts(database: Path, manifest: Manifest) -> None:
    """See that a database is the one that the manifest is about."""
    with closing(connect_unused(database)) as copy:
        found = copy.execute(
            "SELECT b.value, CAST(s.value AS INTEGER), a.id, lower(hex(a.signature)) "
            "FROM meta b, meta s, audit a WHERE b.key = 'kb' AND s.key = 'seq' "
            "ORDER BY a.id DESC LIMIT 1"
        ).fetchone()
    if found != (manifest.kb, manifest.seq, manifest.record, manifest.signature):
        raise StoreDamaged("the backup is not the one that its manifest is about; take another one")


def _settle(
    store: Store, manifest: Manifest, replaced: Layout | None, past: Sequence[PastErasure]
) -> tuple[int | None, int, bool, tuple[str, ...], bool]:
    """All that must be done before anybody reads it, with the base that it replaces at hand.

    Returns how many records of the other one's log it has not, how many erasures were repeated,
    whether all are known that there were, which rules were taken over, and whether those are known.
    """
    lost: int | None = 0
    head, known, is_sure = "", list(past), True
    rules, same = None, False
    if replaced is not None:
        rules = _of_replaced(open_reader, replaced, rules_of)
        with store.snapshot() as snapshot:
            same = _is_before(snapshot, manifest, replaced)
            if rules is not None:  # else nobody can release what is held there
                check_holds(rules, snapshot, same=same)
        rules = rules or _of_replaced(_open_damaged, replaced, rules_of)
        compared = _of_replaced(open_reader, replaced, lambda old: _count_lost_records(store, old))
        lost, head = compared or (None, "")
        there = _of_replaced(open_reader, replaced, _past_erasures)
        is_sure = there is not None and there[1]
        there = there or _of_replaced(_open_damaged, replaced, _past_erasures)
        known += there[0] if there else []
    with writing(store) as writer:
        erased = replay(writer, store.layout, store.key(), known)
        taken = take_over(writer, rules, same=same) if rules is not None else []
        sync_indexes(writer, store.layout)
        detail: dict[str, Any] = {"backup": manifest.id, "seq": manifest.seq}
        detail |= {"records_lost": lost, "erased": len(erased)}
        detail |= {"lost_head": head} if head else {}
        writer.record(current_user(), "kb.restore", "kb", detail)
    return lost, len(erased), is_sure, tuple(taken), replaced is None or rules is not None


def _is_before(snapshot: Snapshot, manifest: Manifest, replaced: Layout) -> bool:
    """Whether what was backed up is an earlier state of the base that is being replaced.

    Two bases that were made of one backup give the same numbers to different documents.
    """
    last = snapshot.history(manifest.record)
    for opened in (open_reader, _open_damaged):
        found = _of_replaced(opened, replaced, lambda old: old.history(manifest.record))
        if found is not None:
            return found == last
    return False


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise StoreError(f"the receipt in {path} cannot be read: {error.strerror}") from error


def _of_replaced(
    opened: Callable[[Layout], Database], layout: Layout, read: Callable[[Snapshot], Read]
) -> Read | None:
    """What is read of the base that is being replaced; None if that cannot be."""
    try:
        with translate_errors(layout.root), closing(opened(layout)) as database:
            return read(Snapshot(database))
    except (RagkitError, *DAMAGE):
        return None


def _past_erasures(old: Snapshot) -> tuple[list[PastErasure], bool]:
    """What was erased, and whether that is all."""
    return old.past_erasures(), old.has_whole_log()


def _open_damaged(layout: Layout) -> Database:
    return connect_damaged(layout.database)


def _count_lost_records(store: Store, old: Snapshot) -> tuple[int, str]:
    """Count the records of another base's log that the restored one lacks; the last signature."""
    with store.snapshot() as new:
        last, _ = old.history()
        common, beyond = 0, min(last, new.history()[0]) + 1
        while common + 1 < beyond:  # records are the same up to one, and none is behind it
            middle = (common + beyond) // 2
            if old.history(middle) == new.history(middle):
                common = middle
            else:
                beyond = middle
    row = old.connection.execute(
        "SELECT CAST(signature AS BLOB) FROM audit WHERE id = ?", (last,)
    ).fetchone()
    return last - common, row[0].hex() if row and last > common else ""
