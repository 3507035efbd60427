"""Forgetting documents for good: out of the base, its indexes, its conversations and its log.

One commit takes everything out of what anybody finds. Then the files are written anew and looked
through, byte by byte, for what was erased. What was begun is finished by the next writer.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ragkit import ledger
from ragkit.errors import SourceError, StoreError, StoreLocked
from ragkit.identity import read_identity
from ragkit.index import dense, postings
from ragkit.labels import matching, named
from ragkit.receipts import Receipt
from ragkit.store import Erasure, Layout, OpenErasure, PastErasure, Snapshot, Store, Writer
from ragkit.store.audit import AuditLine, lines_of, naming_lines
from ragkit.store.database import sync_directory, translated
from ragkit.store.keys import AuditKey
from ragkit.store.layout import UPLOADS_ROOT
from ragkit.traces import WINDOW, Traces

logger = logging.getLogger(__name__)

_OF_VECTORS = 2 * WINDOW  # bytes of each, by which it is known again
_PATIENCE = 10.0  # seconds for readers that hold the write-ahead log
_NAMED = 3  # files, in a message


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """What forgetting would take out.

    `sources` are the documents that are in the base, `former` the names of those that once were;
    `turns` counts the questions and answers that rest on them, with all that was said after these
    in the same conversations. `files` are uploads of the base, which are deleted, and `outside`
    the files elsewhere that the documents were read from, which are left alone. `held` are those
    of the documents that are on hold: an erasure goes before it, and the log says so.
    """

    sources: tuple[str, ...]
    former: tuple[str, ...]
    chunks: int
    turns: int
    conversations: int
    files: tuple[str, ...]
    outside: tuple[str, ...]
    held: tuple[str, ...]


# -- finding out what it is about ----------------------------------------------------------------


def find(snapshot: Snapshot, pattern: str | int, layout: Layout) -> Erasure:
    """All that is known of the documents that a pattern means.

    Also of such as are gone already, and of files that were refused and never became one. Raises
    SourceError where there is nothing.
    """
    log, _ = naming_lines(snapshot.connection)
    there = {document.origin for document in snapshot.documents()}
    former = [
        (name, line.origin)
        for line in log
        if line.origin is not None and line.origin not in there
        for name in line.called
    ]
    never = [(name, line.number) for line in log if line.object == "file" for name in line.called]
    origins = {document.origin for document in matching(snapshot, pattern, layout)}
    refused = set[str]()
    if isinstance(pattern, str):
        origins |= {origin for _, origin in named(former, pattern)}
        refused = {name for name, _ in named(never, pattern)}
    if not (origins or refused):
        raise SourceError(
            f"{pattern or repr(pattern)} is not in {layout.root}, and its log knows no such name; "
            "list what is with: ragkit status --documents"
        )
    return _about(snapshot, log, origins, refused)


def about(snapshot: Snapshot, origins: Collection[int]) -> Erasure:
    """All that is known of documents, by their origins."""
    return _about(snapshot, naming_lines(snapshot.connection)[0], origins)


def _about(
    snapshot: Snapshot,
    log: Sequence[AuditLine],
    origins: Collection[int],
    refused: Collection[str] = (),
) -> Erasure:
    """All that is known of documents, by their origins, and of `refused` files, by their names."""
    versions = snapshot.versions_of(origins)
    names = {name for line in log if line.origin in origins for name in line.called} | {*refused}
    digests = {digest for origin, digest in _digests(snapshot, log) if origin in origins}
    digests |= {one.digest for one in snapshot.all_problems() if one.source in refused} - {b""}
    return Erasure(
        origins=tuple(sorted(origins)),
        documents=tuple(sorted(snapshot.readable(versions))),
        digests=tuple(sorted(digests)),
        names=tuple(sorted(names)),
        lines=tuple(
            line.number
            for line in log
            if _is_about(line, origins, versions)
            or (line.object == "file" and not names.isdisjoint(line.called))
        ),
        turns=tuple(snapshot.turns_resting_on(origins)),
        refused=tuple(sorted(refused)),
    )


def _digests(snapshot: Snapshot, log: Sequence[AuditLine]) -> Iterator[tuple[int, bytes]]:
    """The origins of documents with the digests of what they hold, or held."""
    for line in log:
        if line.origin is not None and "digest" in line.detail:
            yield line.origin, bytes.fromhex(line.detail["digest"])
    yield from ((found.origin, found.digest) for found in snapshot.documents())


def _is_about(line: AuditLine, origins: Collection[int], versions: frozenset[int]) -> bool:
    """Whether a line has names of the documents, or a question that was answered from them."""
    return bool(line.names) and (line.origin in origins or not versions.isdisjoint(line.documents))


def plan(snapshot: Snapshot, erasure: Erasure, layout: Layout) -> ErasurePlan:
    """What erasing would do, for people."""
    roots = {root: name for root, name, _ in snapshot.roots()}
    found = [snapshot.document(document) for document in erasure.documents]
    there = [document for document in found if document is not None]
    sources = {document.source for document in there}
    documents = set(erasure.documents)
    counts = {entry.id: entry.turns for entry in snapshot.conversations()}
    return ErasurePlan(
        sources=tuple(sorted(sources)),
        former=tuple(name for name in erasure.names if name not in sources),
        chunks=sum(document.chunks for document in there),
        turns=sum(counts.get(talk, 0) - ordinal + 1 for talk, ordinal in erasure.turns),
        conversations=len(erasure.turns),
        held=tuple(source for document, source, *_ in snapshot.holds() if document in documents),
        files=tuple(sorted(_uploads(snapshot, erasure, layout))),
        outside=tuple(
            sorted(
                str(path)
                for document in there
                if roots[document.root] != UPLOADS_ROOT
                and (path := Path(roots[document.root], document.source)).is_file()
            )
        ),
    )


def _uploads(snapshot: Snapshot, erasure: Erasure, layout: Layout) -> Iterator[str]:
    """The uploaded files that go.

    Of documents that are not there any more, and of what never became one, those of their names:
    nobody knows which root they were in.
    """
    uploaded = {document.source: document for document in snapshot.documents() if document.uploaded}
    here = {document.origin for document in snapshot.documents()} & set(erasure.origins)
    yield from (source for source, document in uploaded.items() if document.origin in here)
    for name in erasure.names if here < {*erasure.origins} else erasure.refused:
        path = layout.uploads / name
        if name not in uploaded and layout.is_upload(path) and path.is_file():
            yield name


# -- erasing ---------------------------------------------------------------------------------------


@contextmanager
def writing(store: Store) -> Iterator[Writer]:
    """The single writer of a base, which first finishes what a killed one has begun to erase."""
    with store.writer() as writer:
        _finish_begun(writer, store.layout, store.key())
        yield writer


def forget(
    store: Store, pattern: str | int, reason: str, foreseen: ErasurePlan | None = None
) -> Receipt:
    """Erase what a pattern means; or finish that, where a killed process has begun it.

    Raises SourceError where there is nothing, or other than what was foreseen.
    """
    with store.writer() as writer:
        layout, key = store.layout, store.key()
        asked = key.digest(str(pattern))
        finished = _finish_begun(writer, layout, key, asked)
        snapshot = Snapshot(writer.connection)
        try:
            found = find(snapshot, pattern, layout)
        except SourceError:
            if finished is None:
                raise
            return finished
        if foreseen is not None and plan(snapshot, found, layout) != foreseen:
            raise SourceError("what would be forgotten has changed meanwhile; look at it again")
        return erase(writer, layout, key, found, reason, asked=asked)


def erase(
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
    traces = Traces.of(_contents(snapshot, erasure))
    foreseen = plan(snapshot, erasure, layout)
    number = writer.begin_erasure(
        erasure, reason=reason, files=foreseen.files, traces=traces.to_bytes(), asked=asked
    )
    begun = next(one for one in Snapshot(writer.connection).open_erasures() if one.id == number)
    return _finish(writer, layout, key, begun, foreseen.outside)


def _finish_begun(
    writer: Writer, layout: Layout, key: AuditKey, asked: str | None = None
) -> Receipt | None:
    """Finish what was begun; returns the receipt of what was asked for by this, if that is in it.

    Nobody finds any of it as it is, so where it cannot be finished nothing else has to wait.
    """
    receipt = None
    for begun in Snapshot(writer.connection).open_erasures():
        try:
            finished = _finish(writer, layout, key, begun)
        except (StoreError, OSError) as error:
            if begun.asked == asked:
                raise
            logger.warning("erasure %d was begun and cannot be finished: %s", begun.id, error)
            continue
        if begun.asked == asked:
            receipt = finished
        else:
            logger.warning("erasure %d, which was interrupted, is finished", begun.id)
    return receipt


def _contents(snapshot: Snapshot, erasure: Erasure) -> Iterator[bytes]:
    """All that is to be gone, as it stands in the database."""
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
    for conversation, ordinal in erasure.turns:
        for turn in snapshot.turns(conversation):
            if turn.ordinal >= ordinal:
                yield turn.question.encode()
                yield turn.answer.encode()


def _finish(
    writer: Writer, layout: Layout, key: AuditKey, begun: OpenErasure, outside: Sequence[str] = ()
) -> Receipt:
    with translated(layout.root):
        rewritten = _rewrite(writer, layout, begun)
        searched = _search(writer, layout, Traces.from_bytes(begun.traces), rewritten)
    snapshot = Snapshot(writer.connection)
    _, unread = naming_lines(snapshot.connection)
    said = lines_of(snapshot.connection, "erase")
    line = next((one for one in said if one.number == begun.line), None)
    backups = ledger.backups(snapshot)
    draft = Receipt(
        base=snapshot.meta("base") or "",
        erasure=begun.id,
        at=begun.at,
        reason=(line.names or {}).get("reason", "") if line else "",
        documents=tuple(f"document:{origin}" for origin in snapshot.erased_origins(begun.id)),
        digests=tuple(digest.hex() for digest in snapshot.erased_contents(begun.id)),
        rewritten=tuple(rewritten),
        searched=searched,
        remains=_remains(outside, backups, _kept(snapshot, layout), unread),
        complete=snapshot.has_whole_log(),
        line=line.number if line else 0,  # damage took it
        hash=line.hash if line else "",
        key=key.id,
        public=key.public,
    )
    receipt = replace(draft, signature=key.sign(draft.body()))
    ledger.note(backups, receipt)
    digest = hashlib.sha256(receipt.body()).hexdigest()
    writer.end_erasure(begun.id, digest, receipt.to_json())
    _move_log(writer)  # with it go the traces
    return receipt


def _rewrite(writer: Writer, layout: Layout, begun: OpenErasure) -> list[str]:
    """Write anew whatever may still hold some of it; returns the files."""
    for name in begun.files:
        layout.delete_upload(name)
    writer.forget_files(begun.id)
    snapshot = Snapshot(writer.connection)
    identity = read_identity(snapshot)
    if identity is not None:
        dense.publish(writer, layout, identity.embedder.dimension)
        dense.sweep(layout, snapshot.generation())
    erased = snapshot.versions_of(snapshot.erased_origins(begun.id))
    postings.synchronise(snapshot, layout, erased=erased)
    for entry in layout.tmp.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    _sync_names(layout)
    _move_log(writer)
    generation = snapshot.generation()
    return [
        "ragkit.db-wal",
        "index/lexical",
        *([f"index/{generation.name}"] if generation else []),
        *([f"uploads: {len(begun.files)} deleted"] if begun.files else []),
    ]


def _sync_names(layout: Layout) -> None:
    """See that a power cut brings back nothing that was deleted."""
    for folder in (layout.root, *layout.root.rglob("*/")):
        sync_directory(folder)


def _move_log(writer: Writer) -> None:
    """Empty the write-ahead log, once those have ended who read an older state."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            writer.move_log()
            return
        except StoreLocked:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def _search(writer: Writer, layout: Layout, traces: Traces, rewritten: list[str]) -> dict[str, int]:
    """Look for what was erased in every byte of the base; where something is left, once more."""
    for attempt in (1, 2):
        files = [path for path in sorted(layout.root.rglob("*")) if _is_own_file(path)]
        found = traces.only(traces.in_files(files))
        snapshot = Snapshot(writer.connection)
        everything = snapshot.everything(_OF_VECTORS) if len(found.prints) else ()
        shared = found.in_contents(everything)
        if len(shared) == len(found.prints):
            return {
                "places": len(traces.prints),
                "found": 0,
                "shared": len(shared),
                "files": len(files),
                "bytes": sum(path.stat().st_size for path in files),
                **_indexed(snapshot, layout),
            }
        if attempt == 1:
            postings.rebuild(snapshot, layout)  # with what others' removed documents left in it
            _sync_names(layout)
            writer.vacuum()
            _move_log(writer)
            rewritten.append("ragkit.db")
    left = found.only(np.setdiff1d(found.prints, shared))
    names = [str(path.relative_to(layout.root)) for path in files if len(left.in_files([path]))]
    if names and all(Path(name).parts[0] == "uploads" for name in names):
        way_out = "ingest or delete those files, which are in no document"
    else:
        way_out = "check the disk"
    raise StoreError(
        f"{', '.join(names[:_NAMED])} in {layout.root} still holds something of what was to be "
        f"erased; nobody finds it, but it is on the disk: {way_out}, and run this again"
    )


