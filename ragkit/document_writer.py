"""Changes to the documents of a knowledge base: ingest, add and remove."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from ragkit.config import Config, check_label
from ragkit.embedders.base import Embedder
from ragkit.governance.erasure import open_writer
from ragkit.index.indexes import sync_indexes
from ragkit.ingestion.adapters import (
    DOCUMENTS_FOLDER,
    ForeignDocument,
    build_document,
    digest_documents,
    find_modified,
    find_source,
)
from ragkit.ingestion.options import IngestOptions, Reader
from ragkit.ingestion.pipeline import Ingest
from ragkit.ingestion.report import IngestReport, ProgressCallback
from ragkit.manifest import new_identity, read_identity
from ragkit.retrieval.components import Components
from ragkit.store.layout import UPLOADS_FOLDER
from ragkit.store.patterns import require_documents
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from ragkit.store.writer import Writer
from ragkit_ingest.chunk import ChunkSettings
from ragkit_ingest.process.limits import FileLimits

_MAX_WORKERS = 4  # unless more are asked for


class DocumentWriter:
    """Ingests, adds and removes documents, and updates the indexes after each call.

    `readers` maps file suffixes to the caller's own readers. Every method raises StoreLocked while
    another process writes.
    """

    def __init__(
        self, store: Store, components: Components, config: Config, readers: Mapping[str, Reader]
    ) -> None:
        self._store = store
        self._layout = store.layout
        self._components = components
        self._config = config
        self._readers = {_normalize_suffix(suffix): reader for suffix, reader in readers.items()}

    def ingest(
        self,
        paths: Iterable[str | os.PathLike[str]],
        options: IngestOptions,
        workers: int | None,
        progress: ProgressCallback | None,
    ) -> IngestReport:
        """Ingest files and folders one after the other; see `KnowledgeBase.ingest`.

        The indexes are updated also if a path fails.
        """
        options = replace(
            self._complete(options),
            workers=workers or self._config.workers or _default_workers(),
            limits=FileLimits(
                max_bytes=self._config.max_file_mb * 1_000_000, seconds=self._config.timeout
            ),
            readers=self._readers,
        )
        report = IngestReport(dry_run=options.dry_run)
        with open_writer(self._store) as writer:
            try:
                for path in paths:
                    run = Ingest(writer, self._layout, options, progress)
                    try:
                        self._ingest_path(run, writer, Path(path), dry_run=options.dry_run)
                    finally:
                        report = report.merge(run.report)
            finally:
                if not options.dry_run:
                    sync_indexes(writer, self._layout)
            if report.added or report.updated:
                self._warn_of_language(writer, report)
        return report

    def add(self, documents: Iterable[ForeignDocument], options: IngestOptions) -> IngestReport:
        """Add documents that are not files; see `KnowledgeBase.add_documents`."""
        options = self._complete(options)
        by_source: dict[str, list[ForeignDocument]] = {}
        for document in documents:
            by_source.setdefault(find_source(document), []).append(document)
        with open_writer(self._store) as writer:
            self._check_embedder(writer)
            run = Ingest(writer, self._layout, options)
            try:
                self._add_all(run, writer, by_source)
            finally:
                sync_indexes(writer, self._layout)
            self._warn_of_language(writer, run.report)
        return run.report

    def remove(self, source: str | int) -> list[str]:
        """Remove documents, and the files of those that were uploaded; returns source paths."""
        with open_writer(self._store) as writer:
            snapshot = Snapshot(writer.connection)
            matched = require_documents(snapshot, source, self._layout)
            writer.documents.remove([(document.id, document.source) for document in matched])
            uploads = {
                id for id, path, _ in snapshot.source_folders.all() if path == UPLOADS_FOLDER
            }
            for document in matched:
                if document.source_folder in uploads:
                    self._layout.delete_upload(document.source)
            sync_indexes(writer, self._layout)
        return [document.source for document in matched]

    def _warn_of_language(self, writer: Writer, report: IngestReport) -> None:
        snapshot = Snapshot(writer.connection)
        report.language_warning = self._components.warn_of_language(snapshot)

    def _complete(self, options: IngestOptions) -> IngestOptions:
        """Add the label rules of the settings. Raises ValueError for an invalid label."""
        if options.label is not None:
            check_label(options.label)
        return replace(options, rules=self._config.labels)

    def _ingest_path(self, run: Ingest, writer: Writer, path: Path, *, dry_run: bool) -> None:
        self._check_embedder(writer)
        plan = run.plan(path)
        if dry_run:
            return
        run.apply(plan)
        if plan.read:
            run.read(plan, *self._load_embedder(writer))

    def _add_all(
        self, run: Ingest, writer: Writer, by_source: Mapping[str, list[ForeignDocument]]
    ) -> None:
        """Add the documents that are new or changed; parts with the same source become one."""
        folder = writer.source_folders.add(DOCUMENTS_FOLDER, whole=False)
        known = Snapshot(writer.connection).documents.known_files(folder)
        for source, parts in by_source.items():
            digest = digest_documents(parts)
            if source in known and known[source][1] == digest:
                run.report.unchanged.append(source)
                continue
            added = build_document(parts)
            if run.may_add(source, added, digest):
                embedder, chunks = self._load_embedder(writer)
                run.add(
                    folder,
                    source,
                    added,
                    digest,
                    embedder,
                    chunks,
                    modified_at=find_modified(parts),
                    known=source in known,
                )

    def _check_embedder(self, writer: Writer) -> None:
        """Raise StoreMismatch if another embedder is wanted than the knowledge base has."""
        self._components.check_wanted(Snapshot(writer.connection))

    def _load_embedder(self, writer: Writer) -> tuple[Embedder, ChunkSettings]:
        """Load the embedder. It and its chunk settings are fixed with the first document."""
        identity = read_identity(Snapshot(writer.connection))
        embedder = self._components.embedder(Snapshot(writer.connection))
        if identity is None:
            identity = new_identity(embedder)
            writer.set_identity(identity.to_json())
        return embedder, identity.chunks


def _normalize_suffix(name: str) -> str:
    """Return ".log" for "log" and ".LOG"."""
    return f".{name.lower().lstrip('.')}"


def _default_workers() -> int:
    """Return one reader process per CPU but one, at most four."""
    return min(_MAX_WORKERS, max(1, (os.cpu_count() or 2) - 1))
