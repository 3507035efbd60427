"""Restore: make a knowledge base from a backup, also in the place of another one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ragkit.config import Config
from ragkit.errors import NotAKnowledgeBase, RagkitError, StoreDamaged, StoreError
from ragkit.governance.backup_registry import MANIFEST, read_past_erasures
from ragkit.governance.erasure import open_writer, repeat_erasures
from ragkit.governance.receipts import parse_past_erasure, read_receipt
from ragkit.index.indexes import sync_indexes
from ragkit.maintenance.backup import (
    BackupManifest,
    make_private,
    measure_file,
    read_manifest,
)
from ragkit.maintenance.restored_access import (
    AccessRules,
    apply_access_rules,
    check_legal_holds,
    read_access_rules,
)
from ragkit.maintenance.verify import (
    CONTENT,
    VerificationReport,
    verify_store,
)
from ragkit.store.atomic_directory import (
    create_sibling,
    exchange_directories,
    publish_directory,
    sync_tree,
)
from ragkit.store.audit import current_user
from ragkit.store.checks import read_facts
from ragkit.store.database import (
    Database,
    connect_damaged,
    connect_unused,
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

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """A restored knowledge base, and what it took over from the one that it replaced.

    `records_lost` counts the audit records of the replaced knowledge base that are not in the
    restored one; None if that one could not be read. `erased` erasures that are newer than the
    backup were repeated; without `erasures_known` there may have been more. `access_rules` are the
    changes that brought access control, legal holds and retention to the state of the replaced
    knowledge base; without `access_rules_known` they are those of the backup.
    """

    path: Path
    manifest: BackupManifest
    replaced: bool
    records_lost: int | None
    erased: int
    erasures_known: bool
    access_rules: tuple[str, ...]
    access_rules_known: bool
    documents: int
    after: VerificationReport


def restore_kb(
    backup: Path,
    path: Path,
    *,
    replace: bool = False,
    receipts: Sequence[Path] = (),
    config: Config | None = None,
) -> RestoreReport:
    """Make a knowledge base from a backup, in a new directory or in the place of another one.

    The result is checked and its indexes are built before it gets its name. Until then a replaced
    knowledge base stays as it is; afterwards it is deleted. Whatever was erased since the backup is
    erased again, as far as it is known from the receipts in the backup, the files `receipts`, and
    the replaced knowledge base. Grants, labels, legal holds and retention are taken from the
    replaced knowledge base.

    Raises StoreDamaged if the backup is damaged, StoreLocked while another process has the
    replaced knowledge base open, and StoreError if something may not be replaced.
    """
    manifest = read_manifest(backup)
    past = [
        *read_past_erasures(backup),
        *(parse_past_erasure(read_receipt(_read_text(one))) for one in receipts),
    ]
    target = Layout(path.resolve())
    replaced = _check_target(target, backup, replace)
    key_file = config.key_file if config else None
    with ExitStack() as stack:
        stack.enter_context(translate_errors(target.root))
        if replaced:
            stack.enter_context(lock_exclusive(target.root))
        fresh = stack.enter_context(create_sibling(target.root, "restore"))
        _copy_files(backup, fresh, manifest)
        _check_database(fresh / "ragkit.db", manifest)
        with closing(Store(fresh, create=False, key_file=key_file)) as store:
            history = _read_replaced(store, manifest, target) if replaced else _History()
            erased, rules = _catch_up(store, manifest, history, past)
            after = verify_store(store)
            with store.snapshot() as snapshot:
                documents, _, _ = snapshot.documents.counts()
        _check_content(after, backup, target)
        sync_tree(fresh)
        if replaced:
            exchange_directories(fresh, target.root)  # `fresh` is now the old one: deleted
        else:
            publish_directory(fresh, target.root)
    return RestoreReport(
        path=target.root,
        manifest=manifest,
        replaced=replaced,
        records_lost=history.records_lost,
        erased=erased,
        erasures_known=history.erasures_known,
        access_rules=tuple(rules),
        access_rules_known=not replaced or history.rules is not None,
        documents=documents,
        after=after,
    )


def _check_content(after: VerificationReport, backup: Path, target: Layout) -> None:
    """Raise StoreDamaged if the content of the restored knowledge base is damaged."""
    if after.is_damaged(*CONTENT):
        why = next(one.finding for one in after.checks if one.state == "fail")
        raise StoreDamaged(
            f"the knowledge base restored from {backup} is damaged ({why}): restore another "
            f"backup; {target.root} is unchanged"
        )


def _check_target(target: Layout, backup: Path, replace: bool) -> bool:
    """Return True if there is a knowledge base to replace. Raises StoreError if none may be."""
    if backup.resolve().is_relative_to(target.root):
        raise StoreError(
            f"{backup} is inside {target.root}, which would be replaced: restore into another "
            "directory"
        )
    check_local(target.root)
    if target.exists():
        if not replace:
            raise StoreError(
                f"{target.root} already has a knowledge base: replace it with --replace, or "
                "restore into another directory"
            )
        return True
    if target.root.exists() and (not target.root.is_dir() or any(target.root.iterdir())):
        raise NotAKnowledgeBase(
            f"{target.root} is not a knowledge base, and not empty: restore into another directory"
        )
    return False


def _copy_files(backup: Path, fresh: Path, manifest: BackupManifest) -> None:
    """Copy the files of a backup. Raises StoreDamaged unless each has its size and digest."""
    for name, expected in manifest.files.items():
        copy = fresh / name
        if not copy.resolve().is_relative_to(fresh.resolve()):
            raise StoreDamaged(
                f"{backup / MANIFEST} names a file outside of the backup ({name}): restore "
                "another backup"
            )
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            shutil.copyfile(backup / name, copy)
        except FileNotFoundError as error:
            raise StoreDamaged(f"{backup} lacks {name}: restore another backup") from error
        if measure_file(copy) != expected:
            raise StoreDamaged(
                f"{backup / name} has changed since the backup was made: restore another backup"
            )
    make_private(fresh)


def _check_database(database: Path, manifest: BackupManifest) -> None:
    """Raise StoreDamaged if the manifest describes another database."""
    with closing(connect_unused(database)) as copy:
        found = read_facts(copy)
    if found != (manifest.kb, manifest.seq, manifest.last_record, manifest.last_signature):
        raise StoreDamaged(
            "the database of the backup is not the one that its manifest describes: restore "
            "another backup"
        )


@dataclass(frozen=True, slots=True)
class _History:
    """What was read from the knowledge base that is being replaced; the defaults if there is none.

    `rules` is None if they could not be read. `is_same` tells that the backup is an earlier state
    of it. `last_signature` is the signature of its last audit record, if some records get lost.
    """

    rules: AccessRules | None = None
    is_same: bool = False
    records_lost: int | None = 0
    last_signature: str = ""
    erasures: Sequence[PastErasure] = field(default=())
    erasures_known: bool = True


def _read_replaced(store: Store, manifest: BackupManifest, replaced: Layout) -> _History:
    """Read what a restored knowledge base must not lose from the one that it replaces.

    Raises StoreError if a document on legal hold there is not in the backup.
    """
    rules = _try_read(open_reader, replaced, read_access_rules)
    with store.snapshot() as snapshot:
        is_same = _is_earlier_state(snapshot, manifest, replaced)
        if rules is not None:  # in a damaged one, nobody could release the holds
            check_legal_holds(rules, snapshot, same=is_same)
    rules = rules or _try_read(_open_damaged, replaced, read_access_rules)
    compared = _try_read(open_reader, replaced, lambda old: _count_lost_records(store, old))
    lost, last_signature = compared or (None, "")
    found = _try_read(open_reader, replaced, _read_erasures)
    erasures_known = found is not None and found[1]
    found = found or _try_read(_open_damaged, replaced, _read_erasures)
    return _History(rules, is_same, lost, last_signature, found[0] if found else (), erasures_known)


def _catch_up(
    store: Store, manifest: BackupManifest, history: _History, past: Sequence[PastErasure]
) -> tuple[int, list[str]]:
    """Bring a restored knowledge base up to date before anybody reads it.

    Returns how many erasures were repeated, and which access rules were changed.
    """
    with open_writer(store) as writer:
        erased = repeat_erasures(writer, store.layout, store.key(), [*past, *history.erasures])
        rules = history.rules
        changed = apply_access_rules(writer, rules, same=history.is_same) if rules else []
        sync_indexes(writer, store.layout)
        detail: dict[str, Any] = {"backup": manifest.id, "seq": manifest.seq}
        detail |= {"records_lost": history.records_lost, "erased": len(erased)}
        detail |= {"lost_head": history.last_signature} if history.last_signature else {}
        writer.record(current_user(), "kb.restore", "kb", detail)
    return len(erased), changed


def _is_earlier_state(snapshot: Snapshot, manifest: BackupManifest, replaced: Layout) -> bool:
    """Return True if the backup is an earlier state of the knowledge base that is being replaced.

    Two knowledge bases restored from one backup give the same ids to different documents.
    """
    last = snapshot.audit.history(manifest.last_record)
    for opened in (open_reader, _open_damaged):
        found = _try_read(opened, replaced, lambda old: old.audit.history(manifest.last_record))
        if found is not None:
            return found == last
    return False


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise StoreError(f"the receipt {path} cannot be read: {error.strerror}") from error


def _try_read(
    opened: Callable[[Layout], Database], layout: Layout, read: Callable[[Snapshot], Read]
) -> Read | None:
    """Read something from the knowledge base that is being replaced; None if that fails."""
    try:
        with translate_errors(layout.root), closing(opened(layout)) as database:
            return read(Snapshot(database))
    except (RagkitError, *DAMAGE):
        return None


def _read_erasures(old: Snapshot) -> tuple[list[PastErasure], bool]:
    """Return the erasures so far, and whether these are all."""
    return old.erasures.past(), old.audit.is_complete()


def _open_damaged(layout: Layout) -> Database:
    return connect_damaged(layout.database)


def _count_lost_records(store: Store, old: Snapshot) -> tuple[int, str]:
    """Return how many audit records of `old` the restored log lacks, and the last signature."""
    with store.snapshot() as new:
        last, _ = old.audit.history()
        common, beyond = 0, min(last, new.audit.history()[0]) + 1
        while common + 1 < beyond:  # binary search: up to one record both logs are equal
            middle = (common + beyond) // 2
            if old.audit.history(middle) == new.audit.history(middle):
                common = middle
            else:
                beyond = middle
    signature = old.audit.signature(last) if last > common else None
    return last - common, signature.hex() if signature else ""
