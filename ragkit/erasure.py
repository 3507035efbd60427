"""Forgetting documents for good: out of the base, its indexes, its conversations and its log.

One commit takes everything out of what anybody finds. Then the files are written anew and looked
through, byte by byte, for what was erased. What was begun is finished by the next writer.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ragkit.errors import SourceError, StoreError, StoreLocked
from ragkit.identity import read_identity
from ragkit.index import dense, postings
from ragkit.labels import matching, named
from ragkit.store import Erasure, Layout, OpenErasure, PastErasure, Snapshot, Writer
from ragkit.store.audit import AuditLine, lines
from ragkit.store.database import sync_directory
from ragkit.store.keys import AuditKey, is_signed
from ragkit.store.layout import UPLOADS_ROOT
from ragkit.traces import WINDOW, Traces

_OF_VECTORS = 2 * WINDOW  # bytes of each, by which it is known again
_PATIENCE = 10.0  # seconds for readers that hold the write-ahead log
_FORMAT = "ragkit erasure receipt 1"


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


@dataclass(frozen=True, slots=True)
class Receipt:
    """That something was erased, and how that was made sure; it holds ids and digests, no names.

    `searched` says how many places of the erased content were looked for in how many files and
    bytes of the base; `shared` of them also stand in documents that remain. `rewritten` are the
    files that were made anew. `remains` says what is beyond the base. `log` are the lines of the
    audit log, with their hashes, and `public` the key that checks the `signature`.
    """

    base: str
    erasure: int
    at: str
    reason: str
    documents: tuple[str, ...]
    digests: tuple[str, ...]
    rewritten: tuple[str, ...]
    searched: dict[str, int]
    remains: tuple[str, ...]
    log: tuple[tuple[int, str], ...]
    key: str
    public: str
    signature: str = ""

    def body(self) -> bytes:
        """What is signed: everything but the signature, in one form only."""
        content = {**asdict(self), "format": _FORMAT}
        del content["signature"]
        return json.dumps(content, sort_keys=True, ensure_ascii=False).encode()

    def to_json(self) -> str:
        return json.dumps({"format": _FORMAT, **asdict(self)}, indent=1, ensure_ascii=False)


def read_receipt(text: str) -> Receipt:
    """A receipt from its JSON. Raises StoreError for anything else."""
    try:
        content = json.loads(text)
        if content.pop("format") != _FORMAT:
            raise ValueError("it has another format")
        for name in ("documents", "digests", "rewritten", "remains"):
            content[name] = tuple(content[name])
        content["log"] = tuple((int(number), str(digest)) for number, digest in content["log"])
        return Receipt(**content)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(f"this is no receipt of an erasure: {error}") from error


def is_genuine(receipt: Receipt) -> bool:
    """Whether nothing in a receipt was changed since the key that it names signed it."""
    return is_signed(receipt.body(), receipt.signature, receipt.public)


# -- finding out what it is about ----------------------------------------------------------------


def find(snapshot: Snapshot, pattern: str | int, layout: Layout) -> Erasure:
    """All that is known of the documents that a pattern means, also of such as are gone already.

    Raises SourceError where there is nothing.
    """
    there = {document.origin for document in snapshot.documents()}
    former = [
        (name, origin)
        for line in lines(snapshot.connection)
        if (origin := _origin(line)) is not None and origin not in there
        for name in _called(line)
    ]
    origins = {document.origin for document in matching(snapshot, pattern, layout)}
    origins |= {origin for _, origin in named(former, str(pattern))}
    if not origins:
        raise SourceError(
            f"{pattern} is not in {layout.root}, and its log knows no such name; list what is "
            "with: ragkit status --documents"
        )
    return about(snapshot, origins)


def about(snapshot: Snapshot, origins: Collection[int]) -> Erasure:
    """All that is known of documents, by their origins."""
    log = list(lines(snapshot.connection))
    versions = snapshot.versions_of(origins)
    return Erasure(
        origins=tuple(sorted(origins)),
        documents=tuple(sorted(snapshot.readable(versions))),
        digests=tuple(sorted(set(_digests(snapshot, log, origins)))),
        names=tuple(sorted({name for line in log for name in _names(line, origins)})),
        lines=tuple(line.number for line in log if _is_about(line, origins, versions)),
        turns=tuple(snapshot.turns_resting_on(origins)),
    )


def _origin(line: AuditLine) -> int | None:
    kind, _, number = line.object.partition(":")
    return int(number) if kind == "document" and number else None


def _names(line: AuditLine, origins: Collection[int]) -> Iterator[str]:
    if _origin(line) in origins:
        yield from _called(line)


def _called(line: AuditLine) -> list[str]:
    """What a line says that a document was called; it may have a reason beside that."""
    return [name for what, name in (line.names or {}).items() if what in ("source", "from")]


def _digests(
    snapshot: Snapshot, log: Sequence[AuditLine], origins: Collection[int]
) -> Iterator[bytes]:
    for line in log:
        if _origin(line) in origins and "digest" in line.detail:
            yield bytes.fromhex(line.detail["digest"])
    yield from (found.digest for found in snapshot.documents() if found.origin in origins)


def _is_about(line: AuditLine, origins: Collection[int], versions: frozenset[int]) -> bool:
    """Whether a line has names of the documents, or a question that was answered from them."""
    if not line.names:
        return False
    found = {passage[0] for passage in line.detail.get("found", ())}
    return _origin(line) in origins or not versions.isdisjoint(found)


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
        files=tuple(sorted(document.source for document in there if document.uploaded)),
        outside=tuple(
            sorted(
                str(path)
                for document in there
                if roots[document.root] != UPLOADS_ROOT
                and (path := Path(roots[document.root], document.source)).is_file()
            )
        ),
    )


# -- erasing ---------------------------------------------------------------------------------------


def erase(writer: Writer, layout: Layout, key: AuditKey, erasure: Erasure, reason: str) -> Receipt:
    """Erase, and look whether all is gone. Raises StoreError where something is left."""
    snapshot = Snapshot(writer.connection)
    traces = Traces.of(_contents(snapshot, erasure))
    foreseen = plan(snapshot, erasure, layout)
    number = writer.begin_erasure(
        erasure, reason=reason, files=foreseen.files, traces=traces.to_bytes()
    )
    begun = next(one for one in Snapshot(writer.connection).open_erasures() if one.id == number)
    return _finish(writer, layout, key, begun, foreseen.outside)


def finish_begun(writer: Writer, layout: Layout, key: AuditKey) -> list[Receipt]:
    """Finish what a killed process has begun to erase; the writer lock must be held."""
    begun = Snapshot(writer.connection).open_erasures()
    return [_finish(writer, layout, key, each, ()) for each in begun]


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
    writer: Writer, layout: Layout, key: AuditKey, begun: OpenErasure, outside: Sequence[str]
) -> Receipt:
    rewritten = _rewrite(writer, layout, begun)
    searched = _search(writer, layout, Traces.from_bytes(begun.traces), rewritten)
    snapshot = Snapshot(writer.connection)
    line = next(lines(snapshot.connection, begun.line - 1))
    backups = _backups(snapshot)
    draft = Receipt(
        base=snapshot.meta("base") or "",
        erasure=begun.id,
        at=begun.at,
        reason=(line.names or {}).get("reason", ""),
        documents=tuple(f"document:{origin}" for origin in snapshot.erased_origins(begun.id)),
        digests=tuple(digest.hex() for digest in snapshot.erased_contents(begun.id)),
        rewritten=tuple(rewritten),
        searched=searched,
        remains=_remains(outside, backups),
        log=((line.number, line.hash),),
        key=key.id,
        public=key.public,
    )

    def sealed(last: AuditLine) -> str:
        receipt = replace(draft, log=(*draft.log, (last.number, last.hash)))
        return replace(receipt, signature=key.sign(receipt.body())).to_json()

    _note_in_backups(backups, replace(draft, signature=key.sign(draft.body())))
    digest = hashlib.sha256(draft.body()).hexdigest()
    writer.end_erasure(begun.id, digest, sealed)
    _move_log(writer)  # with it go the traces
    return read_receipt(Snapshot(writer.connection).receipt(begun.id))


def _rewrite(writer: Writer, layout: Layout, begun: OpenErasure) -> list[str]:
    """Write anew whatever may still hold some of it; returns the files."""
    for name in begun.files:
        (layout.uploads / name).unlink(missing_ok=True)
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
        files = [path for path in sorted(layout.root.rglob("*")) if path.is_file()]
        found = traces.only(traces.in_files(files))
        snapshot = Snapshot(writer.connection)
        shared = found.in_contents(snapshot.everything(_OF_VECTORS)) if len(found.prints) else ()
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
    raise StoreError(
        f"{layout.root} still holds something of what was to be erased; nobody finds it, but it is "
        "on the disk: run this again, and check the disk"
    )


def _indexed(snapshot: Snapshot, layout: Layout) -> dict[str, int]:
    """How many chunks the indexes hold. Raises StoreError unless it is those of the base."""
    (_, _, chunks) = snapshot.counts()
    found = {"vectors": dense.count(snapshot, layout), "words": postings.count(snapshot, layout)}
    if any(count not in (chunks, None) for count in found.values()):
        raise StoreError(f"the indexes in {layout.index} hold {found}, not {chunks} chunks")
    return found


def _remains(outside: Sequence[str], backups: Sequence[_Backup]) -> tuple[str, ...]:
    """What an erasure cannot reach."""
    found = ["memory of other processes that have the base open, until they next read or end"]
    if outside:
        found.append(f"{len(outside)} files outside the base, which it was read from")
    for backup in backups:
        until = "until it is deleted; when it is restored it is erased from that, too"
        if not backup.is_there:
            until = "which is not there now, until it is deleted; restore it with this receipt"
        found.append(f"the backup of {backup.at[:10]} in {backup.path}, {until}")
    return (*found, "copies of the disk and of the base's directory that others have made")


# -- backups -----------------------------------------------------------------------------------

LEDGER = "erasures.jsonl"
"""In a backup's directory: receipts of what was erased since, to be erased from it, too."""