def _is_own_file(path: Path) -> bool:
    """Whether a path is a file with content of its own, and no link to another's."""
    return path.is_file() and not path.is_symlink()


def _indexed(snapshot: Snapshot, layout: Layout) -> dict[str, int]:
    """How many chunks the indexes hold. Raises StoreError unless it is those of the base."""
    (_, _, chunks) = snapshot.counts()
    found = {"vectors": dense.count(snapshot, layout), "words": postings.count(snapshot, layout)}
    if any(count != chunks for count in found.values()):
        raise StoreError(f"the indexes in {layout.index} hold {found}, not {chunks} chunks")
    return found


def _kept(snapshot: Snapshot, layout: Layout) -> Iterator[Path]:
    """The damaged bases that repairs have kept."""
    for line in lines_of(snapshot.connection, "base.repair"):
        if kept := line.detail.get("kept"):
            yield layout.root.with_name(kept)


def _remains(
    outside: Sequence[str], backups: Sequence[ledger.Backup], kept: Iterable[Path], unread: int
) -> tuple[str, ...]:
    """What an erasure cannot reach."""
    found = ["memory of other processes that have the base open, until they next read or end"]
    if outside:
        found.append(f"{len(outside)} files outside the base, which it was read from")
    found += ledger.remains_of(backups)
    found += [f"{base}, the damaged base that a repair has kept" for base in kept if base.is_dir()]
    if unread:
        found.append(f"{unread} lines of the log that cannot be read, and what they name")
    return (*found, "copies of the disk and of the base's directory that others have made")


