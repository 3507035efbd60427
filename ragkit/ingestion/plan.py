"""The plan of an ingest: compares the files under a path with the knowledge base."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ragkit.errors import SourceError
from ragkit.ingestion.options import IngestOptions
from ragkit.store.records import KnownFile
from ragkit.store.snapshot import Snapshot
from ragkit_ingest import READER_VERSION
from ragkit_ingest.model import FileError, Reason
from ragkit_ingest.process.limits import FileLimits, too_large
from ragkit_ingest.scan import FoundFile, Scan, digest_file, is_within

ON_HOLD = (
    "the file changed, but its document is on legal hold and stays as it is; "
    "end the hold with: ragkit release"
)


@dataclass(slots=True)
class Plan:
    """What an ingest of one path has to do.

    `source_folder` is the folder's id in the store, and `known` are the source paths that it
    holds already. `read` lists new and changed files; `renamed` holds (document id, old source
    path, file), and `removed` (document id, source path) of documents whose file vanished. Files
    in `failed` cannot be ingested. `new_errors` are those of `failed` that the store has to
    remember now, and `old_errors` are source paths whose stored error no longer applies. `touched`
    holds (document id, time) of files of which only the modification time changed.
    `allowed_again` are digests of erased contents that `renamed` brings back.
    """

    source_folder: int
    known: set[str] = field(default_factory=set)
    read: list[FoundFile] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    renamed: list[tuple[int, str, FoundFile]] = field(default_factory=list)
    allowed_again: list[bytes] = field(default_factory=list)
    removed: list[tuple[int, str]] = field(default_factory=list)
    touched: list[tuple[int, str]] = field(default_factory=list)
    failed: list[FileError] = field(default_factory=list)
    new_errors: list[FileError] = field(default_factory=list)
    old_errors: list[str] = field(default_factory=list)


_Errors = Mapping[str, tuple[FileError, str]]  # by source path, with the reader's tag


class _Vanished:
    """What the store knows of files that vanished, by source path and by size."""

    def __init__(self, facts: dict[str, KnownFile]) -> None:
        self.facts = facts
        self._by_size: dict[int, list[str]] = {}
        for source, known in facts.items():
            self._by_size.setdefault(known.size, []).append(source)

    def find(self, file: FoundFile) -> str | None:
        """Return the source path that held the same bytes as a file, if there is one."""
        candidates = [name for name in self._by_size.get(file.size, ()) if name in self.facts]
        if not candidates:
            return None
        digest = digest_file(file.path)
        return next((name for name in candidates if self.facts[name].digest == digest), None)


def locate(
    path: Path, source_folders: Sequence[tuple[int, str, bool]], uploads: Path
) -> tuple[Path, Path, bool]:
    """Find the source folder of a path to ingest.

    `source_folders` are those of the store as (id, path, whether it was ingested whole). A path
    inside a whole folder belongs to that folder, and a path in `uploads` belongs to the uploads.
    Any other path becomes a source folder itself, or its parent does if it is a file.

    Returns the source folder, the absolute path, and whether the two are the same folder. Raises
    SourceError if the path does not exist or its name is not UTF-8.
    """
    start = Path(os.path.abspath(path))
    try:
        str(start).encode()
    except UnicodeEncodeError as error:
        raise SourceError(
            f"the name of {start!r} is not UTF-8, and source paths have to be; rename the folder"
        ) from error
    if not start.exists() and not start.is_symlink():
        raise SourceError(f"{path} does not exist; name a file or folder to ingest")
    if start.is_relative_to(uploads):
        return uploads, start, start == uploads
    for _, known, whole in source_folders:
        if whole and start.is_relative_to(known):
            return Path(known), start, start == Path(known)
    return (start, start, True) if start.is_dir() else (start.parent, start, False)


def make_plan(
    snapshot: Snapshot, source_folder: int, found: Scan, scope: str, options: IngestOptions
) -> Plan:
    """Compare the scan of `scope`, a path relative to the source folder, with the store."""
    known = snapshot.documents.known_files(source_folder)
    errors = snapshot.file_errors.of(source_folder)
    on_hold = _sources_on_hold(snapshot, known)
    is_gone = _make_gone_test(found, scope)
    vanished = _Vanished({source: facts for source, facts in known.items() if is_gone(source)})
    plan = Plan(source_folder, set(known))
    for file in found.files:
        state = _compare(file, known, errors, options.limits)
        if state == "unchanged":
            plan.unchanged.append(file.source)
            if file.source not in on_hold:
                _plan_touch(plan, file, known[file.source])
        elif file.source in on_hold:
            plan.failed.append(FileError(file.source, Reason.ON_HOLD, ON_HOLD))
        elif isinstance(state, FileError):
            _plan_failure(plan, state, errors)
        else:
            _plan_reading(plan, file, vanished, snapshot, options)
    if not options.keep_missing:
        plan.removed = [
            (facts.document, source)
            for source, facts in sorted(vanished.facts.items())
            if source not in on_hold
        ]
    plan.failed += found.errors
    plan.old_errors = [source for source in errors if is_gone(source)]
    return plan


def _sources_on_hold(snapshot: Snapshot, known: Mapping[str, KnownFile]) -> set[str]:
    documents = {document for document, *_ in snapshot.retention.legal_holds()}
    return {source for source, facts in known.items() if facts.document in documents}


def _make_gone_test(found: Scan, scope: str) -> Callable[[str], bool]:
    """Return a function that says if the scan would have found a source path, but did not.

    The scan knows nothing of what is outside its scope or below an unreadable folder.
    """
    present = {file.source for file in found.files}

    def is_gone(source: str) -> bool:
        return (
            source not in present
            and is_within(source, scope)
            and not any(is_within(source, folder) for folder in found.unreadable)
        )

    return is_gone


def _compare(
    file: FoundFile, known: Mapping[str, KnownFile], errors: _Errors, limits: FileLimits
) -> Literal["unchanged", "changed"] | FileError:
    """Return how a file compares with the store, or why it cannot be read."""
    if file.size > limits.max_bytes:
        refusal = too_large(file.size, limits.max_bytes)
        return FileError(file.source, refusal.reason, refusal.detail)
    stored = known.get(file.source)
    failed, failed_with = errors.get(file.source, (None, ""))
    if stored is None and failed is None:
        return "changed"
    digest = digest_file(file.path)
    if digest is None:
        detail = "the file cannot be opened; check its permissions"
        return FileError(file.source, Reason.UNREADABLE, detail)
    if stored is not None and stored.digest == digest:
        return "unchanged"
    if failed is not None and failed.digest == digest and failed_with == reader_tag(limits):
        return failed
    return "changed"


def _plan_touch(plan: Plan, file: FoundFile, known: KnownFile) -> None:
    if file.modified_at != known.modified_at:
        plan.touched.append((known.document, file.modified_at))


def _plan_failure(plan: Plan, error: FileError, errors: _Errors) -> None:
    plan.failed.append(error)
    stored = errors.get(error.source)
    if error.reason == Reason.TOO_LARGE and (stored is None or stored[0] != error):
        plan.new_errors.append(error)


def _plan_reading(
    plan: Plan,
    file: FoundFile,
    vanished: _Vanished,
    snapshot: Snapshot,
    options: IngestOptions,
) -> None:
    """Plan to read a new or changed file, or to rename the document of a vanished one."""
    old = None if file.source in plan.known else vanished.find(file)
    erased = old is not None and snapshot.erasures.erased_at(vanished.facts[old].digest) is not None
    if old is None or (erased and not options.allow_erased):
        plan.read.append(file)  # its content is compared with what was erased once it is read
        return
    facts = vanished.facts.pop(old)
    plan.renamed.append((facts.document, old, file))
    _plan_touch(plan, file, facts)
    if erased:
        plan.allowed_again.append(facts.digest)


def reader_tag(limits: FileLimits) -> str:
    """Return the version of the readers with their limits.

    A file that failed is read again once this changes.
    """
    return f"{READER_VERSION}, {limits.seconds} s, {limits.memory} bytes"
