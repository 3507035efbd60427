"""Looks through a whole base for damage, and says what to do about it."""

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
from ragkit.index.indexes import open_indexes
from ragkit.maintenance.check_result import CheckResult, State
from ragkit.manifest import read_identity
from ragkit.store.audit_chain import check_chain
from ragkit.store.checks import (
    Flaw,
    contradictions,
    flawed_documents,
    structure_flaws,
    waiting_documents,
)
from ragkit.store.database import Database, connect_damaged
from ragkit.store.keys import load_keys
from ragkit.store.layout import UPLOADS_FOLDER, Layout
from ragkit.store.locks import is_locked
from ragkit.store.salvage import DAMAGE
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from ragkit_ingest.scan import digest_file

CONTENT = ("database", "documents", "journal", "vector index", "word index")
"""What a base cannot do without; the rest is about its log and its surroundings."""

_NAMED = 1000  # documents at most
_TRIES = 3  # of an index that somebody writes to meanwhile
_ODD = (TypeError, ValueError, AttributeError, OverflowError)
"""What a value raises that is of another type than its column."""

_REPAIR = "ragkit repair"
_FOLDERS = ("index", "tmp", "uploads")
_BESIDE = ("-wal", "-shm", "-journal")
_RESTORE = "restore a backup (ragkit restore), or keep what can be read with: ragkit repair"


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """All findings about a base as it was at the commit `seq`, -1 if that cannot be told."""

    path: Path
    seq: int
    checks: tuple[CheckResult, ...]

    @property
    def intact(self) -> bool:
        """Whether nothing is damaged."""
        return not self.is_damaged()

    def is_damaged(self, *names: str) -> bool:
        """Whether anything is damaged, or any of these."""
        return any(
            finding.state == "fail" and (not names or finding.name in names)
            for finding in self.checks
        )


def verify_kb(
    path: Path, config: Config | None = None, *, keys: Sequence[Path] = ()
) -> VerificationReport:
    """Check the base in a directory, also one that cannot be opened any more.

    `keys` are files of further audit keys. Raises StoreMissing where there is none.
    """
    try:
        store = Store(path, create=False, key_file=config.key_file if config else None)
    except StoreDamaged as error:
        layout = Layout(path.absolute())
        finding = CheckResult("database", "fail", str(error), _RESTORE, layout.database.name)
        return VerificationReport(layout.root, -1, (finding, *_readable_part(layout)))
    with closing(store):
        return verify_store(store, keys=keys)


def verify_store(store: Store, *, keys: Sequence[Path] = ()) -> VerificationReport:
    """Check an open base; others may read and write meanwhile."""
    with store.snapshot() as snapshot:
        database = snapshot.connection
        seq = snapshot.seq
        findings = [
            *_guarded("database", _database(database)),
            *_guarded("documents", _documents(snapshot)),
            *_guarded("journal", _journal(database)),
            *_guarded("audit log", _audit_log(database, store, keys)),
            *_guarded("erasures", _erasures(snapshot)),
        ]
    for index in open_indexes(store.layout):
        findings += _guarded(f"{index.name} index", _index(store, index))
    findings += _guarded("uploads", _uploads(store))
    findings += _guarded("files", _files(store))
    return VerificationReport(store.layout.root, seq, tuple(findings))


def _guarded(checked: str, findings: Iterator[CheckResult]) -> Iterator[CheckResult]:
    """The findings; that a check cannot be made is one, too."""
    try:
        yield from findings
    except (*DAMAGE, RagkitError, *_ODD) as error:
        yield CheckResult(checked, "fail", f"cannot be checked ({error})", _RESTORE)


def _database(database: Database) -> Iterator[CheckResult]:
    flaws = list(structure_flaws(database))
    if flaws:
        yield CheckResult("database", "fail", _first(flaws), _RESTORE, "ragkit.db")
        return
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    yield CheckResult("database", "ok", f"all {pages} pages are what was written")


