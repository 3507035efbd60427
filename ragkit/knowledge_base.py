"""KnowledgeBase: one directory of documents that can be searched and asked."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ragkit.answers import Abstention, Answer, abstain
from ragkit.asking import AnswerStream, Asked, Found, ask_stream, at_once, cleaned
from ragkit.auditing import AuditLog
from ragkit.config import Config, load_config
from ragkit.conversation import Conversation
from ragkit.documents import DOCUMENTS_ROOT, ForeignDocument, as_document, digest_of, source_of
from ragkit.embedding import Embedder, EmbedderFacts, facts_of
from ragkit.embedding.load import check_same, load_by_name, load_for_base
from ragkit.errors import SourceError
from ragkit.identity import Identity, new_identity, read_identity
from ragkit.index import dense, lexical
from ragkit.ingestion import EmbedderOpener, Ingest, finish
from ragkit.models import LanguageModel, Message
from ragkit.originals import Originals, PageImage
from ragkit.reading import Options, Reader
from ragkit.reports import FailedFile, IngestReport, ProgressCallback
from ragkit.retrieval import Explanation, Hit, Retriever
from ragkit.store import (
    Layout,
    Snapshot,
    Store,
    StoredChunk,
    StoredConversation,
    StoredDocument,
    StoredPage,
    Writer,
    acting,
)
from ragkit.store.layout import UPLOADS_ROOT
from ragkit_ingest.chunk import ChunkSettings
from ragkit_ingest.reading import Limits

if TYPE_CHECKING:
    from ragkit.statistics import Statistics


@dataclass(frozen=True, slots=True)
class Status:
    """What is in a base. `problems` are files that are not in it, with the reason.

    `roots` are where its files are from, and `folders` those of them that were ingested whole, not
    only single files of them.
    """

    path: Path
    documents: int
    pages: int
    chunks: int
    bytes: int
    embedder: str
    dimension: int
    roots: tuple[str, ...]
    folders: tuple[str, ...]
    problems: tuple[FailedFile, ...]


class KnowledgeBase:
    """The base in a directory, opened, or created there unless `create` is false.

    `embedder` is a model's name or folder, or an object like `ragkit.Embedder`; left out, it is
    the one that the base was built with. `model` is a language model's name on the model
    server, or an object like `ragkit.LanguageModel`. `readers` maps suffixes (".log") to
    functions (bytes, source) -> Document that read such files in place of ragkit's own. Reading
    is safe from several threads, also while one of them ingests. Raises StoreForeign for a
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
        self.config = config or load_config()
        key_file = Path(self.config.audit_key).expanduser() if self.config.audit_key else None
        self._store = Store(Path(path), create=create, key_file=key_file)
        self.audit = AuditLog(self._store)
        self._wanted = embedder if embedder is not None else (self.config.embedder or None)
        self.model = model or self.config.model
        self._readers = {_suffix(suffix): reader for suffix, reader in (readers or {}).items()}
        self._originals = Originals(self._store, self.config.max_file_mb * 1_000_000)
        self._guard = threading.Lock()
        self._embedder: Embedder | None = None
        self._retriever: Retriever | None = None

    @property
    def path(self) -> Path:
        return self._store.layout.root

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

    # -- writing -----------------------------------------------------------------------------

    def ingest(
        self,
        *paths: str | os.PathLike[str],
        label: str | None = None,
        keep_missing: bool = False,
        strict: bool = False,
        dry_run: bool = False,
        workers: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> IngestReport:
        """Bring the base up to date with files and folders; each document is one commit.

        Unchanged files are left alone, vanished ones removed unless `keep_missing`, renamed ones
        recognised by their content. A file that cannot be read is named in the report and never
        stops the run, unless `strict`. All documents of the paths get the `label`, if one is
        given; else new ones get "default" and others keep theirs. `dry_run` says what would be
        done. Raises SourceError for a path that does not exist and StoreLocked while another
        process writes.
        """
        limits = Limits(max_bytes=self.config.max_file_mb * 1_000_000, seconds=self.config.timeout)
        options = Options(
            label=label,
            keep_missing=keep_missing,
            strict=strict,
            dry_run=dry_run,
            workers=workers or self.config.workers or min(4, max(1, (os.cpu_count() or 2) - 1)),
            limits=limits,
            readers=self._readers,
        )
        total = IngestReport(dry_run=dry_run)
        with self._store.writer() as writer:
            try:
                for path in paths:
                    run = Ingest(
                        writer, self._store.layout, self._opener(writer), options, progress
                    )
                    try:
                        run.run(Path(path))
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
        by_source: dict[str, list[ForeignDocument]] = {}
        for document in documents:
            by_source.setdefault(source_of(document), []).append(document)
        options = Options(label=label)
        with self._store.writer() as writer:
            opener = self._opener(writer)
            run = Ingest(writer, self._store.layout, opener, options, None)
            root = writer.add_root(DOCUMENTS_ROOT, whole=False)
            known = Snapshot(writer.connection).known_files(root)
            try:
                for source, parts in by_source.items():
                    digest = digest_of(parts)
                    if source in known and known[source][1] == digest:
                        run.report.unchanged.append(source)
                        continue
                    run.add(root, source, as_document(parts), digest, source in known)
            finally:
                self._finish(writer)
        return run.report

    def remove(self, source: str | int) -> list[str]:
        """Remove a document, or all documents of a folder; returns what was removed.

        `source` is as hits show it, or a path on disk, or a document's id: two folders may hold
        documents of the same name. Raises SourceError if nothing matches.
        """
        with self._store.writer() as writer:
            snapshot = Snapshot(writer.connection)
            matched = _matching(snapshot, source, self._store.layout)
            if not matched:
                raise SourceError(
                    f"{source} is not in {self.path}; list what is with: ragkit status --documents"
                )
            writer.remove_documents([(document.id, document.source) for document in matched])
            own = {root for root, path, _ in snapshot.roots() if path == UPLOADS_ROOT}
            for document in matched:
                if document.root in own:
                    (self._store.layout.uploads / document.source).unlink(missing_ok=True)
            self._finish(writer)
        return [document.source for document in matched]

    def _opener(self, writer: Writer) -> EmbedderOpener:
        """Gives the embedder and the chunk settings once they are needed, and not before."""
        identity = read_identity(Snapshot(writer.connection))
        if identity is not None:
            self._check_wanted(identity.embedder)

        def opener() -> tuple[Embedder, ChunkSettings]:
            embedder = self._open_embedder(identity)
            if identity is not None:
                return embedder, identity.chunks
            fresh = new_identity(embedder)
            writer.set_identity(fresh.to_json())
            return embedder, fresh.chunks

        return opener

    def _finish(self, writer: Writer) -> None:
        identity = read_identity(Snapshot(writer.connection))
        finish(writer, self._store.layout, identity.embedder.dimension if identity else None)

    def _check_wanted(self, facts: EmbedderFacts) -> None:
        """Refuse another embedder at once, also where nothing would have to be embedded."""
        if isinstance(self._wanted, str):
            if self._wanted not in (facts.name, facts.name.rpartition("/")[2]):
                check_same(facts_of(load_by_name(self._wanted)), facts)
        elif self._wanted is not None:
            check_same(facts_of(self._wanted), facts)

    def _open_embedder(self, identity: Identity | None) -> Embedder:
        with self._guard:
            if self._embedder is None:
                self._embedder = self._load_embedder(identity)
            return self._embedder

    def _load_embedder(self, identity: Identity | None) -> Embedder:
        if self._wanted is not None and not isinstance(self._wanted, str):
            if identity is not None:
                check_same(facts_of(self._wanted), identity.embedder)
            return self._wanted
        if identity is not None:
            return load_for_base(identity.embedder, self._wanted, self.config.device)
        from ragkit.embedding.models import DEFAULT

        return load_by_name(self._wanted or DEFAULT, self.config.device)

    # -- reading -----------------------------------------------------------------------------

    def search(
        self, query: str, k: int = 10, *, labels: Collection[str] | None = None
    ) -> list[Hit]:
        """The best `k` passages, best first; of documents with one of these labels, if given.

        At most 10,000 are found.
        """
        with self._store.snapshot(labels) as snapshot:
            engine = self._engine(snapshot)
            return engine.search(snapshot, query, k) if engine else []

    def explain(
        self, query: str, k: int = 10, *, labels: Collection[str] | None = None
    ) -> Explanation:
        """The same search with every stage's candidates and scores."""
        with self._store.snapshot(labels) as snapshot:
            engine = self._engine(snapshot)
            return engine.explain(snapshot, query, k) if engine else Explanation(query, (), ())

    def ask(
        self,
        question: str,
        *,
        k: int = 8,
        model: str | LanguageModel | None = None,
        labels: Collection[str] | None = None,
        think: bool = False,
        schema: Mapping[str, Any] | type[Any] | None = None,
    ) -> Answer:
        """Answer from the documents, with citations.

        With no model server the answer is an extract: sentences quoted from the best passages.
        `think` lets a model on Ollama that can reason do so first; its reasoning is no part of the
        answer's text, but of `num_predict`. Raises ModelError where a model was named and cannot
        answer, and PromptCut where it did not read all that it was sent.

        With a `schema`, `answer.data` is a JSON value of it: of a JSON schema, or an instance of a
        class that brings one, as a pydantic model does. Its strings are inert like all that a
        model writes. An extract is no object, so this needs a model: without one it raises
        ModelError, also for "auto"; SchemaMismatch for a reply that does not hold to the schema,
        and SchemaError for a schema that is none.
        """
        if schema is not None:
            from ragkit.schemas import answer_schema
            from ragkit.structured import ask_for_data

            wanted, question = answer_schema(schema), cleaned(question)
            found = self._found(question, k, labels)
            return ask_for_data(
                question, found, wanted, model or self.model, self.config, think=think
            )
        stream = self.stream(question, k=k, model=model, labels=labels, think=think)
        for _ in stream:
            pass
        return stream.answer

    def stream(
        self,
        question: str,
        *,
        k: int = 8,
        model: str | LanguageModel | None = None,
        labels: Collection[str] | None = None,
        think: bool = False,
        query: str = "",
        history: Sequence[Message] = (),
    ) -> AnswerStream:
        """Answer piece by piece: iterate over the text, then take `.answer`.

        Where the question follows others, `query` says it so that it stands alone, and `history`
        are the messages that the model is shown before it; `conversation` keeps and makes both.
        """
        question = cleaned(question)
        asked = Asked(question, query or question, history)
        found = self._found(asked.query, k, labels)
        if found is None:
            return at_once(abstain(question, (), Abstention.EMPTY), asked)
        return ask_stream(asked, found, model or self.model, self.config, think=think)

    def _found(self, query: str, k: int, labels: Collection[str] | None) -> Found | None:
        """What a search gives to answer from; None while the base is empty."""
        hits = self.search(query, k, labels=labels)
        with self._store.snapshot() as snapshot:
            identity = read_identity(snapshot)
            is_empty = not hits and snapshot.counts()[0] == 0
        if identity is None or is_empty:
            return None

        def page_text(hit: Hit) -> str:
            with self._store.snapshot(labels) as snapshot:
                return snapshot.page_text(hit.document, hit.page_ordinal)

        return Found(hits, self._open_embedder(identity), identity.floor, page_text)

    def conversation(self, id: int | None = None, *, who: str | None = None) -> Conversation:
        """A new conversation, or the one with this id, to go on with.

        `who` is the person who asks, by default the user of the operating system; conversations
        of somebody else are not found. Raises SourceError if there is none with this id.
        """
        who = who or acting()
        if id is not None:
            self._check_conversation(id, who)
        return Conversation(self, self._store, who, id)

    def conversations(self, *, who: str | None = None) -> list[StoredConversation]:
        """A person's conversations, by default the operating system's user's; newest first."""
        with self._store.snapshot() as snapshot:
            return snapshot.conversations(who or acting())

    def delete_conversation(self, id: int, *, who: str | None = None) -> None:
        """Remove a conversation with all that was said. Raises SourceError if there is none."""
        self._check_conversation(id, who or acting())
        with self._store.recorder() as writer:
            writer.remove_conversation(id)

    def _check_conversation(self, id: int, who: str) -> None:
        if all(found.id != id for found in self.conversations(who=who)):
            raise SourceError(
                f"{who} has no conversation {id} in {self.path}; list them with: "
                "ragkit conversations"
            )

    def documents(self, *, labels: Collection[str] | None = None) -> list[StoredDocument]:
        """All documents, by source."""
        with self._store.snapshot(labels) as snapshot:
            return list(snapshot.documents())

    def document(self, id: int, *, labels: Collection[str] | None = None) -> StoredDocument:
        """The document with this id, as hits and citations name it.

        Raises SourceError if there is none with one of these labels, if given.
        """
        with self._store.snapshot(labels) as snapshot:
            return self._document(snapshot, id)

    def pages(self, id: int, *, labels: Collection[str] | None = None) -> list[StoredPage]:
        """A document's pages with their texts, in order. Raises SourceError as `document` does."""
        with self._store.snapshot(labels) as snapshot:
            self._document(snapshot, id)
            return snapshot.pages_of(id)

    def chunks(self, id: int, *, labels: Collection[str] | None = None) -> list[StoredChunk]:
        """A document's chunks, in order. Raises SourceError as `document` does."""
        with self._store.snapshot(labels) as snapshot:
            self._document(snapshot, id)
            return snapshot.chunks_of(id)

    def _document(self, snapshot: Snapshot, id: int) -> StoredDocument:
        document = snapshot.document(id)
        if document is None:  # whether it is not there or may not be read is nobody's business
            raise SourceError(
                f"there is no document {id} in {self.path}; list what is with: "
                "ragkit status --documents"
            )
        return document

    def original(self, document: int, *, labels: Collection[str] | None = None) -> Path:
        """The file that a document was read from, its content as it was then.

        Raises SourceError if it is gone, was changed, or never was a file, and if there is no
        such document among those with one of these labels.
        """
        return self._originals.path(document, labels)

    def page_image(
        self,
        document: int,
        page: int,
        *,
        start: int = 0,
        end: int = 0,
        exact: Sequence[tuple[int, int]] = (),
        width: int = 1200,
        labels: Collection[str] | None = None,
    ) -> PageImage:
        """A page of a PDF, drawn `width` pixels wide, with characters [start, end) highlighted.

        Where there are `exact` ranges among them, these are yellow and the rest is pale.
        `document`, `page_ordinal` (counted from 0), `start`, `end` and `exact` of a citation are
        what to pass; a hit has no `exact`. From 16 to 3,000 pixels are drawn, and fewer of a very
        long page. Raises SourceError as `original` does, and for what is no PDF, no page of it, or
        cannot be drawn within 10 seconds.
        """
        return self._originals.page_image(document, page, start, end, width, exact, labels)

    def status(self) -> Status:
        """What is in the base and what is not."""
        with self._store.snapshot() as snapshot:
            documents, pages, chunks = snapshot.counts()
            identity = read_identity(snapshot)
            root_path = self._store.layout.root_path
            roots = [(root_path(name), whole) for _, name, whole in snapshot.roots()]
            return Status(
                path=self.path,
                documents=documents,
                pages=pages,
                chunks=chunks,
                bytes=_bytes_in(self.path),
                embedder=identity.embedder.name if identity else "",
                dimension=identity.embedder.dimension if identity else 0,
                roots=tuple(path for path, _ in roots),
                folders=tuple(path for path, whole in roots if whole),
                problems=tuple(
                    FailedFile(problem.source, problem.reason, problem.detail)
                    for problem in snapshot.all_problems()
                ),
            )

    def suggestions(self, n: int = 4, *, labels: Collection[str] | None = None) -> list[str]:
        """Questions to begin with, at most `n`, that the documents' own headings suggest.

        They are varied over documents, and the same as long as these stay as they are.
        """
        from ragkit.suggestions import suggestions

        with self._store.snapshot(labels) as snapshot:
            return suggestions(snapshot, n)

    def statistics(self, *, labels: Collection[str] | None = None) -> Statistics:
        """What is in the base and how it is used, in numbers alone.

        Documents are those with one of these labels, if given; questions are everybody's.
        """
        from ragkit.statistics import statistics

        with self._store.snapshot(labels) as snapshot:
            return statistics(snapshot)

    def dump(self) -> Iterator[str]:
        """The base's content as JSON lines, the same for equal content however it came about.

        Ids, sequence numbers and times are left out; vectors are given by their digest. What people
        asked and how they rated the answers is not content, and not in it.
        """
        from ragkit.dump import dump

        with self._store.snapshot() as snapshot:
            yield from dump(snapshot)

    def _engine(self, snapshot: Snapshot) -> Retriever | None:
        """The retriever of this base; None while it is empty and has no embedder yet."""
        if self._retriever is not None:
            return self._retriever
        identity = read_identity(snapshot)
        if identity is None:
            return None
        embedder = self._open_embedder(identity)
        layout = self._store.layout
        with self._guard:
            if self._retriever is None:
                self._retriever = Retriever(
                    embedder,
                    dense.DenseIndex(layout, identity.embedder.dimension),
                    lexical.LexicalIndex(layout),
                )
            return self._retriever


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a writer may be replacing it
            total += path.stat().st_size
    return total


def _suffix(name: str) -> str:
    """ ".log" for "log" and ".LOG"."""
    return f".{name.lower().lstrip('.')}"


def _matching(snapshot: Snapshot, source: str | int, layout: Layout) -> Sequence[StoredDocument]:
    """The document with this id, or those with this source or path, else all below it."""
    if isinstance(source, int):
        found = snapshot.document(source)
        return [found] if found else []
    roots = {root: layout.root_path(name) for root, name, _ in snapshot.roots()}
    wanted = {source.rstrip("/")}
    documents = list(snapshot.documents())
    absolute = os.path.abspath(source)
    exact = [
        document
        for document in documents
        if document.source in wanted
        or os.path.join(roots[document.root], document.source) == absolute
    ]
    if exact:
        return exact
    return [
        document
        for document in documents
        if document.source.startswith(f"{source.rstrip('/')}/")
        or os.path.join(roots[document.root], document.source).startswith(f"{absolute}/")
    ]
