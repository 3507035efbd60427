"""Worker threads of an ingest: each drives one reader process and hands on what it read."""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ragkit.embedders.base import Embedder, find_tokenizer_file
from ragkit.ingestion.options import IngestOptions, Reader
from ragkit_ingest.chunk import ChunkSettings, chunk_document
from ragkit_ingest.model import Document, FileError, ReadError, Reason
from ragkit_ingest.process.pool import ReaderProcess, ReadFile
from ragkit_ingest.scan import FoundFile

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadResult:
    """A file, and its document with chunks or the error that prevented it."""

    file: FoundFile
    outcome: ReadFile | FileError


def read_files(
    files: Sequence[FoundFile],
    embedder: Embedder,
    settings: ChunkSettings,
    options: IngestOptions,
) -> Generator[ReadResult | None]:
    """Read and chunk files in parallel; yield results in the order in which they are ready.

    Yields None whenever no result is ready, so that the caller can process those it has. The
    queue between threads and caller is short: reading never runs far ahead. Closing the generator
    stops the threads and their reader processes.
    """
    stop = threading.Event()
    todo: queue.SimpleQueue[FoundFile] = queue.SimpleQueue()
    for file in files:
        todo.put(file)
    done: queue.Queue[ReadResult | BaseException] = queue.Queue(maxsize=2)
    threads = [
        threading.Thread(
            target=_run_worker, args=(todo, done, embedder, settings, options, stop), daemon=True
        )
        for _ in range(min(options.workers, len(files)))
    ]
    try:
        for thread in threads:
            thread.start()
        yield from _receive(done, len(files))
    finally:
        stop.set()
        while any(thread.is_alive() for thread in threads):
            with suppress(queue.Empty):
                done.get(timeout=0.05)


def _receive(
    done: queue.Queue[ReadResult | BaseException], count: int
) -> Iterator[ReadResult | None]:
    """Yield `count` results, and None before each wait. Raises what a worker raised."""
    for _ in range(count):
        try:
            item = done.get_nowait()
        except queue.Empty:
            yield None
            item = done.get()
        if isinstance(item, BaseException):
            raise item
        yield item


def gather_batches(
    results: Iterable[ReadResult | None], batch_chunks: int
) -> Iterator[list[ReadResult]]:
    """Group results into batches of `batch_chunks` chunks, or fewer if no more are ready."""
    batch: list[ReadResult] = []
    chunks = 0
    for result in results:
        if result is not None:
            batch.append(result)
            if isinstance(result.outcome, ReadFile):
                chunks += len(result.outcome.chunks or ())
        if batch and (result is None or chunks >= batch_chunks):
            yield batch
            batch, chunks = [], 0
    if batch:
        yield batch


def _run_worker(
    todo: queue.SimpleQueue[FoundFile],
    done: queue.Queue[ReadResult | BaseException],
    embedder: Embedder,
    settings: ChunkSettings,
    options: IngestOptions,
    stop: threading.Event,
) -> None:
    """Read files until none are left or `stop` is set; put what goes wrong here into `done`."""
    try:
        tokenizer = find_tokenizer_file(embedder)
        reader = ReaderProcess(options.limits, tokenizer=tokenizer, settings=settings)
        with closing(reader) as process:
            threading.Thread(target=_kill_on_stop, args=(stop, process), daemon=True).start()
            while not stop.is_set():
                try:
                    file = todo.get_nowait()
                except queue.Empty:
                    return
                own = options.readers.get(PurePosixPath(file.source).suffix.lower())
                outcome = (
                    _read_in_process(own, file) if own else process.read(file.path, file.source)
                )
                if isinstance(outcome, ReadFile) and outcome.chunks is None:
                    outcome = chunk_file(outcome, file.source, embedder, settings)
                done.put(ReadResult(file, outcome))
    except BaseException as error:
        if not stop.is_set():
            done.put(error)


def _kill_on_stop(stop: threading.Event, process: ReaderProcess) -> None:
    stop.wait()
    process.kill()


def _read_in_process(reader: Reader, file: FoundFile) -> ReadFile | FileError:
    """Read a file with a reader that the caller of the library supplied, in this process."""
    try:
        data = Path(file.path).read_bytes()
    except OSError as error:
        return FileError(file.source, Reason.UNREADABLE, error.strerror or str(error))
    digest = hashlib.sha256(data).digest()
    try:
        return ReadFile(digest, len(data), _replace_nul(reader(data, file.source)), None)
    except ReadError as error:
        return FileError(file.source, error.reason, error.detail, digest)
    except Exception as error:  # a file that a reader fails on never stops the ingest
        logger.exception("the reader for %s failed", file.source)
        detail = f"{type(error).__name__}: {error}"[:200]
        return FileError(file.source, Reason.CRASHED, detail, digest)


def _replace_nul(document: Document) -> Document:
    """Replace NUL characters by spaces: the store takes NUL for a sign of lost data."""
    pages = (replace(page, text=page.text.replace("\0", " ")) for page in document.pages)
    return replace(document, pages=tuple(pages))


def chunk_file(
    read: ReadFile, source: str, embedder: Embedder, settings: ChunkSettings
) -> ReadFile:
    """Return the file with its document cut into chunks that fit the embedder."""
    chunks = chunk_document(read.document, source, embedder.count_tokens, settings)
    return replace(read, chunks=chunks)