def _documents(snapshot: Snapshot) -> Iterator[CheckResult]:
    flaws = list(flawed_documents(snapshot.connection, dimension_of(snapshot)))
    if flaws:
        yield _flawed(flaws)
    if waiting := waiting_documents(snapshot.connection):
        yield CheckResult(
            "documents",
            "warn",
            f"{len(waiting)} were lost to damage and wait to be read again: {_first(waiting)}",
            "ragkit ingest with the folders that they are from",
            documents=tuple(waiting[:_NAMED]),
        )
    if not flaws:
        documents, pages, chunks = snapshot.counts()
        yield CheckResult("documents", "ok", f"{documents} with {pages} pages and {chunks} chunks")


def _flawed(flaws: Sequence[Flaw]) -> CheckResult:
    return CheckResult(
        "documents",
        "fail",
        _first([f"{flaw.source}: {flaw.what}" for flaw in flaws]),
        f"{_REPAIR} takes them out, and the next ragkit ingest reads them again",
        documents=tuple(flaw.source for flaw in flaws[:_NAMED]),
    )


def _journal(database: Database) -> Iterator[CheckResult]:
    flaws = list(contradictions(database))
    if flaws:
        yield CheckResult("journal", "fail", _first(flaws), _REPAIR, "ragkit.db")
    else:
        yield CheckResult("journal", "ok", "counts, ids and the journal agree")


def _audit_log(database: Database, store: Store, keys: Sequence[Path]) -> Iterator[CheckResult]:
    chain = check_chain(database, load_keys(keys, store.key_file))
    if chain.broken is not None:
        fix = "find out who changed it, or restore a backup (ragkit restore)"
        yield CheckResult("audit log", "fail", f"it was changed: {chain.problem}", fix, "ragkit.db")
        return
    if chain.unknown:
        yield CheckResult(
            "audit log",
            "warn",
            f"{sum(chain.unknown.values())} of {chain.records} records are signed with a key that "
            f"is not here ({', '.join(chain.unknown)}; the first is record "
            f"{min(chain.unknown_from.values())}), so whether they were changed is not known",
            "name the file of that key with --key",
        )
    for what, count in (("", chain.lost), ("the names of ", chain.nameless)):
        if count:
            found = (
                f"{what}{count} of {chain.records} records were lost to damage, "
                "as a later record says"
            )
            yield CheckResult("audit log", "warn", found)
    if chain.intact:
        yield CheckResult("audit log", "ok", f"{chain.records} records are what was written")


def _erasures(snapshot: Snapshot) -> Iterator[CheckResult]:
    for begun in snapshot.open_erasures():
        found = f"erasure {begun.id} was begun on {begun.at[:10]} and is not finished: its text is "
        fix = "erase the same again, and read what it says"
        yield CheckResult(
            "erasures", "warn", f"{found}found by nobody, but may be on the disk", fix
        )


def _index(store: Store, index: Index) -> Iterator[CheckResult]:
    checked = f"{index.name} index"
    for _ in range(_TRIES):
        with store.snapshot() as snapshot:
            before = index.version(snapshot)
        with store.snapshot() as snapshot:
            flaw, path = index.verify(snapshot), index.path(snapshot)
        with store.snapshot() as snapshot:
            if not flaw or index.version(snapshot) == before:
                break
    else:
        yield CheckResult(checked, "warn", "it changes while it is being checked", "try again")
        return
    name = str(path.relative_to(store.layout.root)) if path else ""
    if flaw:
        fix = f"searches go without it; {_REPAIR} builds it again"
        yield CheckResult(checked, "fail", flaw, fix, name)
    elif path is None:
        yield CheckResult(checked, "ok", "none is needed yet")
    else:
        yield CheckResult(checked, "ok", "it agrees with the database", "", name)


