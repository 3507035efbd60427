"""What one principal sees of a base: search, questions, conversations, documents."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragkit.answers import Abstention, Answer, AskOptions
from ragkit.config import Config
from ragkit.conversation import Conversation
from ragkit.errors import AccessDenied, SourceError
from ragkit.generation.answering import (
    RetrievedContext,
    clean_question,
    stream_answer,
    stream_whole,
)
from ragkit.generation.prompts import Question
from ragkit.generation.streaming import AnswerStream
from ragkit.governance.audit_recorder import QuestionRecord, Recorder, describe_search
from ragkit.ingestion.report import FileError
from ragkit.ingestion.source_files import PageImage, SourceFiles
from ragkit.llms.base import LanguageModel, Message
from ragkit.manifest import read_identity
from ragkit.retrieval.components import Engine
from ragkit.retrieval.retriever import Explanation, Hit
from ragkit.store.access import Principal
from ragkit.store.audit import current_user
from ragkit.store.records import StoredChunk, StoredConversation, StoredDocument, StoredPage
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store

if TYPE_CHECKING:
    from ragkit.maintenance.statistics import Statistics


@dataclass(frozen=True, slots=True)
class Status:
    """What is in a base. `file_errors` are files that are not in it, with the reason.

    `source_folders` hold its files, and `whole_folders` are those of them that were ingested whole,
    not only single files of them. For somebody who may not read everything only the documents that
    they may read are counted, and nothing is said of files, folders and the size on disk.
    """

    path: Path
    documents: int
    pages: int
    chunks: int
    bytes: int
    embedder: str
    dimension: int
    source_folders: tuple[str, ...]
    whole_folders: tuple[str, ...]
    file_errors: tuple[FileError, ...]


class View:
    """A base as one principal sees it; `KnowledgeBase.as_principal` gives one.

    What may not be read is as if it were not there, in every result, count and error. Rights are
    looked up anew for each call. Whatever is asked, found, told and opened is recorded before it is
    given out. Safe from several threads; it ends with its base.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        originals: SourceFiles,
        config: Config,
        who: Principal | None,
    ) -> None:
        self.config = config
        self._store = store
        self._engine = engine
        self._originals = originals
        self._who = who
        self._record = Recorder(store, who, config)

    @property
    def path(self) -> Path:
        return self._store.layout.root

    @property
    def model(self) -> str | LanguageModel:
        """The language model of the base, by name or as an object, for all who see it."""
        return self._engine.model

    @model.setter
    def model(self, model: str | LanguageModel) -> None:
        self._engine.model = model

    @property
    def who(self) -> str:
        """Who asks: the principal, by default the user of the operating system."""
        return self._who.name if self._who else current_user()

    @contextmanager
    def _snapshot(self, labels: Collection[str] | None = None) -> Iterator[Snapshot]:
        """What may be read, in one consistent view, for the length of the block."""
        try:
            with self._store.view(self._who, labels) as snapshot:
                yield snapshot
        except AccessDenied as error:
            self._record.record_refusal(error)
            raise

    def _listed(self, labels: Collection[str] | None = None) -> AbstractContextManager[Snapshot]:
        """What may be listed: the documents that may be read."""
        return self._snapshot(labels)

    # -- searching and asking ----------------------------------------------------------------

    def search(
        self, query: str, k: int = 10, *, labels: Collection[str] | None = None
    ) -> list[Hit]:
        """The best `k` passages, best first; of documents with one of these labels, if given.

        At most 10,000 are found.
        """
        with self._snapshot(labels) as snapshot:
            retriever = self._engine.retriever(snapshot)
            hits = retriever.search(snapshot, query, k) if retriever else []
            found = describe_search(k, hits, snapshot)
        self._record.record_search(query, found)
        return hits

    def explain(
        self, query: str, k: int = 10, *, labels: Collection[str] | None = None
    ) -> Explanation:
        """The same search with every stage's candidates and scores."""
        with self._snapshot(labels) as snapshot:
            retriever = self._engine.retriever(snapshot)
            explanation = (
                retriever.explain(snapshot, query, k) if retriever else Explanation(query, (), ())
            )
            found = describe_search(k, explanation.hits, snapshot)
        self._record.record_search(query, found)
        return explanation

    def ask(
        self,
        question: str,
        options: AskOptions | None = None,
        *,
        schema: Mapping[str, Any] | type[Any] | None = None,
    ) -> Answer:
        """Answer from the documents, with citations.

        Without a model server the answer is extractive: sentences quoted from the best passages.
        Raises ModelError where a model was named and cannot answer, and PromptTruncated where it
        did not read all that it was sent.

        With a `schema`, `answer.data` is a JSON value of it: of a JSON schema, or an instance of a
        class that brings one, as a pydantic model does. Its strings are inert like all that a
        model writes. An extractive answer is no object, so this needs a model: without one it
        raises ModelError, also for "auto"; SchemaMismatch for a reply that does not hold to the
        schema, and SchemaError for a schema that is none.
        """
        options = options or AskOptions()
        if schema is not None:
            return self._ask_for_data(question, schema, options)
        stream = self.stream(question, options)
        for _ in stream:
            pass
        return stream.answer

    def _ask_for_data(
        self, question: str, schema: Mapping[str, Any] | type[Any], options: AskOptions
    ) -> Answer:
        from ragkit.generation.json_schema import parse_schema
        from ragkit.generation.structured import ask_for_data

        wanted, question = parse_schema(schema), clean_question(question)
        found, record = self._found(question, question, options)
        with self._record.record_failure(record):
            answer = ask_for_data(
                question,
                found,
                wanted,
                options.model or self.model,
                self.config,
                reasoning=options.reasoning,
            )
        self._record.record_answer(record, answer)
        return answer

    def stream(
        self,
        question: str,
        options: AskOptions | None = None,
        *,
        query: str = "",
        history: Sequence[Message] = (),
    ) -> AnswerStream:
        """Answer piece by piece: iterate over the text, then take `.answer`.

        Where the question follows others, `query` says it so that it stands alone, and `history`
        are the messages that the model is shown before it; `conversation` keeps and makes both.
        """
        options = options or AskOptions()
        question = clean_question(question)
        asked = Question(question, query or question, history)
        found, record = self._found(question, asked.query, options)
        if found is None:
            stream = stream_whole(Answer.abstain(question, (), Abstention.EMPTY), asked)
        else:
            with self._record.record_failure(record):
                stream = stream_answer(
                    asked,
                    found,
                    options.model or self.model,
                    self.config,
                    reasoning=options.reasoning,
                )
        return stream.observe(QuestionRecord(self._record, record))

    def _found(
        self, question: str, query: str, options: AskOptions
    ) -> tuple[RetrievedContext | None, int]:
        """What a search gives to answer from, None while there is nothing to read; and its record.

        The record of the log is written when this returns, so before any model is asked.
        """
        with self._snapshot(options.labels) as snapshot:
            retriever = self._engine.retriever(snapshot)
            hits = retriever.search(snapshot, query, options.k) if retriever else []
            identity = read_identity(snapshot)
            is_empty = not hits and snapshot.counts()[0] == 0
            found = describe_search(options.k, hits, snapshot)
        record = self._record.record_question(question, found)
        if identity is None or is_empty:
            return None, record

        open_view = partial(self._store.view, self._who, options.labels)
        embedder = self._engine.embedder(identity)
        return RetrievedContext(hits, embedder, identity.similarity_threshold, open_view), record

    # -- conversations -----------------------------------------------------------------------

    def conversation(self, id: int | None = None) -> Conversation:
        """A new conversation, or the one with this id, to go on with.

        Those of somebody else are not found. Raises SourceError if there is none with this id.
        """
        if id is not None:
            self._check_conversation(id)
            self._record.record_conversation("open", id)
        return Conversation(self, self._store, self._snapshot, self._record, id)

    def conversations(self) -> list[StoredConversation]:
        """The conversations of whoever asks, newest first."""
        with self._snapshot() as snapshot:
            return snapshot.conversations(self.who)

    def delete_conversation(self, id: int) -> None:
        """Remove a conversation with all that was said. Raises SourceError if there is none."""
        self._check_conversation(id)
        self._record.record_conversation("delete", id)
        with self._store.recorder() as writer:
            writer.remove_conversation(id)

    def _check_conversation(self, id: int) -> None:
        if all(found.id != id for found in self.conversations()):
            error = SourceError(
                f"{self.who} has no conversation {id} in {self.path}; list them with: "
                "ragkit conversations"
            )
            self._record.record_refusal(error, f"conversation:{id}")
            raise error

    # -- documents ---------------------------------------------------------------------------

    def documents(self, *, labels: Collection[str] | None = None) -> list[StoredDocument]:
        """All documents, by source."""
        with self._listed(labels) as snapshot:
            return list(snapshot.documents())

    def document(self, id: int, *, labels: Collection[str] | None = None) -> StoredDocument:
        """The document with this id, as hits and citations name it.

        Raises SourceError if there is none with one of these labels, if given.
        """
        with self._listed(labels) as snapshot:
            if snapshot.document(id) is None:
                self._record.record_open(id, None, what="document")
            return self._document(snapshot, id)

    def pages(self, id: int, *, labels: Collection[str] | None = None) -> list[StoredPage]:
        """A document's pages with their texts, in order. Raises SourceError as `document` does."""
        with self._opened(id, labels, "pages") as snapshot:
            return snapshot.pages_of(id)

    def chunks(self, id: int, *, labels: Collection[str] | None = None) -> list[StoredChunk]:
        """A document's chunks, in order. Raises SourceError as `document` does."""
        with self._opened(id, labels, "chunks") as snapshot:
            return snapshot.chunks_of(id)

    @contextmanager
    def _opened(self, id: int, labels: Collection[str] | None, what: str) -> Iterator[Snapshot]:
        """What may be read, once it is recorded that somebody looks at a document in it."""
        with self._snapshot(labels) as snapshot:
            found = snapshot.document(id)
            self._record.record_open(id, found.uid if found else None, what=what)
            self._document(snapshot, id)
            yield snapshot

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
        return self._originals.path(self._opened(document, labels, "original"), document)

    def page_image(
        self,
        document: int,
        page: int,
        *,
        start: int = 0,
        end: int = 0,
        highlights: Sequence[tuple[int, int]] = (),
        width: int = 1200,
        labels: Collection[str] | None = None,
    ) -> PageImage:
        """A page of a PDF, drawn `width` pixels wide, with characters [start, end) highlighted.

        Where there are `highlights` ranges among them, these are yellow and the rest is pale.
        Pass `document`, `page_ordinal` (counted from 0), `start`, `end` and `highlights` of a
        citation; a hit has no `highlights`. From 16 to 3,000 pixels are drawn, and fewer of a very
        long page. Raises SourceError as `original` does, and for what is no PDF, no page of it, or
        cannot be drawn within 10 seconds.
        """
        view = self._opened(document, labels, f"page {page}")
        return self._originals.page_image(view, document, page, start, end, width, highlights)

    def status(self) -> Status:
        """What is in the base and what is not."""
        with self._listed() as snapshot:
            documents, pages, chunks = snapshot.counts()
            identity = read_identity(snapshot)
            sees_all = snapshot.labels is None
            folder_path = self._store.layout.folder_path
            folders = [
                (folder_path(name), whole)
                for _, name, whole in snapshot.source_folders()
                if sees_all
            ]
            file_errors = snapshot.all_file_errors() if sees_all else []
        return Status(
            path=self.path,
            documents=documents,
            pages=pages,
            chunks=chunks,
            bytes=_bytes_in(self.path) if sees_all else 0,
            embedder=identity.embedder.name if identity else "",
            dimension=identity.embedder.dimension if identity else 0,
            source_folders=tuple(path for path, _ in folders),
            whole_folders=tuple(path for path, whole in folders if whole),
            file_errors=tuple(file_errors),
        )

    def suggestions(self, n: int = 4, *, labels: Collection[str] | None = None) -> list[str]:
        """Questions to begin with, at most `n`, that the documents' own headings suggest.

        They are varied over documents, and the same as long as these stay as they are.
        """
        from ragkit.generation.suggested_questions import suggest_questions

        with self._snapshot(labels) as snapshot:
            return suggest_questions(snapshot, n)

    def statistics(self, *, labels: Collection[str] | None = None) -> Statistics:
        """What is in the base and how it is used, in numbers alone.

        Documents are those that may be read, with one of these labels, if given; questions are
        everybody's, but with access control one's own.
        """
        from ragkit.maintenance.statistics import statistics

        with self._listed(labels) as snapshot:
            own = self._who is not None and snapshot.labels is not None
            return statistics(snapshot, self.who if own else None)


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a writer may be replacing it
            total += path.stat().st_size
    return total
