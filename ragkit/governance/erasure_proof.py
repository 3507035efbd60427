"""Proof of an erasure: rewrite the files, search every byte of them, and sign a receipt."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ragkit.errors import StoreError, StoreLocked
from ragkit.governance import backup_registry
from ragkit.governance.fingerprints import WINDOW_BYTES, Fingerprints, Hashes
from ragkit.governance.receipts import Receipt
from ragkit.index.indexes import open_indexes, open_spare_index
from ragkit.index.tantivy_index import TantivyIndex
from ragkit.store.atomic import sync_directory
from ragkit.store.audit import find_naming_records, find_questions_about, find_records
from ragkit.store.database import translate_errors
from ragkit.store.file_blocks import has_readable_content
from ragkit.store.keys import AuditKey
from ragkit.store.layout import Layout
from ragkit.store.records import OpenErasure
from ragkit.store.snapshot import Snapshot
from ragkit.store.writer import Writer

VECTOR_BYTES = 2 * WINDOW_BYTES
"""The first bytes of a vector, which are enough to recognise it."""

_WAL_TIMEOUT = 10.0  # seconds to wait for readers that still use the WAL
_WAL_POLL = 0.05  # seconds
_MAX_LISTED_FILES = 3  # in a message


class ContentLeft(StoreError):
    """Some of what was erased is still on the disk."""


def prove_erasure(writer: Writer, layout: Layout, key: AuditKey, begun: OpenErasure) -> Receipt:
    """Rewrite the files of a knowledge base, search them for what was erased, and sign a receipt.

    Raises ContentLeft if something is left.
    """
    with translate_errors(layout.root):
        rewritten = _rewrite_files(writer, layout, begun)
        fingerprints = Fingerprints.from_bytes(begun.fingerprints)
        searched = _search_files(writer, layout, fingerprints, rewritten)
    snapshot = Snapshot(writer.connection)
    _, unread = find_naming_records(snapshot.connection)
    _, unread_questions = find_questions_about(snapshot.connection, ())
    erasures = find_records(snapshot.connection, "document.erase")
    record = next((one for one in erasures if one.number == begun.record), None)
    backups = backup_registry.find_backups(snapshot)
    uids, digests = snapshot.erasures.contents(begun.id, record)
    outside = record.detail.get("outside", 0) if record else 0
    damaged = _find_damaged_copies(snapshot, layout)
    draft = Receipt(
        kb=snapshot.meta("kb") or "",
        erasure=begun.id,
        at=begun.at,
        reason=(record.names or {}).get("reason", "") if record else "",
        documents=tuple(f"document:{uid}" for uid in uids),
        digests=tuple(digest.hex() for digest in digests),
        rewritten=tuple(rewritten),
        searched=searched,
        remains=_list_remains(outside, backups, damaged, unread + unread_questions),
        complete=snapshot.audit.is_complete(),
        record=record.number if record else 0,  # 0 if damage took the record
        record_signature=record.signature if record else "",
        key=key.id,
        public_key=key.public_key,
    )
    return replace(draft, signature=key.sign_ed25519(draft.body()))


def checkpoint_wal(writer: Writer) -> None:
    """Empty the WAL as soon as no reader uses it. Raises StoreLocked after ten seconds."""
    until = time.monotonic() + _WAL_TIMEOUT
    while True:
        try:
            writer.checkpoint_wal()
            return
        except StoreLocked:
            if time.monotonic() > until:
                raise
            time.sleep(_WAL_POLL)


def _rewrite_files(writer: Writer, layout: Layout, begun: OpenErasure) -> list[str]:
    """Rewrite or delete the files that may contain erased content; returns what was done."""
    for name in begun.files:
        layout.delete_upload(name)
    _sync_folders(layout)
    writer.erasures.clear_files(begun.id)
    snapshot = Snapshot(writer.connection)
    indexes = (*open_indexes(layout), open_spare_index(layout))
    erased = snapshot.documents.versions_of(snapshot.erasures.uids(begun.id))
    for index in indexes:
        index.drop(writer, erased)
    for entry in layout.tmp.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    _sync_folders(layout)
    checkpoint_wal(writer)
    files = [path for index in indexes if (path := index.path(snapshot))]
    return [
        "ragkit.db-wal",
        *(str(path.relative_to(layout.root)) for path in files),
        *([f"uploads: {len(begun.files)} deleted"] if begun.files else []),
    ]


def _sync_folders(layout: Layout) -> None:
    """Write all folders to the disk, so that a power cut restores no deleted file."""
    for folder in (layout.root, *layout.root.rglob("*/")):
        sync_directory(folder)


def _search_files(
    writer: Writer, layout: Layout, fingerprints: Fingerprints, rewritten: list[str]
) -> dict[str, int]:
    """Search every byte of a knowledge base for what was erased, and return the counts.

    If something is found, the word index and the database are rewritten and searched once more.
    Raises ContentLeft if something is left after that.
    """
    for attempt in (1, 2):
        files = [path for path in sorted(layout.root.rglob("*")) if has_readable_content(path)]
        found = fingerprints.intersect(fingerprints.find_in_files(files))
        snapshot = Snapshot(writer.connection)
        shared = _find_in_database(snapshot, found, of_documents=True)
        left = found.intersect(np.setdiff1d(found.hashes, shared))
        elsewhere = _find_in_database(snapshot, left, of_documents=False)
        if len(elsewhere) == len(left.hashes):
            return {
                "places": len(fingerprints.hashes),
                "found": 0,
                "shared": len(shared),
                "elsewhere": len(elsewhere),
                "files": len(files),
                "bytes": sum(path.stat().st_size for path in files),
                **_count_index_entries(snapshot, layout),
            }
        if attempt == 1:  # removed documents of others may have left a part of it
            TantivyIndex(layout).rebuild(writer)
            _sync_folders(layout)
            writer.vacuum()
            checkpoint_wal(writer)
            rewritten.append("ragkit.db")
    left = left.intersect(np.setdiff1d(left.hashes, elsewhere))
    raise ContentLeft(_describe_content_left(layout, files, left))


def _describe_content_left(layout: Layout, files: list[Path], left: Fingerprints) -> str:
    names = [
        str(path.relative_to(layout.root)) for path in files if len(left.find_in_files([path]))
    ]
    if names and all(Path(name).parts[0] == "uploads" for name in names):
        fix = "ingest or delete those files, which belong to no document"
    else:
        fix = "check the disk"
    return (
        f"the erasure is not finished: {', '.join(names[:_MAX_LISTED_FILES])} in {layout.root} "
        "still contain erased content. It no longer appears in searches or answers, but it is on "
        f"the disk: {fix}, then erase the same again"
    )


def _find_in_database(
    snapshot: Snapshot, fingerprints: Fingerprints, *, of_documents: bool
) -> Hashes:
    """Return the fingerprints that also occur in what stays, and so prove nothing."""
    if not len(fingerprints.hashes):
        return fingerprints.hashes
    return fingerprints.find_in_contents(
        snapshot.erasures.stored_values(VECTOR_BYTES, of_documents=of_documents)
    )


def _count_index_entries(snapshot: Snapshot, layout: Layout) -> dict[str, int]:
    """Count the entries of all indexes. Raises StoreError unless there is one for each chunk."""
    (_, _, chunks) = snapshot.documents.counts()
    expected = dict.fromkeys(open_indexes(layout), chunks)
    spare = open_spare_index(layout)
    if spare.path(snapshot):
        expected[spare] = snapshot.with_spare_vectors().vectors.count()
    found = {index: index.count(snapshot) for index in expected}
    counts = {f"{index.name}s": count for index, count in found.items()}
    if found != expected:
        raise StoreError(
            f"the indexes in {layout.index} have {counts}: expected {[*expected.values()]} chunks "
            "in them; run: ragkit repair"
        )
    return counts


def _find_damaged_copies(snapshot: Snapshot, layout: Layout) -> Iterator[Path]:
    """Yield the damaged knowledge bases that repairs kept."""
    for record in find_records(snapshot.connection, "kb.repair"):
        if kept := record.detail.get("kept"):
            yield layout.root.with_name(kept)


def _list_remains(
    outside: int, backups: Sequence[backup_registry.Backup], damaged: Iterable[Path], unread: int
) -> tuple[str, ...]:
    """Return what an erasure cannot reach, as text for the receipt."""
    found = [
        "the memory of other processes that have the knowledge base open, until they read it again "
        "or exit"
    ]
    if outside:
        found.append(f"{outside} files outside the knowledge base, from which it was ingested")
    found += backup_registry.describe_backups(backups)
    found += [
        f"{path}, the damaged knowledge base that a repair kept"
        for path in damaged
        if path.is_dir()
    ]
    if unread:
        found.append(f"{unread} audit records that cannot be read, and the names in them")
    return (*found, "copies that others have made of the disk or the directory")