@dataclass(frozen=True, slots=True)
class _Backup:
    at: str
    path: Path

    @property
    def is_there(self) -> bool:
        return os.access(self.path, os.W_OK)


def _backups(snapshot: Snapshot) -> list[_Backup]:
    """The backups that were made of the base, by its log, but for those whose names are erased."""
    targets: dict[str, str] = {}
    found = []
    for line in lines(snapshot.connection):
        if line.action == "base.backup" and line.names:
            targets[line.detail["backup"]] = line.names["target"]
        elif line.action == "base.backup-made" and line.detail["backup"] in targets:
            found.append(_Backup(line.at, Path(targets[line.detail["backup"]])))
    return found


def _note_in_backups(backups: Sequence[_Backup], receipt: Receipt) -> None:
    """Put a receipt into every backup that is there, durably; twice does no harm."""
    text = json.dumps(json.loads(receipt.to_json()), ensure_ascii=False) + "\n"
    for backup in backups:
        if backup.is_there:
            with (backup.path / LEDGER).open("a", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            sync_directory(backup.path)


def replay(
    writer: Writer, layout: Layout, key: AuditKey, past: Iterable[PastErasure]
) -> list[Receipt]:
    """Erase from a base that was restored what was erased before; returns the receipts."""
    done = []
    for each in past:
        snapshot = Snapshot(writer.connection)
        is_own = each.base == snapshot.meta("base")
        digests = {one for one in each.digests if snapshot.erased_at(one) is None}
        origins = {one for one in each.origins if is_own and not snapshot.is_erased(one)}
        origins |= {one.origin for one in snapshot.documents() if one.digest in digests}
        if origins or digests:
            found = about(snapshot, origins)
            found = replace(found, digests=tuple(sorted({*found.digests, *digests})))
            done.append(erase(writer, layout, key, found, each.reason))
    return done


def past_of(receipt: Receipt) -> PastErasure:
    """What a receipt says was erased. Raises StoreError for one that was changed."""
    if not is_genuine(receipt):
        raise StoreError(f"the receipt of erasure {receipt.erasure} is not what was signed")
    origins = (int(one.removeprefix("document:")) for one in receipt.documents)
    digests = (bytes.fromhex(one) for one in receipt.digests)
    return PastErasure(receipt.base, tuple(origins), tuple(digests), receipt.reason)


def past_in(backup: Path) -> list[PastErasure]:
    """What was erased since a backup was made, by the receipts that lie in it."""
    path = backup / LEDGER
    if not path.exists():
        return []
    return [past_of(read_receipt(line)) for line in path.read_text("utf-8").splitlines()]
