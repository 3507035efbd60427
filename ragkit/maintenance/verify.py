"""Verify a knowledge base: check all of it for damage, and say how to fix what was found."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import apsw

from ragkit.config import Config
from ragkit.errors import RagkitError, StoreDamaged
from ragkit.index.base import Index
from ragkit.index.indexes import open_indexes, open_spare_index
from ragkit.maintenance.check_result import CheckResult, State
from ragkit.manifest import read_identity, read_spare
from ragkit.store.audit_chain import check_chain
from ragkit.store.checks import (
    Flaw,
    contradictions,
    count_pages,
    flawed_documents,
    flawed_vectors,
    structure_flaws,
    waiting_documents,
)
from ragkit.store.database import Database, connect_damaged
from ragkit.store.keys import load_keys
from ragkit.store.layout import Layout
from ragkit.store.locks import is_locked
from ragkit.store.salvage import DAMAGE
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from ragkit.store.vectors import SPARE_TABLE
from ragkit_ingest.scan import digest_file

CONTENT = ("database", "documents", "journal", "vector index", "word index")
"""The checks of what a knowledge base cannot work without."""

_MAX_DOCUMENTS = 1000  # in a result
_MAX_NAMES = 3  # in a message
_INDEX_ATTEMPTS = 3  # another process may be writing to the index
_TYPE_ERRORS = (TypeError, ValueError, AttributeError, OverflowError)
"""What a value of another type than its column raises."""

_REPAIR = "run: ragkit repair"
_RESTORE = "restore a backup (ragkit restore), or keep what is readable with: ragkit repair"
_FOLDERS = ("index", "tmp", "uploads")
_DATABASE_SUFFIXES = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """The results of all checks of a knowledge base at the commit `seq`, -1 if that is unknown.

    The checks are "database", "documents", "journal", "audit log", "erasures", "vector index",
    "word index", "spare vectors", "spare vector index", "uploads" and "files". A check can have
    several results or, like "erasures", none.
    """

    path: Path
    seq: int
    checks: tuple[CheckResult, ...]

    @property
    def intact(self) -> bool:
        """True if nothing is damaged."""
        return not self.is_damaged()

    def is_damaged(self, *names: str) -> bool:
        """Return True if a check failed, or one of the checks `names`."""
        return any(
            check.state == "fail" and (not names or check.name in names) for check in self.checks
        )


def verify_kb(
    path: Path, config: Config | None = None, *, keys: Sequence[Path] = ()
) -> VerificationReport:
    """Check the knowledge base in a directory, even if it can no longer be opened.

    `keys` are files with audit keys of other machines. Raises StoreMissing if there is no knowledge
    base.
    """
    try:
        store = Store(path, create=False, key_file=config.key_file if config else None)
    except StoreDamaged as error:
        layout = Layout(path.absolute())
        result = CheckResult("database", "fail", str(error), _RESTORE, layout.database.name)
        return VerificationReport(layout.root, -1, (result, *_check_readable_part(layout)))
    with closing(store):
        return verify_store(store, keys=keys)


def verify_store(store: Store, *, keys: Sequence[Path] = ()) -> VerificationReport:
    """Check an open knowledge base; others may read and write at the same time."""
    with store.snapshot() as snapshot:
        database = snapshot.connection
        seq = snapshot.seq
        checks = [
            *_run_check("database", _check_database(database)),
            *_run_check("documents", _check_documents(snapshot)),
            *_run_check("journal", _check_journal(database)),
            *_run_check("audit log", _check_audit_log(database, store, keys)),
            *_run_check("erasures", _check_erasures(snapshot)),
        ]
    with store.snapshot() as snapshot:
        spare = list(_run_check("spare vectors", _check_spare_vectors(snapshot)))
    for index in open_indexes(store.layout):
        checks += _run_check(f"{index.name} index", _check_index(store, index))
    if spare:
        index = open_spare_index(store.layout)
        checks += [*spare, *_run_check(f"{index.name} index", _check_index(store, index))]
    checks += _run_check("uploads", _check_uploads(store))
    checks += _run_check("files", _check_files(store))
    return VerificationReport(store.layout.root, seq, tuple(checks))


def _run_check(name: str, results: Iterator[CheckResult]) -> Iterator[CheckResult]:
    """Yield the results of a check; a check that raises an error has failed."""
    try:
        yield from results
    except (*DAMAGE, RagkitError, *_TYPE_ERRORS) as error:
        yield CheckResult(name, "fail", f"cannot be checked ({error})", _RESTORE)


def _check_database(database: Database) -> Iterator[CheckResult]:
    flaws = list(structure_flaws(database))
    if flaws:
        yield CheckResult("database", "fail", _join_names(flaws), _RESTORE, "ragkit.db")
        return
    yield CheckResult("database", "ok", f"all {count_pages(database)} pages match their checksums")


def _check_documents(snapshot: Snapshot) -> Iterator[CheckResult]:
    flaws = list(flawed_documents(snapshot.connection, read_dimension(snapshot)))
    if flaws:
        yield _describe_flaws(flaws)
    if waiting := waiting_documents(snapshot.connection):
        yield CheckResult(
            "documents",
            "warn",
            f"damage took the content of {len(waiting)} documents: {_join_names(waiting)}",
            "ingest their folders again: ragkit ingest FOLDER",
            documents=tuple(waiting[:_MAX_DOCUMENTS]),
        )
    if not flaws:
        documents, pages, chunks = snapshot.documents.counts()
        finding = f"{documents} documents, {pages} pages, {chunks} chunks"
        yield CheckResult("documents", "ok", finding)


def _describe_flaws(flaws: Sequence[Flaw]) -> CheckResult:
    return CheckResult(
        "documents",
        "fail",
        _join_names([f"{flaw.source}: {flaw.what}" for flaw in flaws]),
        "remove them with ragkit repair, then ingest their folders again",
        documents=tuple(flaw.source for flaw in flaws[:_MAX_DOCUMENTS]),
    )


def _check_journal(database: Database) -> Iterator[CheckResult]:
    flaws = list(contradictions(database))
    if flaws:
        yield CheckResult("journal", "fail", _join_names(flaws), _REPAIR, "ragkit.db")
    else:
        yield CheckResult("journal", "ok", "the journal matches the documents")


def _check_spare_vectors(snapshot: Snapshot) -> Iterator[CheckResult]:
    """Check the second set of vectors, if there is one; no search uses it."""
    spare = read_spare(snapshot)
    count = snapshot.with_spare_vectors().vectors.count()
    if spare is None and not count:
        return
    if spare is None:
        finding = f"{count} vectors are not of any embedder"
        yield CheckResult("spare vectors", "fail", finding, f"to delete them, {_REPAIR}")
        return
    dimension = spare.identity.embedder.dimension
    flaws = len(flawed_vectors(snapshot.connection, SPARE_TABLE, dimension))
    if flaws:
        fix = f"to delete them, {_REPAIR}; then run the ragkit reembed command again"
        yield CheckResult("spare vectors", "fail", f"{flaws} of {count} are damaged", fix)
    else:
        of = f"of {spare.identity.embedder.name}, which no search uses"
        yield CheckResult("spare vectors", "ok", f"{count} vectors {of}")


def _check_audit_log(
    database: Database, store: Store, keys: Sequence[Path]
) -> Iterator[CheckResult]:
    chain = check_chain(database, load_keys(keys, store.key_file))
    if chain.broken is not None:
        fix = "find out who changed it, or restore a backup (ragkit restore)"
        yield CheckResult("audit log", "fail", f"it was changed: {chain.problem}", fix, "ragkit.db")
        return
    if chain.unknown:
        yield CheckResult(
            "audit log",
            "warn",
            f"{sum(chain.unknown.values())} of {chain.records} records, from record "
            f"{min(chain.unknown_from.values())} on, are signed with a key that is not on this "
            f"machine ({', '.join(chain.unknown)}): they cannot be checked",
            "give the file of that key with --key",
        )
    for what, count in (("", chain.lost), ("the names of ", chain.nameless)):
        if count:
            finding = f"damage took {what}{count} of {chain.records} records, as a repair recorded"
            yield CheckResult("audit log", "warn", finding)
    if chain.intact:
        yield CheckResult("audit log", "ok", f"all {chain.records} records are unchanged")


def _check_erasures(snapshot: Snapshot) -> Iterator[CheckResult]:
    for begun in snapshot.erasures.open():
        yield CheckResult(
            "erasures",
            "warn",
            f"erasure {begun.id} of {begun.at[:10]} is not finished: its documents no longer "
            "appear anywhere, but their text may still be on the disk",
            "erase the same documents again (ragkit erase), and follow its message",
        )


def _check_index(store: Store, index: Index) -> Iterator[CheckResult]:
    check = f"{index.name} index"
    for _ in range(_INDEX_ATTEMPTS):
        with store.snapshot() as snapshot:
            before = index.version(snapshot)
        with store.snapshot() as snapshot:
            flaw, path = index.verify(snapshot), index.path(snapshot)
        with store.snapshot() as snapshot:
            if not flaw or index.version(snapshot) == before:
                break
    else:
        yield CheckResult(check, "warn", "it changed during the check", "check again")
        return
    name = str(path.relative_to(store.layout.root)) if path else ""
    if flaw:
        fix = "rebuild it with ragkit repair; until then searches work without it"
        yield CheckResult(check, "fail", flaw, fix, name)
    elif path is None:
        yield CheckResult(check, "ok", "not needed yet")
    else:
        yield CheckResult(check, "ok", "it matches the database", "", name)


def _check_uploads(store: Store) -> Iterator[CheckResult]:
    """Check the uploaded files; another process may remove some of them at the same time."""
    layout, changed, count = store.layout, [], 0
    unknown = set() if is_locked(layout.lock) else _list_files(layout.uploads)
    with store.snapshot() as snapshot:
        for source, digest in snapshot.source_folders.uploaded_files():
            unknown.discard(source)
            count += digest != b""
            if digest and digest_file(str(layout.uploads / source)) != digest:
                changed.append(source)
    if unknown:
        yield CheckResult(
            "uploads",
            "warn",
            f"{len(unknown)} uploaded files are not ingested: {_join_names(sorted(unknown))}",
            f"ragkit ingest {layout.uploads}, then delete the files that are still listed",
        )
    if changed:
        yield CheckResult(
            "uploads",
            "warn",
            f"{len(changed)} uploaded files are missing or changed: {_join_names(changed)}",
            f"upload them again, or run: ragkit ingest {layout.uploads}; their text is complete",
            documents=tuple(changed[:_MAX_DOCUMENTS]),
        )
    elif count:
        yield CheckResult("uploads", "ok", f"{count} files are unchanged")


def _list_files(folder: Path) -> set[str]:
    """Return all files below a folder, by the names that an ingest gives them."""
    paths = (Path(at, name) for at, _, names in os.walk(folder) for name in names)
    return {
        os.fsencode(path.relative_to(folder)).decode("utf-8", "backslashreplace") for path in paths
    }


def _check_files(store: Store) -> Iterator[CheckResult]:
    layout, results = store.layout, list[CheckResult]()
    for path in find_strays(store):
        name = str(path.relative_to(layout.root))
        if path.is_symlink():
            what, fix = "is a link, which ragkit does not follow", "replace it with the file itself"
        elif is_leftover(layout, path):
            what, fix = "was left by a process that was killed", f"to delete it, {_REPAIR}"
        else:
            what, fix = "does not belong to the knowledge base", "move it elsewhere"
        results.append(CheckResult("files", "warn", f"{name} {what}", fix, name))
    if shared := find_shared_paths(layout):
        names = [str(path.relative_to(layout.root.parent)) for path in shared]
        state: State = "fail" if layout.root in shared else "warn"  # a private folder protects all
        finding = f"other users of this machine can access {_join_names(names)}"
        results.append(
            CheckResult("files", state, finding, f"to restrict it to its owner, {_REPAIR}")
        )
    yield from results
    if not results:
        yield CheckResult(
            "files", "ok", "nothing else is in the directory; only its owner has access"
        )


def find_strays(store: Store, *, writing: bool = False) -> Iterator[Path]:
    """Yield the paths in the directory that do not belong to the knowledge base.

    While another process writes, the folders that it changes are skipped; `writing` says that the
    caller is the writer.
    """
    layout = store.layout
    own = {"writer.lock", "commit.lock", *(f"ragkit.db{end}" for end in _DATABASE_SUFFIXES)}
    for path in sorted(layout.root.iterdir()):
        if path.is_symlink() or path.name not in (_FOLDERS if path.is_dir() else own):
            yield path
    if not writing and is_locked(layout.lock):
        return
    indexes = (*open_indexes(layout), open_spare_index(layout))
    with store.snapshot() as snapshot:
        own = {at.name for index in indexes if (at := index.path(snapshot))}
        left = [at for index in indexes for at in index.leftovers(snapshot)]
    for inner, names in ((layout.index, own), (layout.tmp, set[str]())):
        if inner.is_dir():
            for path in sorted(inner.iterdir()):
                if path.is_symlink() or path.name not in names:
                    yield path
    yield from (path for path in left if path.parent != layout.index)


def is_leftover(layout: Layout, path: Path) -> bool:
    """Return True if a stray path is one that a killed ragkit process leaves behind."""
    return any(path.is_relative_to(folder) for folder in (layout.index, layout.tmp))


def find_shared_paths(layout: Layout) -> list[Path]:
    """Return the paths of a knowledge base that others than its owner can access."""
    folders = (layout.root, layout.index, layout.lexical, layout.tmp, layout.uploads)
    paths = (*folders, layout.database, *layout.index.glob("dense-*.faiss"))
    return [path for path in paths if path.exists() and path.stat().st_mode & 0o077]


def _check_readable_part(layout: Layout) -> Iterator[CheckResult]:
    """Find the documents that damage took from a database, as far as it can be read."""
    try:
        with closing(connect_damaged(layout.database)) as database:
            dimension = read_dimension(Snapshot(database))
            flaws = list(flawed_documents(database, dimension))
    except (apsw.Error, RagkitError, UnicodeDecodeError):
        finding = "it is unknown which of them are affected"
        yield CheckResult("documents", "fail", finding, _RESTORE)
        return
    if flaws:
        yield _describe_flaws(flaws)


def read_dimension(snapshot: Snapshot) -> int:
    """Return the number of components of a vector; 1 in an empty knowledge base."""
    identity = read_identity(snapshot)
    return identity.embedder.dimension if identity else 1


def _join_names(names: Sequence[str]) -> str:
    """Join the first names for a message, and say how many more there are."""
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return "; ".join(names[:_MAX_NAMES]) + more
