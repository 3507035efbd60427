"""Reads an ingest's files in threads, each of which drives one reader process."""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from ragkit.embedders.base import Embedder, tokenizer_file
from ragkit_ingest.chunk import ChunkSettings, chunk_document
from ragkit_ingest.model import Document, FileError, ReadError, Reason
from ragkit_ingest.process.pool import FileLimits, ReaderProcess, ReadFile
from ragkit_ingest.scan import FoundFile

logger = logging.getLogger(__name__)

Reader = Callable[[bytes, str], Document]
"""Reads a file's bytes, given its source; raises ReadError for what it cannot read."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to ingest; see KnowledgeBase.ingest."""

    label: str | None = None
    keep_missing: bool = False
    strict: bool = False
    dry_run: bool = False
    workers: int = 1
    limits: FileLimits = field(default_factory=FileLimits)
    readers: Mapping[str, Reader] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)
    allow_erased: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """A file together with what came of reading it."""

    file: FoundFile
    outcome: ReadFile | FileError


def read_in_threads(
    files: Sequence[FoundFile],
    embedder: Embedder,
    settings: ChunkSettings,
    options: Options,
) -> Generator[Read | None]:
    """Outcomes as they become ready; None each time nothing is ready and the caller may go on.

    Each thread drives one reader process. The queue is short: reading never runs far ahead.
    """
    stop = threading.Event()
    todo: queue.SimpleQueue[FoundFile] = queue.SimpleQueue()
    for file in files:
        todo.put(file)
    done: queue.Queue[Read | BaseException] = queue.Queue(maxsize=2)
    threads = [
        threading.Thread(
            target=_drive, args=(todo, done, embedder, settings, options, stop), daemon=True
        )
        for _ in range(min(options.workers, len(files)))
    ]
    try:
        for thread in threads:
            thread.start()
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
    done: queue.Queue[Read | BaseException],
    embedder: Embedder,
    settings: ChunkSettings,
    options: Options,
    stop: threading.Event,
) -> None:
    try:
        tokenizer = tokenizer_file(embedder)
        reader = ReaderProcess(options.limits, tokenizer=tokenizer, settings=settings)
        with closing(reader) as process:
            threading.Thread(target=_kill_on, args=(stop, process), daemon=True).start()
            while not stop.is_set():
                try:
                    file = todo.get_nowait()
                except queue.Empty:
                    return
                own = options.readers.get(PurePosixPath(file.source).suffix.lower())
                outcome = _read_here(own, file) if own else process.read(file.path, file.source)
                if isinstance(outcome, ReadFile) and outcome.chunks is None:
                    outcome = chunked(outcome, file.source, embedder, settings)
                done.put(Read(file, outcome))
    except BaseException as error:
        if not stop.is_set():
            done.put(error)


def _kill_on(stop: threading.Event, process: ReaderProcess) -> None:
    stop.wait()
    process.kill()


def _read_here(reader: Reader, file: FoundFile) -> ReadFile | FileError:
    """Read with a reader that the caller brought, in this process."""
    try:
        data = Path(file.path).read_bytes()
    except OSError as error:
        return FileError(file.source, Reason.UNREADABLE, error.strerror or str(error))
    digest = hashlib.sha256(data).digest()
    try:
        return ReadFile(digest, len(data), _without_nul(reader(data, file.source)), None)
    except ReadError as error:
        return FileError(file.source, error.reason, error.detail, digest)
    except Exception as error:  # one bad file never stops a run, whoever reads it
        logger.exception("the reader for %s failed", file.source)
        detail = f"{type(error).__name__}: {error}"[:200]
        return FileError(file.source, Reason.CRASHED, detail, digest)


def _without_nul(document: Document) -> Document:
    """The document with spaces for the character that the base takes for the trace of a loss."""
    pages = (replace(page, text=page.text.replace("\0", " ")) for page in document.pages)
    return replace(document, pages=tuple(pages))


def chunked(read: ReadFile, source: str, embedder: Embedder, settings: ChunkSettings) -> ReadFile:
    chunks = chunk_document(read.document, source, embedder.count_tokens, settings)
    return replace(read, chunks=chunks)
