"""Ingest: scan, read in child processes, embed across documents, commit one by one."""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from ragkit.embedding import Embedder, checked, tokenizer_file
from ragkit.errors import SourceError
from ragkit.index import dense, lexical
from ragkit.reports import FailedFile, IngestReport, Progress, ProgressCallback
from ragkit.store import HalfVectors, Layout, NewDocument, Problem, Snapshot, Writer
from ragkit_ingest import READER_VERSION
from ragkit_ingest.chunk import (
    Chunk,
    ChunkSettings,
    chunk_document,
    document_header,
    embedding_text,
)
from ragkit_ingest.model import Document, ReadError, Reason
from ragkit_ingest.reading import Limits, ReaderProcess, ReadFile, Refused
from ragkit_ingest.scan import FoundFile, Scan, scan, within

EmbedderOpener = Callable[[], tuple[Embedder, ChunkSettings]]
"""Loads the embedder of a base and says how it cuts documents into chunks."""

Reader = Callable[[bytes, str], Document]
"""Reads a file's bytes, given its source; raises ReadError for what it cannot read."""

_GATHER = 256  # chunks embedded together, if that many are ready
_SLICE = 1024  # chunks embedded between two progress reports
_SYNC_EVERY = 1000  # chunks committed between two commits of the word index
_PASSING = (Reason.TIMED_OUT, Reason.OUT_OF_MEMORY, Reason.CRASHED)  # worth another try


@dataclass(frozen=True, slots=True)
class Options:
    """How to ingest; see KnowledgeBase.ingest."""

    label: str = "default"
    keep_missing: bool = False
    strict: bool = False
    dry_run: bool = False
    workers: int = 1
    limits: Limits = field(default_factory=Limits)
    readers: Mapping[str, Reader] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    """What an ingest of one path has to do, found by comparing digests."""

    root: int
    read: list[FoundFile] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    renamed: list[tuple[int, str, FoundFile]] = field(default_factory=list)
    removed: list[tuple[int, str]] = field(default_factory=list)
    failed: list[Problem] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Read:
    """A file together with what came of reading it."""

    file: FoundFile
    outcome: ReadFile | Refused


def locate(path: Path, roots: Sequence[tuple[int, str, bool]]) -> tuple[Path, Path, bool]:
    """(root, start, whole) of a path to ingest: inside a known whole root it belongs to that.

    Raises SourceError if the path does not exist.
    """
    start = Path(os.path.abspath(path))
    if not start.exists() and not start.is_symlink():
        raise SourceError(f"there is no {path}; name a file or folder to ingest")
    for _, known, whole in roots:
        if whole and start.is_relative_to(known):
            return Path(known), start, start == Path(known)
    return (start, start, True) if start.is_dir() else (start.parent, start, False)


def make_plan(
    snapshot: Snapshot, root: int, found: Scan, scope: str, options: Options
) -> tuple[Plan, list[str]]:
    """Compare a scan with the base; returns the plan and the unchanged sources."""
    plan = Plan(root)
    known = snapshot.known_files(root)
    problems = snapshot.problems(root)
    plan.known = set(known)
    present = {file.source for file in found.files}
    gone = {
        source: known[source]
        for source in known
        if source not in present
        and within(source, scope)
        and not any(within(source, folder) for folder in found.unreadable)
    }
    by_size: dict[int, list[str]] = {}
    for source, (_, _, size) in gone.items():
        by_size.setdefault(size, []).append(source)
    unchanged: list[str] = []
    for file in found.files:
        outcome = _compare(file, known, problems, options)
        if outcome == "unchanged":
            unchanged.append(file.source)
        elif isinstance(outcome, Problem):
            plan.failed.append(outcome)
        elif (old := _renamed_from(file, known, gone, by_size)) is not None:
            plan.renamed.append((gone.pop(old)[0], old, file))
        else:
            plan.read.append(file)
    if not options.keep_missing:
        plan.removed = [(document, source) for source, (document, _, _) in sorted(gone.items())]
    plan.failed += [Problem(source, b"", reason, text) for source, reason, text in found.problems]
    plan.mended = [source for source in problems if source not in present and within(source, scope)]
    return plan, unchanged


