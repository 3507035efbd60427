"""What erasing documents is about: all that is known of them, and what would be taken out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ragkit.errors import SourceError
from ragkit.store.audit import find_naming_records, find_questions_about
from ragkit.store.audit_record import AuditRecord
from ragkit.store.labels import matching, named
from ragkit.store.layout import UPLOADS_FOLDER, Layout
from ragkit.store.records import Erasure, StoredTurn
from ragkit.store.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """What erasing would take out.

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


def find(snapshot: Snapshot, pattern: str | int, layout: Layout) -> Erasure:
    """All that is known of the documents that a pattern means.

    Also of such as are gone already, and of files that were refused and never became one. Raises
    SourceError where there is nothing.
    """
    log, _ = find_naming_records(snapshot.connection)
    there = {document.uid for document in snapshot.documents()}
    former = [
        (name, record.document_uid)
        for record in log
        if record.document_uid is not None and record.document_uid not in there
        for name in record.document_names
    ]
    moves = [record.document_names for record in log if record.object == "file"]
    never = [(name, at) for at, names in enumerate(moves) for name in names]
    uids = {document.uid for document in matching(snapshot, pattern, layout)}
    refused = set[str]()
    if isinstance(pattern, str):
        uids |= {uid for _, uid in named(former, pattern)}
        refused = {name for name, _ in named(never, pattern)}
        for names in (*moves, *reversed(moves)):  # by the names that they had before and after
            if not refused.isdisjoint(names):
                refused.update(names)
    if not (uids or refused):
        here = {record.document_uid for record in log if pattern in record.document_names} & there
        now = sorted(one.source for one in snapshot.documents() if one.uid in here)
        if now:
            raise SourceError(f"{pattern} is called {', '.join(now)} now; erase it by that name")
        raise SourceError(
            f"{pattern or repr(pattern)} is not in {layout.root}, and its log knows no such name; "
            "list what is with: ragkit status --documents"
        )
    return about(snapshot, uids, refused, log=log)


def about(
    snapshot: Snapshot,
    uids: Collection[int],
    refused: Collection[str] = (),
    *,
    log: Sequence[AuditRecord] | None = None,
) -> Erasure:
    """All that is known of documents, by their uids, and of `refused` files, by their names.

    `log` are the records that name something, if they have been read.
    """
    log = find_naming_records(snapshot.connection)[0] if log is None else log
    uids = {*uids, *_earlier(snapshot, log, uids)}
    versions = snapshot.versions_of(uids)
    names = {
        name for record in log if record.document_uid in uids for name in record.document_names
    } | {*refused}
    others = {
        name
        for record in log
        if record.document_uid is not None and record.document_uid not in uids
        for name in record.document_names
    }
    digests = {digest for uid, digest in known_digests(snapshot, log) if uid in uids}
    gone = uids - {document.uid for document in snapshot.documents()}
    lost = {
        name for record in log if record.document_uid in gone for name in record.document_names
    } - others
    digests |= {one.digest for one in snapshot.all_file_errors() if one.source in lost | {*refused}}
    return Erasure(
        uids=tuple(sorted(uids)),
        documents=tuple(sorted(snapshot.readable(versions))),
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
        turns=tuple(snapshot.turns_resting_on(uids)),
        refused=tuple(sorted(refused)),
        seen=max((record.number for record in log), default=0),
    )


def _earlier(snapshot: Snapshot, log: Sequence[AuditRecord], uids: Collection[int]) -> set[int]:
    """Documents that are gone and held the same: a file that went away came back as another."""
    held = [(uid, digest) for uid, digest in known_digests(snapshot, log) if digest]
    digests = {digest for uid, digest in held if uid in uids}
    there = {document.uid for document in snapshot.documents()}
    same = {uid for uid, digest in held if digest in digests} - there
    return {uid for uid in same if not snapshot.is_erased(uid)}


def completed(snapshot: Snapshot, erasure: Erasure) -> Erasure:
    """The same with what people have asked and been told since it was found out.

    And with the records of the log that have the words of questions that go: what followed in the
    same conversation need not have been answered from it.
    """
    log, _ = find_naming_records(snapshot.connection, erasure.seen)
    turns = snapshot.turns_resting_on(erasure.uids)
    asked = {turn.question for turn in turns_from(snapshot, turns)}
    records = _find_records_about(snapshot, log, erasure.uids, erasure.seen)
    records |= {*erasure.records, *snapshot.find_question_records(asked)}
    return replace(erasure, turns=tuple(turns), records=tuple(sorted(records)))


def turns_from(snapshot: Snapshot, turns: Iterable[tuple[int, int]]) -> Iterator[StoredTurn]:
    """The tails of conversations, each from a turn on."""
    for conversation, ordinal in turns:
        yield from (turn for turn in snapshot.turns(conversation) if turn.ordinal >= ordinal)


def known_digests(snapshot: Snapshot, log: Sequence[AuditRecord]) -> Iterator[tuple[int, bytes]]:
    """The uids of documents with the digests of what they hold, or held."""
    for record in log:
        if record.document_uid is not None and "digest" in record.detail:
            yield record.document_uid, bytes.fromhex(record.detail["digest"])
    yield from ((found.uid, found.digest) for found in snapshot.documents())


def _find_records_about(
    snapshot: Snapshot,
    log: Iterable[AuditRecord],
    uids: Collection[int],
    after: int | None = None,
) -> set[int]:
    """The records with names of documents, and those of questions that were answered from them."""
    asked, _ = find_questions_about(snapshot.connection, snapshot.versions_of(uids), after)
    return {
        *asked,
        *(record.number for record in log if record.names and record.document_uid in uids),
    }


def plan(snapshot: Snapshot, erasure: Erasure, layout: Layout) -> ErasurePlan:
    """What erasing would do, for people."""
    folders = {folder: name for folder, name, _ in snapshot.source_folders()}
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
                if folders[document.source_folder] != UPLOADS_FOLDER
                and (path := Path(folders[document.source_folder], document.source)).is_file()
            )
        ),
    )


def _uploads(snapshot: Snapshot, erasure: Erasure, layout: Layout) -> Iterator[str]:
    """The uploaded files that go.

    Of documents that are not there any more, and of what never became one, those of their names:
    nobody knows which folder they were in.
    """
    uploaded = {document.source: document for document in snapshot.documents() if document.uploaded}
    here = {document.uid for document in snapshot.documents()} & set(erasure.uids)
    yield from (source for source, document in uploaded.items() if document.uid in here)
    for name in erasure.names if here < {*erasure.uids} else erasure.refused:
        path = layout.uploads / name
        if name not in uploaded and layout.is_upload(path) and path.is_file():
            yield name