def replay(
    writer: Writer, layout: Layout, key: AuditKey, past: Iterable[PastErasure]
) -> list[Receipt]:
    """Erase from a base that was restored what was erased before; returns the receipts."""
    done = []
    for each in past:
        snapshot = Snapshot(writer.connection)
        digests = {one for one in each.digests if snapshot.erased_at(one) is None}
        origins = {one.origin for one in snapshot.documents() if one.digest in digests}
        refused = {one.source for one in snapshot.all_problems() if one.digest in digests}
        log, _ = naming_lines(snapshot.connection)
        if each.base == snapshot.meta("base"):
            origins |= _same(snapshot, log, each)
        if origins or digests:
            found = _about(snapshot, log, origins, refused)
            found = replace(found, digests=tuple(sorted({*found.digests, *digests})))
            done.append(erase(writer, layout, key, found, each.reason))
    return done


def _same(snapshot: Snapshot, log: Sequence[AuditLine], past: PastErasure) -> set[int]:
    """Which of the documents that were erased elsewhere are here, too, and not erased yet.

    Two bases that were made of one backup give the same numbers to different documents: they are
    told apart by what is known of their content, unless damage took some of that.
    """
    if past.is_complete:
        known = {origin for origin, held in _digests(snapshot, log) if held in past.digests}
    else:
        known = {line.origin for line in log if line.origin is not None}
    return {origin for origin in known.intersection(past.origins) if not snapshot.is_erased(origin)}