def _compare(
    file: FoundFile,
    known: Mapping[str, tuple[int, bytes, int]],
    problems: Mapping[str, tuple[Problem, str]],
    options: Options,
) -> str | Problem:
    """ "unchanged", "changed", or why the file cannot be read."""
    limit = options.limits.max_bytes
    if file.size > limit:
        detail = (
            f"{file.size / 1e6:.0f} MB, the limit is {limit / 1e6:.0f} MB (setting max_file_mb)"
        )
        return Problem(file.source, b"", Reason.TOO_LARGE, detail)
    stored = known.get(file.source)
    failed = problems.get(file.source)
    if stored is None and failed is None:
        return "changed"
    digest = _digest(file.path)
    if digest is None:
        return Problem(file.source, b"", Reason.UNREADABLE, "it cannot be opened; check its mode")
    if stored is not None and stored[1] == digest:
        return "unchanged"
    if failed is not None and failed[0].digest == digest and failed[1] == READER_VERSION:
        return failed[0]
    return "changed"


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
    digest = _digest(file.path)
    return next((source for source in candidates if gone[source][1] == digest), None)


def _digest(path: str) -> bytes | None:
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


def _embedded_text(document: Document, chunk: Chunk) -> str:
    text = document.pages[chunk.page].text[chunk.start : chunk.end]
    return embedding_text(chunk.header, text)


