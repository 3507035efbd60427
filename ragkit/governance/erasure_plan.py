"""Plan of an erasure: all traces of documents, and what erasing them deletes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ragkit.errors import SourceError
from ragkit.store.audit import find_naming_records, find_questions_about
from ragkit.store.audit_record import AuditRecord
from ragkit.store.layout import UPLOADS_FOLDER, Layout
from ragkit.store.patterns import find_documents, find_names
from ragkit.store.records import Erasure, StoredTurn
from ragkit.store.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """What an erasure deletes.

    `sources` are the documents, `former` their earlier names and those of documents that were
    removed before. `turns` counts the questions and answers based on them, including everything
    later in the same conversations. `files` are uploads, which are deleted; `outside` are the files
    elsewhere that the documents were read from, which are kept. `held` are the documents on legal
    hold: an erasure overrides the hold, and the audit log records it.
    """

    sources: tuple[str, ...]
    former: tuple[str, ...]
    chunks: int
    turns: int
    conversations: int
    files: tuple[str, ...]
    outside: tuple[str, ...]
    held: tuple[str, ...]


def find_traces(snapshot: Snapshot, pattern: str | int, layout: Layout) -> Erasure:
    """Find everything that the knowledge base stores about the documents matching a pattern.

    This includes documents that were removed before, and files that could not be ingested. Raises
    SourceError if nothing matches.
    """
    log, _ = find_naming_records(snapshot.connection)
    there = {document.uid for document in snapshot.documents.all()}
    former = [
        (name, record.document_uid)
        for record in log
        if record.document_uid is not None and record.document_uid not in there
        for name in record.document_names
    ]
    file_names = [record.document_names for record in log if record.object == "file"]
    ingested_never = [(name, at) for at, names in enumerate(file_names) for name in names]
    uids = {document.uid for document in find_documents(snapshot, pattern, layout)}
    refused = set[str]()
    if isinstance(pattern, str):
        uids |= {uid for _, uid in find_names(former, pattern)}
        refused = {name for name, _ in find_names(ingested_never, pattern)}
        for names in (*file_names, *reversed(file_names)):  # follow renames in both directions
            if not refused.isdisjoint(names):
                refused.update(names)
    if not (uids or refused):
        here = {record.document_uid for record in log if pattern in record.document_names} & there
        now = sorted(one.source for one in snapshot.documents.all() if one.uid in here)
        if now:
            raise SourceError(f"{pattern} is now called {', '.join(now)}: erase it by that name")
        raise SourceError(
            f"{pattern or repr(pattern)} is neither in {layout.root} nor in its audit log: "
            "expected a source, path or pattern; list the documents with: ragkit status --documents"
        )
    return collect_traces(snapshot, uids, refused, log=log)


def collect_traces(
    snapshot: Snapshot,
    uids: Collection[int],
    refused: Collection[str] = (),
    *,
    log: Sequence[AuditRecord] | None = None,
) -> Erasure:
    """Collect everything stored about documents, given by uid, and about `refused` files, by name.

    `log` are the audit records with names, if they were read before.
    """
    log = find_naming_records(snapshot.connection)[0] if log is None else log
    uids = {*uids, *_find_earlier_uids(snapshot, log, uids)}
    versions = snapshot.documents.versions_of(uids)
    names = {
        name for record in log if record.document_uid in uids for name in record.document_names
    } | {*refused}
    others = {
        name
        for record in log
        if record.document_uid is not None and record.document_uid not in uids
        for name in record.document_names
    }
    digests = {digest for uid, digest in read_digests(snapshot, log) if uid in uids}
    gone = uids - {document.uid for document in snapshot.documents.all()}
    lost = {
        name for record in log if record.document_uid in gone for name in record.document_names
    } - others
    digests |= {one.digest for one in snapshot.file_errors.all() if one.source in lost | {*refused}}
    return Erasure(
        uids=tuple(sorted(uids)),
        documents=tuple(sorted(snapshot.documents.readable(versions))),
        digests=tuple(sorted(digests - {b""})),
        names=tuple(sorted(names)),
        own=tuple(sorted(names - others)),
        records=tuple(
            sorted(
                _find_records_about(snapshot, log, uids)
                | {
                    record.number
                    for record in log
                    if record.object == "file" and not names.isdisjoint(record.document_names)
                }
            )
        ),
        turns=tuple(snapshot.conversations.first_turns_based_on(uids)),
        refused=tuple(sorted(refused)),
        seen=max((record.number for record in log), default=0),
    )


def _find_earlier_uids(
    snapshot: Snapshot, log: Sequence[AuditRecord], uids: Collection[int]
) -> set[int]:
    """Return the uids of removed documents with equal content: the same file, ingested again."""
    held = [(uid, digest) for uid, digest in read_digests(snapshot, log) if digest]
    digests = {digest for uid, digest in held if uid in uids}
    there = {document.uid for document in snapshot.documents.all()}
    same = {uid for uid, digest in held if digest in digests} - there
    return {uid for uid in same if not snapshot.erasures.is_erased(uid)}


def add_recent_turns(snapshot: Snapshot, erasure: Erasure) -> Erasure:
    """Return an erasure with the questions and answers that were added since it was collected.

    This includes the audit records of all questions that are deleted: later questions of the same
    conversation need not have been answered from the erased documents.
    """
    log, _ = find_naming_records(snapshot.connection, erasure.seen)
    turns = snapshot.conversations.first_turns_based_on(erasure.uids)
    asked = {turn.question for turn in read_turns(snapshot, turns)}
    records = _find_records_about(snapshot, log, erasure.uids, erasure.seen)
    records |= {*erasure.records, *snapshot.audit.find_questions(asked)}
    return replace(erasure, turns=tuple(turns), records=tuple(sorted(records)))


def read_turns(snapshot: Snapshot, turns: Iterable[tuple[int, int]]) -> Iterator[StoredTurn]:
    """Yield the ends of conversations, given as (conversation, ordinal of the first turn)."""
    for conversation, ordinal in turns:
        yield from (
            turn for turn in snapshot.conversations.turns(conversation) if turn.ordinal >= ordinal
        )


def read_digests(snapshot: Snapshot, log: Sequence[AuditRecord]) -> Iterator[tuple[int, bytes]]:
    """Yield the uids of documents with the digests of their present and earlier contents."""
    for record in log:
        if record.document_uid is not None and "digest" in record.detail:
            yield record.document_uid, bytes.fromhex(record.detail["digest"])
    yield from ((found.uid, found.digest) for found in snapshot.documents.all())


def _find_records_about(
    snapshot: Snapshot,
    log: Iterable[AuditRecord],
    uids: Collection[int],
    after: int | None = None,
) -> set[int]:
    """Return the numbers of audit records with names of documents, or questions about them."""
    asked, _ = find_questions_about(
        snapshot.connection, snapshot.documents.versions_of(uids), after
    )
    return {
        *asked,
        *(record.number for record in log if record.names and record.document_uid in uids),
    }


def plan_erasure(snapshot: Snapshot, erasure: Erasure, layout: Layout) -> ErasurePlan:
    """Return what an erasure deletes, for people to check."""
    folders = {folder: name for folder, name, _ in snapshot.source_folders.all()}
    found = [snapshot.documents.get(document) for document in erasure.documents]
    there = [document for document in found if document is not None]
    sources = {document.source for document in there}
    documents = set(erasure.documents)
    counts = {entry.id: entry.turns for entry in snapshot.conversations.all()}
    return ErasurePlan(
        sources=tuple(sorted(sources)),
        former=tuple(name for name in erasure.names if name not in sources),
        chunks=sum(document.chunks for document in there),
        turns=sum(counts.get(talk, 0) - ordinal + 1 for talk, ordinal in erasure.turns),
        conversations=len(erasure.turns),
        held=tuple(
            source
            for document, source, *_ in snapshot.retention.legal_holds()
            if document in documents
        ),
        files=tuple(sorted(_find_uploads(snapshot, erasure, layout))),
        outside=tuple(
            sorted(
                str(path)
                for document in there
                if folders[document.source_folder] != UPLOADS_FOLDER
                and (path := Path(folders[document.source_folder], document.source)).is_file()
            )
        ),
    )


def _find_uploads(snapshot: Snapshot, erasure: Erasure, layout: Layout) -> Iterator[str]:
    """Yield the uploaded files that an erasure deletes.

    Removed documents, and files that never became documents, are found by name: their folder is
    not known.
    """
    uploaded = {
        document.source: document for document in snapshot.documents.all() if document.uploaded
    }
    here = {document.uid for document in snapshot.documents.all()} & set(erasure.uids)
    yield from (source for source, document in uploaded.items() if document.uid in here)
    for name in erasure.names if here < {*erasure.uids} else erasure.refused:
        path = layout.uploads / name
        if name not in uploaded and layout.is_upload(path) and path.is_file():
            yield name
