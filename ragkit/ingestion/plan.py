"""Compares what lies under a path with the base: what an ingest has to do."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ragkit.errors import SourceError
from ragkit.ingestion.workers import Options
from ragkit.store.snapshot import Snapshot
from ragkit_ingest import READER_VERSION
from ragkit_ingest.model import FileError, Reason
from ragkit_ingest.process.pool import FileLimits
from ragkit_ingest.scan import FoundFile, Scan, within

HELD = "it was changed, and the document is held as it was; ragkit release lets it go"


@dataclass(slots=True)
class Plan:
    """What an ingest of one path has to do, found by comparing digests.

    `outgrown` are those of `failed` that are too large and not known to be so yet.
    `allowed_again` are the digests of erased contents in `renamed` that may come back.
    """

    source_folder: int
    read: list[FoundFile] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    renamed: list[tuple[int, str, FoundFile]] = field(default_factory=list)
    allowed_again: list[bytes] = field(default_factory=list)
    removed: list[tuple[int, str]] = field(default_factory=list)
    failed: list[FileError] = field(default_factory=list)
    outgrown: list[FileError] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)


def locate(
    path: Path, source_folders: Sequence[tuple[int, str, bool]], uploads: Path
) -> tuple[Path, Path, bool]:
    """(folder, start, whole) of a path to ingest: inside a known whole folder it belongs to that.

    What lies in the base's own folder of `uploads` belongs to that alone. Raises SourceError if
    the path does not exist.
    """
    start = Path(os.path.abspath(path))
    try:
        str(start).encode()
    except UnicodeEncodeError as error:
        raise SourceError(f"the name of {start!r} is not UTF-8; rename the folder") from error
    if not start.exists() and not start.is_symlink():
        raise SourceError(f"there is no {path}; name a file or folder to ingest")
    if start.is_relative_to(uploads):
        return uploads, start, start == uploads
    for _, known, whole in source_folders:
        if whole and start.is_relative_to(known):
            return Path(known), start, start == Path(known)
    return (start, start, True) if start.is_dir() else (start.parent, start, False)


def make_plan(
    snapshot: Snapshot, source_folder: int, found: Scan, scope: str, options: Options
) -> tuple[Plan, list[str]]:
    """Compare a scan with the base; returns the plan and the unchanged sources."""
    plan = Plan(source_folder)
    known = snapshot.known_files(source_folder)
    known_errors = snapshot.file_errors(source_folder)
    plan.known = set(known)
    present = {file.source for file in found.files}

    def reached(source: str) -> bool:
        return within(source, scope) and not any(within(source, f) for f in found.unreadable)

    gone = {source: known[source] for source in known if source not in present and reached(source)}
    by_size: dict[int, list[str]] = {}
    for source, (_, _, size) in gone.items():
        by_size.setdefault(size, []).append(source)
    unchanged: list[str] = []
    ids = {document for document, *_ in snapshot.holds()}
    held = {source for source, (document, _, _) in known.items() if document in ids}
    for file in found.files:
        outcome = _compare(file, known, known_errors, options)
        if file.source in held and outcome != "unchanged":
            plan.failed.append(FileError(file.source, "held", HELD))
            continue
        if outcome == "unchanged":
            unchanged.append(file.source)
            continue
        if isinstance(outcome, FileError):
            plan.failed.append(outcome)
            stored = known_errors.get(file.source)
            if outcome.reason == Reason.TOO_LARGE and (stored is None or stored[0] != outcome):
                plan.outgrown.append(outcome)
            continue
        old = _renamed_from(file, known, gone, by_size)
        erased = old is not None and snapshot.erased_at(gone[old][1]) is not None
        if old is None or (erased and not options.allow_erased):
            plan.read.append(file)  # an erased one is refused by what is in it, whatever its name
            continue
        document, digest, _ = gone.pop(old)
        plan.renamed.append((document, old, file))
        if erased:
            plan.allowed_again.append(digest)
    if not options.keep_missing:
        plan.removed = [
            (document, source)
            for source, (document, _, _) in sorted(gone.items())
            if source not in held
        ]
    plan.failed += found.errors
    plan.mended = [source for source in known_errors if source not in present and reached(source)]
    return plan, unchanged


def _compare(
    file: FoundFile,
    known: Mapping[str, tuple[int, bytes, int]],
    known_errors: Mapping[str, tuple[FileError, str]],
    options: Options,
) -> str | FileError:
    """ "unchanged", "changed", or why the file cannot be read."""
    limit = options.limits.max_bytes
    if file.size > limit:
        detail = (
            f"{file.size / 1e6:.0f} MB, the limit is {limit / 1e6:.0f} MB (setting max_file_mb)"
        )
        return FileError(file.source, Reason.TOO_LARGE, detail)
    stored = known.get(file.source)
    failed = known_errors.get(file.source)
    if stored is None and failed is None:
        return "changed"
    digest = file_digest(file.path)
    if digest is None:
        return FileError(file.source, Reason.UNREADABLE, "it cannot be opened; check its mode")
    if stored is not None and stored[1] == digest:
        return "unchanged"
    if (
        failed is not None
        and failed[0].digest == digest
        and failed[1] == reader_tag(options.limits)
    ):
        return failed[0]
    return "changed"


def reader_tag(limits: FileLimits) -> str:
    """What a failure was met with; a file that failed is read again once this changes."""
    return f"{READER_VERSION}, {limits.seconds} s, {limits.memory} bytes"


def _renamed_from(
    file: FoundFile,
    known: Mapping[str, tuple[int, bytes, int]],
    gone: Mapping[str, tuple[int, bytes, int]],
    by_size: Mapping[int, list[str]],
) -> str | None:
    """The vanished source with the same bytes, if there is one."""
    candidates = [source for source in by_size.get(file.size, ()) if source in gone]
    if not candidates or file.source in known:
        return None
    digest = file_digest(file.path)
    return next((source for source in candidates if gone[source][1] == digest), None)


def file_digest(path: str) -> bytes | None:
    """SHA-256 of a file's bytes, None if it cannot be opened."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    digest = hashlib.sha256()
    try:
        while block := os.read(descriptor, 1 << 20):
            digest.update(block)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return digest.digest()
