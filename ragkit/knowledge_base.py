"""A knowledge base: a directory of documents to search and ask."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ragkit.answers import Answer, AskOptions
from ragkit.config import Config, load_config
from ragkit.conversation import Conversation
from ragkit.document_writer import DocumentWriter
from ragkit.embedders.base import Embedder
from ragkit.errors import SourceError
from ragkit.generation.streaming import AnswerStream
from ragkit.governance import erasure
from ragkit.governance.access_control import AccessControl
from ragkit.governance.audit_log import AuditLog
from ragkit.governance.audit_recorder import Recorder
from ragkit.governance.erasure_plan import ErasurePlan, find_traces, plan_erasure
from ragkit.governance.guarded_store import OpenedPages
from ragkit.governance.receipts import Receipt, read_receipt
from ragkit.governance.retention import Retention
from ragkit.ingestion.adapters import (
    ForeignDocument,
)
from ragkit.ingestion.options import IngestOptions, Reader
from ragkit.ingestion.report import IngestReport, ProgressCallback
from ragkit.ingestion.source_files import PageImage, SourceFiles
from ragkit.llms.base import LanguageModel, Message
from ragkit.maintenance.reembedding import Reembedding
from ragkit.maintenance.status import Status
from ragkit.rerankers.base import Reranker
from ragkit.retrieval.components import Components
from ragkit.retrieval.hits import Hit
from ragkit.retrieval.retriever import Explanation
from ragkit.store.access import Principal
from ragkit.store.filters import Filter
from ragkit.store.records import StoredChunk, StoredConversation, StoredDocument, StoredPage
from ragkit.store.store import Store
from ragkit.view import Resources, Schema, View

if TYPE_CHECKING:
    from ragkit.maintenance.backup import BackupReport
    from ragkit.maintenance.repair import RepairReport
    from ragkit.maintenance.statistics import Statistics
    from ragkit.maintenance.verify import VerificationReport


class KnowledgeBase:
    """A knowledge base in a directory, opened, or created unless `create` is False.

    `embedder` is a model's name or folder, or an object like `ragkit.Embedder`; None takes the one
    that the knowledge base was built with. `reranker` is a name or folder, an object like
    `ragkit.Reranker`, or "" for none. `model` is a language model's name, or an object like
    `ragkit.LanguageModel`. `readers` maps suffixes (".log") to functions (bytes, source) ->
    Document that replace ragkit's own. Raises NotAKnowledgeBase if the directory is something else,
    and StoreMissing if there is none and `create` is False.

    Its owner is the user of this process. With access control on, the owner lists documents but
    reads no text; `as_principal` searches and asks. Several threads can read during an ingest.

        with KnowledgeBase("hr.kb") as kb:
            kb.ingest("./docs")
            print(kb.ask("How many days of leave do I have?").text)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        embedder: str | Embedder | None = None,
        reranker: str | Reranker | None = None,
        model: str | LanguageModel | None = None,
        readers: Mapping[str, Reader] | None = None,
        config: Config | None = None,
        create: bool = True,
    ) -> None:
        self.config = config = config or load_config()
        self._store = store = Store(Path(path), create=create, key_file=config.key_file)
        self._resources = Resources(
            store,
            Components(store.layout, embedder, model or config.model, config, reranker),
            SourceFiles(store.layout, config.max_file_mb * 1_000_000),
            config,
            OpenedPages(),
        )
        self._view = View(self._resources, Principal.owner())
        self._documents = DocumentWriter(store, self._resources.components, config, readers or {})
        self.audit = AuditLog(store)
        self.access = AccessControl(store, config.labels)
        self.retention = Retention(store)
        self.reembedding = Reembedding(store, self._resources.components)

    def __enter__(self) -> KnowledgeBase:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all files; the knowledge base and its views end."""
        self._store.close()
        self._resources.source_files.close()

    @property
    def view(self) -> View:
        """The knowledge base as its owner sees it."""
        return self._view

    def as_principal(self, name: str, groups: Iterable[str] = ()) -> View:
        """Return the knowledge base as a user sees it, such as "user:ana" in the groups ["hr"].

        Authenticate users and look up their groups yourself, for each request. Raises ValueError.
        """
        return View(self._resources, Principal.parse(name, groups))

    @property
    def uploads(self) -> Path:
        """The folder for files without another home; removing such a document deletes its file."""
        folder = self._store.layout.uploads
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    @property
    def path(self) -> Path:
        """The directory of the knowledge base."""
        return self._view.path

    @property
    def who(self) -> str:
        """The name of the owner, like "user:ana"."""
        return self._view.who

    @property
    def model(self) -> str | LanguageModel:
        """The language model for all principals: a name or an object."""
        return self._view.model

    @model.setter
    def model(self, model: str | LanguageModel) -> None:
        self._view.model = model

    def search(self, query: str, k: int = 10, *, where: Filter | None = None) -> list[Hit]:
        """Return the k best passages, best first; see `View.search`."""
        return self._view.search(query, k, where=where)

    def explain(self, query: str, k: int = 10, *, where: Filter | None = None) -> Explanation:
        """Search, and return the candidates and scores of every stage."""
        return self._view.explain(query, k, where=where)

    def has_documents(self, *, where: Filter | None = None) -> bool:
        """Return True if there is a document, or one that matches the filter."""
        return self._view.has_documents(where=where)

    def ask(
        self, question: str, options: AskOptions | None = None, *, schema: Schema | None = None
    ) -> Answer:
        """Answer a question from the documents, with citations; see `View.ask`."""
        return self._view.ask(question, options, schema=schema)

    def stream(
        self,
        question: str,
        options: AskOptions | None = None,
        *,
        query: str = "",
        history: Sequence[Message] = (),
    ) -> AnswerStream:
        """Answer a question piece by piece; see `View.stream`."""
        return self._view.stream(question, options, query=query, history=history)

    def conversation(self, id: int | None = None) -> Conversation:
        """Start a conversation, or continue the one with this id; see `View.conversation`."""
        return self._view.conversation(id)

    def conversations(self) -> list[StoredConversation]:
        """Return the owner's conversations, newest first."""
        return self._view.conversations()

    def delete_conversation(self, id: int) -> None:
        """Delete a conversation and all its turns. Raises SourceError if there is none."""
        self._view.delete_conversation(id)

    def documents(self, *, where: Filter | None = None) -> list[StoredDocument]:
        """Return all documents, sorted by source path."""
        return self._view.documents(where=where)

    def document(self, id: int, *, where: Filter | None = None) -> StoredDocument:
        """Return the document with this id. Raises SourceError if there is none."""
        return self._view.document(id, where=where)

    def pages(self, id: int, *, where: Filter | None = None) -> list[StoredPage]:
        """Return a document's pages with their texts, in order; see `View.pages`."""
        return self._view.pages(id, where=where)

    def page(self, document: int, ordinal: int, *, where: Filter | None = None) -> StoredPage:
        """Return one page of a document, counted from 0; see `View.page`."""
        return self._view.page(document, ordinal, where=where)

    def chunks(
        self, id: int, *, page: int | None = None, where: Filter | None = None
    ) -> list[StoredChunk]:
        """Return a document's chunks in order, or those of one page; see `View.chunks`."""
        return self._view.chunks(id, page=page, where=where)

    def original(self, document: int, *, where: Filter | None = None) -> Path:
        """Return the path of the file that a document was read from; see `View.original`."""
        return self._view.original(document, where=where)

    def has_original(self, document: int, *, where: Filter | None = None) -> bool:
        """Return True if `original` returns a file; see `View.has_original`."""
        return self._view.has_original(document, where=where)

    def page_image(
        self,
        document: int,
        page: int,
        *,
        start: int = 0,
        end: int = 0,
        highlights: Sequence[tuple[int, int]] = (),
        width: int = 1200,
        where: Filter | None = None,
    ) -> PageImage:
        """Return a picture of a PDF page with a passage marked; see `View.page_image`."""
        return self._view.page_image(
            document, page, start=start, end=end, highlights=highlights, width=width, where=where
        )

    def status(self) -> Status:
        """Return what the knowledge base contains."""
        return self._view.status()

    def suggestions(self, n: int = 4, *, where: Filter | None = None) -> list[str]:
        """Return at most n questions to start with; see `View.suggestions`."""
        return self._view.suggestions(n, where=where)

    def statistics(self, *, where: Filter | None = None) -> Statistics:
        """Return figures about the documents and all questions asked; see `View.statistics`."""
        return self._view.statistics(where=where)

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
        """Bring the knowledge base up to date with files and folders; each document is one commit.

        Unchanged files are skipped and renamed files recognised by their content. Documents whose
        file is missing are removed unless `keep_missing`. The report names files that cannot be
        read; with `strict` the first one raises. Erased files are skipped unless `allow_erased`.
        With `dry_run` the report says what would be done. `label` is the access label of all
        documents of the paths. Without one, a label set by hand stays; else the rules in the
        settings apply, or "default". Raises SourceError for a missing path, and StoreLocked.
        """
        options = IngestOptions(
            label=label,
            keep_missing=keep_missing,
            strict=strict,
            dry_run=dry_run,
            allow_erased=allow_erased,
        )
        return self._documents.ingest(paths, options, workers, progress)

    def add_documents(
        self, documents: Iterable[ForeignDocument], *, label: str | None = None
    ) -> IngestReport:
        """Add documents that are not files, such as those of a LlamaIndex reader.

        Parts with the same source (a path in the metadata, else the document's id) are the pages of
        one document, which replaces an earlier one. `failed` are those without text.
        """
        return self._documents.add(documents, IngestOptions(label=label))

    def remove(self, source: str | int) -> list[str]:
        """Remove a document, or all documents of a folder; returns the removed source paths.

        `source` is a source path as hits show it, a path on disk, a pattern like "hr/*.pdf", or a
        document's id. Raises SourceError if nothing matches.
        """
        return self._documents.remove(source)

    def erasure_plan(self, pattern: str | int) -> ErasurePlan:
        """Return what `erase` would erase. Raises SourceError if nothing matches."""
        with self._store.snapshot() as snapshot:
            layout = self._store.layout
            return plan_erasure(snapshot, find_traces(snapshot, pattern, layout), layout)

    def erase(self, pattern: str | int, *, reason: str, plan: ErasurePlan | None = None) -> Receipt:
        """Permanently erase documents and everything derived from them; returns a signed receipt.

        This erases text, vectors and index entries of all versions, also of removed documents,
        their names in the audit log, uploaded files, and the answers made from them with all later
        turns. Then every byte of the knowledge base is searched for what was erased. The same files
        are not ingested again. `pattern` is what `remove` takes. The next write finishes a run that
        was killed, or call this again for its receipt. Raises SourceError if nothing matches, or
        something else than in the `plan`, ValueError without a reason, and StoreError if something
        was not erased.
        """
        if not reason.strip():
            raise ValueError("the reason is empty; expected a text for the receipt")
        return erasure.erase_documents(self._store, pattern, reason, plan)

    def receipt(self, number: int) -> Receipt:
        """Return the receipt of an erasure. Raises SourceError if there is none."""
        with self._store.snapshot() as snapshot:
            text = snapshot.erasures.receipt(number) if number.bit_length() <= 63 else ""
        if not text:
            raise SourceError(f"there is no receipt of an erasure {number} in {self.path}")
        return read_receipt(text)

    def dump(self) -> Iterator[str]:
        """Yield the content as JSON lines, without ids, times and what users asked."""
        from ragkit.maintenance.export import dump

        Recorder(self._store, Principal.owner(), self.config).record_dump()
        with self._store.snapshot() as snapshot:
            yield from dump(snapshot)

    def verify(self, *, keys: Sequence[Path] = ()) -> VerificationReport:
        """Check everything for damage; `keys` are files of further audit keys, as of a backup."""
        from ragkit.maintenance.verify import verify_store

        return verify_store(self._store, keys=keys)

    def repair(self) -> RepairReport:
        """Rebuild damaged indexes, and remove documents that are damaged.

        Raises StoreDamaged if the database must be replaced: `ragkit.maintenance.repair_kb` does.
        """
        from ragkit.maintenance.repair import repair_store

        return repair_store(self._store, self.verify())

    def backup(self, target: str | os.PathLike[str]) -> BackupReport:
        """Copy everything into a new directory; `ragkit.maintenance.restore_kb` restores it.

        Raises StoreError if it exists, and StoreDamaged if the knowledge base is damaged.
        """
        from ragkit.maintenance.backup import back_up

        return back_up(self._store, Path(target))