def text_digest(text: str) -> bytes:
    """What tells equal embedded texts apart from others: 16 bytes of their SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


class Ingest:
    """One run over one path; the writer lock is held by the caller."""

    def __init__(
        self,
        writer: Writer,
        layout: Layout,
        opener: EmbedderOpener,
        options: Options,
        progress: ProgressCallback | None,
    ) -> None:
        self._writer = writer
        self._layout = layout
        self._open_embedder = opener
        self._options = options
        self._progress = progress
        self._started = time.monotonic()
        self._unsynced = 0
        self._unpublished = 0
        self._files_done = 0
        self._bytes_done = 0
        self._bytes_total = 0
        self._files_total = 0
        self.report = IngestReport(dry_run=options.dry_run)

    def run(self, path: Path) -> None:
        """Bring the base up to date with a path. Raises SourceError if there is no such path."""
        snapshot = Snapshot(self._writer.connection)
        root_path, start, whole = locate(path, snapshot.roots())
        self._tell("scan")
        found = scan(root_path, start)
        root = 0 if self._options.dry_run else self._writer.add_root(str(root_path), whole=whole)
        if self._options.dry_run:
            known = [number for number, known, _ in snapshot.roots() if known == str(root_path)]
            root = known[0] if known else 0
        scope = os.path.relpath(start, root_path).replace(os.sep, "/")
        plan, self.report.unchanged = make_plan(
            Snapshot(self._writer.connection), root, found, scope, self._options
        )
        if self._options.dry_run:
            self._foresee(plan)
        else:
            self._carry_out(plan)
        self.report.seconds = time.monotonic() - self._started

    def _foresee(self, plan: Plan) -> None:
        for file in plan.read:
            (self.report.updated if file.source in plan.known else self.report.added).append(
                file.source
            )
        self.report.renamed = [(old, file.source) for _, old, file in plan.renamed]
        self.report.removed = [source for _, source in plan.removed]
        self._note_failed(plan.failed)

    def _carry_out(self, plan: Plan) -> None:
        self._note_failed(plan.failed)
        for document, old, file in plan.renamed:
            self._rename(document, file.source)
            self.report.renamed.append((old, file.source))
        if plan.removed:
            self._writer.remove_documents(plan.removed)
            self.report.removed = [source for _, source in plan.removed]
        if plan.mended:
            self._writer.clear_problems(plan.root, plan.mended)
        if plan.read:
            self._read_all(plan)

    def _note_failed(self, problems: Sequence[Problem]) -> None:
        for problem in problems:
            self.report.failed.append(FailedFile(problem.source, problem.reason, problem.detail))
            if self._options.strict and not self._options.dry_run:
                why = f"{problem.reason} ({problem.detail})" if problem.detail else problem.reason
                raise SourceError(f"{problem.source}: {why}; stopped there, as strict asks")

    def _rename(self, document: int, source: str) -> None:
        """Move a document to another source; its chunks keep their vectors."""
        snapshot = Snapshot(self._writer.connection)
        chunks = snapshot.chunks_of(document)
        headers = []
        if chunks:
            old = document_header(chunks[0].title, chunks[0].source)
            new = document_header(chunks[0].title, source)
            headers = [(c.id, new + c.header.removeprefix(old)) for c in chunks if c.header]
        self._writer.rename_document(document, source, headers)

    # -- reading, embedding and committing overlap ---------------------------------------------

    def _read_all(self, plan: Plan) -> None:
        self._files_total = len(plan.read)
        self._bytes_total = sum(file.size for file in plan.read)
        embedder, settings = self._open_embedder()
        results = _read_in_threads(plan.read, embedder, settings, self._options)
        with closing(results):
            for batch in self._gathered(results):
                self._commit(plan, batch, embedder)

    def _gathered(self, results: Iterable[_Read | None]) -> Iterator[list[_Read]]:
        """Lists of files that are ready: as many as make a good batch, without waiting for more."""
        batch: list[_Read] = []
        chunks = 0
        for result in results:
            if result is not None:
                batch.append(result)
                if isinstance(result.outcome, ReadFile):
                    chunks += len(result.outcome.chunks or ())
            if batch and (result is None or chunks >= _GATHER):
                yield batch
                batch, chunks = [], 0
        if batch:
            yield batch

    def _commit(self, plan: Plan, batch: list[_Read], embedder: Embedder) -> None:
        outcomes = [item.outcome for item in batch if isinstance(item.outcome, ReadFile)]
        embedded = iter(self._embed(outcomes, embedder))
        for item in batch:
            source = item.file.source
            if isinstance(item.outcome, Refused):
                self._refuse(plan, source, item.outcome)
            else:
                self._store(plan.root, source, item.outcome, *next(embedded), source in plan.known)
            self._files_done += 1
            self._bytes_done += item.file.size
            self._tell("read", source)

    def put(self, root: int, source: str, read: ReadFile, embedder: Embedder, known: bool) -> None:
        """Embed and commit one document that was read already."""
        ((digests, vectors),) = self._embed([read], embedder)
        self._store(root, source, read, digests, vectors, known)

    def _refuse(self, plan: Plan, source: str, outcome: Refused) -> None:
        problem = Problem(source, outcome.digest, outcome.reason, outcome.detail)
        passing = outcome.reason in _PASSING
        remembered = replace(problem, digest=b"") if passing else problem
        self._writer.set_problem(plan.root, remembered, READER_VERSION)
        self._note_failed([problem])

    def _store(
        self,
        root: int,
        source: str,
        read: ReadFile,
        digests: list[bytes],
        vectors: HalfVectors,
        known: bool,
    ) -> None:
        self._writer.put_document(
            NewDocument(
                root=root,
                source=source,
                digest=read.digest,
                size=read.size,
                label=self._options.label,
                document=read.document,
                chunks=read.chunks or [],
                digests=digests,
                vectors=vectors,
            )
        )
        (self.report.updated if known else self.report.added).append(source)
        self.report.warnings += [(source, warning) for warning in read.document.warnings]
        self.report.pages += len(read.document.pages)
        self.report.chunks += len(digests)
        self._keep_up(len(digests), vectors.shape[1])

    def _keep_up(self, chunks: int, dimension: int) -> None:
        """Keep what readers must scan exactly short while a long ingest goes on."""
        self._unsynced += chunks
        self._unpublished += chunks
        if self._unsynced >= _SYNC_EVERY:
            self._unsynced = 0
            lexical.synchronise(Snapshot(self._writer.connection), self._layout)
        if self._unpublished >= dense.DELTA_LIMIT:
            self._unpublished = 0
            dense.publish(self._writer, self._layout, dimension)

    def _embed(
        self, files: Sequence[ReadFile], embedder: Embedder
    ) -> list[tuple[list[bytes], HalfVectors]]:
        """Digests and vectors of each file's chunks; equal texts are embedded once."""
        digests: list[list[bytes]] = []
        texts: dict[bytes, str] = {}
        for file in files:
            own = [_embedded_text(file.document, chunk) for chunk in file.chunks or ()]
            digests.append([text_digest(text) for text in own])
            texts.update(zip(digests[-1], own, strict=True))
        known = Snapshot(self._writer.connection).vectors_by_digest(list(texts))
        fresh = [digest for digest in texts if digest not in known]
        for at in range(0, len(fresh), _SLICE):
            part = fresh[at : at + _SLICE]
            vectors = embedder.encode_document([texts[digest] for digest in part])
            half = checked(vectors, len(part), embedder).astype(np.float16)
            known.update((d, vector.tobytes()) for d, vector in zip(part, half, strict=True))
            self._tell("read")
        width = embedder.dimension
        return [
            (own, np.frombuffer(b"".join(known[d] for d in own), np.float16).reshape(-1, width))
            for own in digests
        ]

    def _tell(self, stage: str, source: str = "") -> None:
        if self._progress is None:
            return
        self._progress(
            Progress(
                stage=stage,
                files_done=self._files_done,
                files_total=self._files_total,
                bytes_done=self._bytes_done,
                bytes_total=self._bytes_total,
                pages=self.report.pages,
                chunks=self.report.chunks,
                seconds=time.monotonic() - self._started,
                source=source,
            )
        )


