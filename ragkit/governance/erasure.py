"""Erasing documents for good: out of the base, its indexes, its conversations and its log.

One commit takes everything out of what anybody finds. Then the files are written anew and looked
through, byte by byte, for what was erased. What was begun is finished by the next writer.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from ragkit.errors import SourceError, StoreError, StoreLocked
from ragkit.governance import backup_registry
from ragkit.governance.erasure_plan import (
    ErasurePlan,
    about,
    completed,
    find,
    known_digests,
    plan,
    turns_from,
)
from ragkit.governance.fingerprints import WINDOW_BYTES, Fingerprints, Hashes
from ragkit.governance.receipts import Receipt, read_receipt
from ragkit.index.indexes import open_indexes
from ragkit.index.tantivy_index import TantivyIndex
from ragkit.manifest import read_identity
from ragkit.store.atomic import sync_directory
from ragkit.store.audit import find_naming_records, find_questions_about, find_records
from ragkit.store.audit_record import AuditRecord
from ragkit.store.database import translate_errors
from ragkit.store.keys import AuditKey
from ragkit.store.layout import Layout
from ragkit.store.records import Erasure, OpenErasure, PastErasure
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from ragkit.store.writer import Writer

logger = logging.getLogger(__name__)

_OF_VECTORS = 2 * WINDOW_BYTES  # bytes of each, by which it is known again
_PATIENCE = 10.0  # seconds for readers that hold the write-ahead log
_NAMED = 3  # files, in a message


@contextmanager
def writing(store: Store, *, again: bool = False) -> Iterator[Writer]:
    """The single writer of a base, which first finishes what a killed one has begun to erase.

    And `again` what could not be finished, where something was left.
    """
    with store.writer() as writer:
        _finish_begun(writer, store.layout, store.key(), again=again)
        yield writer


def erase_documents(
    store: Store, pattern: str | int, reason: str, foreseen: ErasurePlan | None = None
) -> Receipt:
    """Erase what a pattern means; or finish that, where a killed process has begun it.

    Where it is done already, its receipt is given once more. Raises SourceError where there is
    nothing, or other than what was foreseen.
    """
    with store.writer() as writer:
        layout, key = store.layout, store.key()
        asked = key.digest(str(pattern))
        _finish_begun(writer, layout, key, asked, again=True)
        snapshot = Snapshot(writer.connection)
        try:
            found = find(snapshot, pattern, layout)
        except SourceError:
            receipt = snapshot.receipt_of(asked)
            if not receipt:
                raise
            return read_receipt(receipt)
        if foreseen is not None and plan(snapshot, found, layout) != foreseen:
            raise SourceError("what would be erased has changed meanwhile; look at it again")
        return execute_erasure(writer, layout, key, found, reason, asked=asked)


def execute_erasure(
    writer: Writer,
    layout: Layout,
    key: AuditKey,
    erasure: Erasure,
    reason: str,
    *,
    asked: str = "",
) -> Receipt:
    """Erase, and look whether all is gone. Raises StoreError where something is left.

    `asked` tells what it was asked for by, to whoever asks for it again.
    """
    snapshot = Snapshot(writer.connection)
    written = Fingerprints.from_contents(_written(snapshot, erasure))
    foreseen = plan(snapshot, erasure, layout)

    def complete() -> tuple[Erasure, bytes]:
        found = completed(snapshot, erasure)
        return found, written.add(_said(snapshot, found)).to_bytes()

    number = writer.begin_erasure(
        complete,
        reason=reason,
        files=foreseen.files,
        outside=len(foreseen.outside),
        asked=asked,
    )
    begun = next(one for one in Snapshot(writer.connection).open_erasures() if one.id == number)
    return _finish(writer, layout, key, begun)


def _finish_begun(
    writer: Writer, layout: Layout, key: AuditKey, asked: str = "", *, again: bool = False
) -> None:
    """Finish what was begun, and `again` what could not be finished.

    Nobody finds any of it as it is, so where it cannot be finished nothing else has to wait, but
    for what is `asked` for now.
    """
    for begun in Snapshot(writer.connection).open_erasures():
        if begun.is_stuck and not again:
            logger.warning("erasure %d cannot be finished as it is; see: ragkit verify", begun.id)
            continue
        is_asked = bool(asked) and begun.asked == asked
        try:
            _finish(writer, layout, key, begun)
        except (StoreError, OSError) as error:
            if is_asked:
                raise
            logger.warning("erasure %d was begun and cannot be finished: %s", begun.id, error)
            continue
        if not is_asked:
            logger.warning("erasure %d, which was interrupted, is finished", begun.id)


def _written(snapshot: Snapshot, erasure: Erasure) -> Iterator[bytes]:
    """What the documents hold and are called, as it stands in the database."""
    identity = read_identity(snapshot)
    for document in erasure.documents:
        for page in snapshot.pages_of(document):
            yield page.text.encode("utf-8", "surrogatepass")
        chunks = snapshot.chunks_of(document)
        for chunk in chunks:
            yield chunk.header.encode("utf-8", "surrogatepass")
        if identity is not None:
            ids = [chunk.id for chunk in chunks]
            _, vectors = snapshot.vectors(ids, identity.embedder.dimension)
            for vector in vectors:
                yield vector.tobytes()[:_OF_VECTORS]
    for name in erasure.names:
        yield name.encode("utf-8", "surrogatepass")


def _said(snapshot: Snapshot, erasure: Erasure) -> Iterator[bytes]:
    """What people asked and were told, as it stands in the database."""
    for turn in turns_from(snapshot, erasure.turns):
        yield turn.question.encode()
        yield turn.answer.encode()
    yield from snapshot.names_of(erasure.records)


def _finish(writer: Writer, layout: Layout, key: AuditKey, begun: OpenErasure) -> Receipt:
    """Write anew what held it, prove that it is gone, and give out the receipt.

    That is kept before anybody else gets it, so that one that is killed then gives the same again.
    """
    kept = Snapshot(writer.connection).receipt(begun.id)
    if kept:
        receipt = read_receipt(kept)
    else:
        try:
            receipt = _proved(writer, layout, key, begun)
        except _SomethingLeft:
            writer.stick(begun.id)
            raise
        writer.keep_receipt(begun.id, receipt.to_json())
    backup_registry.register_erasure(
        backup_registry.find_backups(Snapshot(writer.connection)), receipt
    )
    writer.end_erasure(begun.id, hashlib.sha256(receipt.body()).hexdigest())
    with suppress(StoreLocked):  # while somebody reads; the next one takes the fingerprints
        _checkpoint_wal(writer)
    return receipt


class _SomethingLeft(StoreError):
    """Something of what was erased is still on the disk."""


def _proved(writer: Writer, layout: Layout, key: AuditKey, begun: OpenErasure) -> Receipt:
    with translate_errors(layout.root):
        rewritten = _rewrite(writer, layout, begun)
        searched = _search(writer, layout, Fingerprints.from_bytes(begun.fingerprints), rewritten)
    snapshot = Snapshot(writer.connection)
    _, unread = find_naming_records(snapshot.connection)
    _, unheard = find_questions_about(snapshot.connection, ())
    said = find_records(snapshot.connection, "document.erase")
    record = next((one for one in said if one.number == begun.record), None)
    backups = backup_registry.find_backups(snapshot)
    uids, digests = snapshot.erased(begun.id, record)
    outside = record.detail.get("outside", 0) if record else 0
    draft = Receipt(
        kb=snapshot.meta("kb") or "",
        erasure=begun.id,
        at=begun.at,
        reason=(record.names or {}).get("reason", "") if record else "",
        documents=tuple(f"document:{uid}" for uid in uids),
        digests=tuple(digest.hex() for digest in digests),
        rewritten=tuple(rewritten),
        searched=searched,
        remains=_remains(outside, backups, _kept(snapshot, layout), unread + unheard),
        complete=snapshot.has_whole_log(),
        record=record.number if record else 0,  # damage took it
        record_signature=record.signature if record else "",
        key=key.id,
        public_key=key.public_key,
    )
    return replace(draft, signature=key.sign_ed25519(draft.body()))


def _rewrite(writer: Writer, layout: Layout, begun: OpenErasure) -> list[str]:
    """Write anew whatever may still hold some of it; returns the files."""
    for name in begun.files:
        layout.delete_upload(name)
    _sync_names(layout)
    writer.clear_erasure_files(begun.id)
    snapshot = Snapshot(writer.connection)
    indexes = open_indexes(layout)
    erased = snapshot.versions_of(snapshot.erased_uids(begun.id))
    for index in indexes:
        index.drop(writer, erased)
    for entry in layout.tmp.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    _sync_names(layout)
    _checkpoint_wal(writer)
    files = [path for index in indexes if (path := index.path(snapshot))]
    return [
        "ragkit.db-wal",
        *(str(path.relative_to(layout.root)) for path in files),
        *([f"uploads: {len(begun.files)} deleted"] if begun.files else []),
    ]


def _sync_names(layout: Layout) -> None:
    """See that a power cut brings back nothing that was deleted."""
    for folder in (layout.root, *layout.root.rglob("*/")):
        sync_directory(folder)


def _checkpoint_wal(writer: Writer) -> None:
    """Empty the write-ahead log, once those have ended who read an older state."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            writer.checkpoint_wal()
            return
        except StoreLocked:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def _search(
    writer: Writer, layout: Layout, fingerprints: Fingerprints, rewritten: list[str]
) -> dict[str, int]:
    """Look for what was erased in every byte of the base; where something is left, once more."""
    for attempt in (1, 2):
        files = [path for path in sorted(layout.root.rglob("*")) if _is_own_file(path)]
        found = fingerprints.intersect(fingerprints.find_in_files(files))
        snapshot = Snapshot(writer.connection)
        shared = _in_base(snapshot, found, of_documents=True)
        left = found.intersect(np.setdiff1d(found.hashes, shared))
        elsewhere = _in_base(snapshot, left, of_documents=False)
        if len(elsewhere) == len(left.hashes):
            return {
                "places": len(fingerprints.hashes),
                "found": 0,
                "shared": len(shared),
                "elsewhere": len(elsewhere),
                "files": len(files),
                "bytes": sum(path.stat().st_size for path in files),
                **_indexed(snapshot, layout),
            }
        if attempt == 1:
            TantivyIndex(layout).rebuild(writer)  # it keeps records of removed documents
            _sync_names(layout)
            writer.vacuum()
            _checkpoint_wal(writer)
            rewritten.append("ragkit.db")
    left = left.intersect(np.setdiff1d(left.hashes, elsewhere))
    names = [
        str(path.relative_to(layout.root)) for path in files if len(left.find_in_files([path]))
    ]
    if names and all(Path(name).parts[0] == "uploads" for name in names):
        way_out = "ingest or delete those files, which are in no document"
    else:
        way_out = "check the disk"
    raise _SomethingLeft(
        f"{', '.join(names[:_NAMED])} in {layout.root} still holds something of what was to be "
        f"erased; nobody finds it, but it is on the disk: {way_out}, and run this again"
    )


