"""The commits of an ingest: one transaction for each document or file error, and its report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from ragkit.errors import DocumentOnHold, SourceError
from ragkit.ingestion.embedding import ChunkVectors
from ragkit.ingestion.indexing import IndexUpkeep
from ragkit.ingestion.label_rules import LabelRules
from ragkit.ingestion.options import IngestOptions
from ragkit.ingestion.plan import ON_HOLD, Plan, reader_tag
from ragkit.ingestion.report import IngestReport
from ragkit.store.layout import Layout
from ragkit.store.records import NewDocument
from ragkit.store.snapshot import Snapshot
from ragkit.store.writer import Writer
from ragkit_ingest.model import FileError, Reason
from ragkit_ingest.process.pool import ReadFile
from ragkit_ingest.scan import FoundFile, digest_file


class Committer:
    """Writes what an ingest found to the store, and what it wrote to the report.

    `uploads` is True if the ingest's source folder is the knowledge base's upload folder.
    """

    def __init__(
        self, writer: Writer, layout: Layout, options: IngestOptions, report: IngestReport
    ) -> None:
        self.uploads = False
        self._writer = writer
        self._layout = layout
        self._options = options
        self._report = report
        self._labels = LabelRules(writer, layout, options)
        self._indexes = IndexUpkeep(writer, layout)

    def apply(self, plan: Plan) -> None:
        """Carry out what needs no reading: errors, renames, removals and labels."""
        for error in plan.new_errors:
            with self._report_hold(error.source):
                self._writer.documents.refuse(
                    plan.source_folder, error, reader_tag(self._options.limits)
                )
        self.report_errors(plan.failed)
        for digest in plan.allowed_again:
            self._writer.erasures.allow(digest)
        for document, old, file in plan.renamed:
            self._writer.documents.rename(document, file.source)
            self._report.renamed.append((old, file.source))
        if plan.touched:
            self._writer.documents.set_modified(plan.touched)
        if plan.removed:
            self._remove(plan.removed)
        renamed = [new for _, new in self._report.renamed]
        self._labels.relabel(plan.source_folder, [*plan.unchanged, *renamed])
        if plan.old_errors:
            self._writer.file_errors.clear(plan.source_folder, plan.old_errors)

    def report_errors(self, errors: Sequence[FileError]) -> None:
        """Add errors to the report. Raises SourceError for the first one in strict mode."""
        for error in errors:
            self._report.failed.append(replace(error, uploaded=self.uploads))
            if self._options.strict and not self._options.dry_run:
                why = f"{error.reason} ({error.detail})" if error.detail else error.reason
                raise SourceError(
                    f"{error.source}: {why}; a strict ingest stops here. Fix or remove the file, "
                    "or ingest without strict to skip it"
                )

    def may_store(self, source: str, digest: bytes, path: str = "") -> bool:
        """Return False, and report an error, if the content was erased and is not allowed again.

        Nothing about such a file is stored, and an uploaded one (at `path`) is deleted.
        """
        erased_at = Snapshot(self._writer.connection).erasures.erased_at(digest)
        if erased_at is None:
            return True
        if self._options.allow_erased:
            return self._writer.erasures.allow(digest)
        advice = "to store it again, ingest it with --allow-erased"
        if self.uploads and digest_file(path) == digest:  # else another file took its place
            self._layout.delete_upload(source)
            advice = "the upload is deleted, and nothing of it is stored"
        detail = f"this content was erased on {erased_at[:10]}; {advice}"
        self.report_errors([FileError(source, Reason.ERASED, detail, digest)])
        return False

    def commit_document(
        self,
        source_folder: int,
        source: str,
        read: ReadFile,
        embedded: ChunkVectors,
        *,
        modified_at: str,
        known: bool,
    ) -> None:
        """Store a document; `known` is True if it replaces an earlier version."""
        new = NewDocument(
            source_folder=source_folder,
            source=source,
            digest=read.digest,
            size=read.size,
            label=self._options.label,
            document=read.document,
            chunks=read.chunks or [],
            digests=embedded.digests,
            vectors=embedded.vectors,
            modified_at=modified_at,
            rule=self._labels.find_label(source_folder, source),
        )
        with self._report_hold(source):
            self._writer.documents.put(new)
            (self._report.updated if known else self._report.added).append(source)
            self._report.warnings += [(source, warning) for warning in read.document.warnings]
            self._report.pages += len(read.document.pages)
            self._report.chunks += len(embedded.digests)
            self._indexes.count(len(embedded.digests))

    def commit_error(self, source_folder: int, file: FoundFile, error: FileError) -> None:
        """Remember why a file cannot be read, unless its content was erased."""
        digest = error.digest or (digest_file(file.path) or b"")
        if digest and not self.may_store(file.source, digest, file.path):
            return
        error = replace(error, digest=digest)
        with self._report_hold(file.source):
            self._writer.documents.refuse(source_folder, error, reader_tag(self._options.limits))
            self.report_errors([error])

    def _remove(self, vanished: Sequence[tuple[int, str]]) -> None:
        """Remove documents in one commit, except those put on legal hold during this ingest."""
        try:
            self._writer.documents.remove(vanished)
        except DocumentOnHold:
            if len(vanished) > 1:
                for one in vanished:
                    self._remove([one])
            return
        self._report.removed += [source for _, source in vanished]

    @contextmanager
    def _report_hold(self, source: str) -> Iterator[None]:
        """Report an error if the document was put on legal hold during this ingest."""
        try:
            yield
        except DocumentOnHold:
            self.report_errors([FileError(source, Reason.ON_HOLD, ON_HOLD)])