def _read_in_threads(
    files: Sequence[FoundFile],
    embedder: Embedder,
    settings: ChunkSettings,
    options: Options,
) -> Generator[_Read | None]:
    """Outcomes as they become ready; None each time nothing is ready and the caller may go on.

    Each thread drives one reader process. The queue is short: reading never runs far ahead.
    """
    stop = threading.Event()
    todo: queue.SimpleQueue[FoundFile] = queue.SimpleQueue()
    for file in files:
        todo.put(file)
    done: queue.Queue[_Read | BaseException] = queue.Queue(maxsize=2)
    threads = [
        threading.Thread(
            target=_drive, args=(todo, done, embedder, settings, options, stop), daemon=True
        )
        for _ in range(min(options.workers, len(files)))
    ]
    for thread in threads:
        thread.start()
    try:
        left = len(files)
        while left:
            try:
                item = done.get_nowait()
            except queue.Empty:
                yield None
                item = done.get()
            if isinstance(item, BaseException):
                raise item
            left -= 1
            yield item
    finally:
        stop.set()
        while any(thread.is_alive() for thread in threads):
            with suppress(queue.Empty):
                done.get(timeout=0.05)


def _drive(
    todo: queue.SimpleQueue[FoundFile],
    done: queue.Queue[_Read | BaseException],
    embedder: Embedder,
    settings: ChunkSettings,
    options: Options,
    stop: threading.Event,
) -> None:
    tokenizer = tokenizer_file(embedder)
    process = ReaderProcess(options.limits, tokenizer=tokenizer, settings=settings)
    threading.Thread(target=_kill_on, args=(stop, process), daemon=True).start()
    try:
        while not stop.is_set():
            try:
                file = todo.get_nowait()
            except queue.Empty:
                return
            own = options.readers.get(PurePosixPath(file.source).suffix.lower())
            outcome = _read_here(own, file) if own else process.read(file.path, file.source)
            if isinstance(outcome, ReadFile) and outcome.chunks is None:
                outcome = chunked(outcome, file.source, embedder, settings)
            done.put(_Read(file, outcome))
    except BaseException as error:
        if not stop.is_set():
            done.put(error)
    finally:
        process.close()


def _kill_on(stop: threading.Event, process: ReaderProcess) -> None:
    stop.wait()
    process.kill()


def _read_here(reader: Reader, file: FoundFile) -> ReadFile | Refused:
    """Read with a reader that the caller brought, in this process."""
    try:
        data = Path(file.path).read_bytes()
    except OSError as error:
        return Refused(b"", Reason.UNREADABLE, error.strerror or str(error))
    digest = hashlib.sha256(data).digest()
    try:
        return ReadFile(digest, len(data), reader(data, file.source), None)
    except ReadError as error:
        return Refused(digest, error.reason, error.detail)


def chunked(read: ReadFile, source: str, embedder: Embedder, settings: ChunkSettings) -> ReadFile:
    chunks = chunk_document(read.document, source, embedder.count_tokens, settings)
    return replace(read, chunks=chunks)


def finish(writer: Writer, layout: Layout, dimension: int | None) -> None:
    """Bring the derived indexes up to date with what was committed."""
    snapshot = Snapshot(writer.connection)
    lexical.synchronise(snapshot, layout)
    if dimension is not None and dense.is_due(snapshot):
        dense.publish(writer, layout, dimension)
