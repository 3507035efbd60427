"""Erasure: permanently delete documents and everything derived from them, and prove it.

One commit removes everything that users can find. Then the files are rewritten, and every byte of
the knowledge base is compared with what was erased. The next writer finishes an erasure that was
interrupted.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from ragkit.errors import SourceError, StoreError, StoreLocked
from ragkit.governance import backup_registry
from ragkit.governance.erasure_plan import (
    ErasurePlan,
    add_recent_turns,
    collect_traces,
    find_traces,
    plan_erasure,
    read_digests,
    read_turns,
)
from ragkit.governance.erasure_proof import (
    VECTOR_BYTES,
    ContentLeft,
    checkpoint_wal,
    prove_erasure,
)
from ragkit.governance.fingerprints import Fingerprints
from ragkit.governance.receipts import Receipt, read_receipt
from ragkit.manifest import Identity, read_identity, read_spare
from ragkit.store.audit import find_naming_records
from ragkit.store.audit_record import AuditRecord
from ragkit.store.keys import AuditKey
from ragkit.store.layout import Layout
from ragkit.store.records import Erasure, OpenErasure, PastErasure
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from ragkit.store.writer import Writer

logger = logging.getLogger(__name__)


@contextmanager
def open_writer(store: Store, *, retry_stuck: bool = False) -> Iterator[Writer]:
    """Open the single writer of a knowledge base, and finish an interrupted erasure first.

    With `retry_stuck` this also tries erasures again that could not be finished before.
    """
    with store.writer() as writer:
        _finish_interrupted(writer, store.layout, store.key(), retry_stuck=retry_stuck)
        yield writer


def erase_documents(
    store: Store, pattern: str | int, reason: str, plan: ErasurePlan | None = None
) -> Receipt:
    """Erase the documents that match a pattern, or finish that if it was interrupted.

    Asking again for a finished erasure returns its receipt again. Raises SourceError if nothing
    matches, or if the erasure is no longer the one of the `plan`.
    """
    with store.writer() as writer:
        layout, key = store.layout, store.key()
        asked = key.digest(str(pattern))
        _finish_interrupted(writer, layout, key, asked, retry_stuck=True)
        snapshot = Snapshot(writer.connection)
        try:
            erasure = find_traces(snapshot, pattern, layout)
        except SourceError:
            receipt = snapshot.erasures.receipt_of(asked)
            if not receipt:
                raise
            return read_receipt(receipt)
        if plan is not None and plan_erasure(snapshot, erasure, layout) != plan:
            raise SourceError(
                f"{pattern} has changed since the erasure was planned, and nothing was erased: "
                "plan it again, and check the new plan"
            )
        return execute_erasure(writer, layout, key, erasure, reason, asked=asked)


def execute_erasure(
    writer: Writer,
    layout: Layout,
    key: AuditKey,
    erasure: Erasure,
    reason: str,
    *,
    asked: str = "",
) -> Receipt:
    """Erase everything in `erasure`, and prove that it is gone.

    `asked` is the digest of the pattern: it finds the receipt if the same is asked again. Raises
    StoreError if something is left on the disk.
    """
    snapshot = Snapshot(writer.connection)
    fingerprints = Fingerprints.from_contents(_read_contents(snapshot, erasure))
    plan = plan_erasure(snapshot, erasure, layout)

    def complete() -> tuple[Erasure, bytes]:
        complete_erasure = add_recent_turns(snapshot, erasure)
        late = fingerprints.add(_read_conversations(snapshot, complete_erasure))
        return complete_erasure, late.add(_read_spare_vectors(snapshot, erasure)).to_bytes()

    number = writer.erasures.begin(
        complete,
        reason=reason,
        files=plan.files,
        outside=len(plan.outside),
        asked=asked,
    )
    begun = next(one for one in Snapshot(writer.connection).erasures.open() if one.id == number)
    return _finish(writer, layout, key, begun)


def _finish_interrupted(
    writer: Writer, layout: Layout, key: AuditKey, asked: str = "", *, retry_stuck: bool = False
) -> None:
    """Finish the erasures that were begun, with `retry_stuck` also those that failed before.

    Nothing of their content can be found any more. So other work goes on if one cannot be finished;
    only the erasure that is `asked` for now raises its error.
    """
    for begun in Snapshot(writer.connection).erasures.open():
        if begun.is_stuck and not retry_stuck:
            logger.warning(
                "erasure %d is not finished; for the reason run: ragkit verify", begun.id
            )
            continue
        is_asked = bool(asked) and begun.asked == asked
        try:
            _finish(writer, layout, key, begun)
        except (StoreError, OSError) as error:
            if is_asked:
                raise
            logger.warning("erasure %d cannot be finished: %s", begun.id, error)
            continue
        if not is_asked:
            logger.warning("finished erasure %d, which had been interrupted", begun.id)


def _read_contents(snapshot: Snapshot, erasure: Erasure) -> Iterator[bytes]:
    """Yield the texts, vectors and names of documents as the database stores them."""
    identity = read_identity(snapshot)
    for document in erasure.documents:
        for page in snapshot.pages.of(document):
            yield page.text.encode("utf-8", "surrogatepass")
        chunks = snapshot.chunks.of(document)
        for chunk in chunks:
            yield chunk.header.encode("utf-8", "surrogatepass")
        if identity is not None:
            ids = [chunk.id for chunk in chunks]
            yield from _read_vectors(snapshot, ids, identity)
    for name in erasure.names:
        yield name.encode("utf-8", "surrogatepass")


def _read_spare_vectors(snapshot: Snapshot, erasure: Erasure) -> Iterator[bytes]:
    """Yield the vectors of the second set, to which another process may be adding."""
    spare = read_spare(snapshot)
    if spare is not None:
        ids = [chunk.id for document in erasure.documents for chunk in snapshot.chunks.of(document)]
        yield from _read_vectors(snapshot.with_spare_vectors(), ids, spare.identity)


def _read_vectors(snapshot: Snapshot, ids: Sequence[int], identity: Identity) -> Iterator[bytes]:
    _, vectors = snapshot.vectors.get(ids, identity.embedder.dimension)
    for vector in vectors:
        yield vector.tobytes()[:VECTOR_BYTES]


def _read_conversations(snapshot: Snapshot, erasure: Erasure) -> Iterator[bytes]:
    """Yield the questions, answers and names in audit records as the database stores them."""
    for turn in read_turns(snapshot, erasure.turns):
        yield turn.question.encode()
        yield turn.answer.encode()
    yield from snapshot.audit.names_of(erasure.records)


def _finish(writer: Writer, layout: Layout, key: AuditKey, begun: OpenErasure) -> Receipt:
    """Rewrite the files, prove that nothing is left, and return the receipt.

    The receipt is stored before it is handed out: after an interruption the same one is returned.
    """
    stored = Snapshot(writer.connection).erasures.receipt(begun.id)
    if stored:
        receipt = read_receipt(stored)
    else:
        try:
            receipt = prove_erasure(writer, layout, key, begun)
        except ContentLeft:
            writer.erasures.mark_stuck(begun.id)
            raise
        writer.erasures.keep_receipt(begun.id, receipt.to_json())
    backup_registry.register_erasure(
        backup_registry.find_backups(Snapshot(writer.connection)), receipt
    )
    writer.erasures.end(begun.id, hashlib.sha256(receipt.body()).hexdigest())
    with suppress(StoreLocked):  # a reader is active: only fingerprints stay in the WAL for now
        checkpoint_wal(writer)
    return receipt


# -- erasing again in a restored knowledge base ----------------------------------------------------


def repeat_erasures(
    writer: Writer, layout: Layout, key: AuditKey, past: Iterable[PastErasure]
) -> list[Receipt]:
    """Erase from a restored knowledge base what was erased before; returns the receipts."""
    receipts = []
    log, _ = find_naming_records(writer.connection)
    for erasure in past:
        snapshot = Snapshot(writer.connection)
        digests = {one for one in erasure.digests if snapshot.erasures.erased_at(one) is None}
        uids = {one.uid for one in snapshot.documents.all() if one.digest in digests}
        refused = {one.source for one in snapshot.file_errors.all() if one.digest in digests}
        if erasure.kb == snapshot.meta("kb"):
            uids |= _match_documents(snapshot, log, erasure)
        if uids or digests:
            found = collect_traces(snapshot, uids, refused, log=log)
            found = replace(found, digests=tuple(sorted({*found.digests, *digests})))
            receipts.append(execute_erasure(writer, layout, key, found, erasure.reason))
    return receipts


def _match_documents(snapshot: Snapshot, log: Sequence[AuditRecord], past: PastErasure) -> set[int]:
    """Return the uids of documents erased elsewhere that are here, too, and not erased yet.

    Two knowledge bases restored from one backup give the same uids to different documents. Their
    contents tell them apart, unless damage took some of the audit records that hold the digests.
    """
    if past.is_complete:
        known = {uid for uid, digest in read_digests(snapshot, log) if digest in past.digests}
    else:
        known = {record.document_uid for record in log if record.document_uid is not None}
    return {uid for uid in known.intersection(past.uids) if not snapshot.erasures.is_erased(uid)}
