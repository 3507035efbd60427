"""The ingest pipeline: scan, plan, apply, then read, chunk, embed and commit."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path, PurePosixPath

from ragkit.embedders.base import Embedder
from ragkit.ingestion.commit import Committer
from ragkit.ingestion.embedding import ChunkVectors, embed_chunks
from ragkit.ingestion.options import IngestOptions
from ragkit.ingestion.plan import Plan, locate, make_plan
from ragkit.ingestion.report import IngestReport, ProgressCallback, ProgressMeter
from ragkit.ingestion.workers import ReadResult, chunk_file, gather_batches, read_files
from ragkit.store.layout import Layout
from ragkit.store.snapshot import Snapshot
from ragkit.store.writer import Writer
from ragkit_ingest.chunk import ChunkSettings
from ragkit_ingest.model import Document, FileError, Reason
from ragkit_ingest.process.pool import ReadFile
from ragkit_ingest.scan import scan

_BATCH_CHUNKS = 256  # chunks embedded together, if that many are ready


class Ingest:
    """One ingest of one path. The caller holds the writer's lock, and calls in this order:

    1. `plan`: scan the path and compare it with the knowledge base.
    2. `apply`: carry out what needs no reading, such as renames and removals.
    3. `read`, if the plan has files to read: read, chunk, embed and commit them. Each document is
       one commit. Reader processes read the next files while the embedder works on these.

    A dry run ends after `plan`. Documents that are not files go through `may_add` and `add`
    instead. `report` says what was done so far.
    """

    def __init__(
        self,
        writer: Writer,
        layout: Layout,
        options: IngestOptions,
        progress: ProgressCallback | None = None,
    ) -> None:
        self.report = IngestReport(dry_run=options.dry_run)
        self._writer = writer
        self._layout = layout
        self._options = options
        self._progress = ProgressMeter(progress, self.report)
        self._committer = Committer(writer, layout, options, self.report)

    def plan(self, path: Path) -> Plan:
        """Scan a path and plan what to do. Raises SourceError if the path does not exist."""
        snapshot = Snapshot(self._writer.connection)
        folder, start, whole = locate(path, snapshot.source_folders.all(), self._layout.uploads)
        self._committer.uploads = folder == self._layout.uploads
        self._progress.tell("scan")
        found = scan(folder, start)
        source_folder = self._find_source_folder(self._layout.folder_name(folder), whole=whole)
        scope = os.path.relpath(start, folder).replace(os.sep, "/")
        plan = make_plan(
            Snapshot(self._writer.connection), source_folder, found, scope, self._options
        )
        self.report.unchanged = plan.unchanged
        if self._options.dry_run:
            self._foretell(plan)
        self.report.seconds = self._progress.seconds
        return plan

    def apply(self, plan: Plan) -> None:
        """Carry out what needs no reading: errors, renames, removals and labels."""
        self._committer.apply(plan)
        self.report.seconds = self._progress.seconds

    def read(self, plan: Plan, embedder: Embedder, settings: ChunkSettings) -> None:
        """Read the plan's files, chunk them by `settings`, embed and commit them."""
        self._progress.expect(plan.read)
        results = read_files(plan.read, embedder, settings, self._options)
        with closing(results):
            for batch in gather_batches(results, _BATCH_CHUNKS):
                self._commit(plan, batch, embedder)
        self.report.seconds = self._progress.seconds

    def may_add(self, source: str, document: Document, digest: bytes) -> bool:
        """Return False, and report an error, if a document has no text or was erased."""
        if not any(page.text.strip() for page in document.pages):
            self._committer.report_errors([FileError(source, Reason.NO_TEXT, digest=digest)])
            return False
        return self._committer.may_store(source, digest)

    def add(
        self,
        source_folder: int,
        source: str,
        document: Document,
        digest: bytes,
        embedder: Embedder,
        settings: ChunkSettings,
        *,
        modified_at: str,
        known: bool,
    ) -> None:
        """Chunk, embed and commit one document that is not a file."""
        size = sum(len(page.text) for page in document.pages)
        name = "/".join(
            PurePosixPath(source).parts[-2:]
        )  # chunk headers hold this name, not a whole path
        read = chunk_file(ReadFile(digest, size, document, None), name, embedder, settings)
        (embedded,) = self._embed([read], embedder)
        self._committer.commit_document(
            source_folder, source, read, embedded, modified_at=modified_at, known=known
        )

    def _find_source_folder(self, name: str, *, whole: bool) -> int:
        """Return the store's id of a source folder; a dry run gets 0 for one that is new."""
        if not self._options.dry_run:
            return self._writer.source_folders.add(name, whole=whole)
        numbers = {
            known: id for id, known, _ in Snapshot(self._writer.connection).source_folders.all()
        }
        return numbers.get(name, 0)

    def _foretell(self, plan: Plan) -> None:
        """Report what the ingest would do."""
        for file in plan.read:
            done = self.report.updated if file.source in plan.known else self.report.added
            done.append(file.source)
        self.report.renamed = [(old, file.source) for _, old, file in plan.renamed]
        self.report.removed = [source for _, source in plan.removed]
        self._committer.report_errors(plan.failed)

    def _commit(self, plan: Plan, batch: Sequence[ReadResult], embedder: Embedder) -> None:
        """Embed the chunks of a batch together, then commit its files one by one."""
        stored = {
            result.file.source: result.outcome
            for result in batch
            if isinstance(result.outcome, ReadFile)
            and self._committer.may_store(
                result.file.source, result.outcome.digest, result.file.path
            )
        }
        vectors = self._embed(list(stored.values()), embedder)
        embedded = dict(zip(stored, vectors, strict=True))
        for result in batch:
            file, outcome = result.file, result.outcome
            if isinstance(outcome, FileError):
                self._committer.commit_error(plan.source_folder, file, outcome)
            elif file.source in stored:
                self._committer.commit_document(
                    plan.source_folder,
                    file.source,
                    outcome,
                    embedded[file.source],
                    modified_at=file.modified_at,
                    known=file.source in plan.known,
                )
            self._progress.count(file)

    def _embed(self, files: Sequence[ReadFile], embedder: Embedder) -> list[ChunkVectors]:
        snapshot = Snapshot(self._writer.connection)
        return embed_chunks(files, snapshot, embedder, partial(self._progress.tell, "read"))