def _in_base(snapshot: Snapshot, fingerprints: Fingerprints, *, of_documents: bool) -> Hashes:
    """Which of these stand in what is left of the base, and so are no remains."""
    if not len(fingerprints.hashes):
        return fingerprints.hashes
    return fingerprints.find_in_contents(
        snapshot.everything(_OF_VECTORS, of_documents=of_documents)
    )


def _is_own_file(path: Path) -> bool:
    """Whether a path is a file with content of its own, and no link to another's."""
    return path.is_file() and not path.is_symlink()


def _indexed(snapshot: Snapshot, layout: Layout) -> dict[str, int]:
    """How many chunks the indexes hold. Raises StoreError unless it is those of the base."""
    (_, _, chunks) = snapshot.counts()
    found = {f"{index.name}s": index.count(snapshot) for index in open_indexes(layout)}
    if any(count != chunks for count in found.values()):
        raise StoreError(f"the indexes in {layout.index} hold {found}, not {chunks} chunks")
    return found


def _kept(snapshot: Snapshot, layout: Layout) -> Iterator[Path]:
    """The damaged bases that repairs have kept."""
    for record in find_records(snapshot.connection, "kb.repair"):
        if kept := record.detail.get("kept"):
            yield layout.root.with_name(kept)


def _remains(
    outside: int, backups: Sequence[backup_registry.Backup], kept: Iterable[Path], unread: int
) -> tuple[str, ...]:
    """What an erasure cannot reach."""
    found = ["memory of other processes that have the base open, until they next read or end"]
    if outside:
        found.append(f"{outside} files outside the base, which it was read from")
    found += backup_registry.describe_backups(backups)
    found += [f"{base}, the damaged base that a repair has kept" for base in kept if base.is_dir()]
    if unread:
        found.append(f"{unread} records of the log that cannot be read, and what they name")
    return (*found, "copies of the disk and of the base's directory that others have made")


