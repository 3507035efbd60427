"""Repair a knowledge base: rebuild its indexes, and keep what is readable of its database."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import apsw

from ragkit.config import Config
from ragkit.errors import RagkitError, StoreDamaged, StoreError
from ragkit.governance.erasure import open_writer
from ragkit.index.indexes import open_indexes, open_spare_index, sync_indexes
from ragkit.maintenance.verify import (
    CONTENT,
    VerificationReport,
    find_shared_paths,
    find_strays,
    is_leftover,
    read_dimension,
    verify_store,
)
from ragkit.manifest import read_spare
from ragkit.store.atomic_directory import create_sibling, exchange_directories, sync_tree
from ragkit.store.audit import current_user, find_naming_records
from ragkit.store.checks import (
    contradictions,
    flawed_documents,
    flawed_vectors,
    missing_documents,
)
from ragkit.store.database import (
    Database,
    configure_writer,
    connect,
    connect_damaged,
    create_database,
    translate_errors,
)
from ragkit.store.filesystem import check_local
from ragkit.store.layout import Layout
from ragkit.store.locks import lock_exclusive
from ragkit.store.records import Lost
from ragkit.store.salvage import Losses, salvage
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from ragkit.store.vectors import SPARE_TABLE
from ragkit.store.writer import Writer


@dataclass(slots=True)
class RepairReport:
    """What a repair found, what it did, and which documents are lost until the next ingest.

    `lost` are the sources of documents that lost their content and keep their label. `missing` are
    the sources of documents that are lost entirely: the next ingest labels them as the audit log
    says. Of those, `lost_holds` were on legal hold. `unnamed` counts further lost documents whose
    source is unknown. `renamed_labels` are the new names of labels that lost their own. `kept` is
    the directory of the damaged knowledge base, if it was replaced.
    """

    findings: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    lost_holds: list[str] = field(default_factory=list)
    unnamed: int = 0
    renamed_labels: list[str] = field(default_factory=list)
    kept: Path | None = None
    after: VerificationReport | None = None


def repair_kb(path: Path, config: Config | None = None) -> RepairReport:
    """Repair the knowledge base in a directory, even if it can no longer be opened.

    If the database itself is damaged, everything readable is copied to a new knowledge base. Once
    that is complete, it takes the place of the damaged one, which is kept beside it.

    Raises StoreLocked while another process writes, or has a knowledge base open that must be
    replaced, and StoreDamaged if nothing is readable.
    """
    layout = Layout(path.resolve())
    check_local(layout.root)
    key_file = config.key_file if config else None
    try:
        store = Store(layout.root, create=False, key_file=key_file)
    except StoreDamaged as error:
        return _replace_damaged(layout, key_file, [str(error)])
    with closing(store):
        before = verify_store(store)
        if not before.is_damaged("database"):
            return repair_store(store, before)
    return _replace_damaged(layout, key_file, _list_failures(before))


def repair_store(store: Store, before: VerificationReport) -> RepairReport:
    """Repair what was found in a knowledge base whose database is readable.

    Raises StoreDamaged if the database itself is damaged.
    """
    if before.is_damaged("database"):
        raise StoreDamaged(
            f"{store.layout.database} is damaged and must be replaced: close the knowledge base, "
            f"then run: ragkit repair --kb {store.layout.root}"
        )
    report = RepairReport(findings=_list_failures(before))
    with open_writer(store) as writer:
        _repair_rows(writer, report)
        _build_indexes(writer, store.layout, before, report)
        _delete_leftovers(store, report)
        if report.actions:
            _record_repair(writer, report)
    report.after = verify_store(store)
    return report


def _record_repair(writer: Writer, report: RepairReport) -> None:
    writer.record(current_user(), "kb.repair", "kb", {"actions": report.actions})


def _list_failures(found: VerificationReport) -> list[str]:
    return [f"{one.name}: {one.finding}" for one in found.checks if one.state == "fail"]


def _repair_rows(writer: Writer, report: RepairReport) -> None:
    """Remove damaged documents, and make the journal match the documents that are left."""
    database = writer.connection
    _repair_spare_vectors(writer, report)
    flaws = list(flawed_documents(database, read_dimension(Snapshot(database))))
    if flaws:
        writer.repairs.clear_contents(flaw.document for flaw in flaws)
        report.lost = [flaw.source for flaw in flaws]
        report.actions.append(f"removed {len(flaws)} damaged documents")
    lost = _find_lost(database)
    if not lost and not list(contradictions(database)):
        return
    report.missing = sorted(one.source for one in lost if one.source)
    report.lost_holds = sorted(
        one.source for one in lost if one.source and one.legal_hold is not None
    )
    report.unnamed = sum(not one.source for one in lost)
    writer.repairs.reconcile(lost)
    report.actions.append(f"corrected the journal; {len(lost)} documents are missing")


def _repair_spare_vectors(writer: Writer, report: RepairReport) -> None:
    """Delete damaged vectors of the second set; the next change of the embedder restores them."""
    snapshot = Snapshot(writer.connection)
    try:
        spare = read_spare(snapshot)
    except RagkitError:
        spare = None
    if spare is None:
        if snapshot.with_spare_vectors().vectors.count():
            writer.repairs.delete_spare_vectors(None)
            report.actions.append("deleted the vectors of an unknown embedder")
        return
    flaws = flawed_vectors(writer.connection, SPARE_TABLE, spare.identity.embedder.dimension)
    if flaws:
        writer.repairs.delete_spare_vectors(flaws)
        report.actions.append(
            f"deleted {len(flaws)} damaged vectors of {spare.identity.embedder.name}, which no "
            "search uses; run the ragkit reembed command again"
        )


def _find_lost(database: Database) -> list[Lost]:
    """Return the documents that the journal or the audit log has, but the database has not."""
    known = {uid: Lost(uid, "", "", None) for _, uid in missing_documents(database)}
    known |= {one.uid: one for one in _read_audit_log(database)}
    snapshot = Snapshot(database)
    there = snapshot.documents.uids()
    return [
        one
        for uid, one in sorted(known.items())
        if uid not in there and not snapshot.erasures.is_erased(uid)
    ]


_REMOVALS = ("document.remove", "document.refuse", "document.lost")


def _read_audit_log(database: Database) -> list[Lost]:
    """Return the documents that exist according to the audit log, in their last state."""
    found: dict[int, Lost] = {}
    for record in find_naming_records(database)[0]:
        if record.document_uid is None:
            continue
        if record.action in _REMOVALS:
            found.pop(record.document_uid, None)
            continue
        one = found.get(record.document_uid)
        if record.action in ("document.add", "document.replace"):
            one = one or Lost(record.document_uid, "", "", None)
        if one is not None:
            source = (record.names or {}).get("source", one.source)
            label = str(record.detail.get("label", one.label))
            reason = (record.names or {}).get("reason", "")
            holds = {"retention.hold": reason, "retention.release": None}
            hold = holds.get(record.action, one.legal_hold)
            found[record.document_uid] = Lost(record.document_uid, source, label, hold)
    return list(found.values())


def _restore_holds(writer: Writer, report: RepairReport) -> None:
    """Restore the legal holds of the audit log: damage may have taken some from their table."""
    holds = {
        one.uid: one.legal_hold
        for one in _read_audit_log(writer.connection)
        if one.legal_hold is not None
    }
    known = Snapshot(writer.connection).retention.held_uids()
    again = [
        name
        for at in holds.keys() - known
        for name in writer.retention.hold([at], holds[at] or "lost")
    ]
    if again:
        report.actions.append(
            f"put {len(again)} documents on legal hold again, as in the audit log"
        )


def _build_indexes(
    writer: Writer, layout: Layout, before: VerificationReport, report: RepairReport
) -> None:
    snapshot = Snapshot(writer.connection)
    for index in (*open_indexes(layout), open_spare_index(layout)):
        name = f"{index.name} index"
        if before.is_damaged(name) or (report.lost and index.verify(snapshot)):
            index.rebuild(writer)
            report.actions.append(f"rebuilt the {name}")
    sync_indexes(writer, layout)


def _delete_leftovers(store: Store, report: RepairReport) -> None:
    layout = store.layout
    for path in find_strays(store, writing=True):
        if is_leftover(layout, path) and not path.is_relative_to(layout.tmp):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
            report.actions.append(
                f"deleted {path.relative_to(layout.root)}, which a killed process left"
            )
    for path in find_shared_paths(layout):
        path.chmod(0o700 if path.is_dir() else 0o600)
        report.actions.append(f"restricted {path.name} to its owner")


# -- replacing a damaged database -----------------------------------------------------------------


def _replace_damaged(layout: Layout, key_file: Path | None, findings: list[str]) -> RepairReport:
    report = RepairReport(findings=findings)
    root = layout.root
    with translate_errors(root), lock_exclusive(root), create_sibling(root, "repair") as fresh:
        losses = _copy_readable(layout, Layout(fresh))
        report.renamed_labels = losses.labels
        with closing(Store(fresh, create=False, key_file=key_file)) as store:
            kept = root.with_name(f"{root.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}")
            _finish_copy(store, losses, kept.name, report)
            report.after = verify_store(store)
        if report.after.is_damaged(*CONTENT):
            why = "; ".join(_list_failures(report.after))
            raise StoreDamaged(
                f"{layout.database} cannot be repaired ({why}): restore a backup, or ingest the "
                "documents into a new knowledge base; nothing was changed"
            )
        sync_tree(fresh)
        fresh.rename(kept)  # under this name no later process deletes it
        try:
            exchange_directories(kept, root)
        except StoreError:
            kept.rename(fresh)
            raise
    report.kept = kept
    return report


def _copy_readable(layout: Layout, fresh: Layout) -> Losses:
    """Copy what is readable of a database, and the uploads, into a new knowledge base."""
    create_database(fresh)
    try:
        with (
            closing(connect_damaged(layout.database)) as old,
            closing(connect(fresh.database)) as new,
        ):
            losses = salvage(old, new)
            configure_writer(new)
    except apsw.Error as error:
        raise StoreDamaged(
            f"{layout.database} cannot be read ({error}): restore a backup, or ingest the "
            "documents into a new knowledge base"
        ) from error
    if layout.uploads.is_dir():
        shutil.copytree(layout.uploads, fresh.uploads, symlinks=True, copy_function=_link_or_copy)
    return losses


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _finish_copy(store: Store, losses: Losses, kept: str, report: RepairReport) -> None:
    with store.writer() as writer:
        writer.repairs.record(kept, end_lost=losses.unread.get("audit", False))
        _repair_rows(writer, report)
        _restore_holds(writer, report)
        sync_indexes(writer, store.layout)
        report.actions.append("copied what is readable of the database")
        for table, count in sorted(losses.orphans.items()):
            report.actions.append(f"left out {count} rows of {table} that belong to lost rows")
        report.actions += [f"lost some rows of {table}" for table in sorted(losses.unread)]
        _record_repair(writer, report)
