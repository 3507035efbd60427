"""Ingest: scan, read in child processes, embed across documents, commit one by one."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from ragkit.embedders.base import Embedder, checked
from ragkit.errors import DocumentOnHold, SourceError
from ragkit.index import faiss_index, tantivy_index
from ragkit.ingestion.plan import HELD, Plan, file_digest, locate, make_plan, reader_tag
from ragkit.ingestion.report import IngestReport, Progress, ProgressCallback
from ragkit.ingestion.workers import Options, Read, chunked, read_in_threads
from ragkit.store.labels import label_by_rule
from ragkit.store.layout import Layout
from ragkit.store.records import HalfVectors, NewDocument
from ragkit.store.snapshot import Snapshot
from ragkit.store.writer import Writer
from ragkit_ingest.chunk import Chunk, ChunkSettings, embedding_text
from ragkit_ingest.model import Document, FileError, Reason
from ragkit_ingest.process.pool import ReadFile
from ragkit_ingest.scan import FoundFile, scan

EmbedderOpener = Callable[[], tuple[Embedder, ChunkSettings]]
"""Loads the embedder of a base and says how it cuts documents into chunks."""

_GATHER = 256  # chunks embedded together, if that many are ready
_SLICE = 1024  # chunks embedded between two progress reports
_SYNC_EVERY = 1000  # chunks committed between two commits of the word index


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
        self._folders: dict[int, str] = {}
        self._uploaded = False
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
        folder, start, whole = locate(path, snapshot.source_folders(), self._layout.uploads)
        self._uploaded = folder == self._layout.uploads
        self._tell("scan")
        found = scan(folder, start)
        name = self._layout.folder_name(folder)
        if self._options.dry_run:
            numbers = {known: number for number, known, _ in snapshot.source_folders()}
            source_folder = numbers.get(name, 0)
        else:
            source_folder = self._writer.add_source_folder(name, whole=whole)
        scope = os.path.relpath(start, folder).replace(os.sep, "/")
        plan, self.report.unchanged = make_plan(
            Snapshot(self._writer.connection), source_folder, found, scope, self._options
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
        for error in plan.outgrown:
            with self._noting_held(error.source):
                self._writer.set_file_error(
                    plan.source_folder, error, reader_tag(self._options.limits)
                )
        self._note_failed(plan.failed)
        for digest in plan.allowed_again:
            self._writer.allow_erased(digest)
        for document, old, file in plan.renamed:
            self._writer.rename_document(document, file.source)
            self.report.renamed.append((old, file.source))
        if plan.removed:
            self._remove(plan.removed)
        self._relabel(plan.source_folder)
        if plan.mended:
            self._writer.clear_file_errors(plan.source_folder, plan.mended)
        if plan.read:
            self._read_all(plan)

    def _remove(self, vanished: Sequence[tuple[int, str]]) -> None:
        """Remove documents in one commit, but for those that were put on hold during the run."""
        try:
            self._writer.remove_documents(vanished)
        except DocumentOnHold:
            if len(vanished) > 1:
                for one in vanished:
                    self._remove([one])
            return
        self.report.removed += [source for _, source in vanished]

    def _relabel(self, source_folder: int) -> None:
        """Give the documents that are not read again the labels that they would get now."""
        given = self._options.label
        if given is None and not self._options.rules:
            return
        labels = Snapshot(self._writer.connection).labels_of(source_folder)
        changed: dict[str, list[int]] = {}
        for source in (*self.report.unchanged, *(new for _, new in self.report.renamed)):
            document, label, pinned = labels[source]
            wanted = given or (None if pinned else self._rule(source_folder, source))
            if wanted is not None and (wanted, bool(given)) != (label, pinned):
                changed.setdefault(wanted, []).append(document)
        for label, documents in changed.items():
            self._writer.relabel(documents, label, pinned=given is not None)

    def _rule(self, source_folder: int, source: str) -> str | None:
        """The label that the settings' rules give a document."""
        if source_folder not in self._folders:
            known = Snapshot(self._writer.connection).source_folders()
            self._folders = {id: self._layout.folder_path(path) for id, path, _ in known}
        return label_by_rule(self._options.rules, self._folders[source_folder], source)

    def _note_failed(self, errors: Sequence[FileError]) -> None:
        for error in errors:
            self.report.failed.append(replace(error, uploaded=self._uploaded))
            if self._options.strict and not self._options.dry_run:
                why = f"{error.reason} ({error.detail})" if error.detail else error.reason
                raise SourceError(f"{error.source}: {why}; stopped there, as strict asks")

    # -- reading, embedding and committing overlap ---------------------------------------------

    def _read_all(self, plan: Plan) -> None:
        self._files_total = len(plan.read)
        self._bytes_total = sum(file.size for file in plan.read)
        embedder, settings = self._open_embedder()
        results = read_in_threads(plan.read, embedder, settings, self._options)
        with closing(results):
            for batch in self._gathered(results):
                self._commit(plan, batch, embedder)

    def _gathered(self, results: Iterable[Read | None]) -> Iterator[list[Read]]:
        """Lists of files that are ready: as many as make a good batch, without waiting for more."""
        batch: list[Read] = []
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

    def _commit(self, plan: Plan, batch: list[Read], embedder: Embedder) -> None:
        read = [(item.file, item.outcome) for item in batch]
        kept = {
            file.source: outcome
            for file, outcome in read
            if isinstance(outcome, ReadFile)
            and self._may_come(file.source, outcome.digest, file.path)
        }
        embedded = iter(self._embed(list(kept.values()), embedder))
        for item in batch:
            source = item.file.source
            if isinstance(item.outcome, FileError):
                self._refuse(plan, item.file, item.outcome)
            elif source in kept:
                self._store(
                    plan.source_folder, source, item.outcome, *next(embedded), source in plan.known
                )
            self._files_done += 1
            self._bytes_done += item.file.size
            self._tell("read", source)

    def _may_come(self, source: str, digest: bytes, path: str = "") -> bool:
        """Whether a content was not erased, or is to come back; else it is named as failed.

        Nothing of it is stored, not even that it is not in the base, and an upload is deleted.
        """
        when = Snapshot(self._writer.connection).erased_at(digest)
        if when is None:
            return True
        if self._options.allow_erased:
            return self._writer.allow_erased(digest)
        way = "; ingest with --allow-erased to take it again"
        if self._uploaded and file_digest(path) == digest:  # nobody has put another in its place
            self._layout.delete_upload(source)
            way = ", so the file that was uploaded again is deleted: nothing of it is stored"
        detail = f"its content was erased on {when[:10]}{way}"
        self._note_failed([FileError(source, "erased", detail, digest)])
        return False

    def add(
        self, source_folder: int, source: str, document: Document, digest: bytes, known: bool
    ) -> None:
        """Embed and commit one document that is no file; without text it counts as failed."""
        size = sum(len(page.text) for page in document.pages)
        if not any(page.text.strip() for page in document.pages):
            self._note_failed([FileError(source, Reason.NO_TEXT, digest=digest)])
            return
        if not self._may_come(source, digest):
            return
        embedder, settings = self._open_embedder()
        name = "/".join(PurePosixPath(source).parts[-2:])  # an absolute path would be searched
        read = chunked(ReadFile(digest, size, document, None), name, embedder, settings)
        ((digests, vectors),) = self._embed([read], embedder)
        self._store(source_folder, source, read, digests, vectors, known)

    def _refuse(self, plan: Plan, file: FoundFile, outcome: FileError) -> None:
        digest = outcome.digest or (file_digest(file.path) or b"")
        if digest and not self._may_come(file.source, digest, file.path):
            return
        error = replace(outcome, digest=digest)
        with self._noting_held(file.source):
            self._writer.set_file_error(plan.source_folder, error, reader_tag(self._options.limits))
            self._note_failed([error])

    @contextmanager
    def _noting_held(self, source: str) -> Iterator[None]:
        """Let a document that was put on hold during the run be one that failed."""
        try:
            yield
        except DocumentOnHold:
            self._note_failed([FileError(source, "held", HELD)])

    def _store(
        self,
        source_folder: int,
        source: str,
        read: ReadFile,
        digests: list[bytes],
        vectors: HalfVectors,
        known: bool,
    ) -> None:
        new = NewDocument(
            source_folder=source_folder,
            source=source,
            digest=read.digest,
            size=read.size,
            label=self._options.label,
            document=read.document,
            chunks=read.chunks or [],
            digests=digests,
            vectors=vectors,
            rule=self._rule(source_folder, source) if self._options.rules else None,
        )
        with self._noting_held(source):
            self._writer.put_document(new)
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
            tantivy_index.synchronise(Snapshot(self._writer.connection), self._layout)
        if self._unpublished >= faiss_index.DELTA_LIMIT:
            self._unpublished = 0
            faiss_index.publish(self._writer, self._layout, dimension)

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


def finish(writer: Writer, layout: Layout, dimension: int | None) -> None:
    """Bring the derived indexes up to date with what was committed."""
    snapshot = Snapshot(writer.connection)
    tantivy_index.synchronise(snapshot, layout)
    faiss_index.sweep(layout, snapshot.index_version())
    faiss_index.note_stamp(writer, layout)
    if dimension is not None and faiss_index.is_due(snapshot, layout):
        faiss_index.publish(writer, layout, dimension)