def replay(
    writer: Writer, layout: Layout, key: AuditKey, past: Iterable[PastErasure]
) -> list[Receipt]:
    """Erase from a base that was restored what was erased before; returns the receipts."""
    done = []
    log, _ = find_naming_records(writer.connection)
    for each in past:
        snapshot = Snapshot(writer.connection)
        digests = {one for one in each.digests if snapshot.erased_at(one) is None}
        uids = {one.uid for one in snapshot.documents() if one.digest in digests}
        refused = {one.source for one in snapshot.all_file_errors() if one.digest in digests}
        if each.kb == snapshot.meta("kb"):
            uids |= _same(snapshot, log, each)
        if uids or digests:
            found = about(snapshot, uids, refused, log=log)
            found = replace(found, digests=tuple(sorted({*found.digests, *digests})))
            done.append(execute_erasure(writer, layout, key, found, each.reason))
    return done


def _same(snapshot: Snapshot, log: Sequence[AuditRecord], past: PastErasure) -> set[int]:
    """Which of the documents that were erased elsewhere are here, too, and not erased yet.

    Two bases that were made of one backup give the same numbers to different documents: they are
    told apart by what is known of their content, unless damage took some of that.
    """
    if past.is_complete:
        known = {uid for uid, held in known_digests(snapshot, log) if held in past.digests}
    else:
        known = {record.document_uid for record in log if record.document_uid is not None}
    return {uid for uid in known.intersection(past.uids) if not snapshot.is_erased(uid)}