def _uploads(store: Store) -> Iterator[CheckResult]:
    """Files that have no other home than the base; somebody may be taking some out meanwhile."""
    layout, lost, count = store.layout, [], 0
    left = set() if is_locked(layout.lock) else _files_in(layout.uploads)
    with store.snapshot() as snapshot:
        for source, digest in snapshot.connection.execute(
            "SELECT d.source, d.digest FROM document d "
            "JOIN source_folder f ON f.id = d.source_folder WHERE f.path = ? "
            "UNION ALL SELECT e.source, x'' FROM file_error e "
            "JOIN source_folder f ON f.id = e.source_folder WHERE f.path = ? ORDER BY 1",
            (UPLOADS_FOLDER, UPLOADS_FOLDER),
        ):
            left.discard(source)
            count += digest != b""
            if digest and digest_file(str(layout.uploads / source)) != digest:
                lost.append(source)
    if left:
        yield CheckResult(
            "uploads",
            "warn",
            f"{len(left)} files are not in the base, and it does not say why: "
            f"{_first(sorted(left))}",
            f"ragkit ingest {layout.uploads}, then delete what is still named here",
        )
    if lost:
        yield CheckResult(
            "uploads",
            "warn",
            f"{len(lost)} files are not there, or not as they were read: {_first(lost)}",
            "upload them again, or ingest the folder of uploads; their text is whole",
            documents=tuple(lost[:_NAMED]),
        )
    elif count:
        yield CheckResult("uploads", "ok", f"{count} files are as they were read")


def _files_in(folder: Path) -> set[str]:
    """All that is no folder, at any depth, called as a scan calls it."""
    paths = (Path(at, name) for at, _, names in os.walk(folder) for name in names)
    return {
        os.fsencode(path.relative_to(folder)).decode("utf-8", "backslashreplace") for path in paths
    }


def _files(store: Store) -> Iterator[CheckResult]:
    layout, found = store.layout, list[CheckResult]()
    for path in strays(store):
        name = str(path.relative_to(layout.root))
        if path.is_symlink():
            what, fix = "is a link, and none is followed", "put the file itself there"
        elif is_leftover(layout, path):
            what, fix = "was left by a process that was killed", f"{_REPAIR} deletes it"
        else:
            what, fix = "is no file of ragkit's", "keep it elsewhere"
        found.append(CheckResult("files", "warn", f"{name} {what}", fix, name))
    if opened := open_to_others(layout):
        names = [str(path.relative_to(layout.root.parent)) for path in opened]
        state: State = "fail" if layout.root in opened else "warn"  # else nobody gets as far
        what = f"others may read {_first(names)}"
        found.append(CheckResult("files", state, what, f"{_REPAIR} makes it its owner's alone"))
    yield from found
    if not found:
        yield CheckResult(
            "files", "ok", "nothing else is in the directory, which is its owner's alone"
        )


def strays(store: Store, *, writing: bool = False) -> Iterator[Path]:
    """What lies in the directory and is no file of the base.

    While somebody writes, unless that is the caller, only what does not change then.
    """
    layout = store.layout
    own = {"writer.lock", "commit.lock", *(f"ragkit.db{end}" for end in ("", *_BESIDE))}
    for path in sorted(layout.root.iterdir()):
        if path.is_symlink() or path.name not in (_FOLDERS if path.is_dir() else own):
            yield path
    if not writing and is_locked(layout.lock):
        return
    indexes = open_indexes(layout)
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
    """Whether a stray is what a killed process of ragkit's leaves."""
    return any(path.is_relative_to(folder) for folder in (layout.index, layout.tmp))


def open_to_others(layout: Layout) -> list[Path]:
    """What has another mode than that of a base, which is its owner's alone."""
    folders = (layout.root, layout.index, layout.lexical, layout.tmp, layout.uploads)
    paths = (*folders, layout.database, *layout.index.glob("dense-*.faiss"))
    return [path for path in paths if path.exists() and path.stat().st_mode & 0o077]


def _readable_part(layout: Layout) -> Iterator[CheckResult]:
    """Which documents a damaged database has no longer, as far as that can be told."""
    try:
        with closing(connect_damaged(layout.database)) as database:
            dimension = dimension_of(Snapshot(database))
            flaws = list(flawed_documents(database, dimension))
    except (apsw.Error, RagkitError, UnicodeDecodeError):
        yield CheckResult(
            "documents", "fail", "which of them are affected cannot be told", _RESTORE
        )
        return
    if flaws:
        yield _flawed(flaws)


def dimension_of(snapshot: Snapshot) -> int:
    """How many numbers a vector of the base has."""
    identity = read_identity(snapshot)
    return identity.embedder.dimension if identity else 1


def _first(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return "; ".join(names[:most]) + more
