"""KnowledgeBase: one directory of documents that can be searched and asked."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ragkit.config import Config, check_label, load_config
from ragkit.embedders.base import Embedder
from ragkit.errors import SourceError
from ragkit.governance import erasure
from ragkit.governance.access_control import AccessControl
from ragkit.governance.audit_log import AuditLog
from ragkit.governance.erasure import writing
from ragkit.governance.erasure_plan import ErasurePlan, find, plan
from ragkit.governance.receipts import Receipt, read_receipt
from ragkit.governance.retention import Retention
from ragkit.ingestion.adapters import (
    DOCUMENTS_FOLDER,
    ForeignDocument,
    as_document,
    digest_of,
    source_of,
)
from ragkit.ingestion.indexing import update_indexes
from ragkit.ingestion.options import IngestOptions, Reader
from ragkit.ingestion.pipeline import Ingest
from ragkit.ingestion.report import IngestReport, ProgressCallback
from ragkit.ingestion.source_files import SourceFiles
from ragkit.llms.base import LanguageModel
from ragkit.manifest import new_identity, read_identity
from ragkit.retrieval.components import Engine
from ragkit.store.access import Principal
from ragkit.store.labels import meant_by
from ragkit.store.layout import UPLOADS_FOLDER
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from ragkit.store.writer import Writer
from ragkit.view import View
from ragkit_ingest.chunk import ChunkSettings
from ragkit_ingest.process.limits import FileLimits

if TYPE_CHECKING:
    from ragkit.maintenance.backup import BackupReport
    from ragkit.maintenance.repair import RepairReport
    from ragkit.maintenance.verify import VerificationReport


class KnowledgeBase(View):
    """The base in a directory, opened, or created there unless `create` is false.

    `embedder` is a model's name or folder, or an object like `ragkit.Embedder`; left out, it is
    the one that the base was built with. `model` is a language model's name on the model
    server, or an object like `ragkit.LanguageModel`. `readers` maps suffixes (".log") to
    functions (bytes, source) -> Document that read such files in place of ragkit's own. Reading
    is safe from several threads, also while one of them ingests. Raises NotAKnowledgeBase for a
    directory that is something else, and StoreMissing where `create` is false and there is none.

        with KnowledgeBase("hr.kb") as kb:
            kb.ingest("./docs")
            print(kb.ask("How many days of leave do I have?").text)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        embedder: str | Embedder | None = None,
        model: str | LanguageModel | None = None,
        readers: Mapping[str, Reader] | None = None,
        config: Config | None = None,
        create: bool = True,
    ) -> None:
        config = config or load_config()
        store = Store(Path(path), create=create, key_file=config.key_file)
        wanted = embedder if embedder is not None else (config.embedder or None)
        super().__init__(
            store,
            Engine(store.layout, wanted, model or config.model, config),
            SourceFiles(store.layout, config.max_file_mb * 1_000_000),
            config,
            None,
        )
        self.audit = AuditLog(store)
        self.access = AccessControl(store, config.labels)
        self.retention = Retention(store)
        self._readers = {_suffix(suffix): reader for suffix, reader in (readers or {}).items()}

    def __enter__(self) -> KnowledgeBase:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files; the base cannot be used afterwards."""
        self._store.close()
        self._originals.close()

    @property
    def uploads(self) -> Path:
        """A folder in the base for files that have no other home: put them there and ingest it.

        Removing such a document deletes its file, too.
        """
        folder = self._store.layout.uploads
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def as_principal(self, name: str, groups: Iterable[str] = ()) -> View:
        """The base as somebody sees it: "user:ana", in the groups "hr" and "board".

        Who asks, and in which groups they are, is for the caller to know, at every request anew.
        With access control off that is everything, and the conversations are their own.
        Raises ValueError for a name that is none.
        """
        return View(
            self._store,
            self._engine,
            self._originals,
            self.config,
            Principal.parse(name, groups),
        )

    @contextmanager
    def _listed(self, labels: Collection[str] | None = None) -> Iterator[Snapshot]:
        """What may be listed: for whoever keeps the base, everything, though no text of it."""
        with self._store.snapshot() as snapshot:
            yield snapshot.only(labels)

    # -- writing -----------------------------------------------------------------------------

    def ingest(
        self,
        *paths: str | os.PathLike[str],
        label: str | None = None,
        keep_missing: bool = False,
        strict: bool = False,
        dry_run: bool = False,
        allow_erased: bool = False,
        workers: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> IngestReport:
        """Bring the base up to date with files and folders; each document is one commit.

        Unchanged files are left alone, vanished ones removed unless `keep_missing`, renamed ones
        recognised by their content. A file that cannot be read is named in the report and never
        stops the run, unless `strict`. All documents of the paths get the `label`, if one is
        given; else that of the settings' rules, if one is about them and nobody gave them another
        by hand; else new ones get "default" and others keep theirs, one that a hand gave also while
        they are away. A file whose content was erased is not taken again, unless `allow_erased`.
        `dry_run` says what would be done. Raises SourceError for a path that does not exist and
        StoreLocked while another process writes.
        """
        if label is not None:
            check_label(label)
        limits = FileLimits(
            max_bytes=self.config.max_file_mb * 1_000_000, seconds=self.config.timeout
        )
        options = IngestOptions(
            label=label,
            keep_missing=keep_missing,
            strict=strict,
            dry_run=dry_run,
            workers=workers or self.config.workers or min(4, max(1, (os.cpu_count() or 2) - 1)),
            limits=limits,
            readers=self._readers,
            rules=self.config.labels,
            allow_erased=allow_erased,
        )
        total = IngestReport(dry_run=dry_run)
        with writing(self._store) as writer:
            try:
                for path in paths:
                    run = Ingest(writer, self._store.layout, options, progress)
                    try:
                        self._ingest_path(run, writer, Path(path), dry_run=dry_run)
                    finally:
                        total = total.joined(run.report)
            finally:
                if not dry_run:
                    self._finish(writer)
        return total

    def add_documents(
        self, documents: Iterable[ForeignDocument], *, label: str | None = None
    ) -> IngestReport:
        """Add documents that are no files here, such as a LlamaIndex reader gives.

        Parts with the same source (a path in the metadata, else the document's id) become one
        document of several pages. One that is in the base already is replaced if it changed, so
        give documents without a path an id that stays the same. One without text is named in the
        report's `failed`.
        """
        if label is not None:
            check_label(label)
        by_source: dict[str, list[ForeignDocument]] = {}
        for document in documents:
            by_source.setdefault(source_of(document), []).append(document)
        options = IngestOptions(label=label, rules=self.config.labels)
        with writing(self._store) as writer:
            self._check_embedder(writer)
            run = Ingest(writer, self._store.layout, options)
            source_folder = writer.add_source_folder(DOCUMENTS_FOLDER, whole=False)
            known = Snapshot(writer.connection).known_files(source_folder)
            try:
                for source, parts in by_source.items():
                    digest = digest_of(parts)
                    if source in known and known[source][1] == digest:
                        run.report.unchanged.append(source)
                        continue
                    added = as_document(parts)
                    if run.may_add(source, added, digest):
                        embedder, chunks = self._embedder(writer)
                        run.add(
                            source_folder,
                            source,
                            added,
                            digest,
                            embedder,
                            chunks,
                            known=source in known,
                        )
            finally:
                self._finish(writer)
        return run.report

    def remove(self, source: str | int) -> list[str]:
        """Remove a document, or all documents of a folder; returns what was removed.

        `source` is as hits show it, or a path on disk, a pattern like "hr/*.pdf", or a document's
        id: two folders may hold documents of the same name. Raises SourceError if nothing matches.
        """
        with writing(self._store) as writer:
            snapshot = Snapshot(writer.connection)
            matched = meant_by(source, snapshot, self._store.layout)
            writer.remove_documents([(document.id, document.source) for document in matched])
            own = {id for id, path, _ in snapshot.source_folders() if path == UPLOADS_FOLDER}
            for document in matched:
                if document.source_folder in own:
                    self._store.layout.delete_upload(document.source)
            self._finish(writer)
        return [document.source for document in matched]

    def erasure_plan(self, pattern: str | int) -> ErasurePlan:
        """What `erase` would take out. Raises SourceError where there is nothing."""
        layout = self._store.layout
        with self._store.snapshot() as snapshot:
            return plan(snapshot, find(snapshot, pattern, layout), layout)

    def erase(self, pattern: str | int, *, reason: str, plan: ErasurePlan | None = None) -> Receipt:
        """Erase documents for good, with all that rests on them, and prove it.

        Their text, vectors and words go, their names in the log, uploaded files, and the questions
        and answers that were made from them with what followed in the same conversations; also of
        documents that were removed before, by a name that they had. The indexes are written anew,
        and every byte of the base is then compared with what was erased. A file with the same
        content is not ingested again. `pattern` is what `remove` takes. A run that was killed is
        finished by whatever is next to change documents, or by calling this again, which returns
        its receipt.

        Raises SourceError where nothing matches, or something else than was foreseen by the `plan`
        if one is given, ValueError without a reason, and StoreError where something is left.
        """
        if not reason.strip():
            raise ValueError("the reason is missing: it stands in the receipt")
        return erasure.erase_documents(self._store, pattern, reason, plan)

    def receipt(self, number: int) -> Receipt:
        """The receipt of an erasure, by its number. Raises SourceError if there is none."""
        with self._store.snapshot() as snapshot:
            text = snapshot.receipt(number) if number.bit_length() <= 63 else ""
        if not text:
            raise SourceError(f"there is no receipt of an erasure {number} in {self.path}")
        return read_receipt(text)

    def _ingest_path(self, run: Ingest, writer: Writer, path: Path, *, dry_run: bool) -> None:
        self._check_embedder(writer)
        plan = run.plan(path)
        if dry_run:
            return
        run.apply(plan)
        if plan.read:
            run.read(plan, *self._embedder(writer))

    def _check_embedder(self, writer: Writer) -> None:
        identity = read_identity(Snapshot(writer.connection))
        if identity is not None:
            self._engine.check_wanted(identity.embedder)

    def _embedder(self, writer: Writer) -> tuple[Embedder, ChunkSettings]:
        """Load the embedder. It and its chunk settings are fixed with the first document."""
        identity = read_identity(Snapshot(writer.connection))
        embedder = self._engine.embedder(identity)
        if identity is None:
            identity = new_identity(embedder)
            writer.set_identity(identity.to_json())
        return embedder, identity.chunks

    def _finish(self, writer: Writer) -> None:
        identity = read_identity(Snapshot(writer.connection))
        update_indexes(
            writer, self._store.layout, identity.embedder.dimension if identity else None
        )

    # -- keeping it --------------------------------------------------------------------------

    def dump(self) -> Iterator[str]:
        """The base's content as JSON lines, the same for equal content however it came about.

        Ids, sequence numbers and times are left out; vectors are given by their digest. What people
        asked and how they rated the answers is not content, and not in it.
        """
        from ragkit.maintenance.export import dump

        self._record.record_dump()
        with self._store.snapshot() as snapshot:
            yield from dump(snapshot)

    def verify(self, *, keys: Sequence[Path] = ()) -> VerificationReport:
        """Look through the whole base for damage; others may read and write meanwhile.

        `keys` are files of further audit keys, such as that of the machine it was made on.
        """
        from ragkit.maintenance.verify import verify_store

        return verify_store(self._store, keys=keys)

    def repair(self) -> RepairReport:
        """Build anew what is damaged and derived, and take out documents that are not whole.

        Raises StoreDamaged where the database must be replaced: close the base, and call
        `repair_base`.
        """
        from ragkit.maintenance.repair import mend

        return mend(self._store, self.verify())

    def backup(self, target: str | os.PathLike[str]) -> BackupReport:
        """Copy the base into a new directory while others read and write; see `restore_base`.

        It holds all text, and whoever can read it reads everything. Raises StoreError where
        something is there already, and StoreDamaged for a base that is not whole.
        """
        from ragkit.maintenance.backup import back_up

        return back_up(self._store, Path(target))


def _suffix(name: str) -> str:
    """ ".log" for "log" and ".LOG"."""
    return f".{name.lower().lstrip('.')}"
