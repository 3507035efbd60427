"""Mends a base: builds anew what is derived, and keeps what can be read of the rest."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import apsw

from ragkit.config import Config
from ragkit.errors import StoreDamaged, StoreError
from ragkit.governance.erasure import writing
from ragkit.index.indexes import open_indexes, sync_indexes
from ragkit.maintenance.verify import (
    CONTENT,
    VerificationReport,
    dimension_of,
    is_leftover,
    open_to_others,
    strays,
    verify_store,
)
from ragkit.store.atomic_directory import create_sibling, exchange_directories, sync_tree
from ragkit.store.audit import current_user, find_naming_records
from ragkit.store.checks import contradictions, flawed_documents, missing_documents
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
from ragkit.store.writer import Writer


@dataclass(slots=True)
class RepairReport:
    """What was wrong, what was done, and what is lost.

    `lost` are the sources of documents whose content is gone until the next ingest reads their
    files again. Those in `gone` are, too: files of their names get the label that they had by the
    log; those in `unheld` were held. `nameless` counts more of them of which nothing is known.
    `labels` are names that were given to labels instead of their own. `kept` is where the damaged
    base is now, if it was replaced.
    """

    found: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    unheld: list[str] = field(default_factory=list)
    nameless: int = 0
    labels: list[str] = field(default_factory=list)
    kept: Path | None = None
    after: VerificationReport | None = None


def repair_kb(path: Path, config: Config | None = None) -> RepairReport:
    """Mend the base in a directory, also one that cannot be opened any more.

    Where the database itself is damaged, what can be read of it goes into a new base that takes
    the place of the old one once it is whole, and the old one is kept beside it. Raises StoreLocked
    while somebody writes to it, or has it open if it must be replaced, and StoreDamaged where
    nothing can be kept.
    """
    layout = Layout(path.resolve())
    check_local(layout.root)
    key_file = config.key_file if config else None
    try:
        store = Store(layout.root, create=False, key_file=key_file)
    except StoreDamaged as error:
        return _replace(layout, key_file, [str(error)])
    with closing(store):
        before = verify_store(store)
        if not before.is_damaged("database"):
            return mend(store, before)
    return _replace(layout, key_file, _damages(before))


def mend(store: Store, before: VerificationReport) -> RepairReport:
    """Mend what a check has found in a base whose database can be read."""
    if before.is_damaged("database"):
        raise StoreDamaged(
            f"{store.layout.database} must be replaced; close the base, then: ragkit repair "
            f"--kb {store.layout.root}"
        )
    report = RepairReport(found=_damages(before))
    with writing(store) as writer:
        _mend_rows(writer, report)
        _build_indexes(writer, store.layout, before, report)
        _tidy(store, report)
        if report.done:
            _record(writer, report)
    report.after = verify_store(store)
    return report


def _record(writer: Writer, report: RepairReport) -> None:
    writer.record(current_user(), "kb.repair", "kb", {"done": report.done})


def _damages(found: VerificationReport) -> list[str]:
    return [f"{one.name}: {one.finding}" for one in found.checks if one.state == "fail"]


def _mend_rows(writer: Writer, report: RepairReport) -> None:
    """Take out documents that are not whole, and let the journal say which there are."""
    database = writer.connection
    flaws = list(flawed_documents(database, dimension_of(Snapshot(database))))
    if flaws:
        writer.lose(flaw.document for flaw in flaws)
        report.lost = [flaw.source for flaw in flaws]
        report.done.append(f"took out {len(flaws)} documents that are not whole")
    lost = _lost(database)
    if not lost and not list(contradictions(database)):
        return
    report.gone = sorted(one.source for one in lost if one.source)
    report.unheld = sorted(one.source for one in lost if one.source and one.hold is not None)
    report.nameless = sum(not one.source for one in lost)
    writer.reconcile(lost)
    report.done.append(f"made the journal agree; {len(lost)} documents are gone")


def _lost(database: Database) -> list[Lost]:
    """The documents that the journal or the log has, and that are not there."""
    known = {uid: Lost(uid, "", "", None) for _, uid in missing_documents(database)}
    known |= {one.uid: one for one in _by_log(database)}
    snapshot = Snapshot(database)
    there = {uid for (uid,) in database.execute("SELECT uid FROM document")}
    return [
        one
        for uid, one in sorted(known.items())
        if uid not in there and not snapshot.is_erased(uid)
    ]


_GONE = ("document.remove", "document.refuse", "document.lost")


def _by_log(database: Database) -> list[Lost]:
    """The documents that are there by the records of the log, as they were last."""
    found: dict[int, Lost] = {}
    for record in find_naming_records(database)[0]:
        if record.document_uid is None:
            continue
        if record.action in _GONE:
            found.pop(record.document_uid, None)
            continue
        one = found.get(record.document_uid)
        if record.action in ("document.add", "document.replace"):
            one = one or Lost(record.document_uid, "", "", None)
        if one is not None:
            source = (record.names or {}).get("source", one.source)
            label = str(record.detail.get("label", one.label))
            reason = (record.names or {}).get("reason", "")
            said = {"retention.hold": reason, "retention.release": None}
            hold = said.get(record.action, one.hold)
            found[record.document_uid] = Lost(record.document_uid, source, label, hold)
    return list(found.values())


def _hold_again(writer: Writer, report: RepairReport) -> None:
    """Hold what is held by the log: what could be read of the list may lack it."""
    holds = {one.uid: one.hold for one in _by_log(writer.connection) if one.hold is not None}
    known = {uid for (uid,) in writer.connection.execute("SELECT uid FROM legal_hold")}
    again = [name for at in holds.keys() - known for name in writer.hold([at], holds[at] or "lost")]
    if again:
        report.done.append(f"held {len(again)} documents again, as the log says")


def _build_indexes(
    writer: Writer, layout: Layout, before: VerificationReport, report: RepairReport
) -> None:
    snapshot = Snapshot(writer.connection)
    for index in open_indexes(layout):
        checked = f"{index.name} index"
        if before.is_damaged(checked) or (report.lost and index.verify(snapshot)):
            index.rebuild(writer)
            report.done.append(f"rebuilt the {checked}")
    sync_indexes(writer, layout)


def _tidy(store: Store, report: RepairReport) -> None:
    layout = store.layout
    for path in strays(store, writing=True):
        if is_leftover(layout, path) and not path.is_relative_to(layout.tmp):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
            report.done.append(f"deleted {path.relative_to(layout.root)}, which was left over")
    for path in open_to_others(layout):
        path.chmod(0o700 if path.is_dir() else 0o600)
        report.done.append(f"made {path.name} its owner's alone")


# -- replacing a database that cannot be read ----------------------------------------------------


def _replace(layout: Layout, key_file: Path | None, found: list[str]) -> RepairReport:
    report = RepairReport(found=found)
    root = layout.root
    with translate_errors(root), lock_exclusive(root), create_sibling(root, "repair") as fresh:
        losses = _carry_over(layout, Layout(fresh))
        report.labels = losses.labels
        with closing(Store(fresh, create=False, key_file=key_file)) as store:
            kept = root.with_name(f"{root.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}")
            _finish_copy(store, losses, kept.name, report)
            report.after = verify_store(store)
        if report.after.is_damaged(*CONTENT):
            why = "; ".join(_damages(report.after))
            raise StoreDamaged(
                f"{layout.database} cannot be repaired ({why}); it is as it was: restore a backup, "
                "or ingest the documents into a new base"
            )
        sync_tree(fresh)
        fresh.rename(kept)  # it is never swept away under this name
        try:
            exchange_directories(kept, root)
        except StoreError:
            kept.rename(fresh)
            raise
    report.kept = kept
    return report


def _carry_over(layout: Layout, fresh: Layout) -> Losses:
    """Copy what can be read of a database, and the files that lie beside it, into a new base."""
    create_database(fresh)
    try:
        with (
            closing(connect_damaged(layout.database)) as old,
            closing(connect(fresh.database)) as new,
        ):
            new.execute("PRAGMA journal_mode = DELETE")
            new.execute("PRAGMA synchronous = OFF")  # all of it is written through at the end
            losses = salvage(old, new)
            configure_writer(new)
    except apsw.Error as error:
        raise StoreDamaged(
            f"nothing can be read of {layout.database} ({error}); restore a backup, or ingest the "
            "documents into a new base"
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
        writer.begin_repair(kept, end_lost=losses.unread.get("audit", False))
        _mend_rows(writer, report)
        _hold_again(writer, report)
        sync_indexes(writer, store.layout)
        report.done.append("carried over what can be read of the database")
        for table, count in sorted(losses.orphans.items()):
            report.done.append(f"left out {count} rows of {table} that belong to what is lost")
        report.done += [f"some rows of {table} are lost" for table in sorted(losses.unread)]
        _record(writer, report)
