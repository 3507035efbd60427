"""What one principal can read of a knowledge base: search, answers, conversations, documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragkit.answers import Abstention, Answer, AskOptions
from ragkit.config import Config
from ragkit.conversation import Conversation
from ragkit.errors import SourceError
from ragkit.generation.answering import (
    RetrievedContext,
    clean_question,
    stream_answer,
    stream_whole,
)
from ragkit.generation.prompts import Question
from ragkit.generation.streaming import AnswerStream
from ragkit.governance.audit_recorder import QuestionRecord, describe_search
from ragkit.governance.guarded_store import GuardedStore, OpenedPages
from ragkit.ingestion.source_files import PageImage, SourceFiles
from ragkit.llms.base import LanguageModel, Message
from ragkit.maintenance.status import Status, read_status
from ragkit.manifest import read_identity
from ragkit.retrieval.components import Components
from ragkit.retrieval.hits import Hit
from ragkit.retrieval.missing_terms import NOTHING_MISSING
from ragkit.retrieval.retriever import Explanation
from ragkit.store.access import Principal
from ragkit.store.filters import Filter
from ragkit.store.records import StoredChunk, StoredConversation, StoredDocument, StoredPage
from ragkit.store.store import Store

if TYPE_CHECKING:
    from ragkit.maintenance.statistics import Statistics


Schema = Mapping[str, Any] | type[Any]
"""A JSON schema, or a class that has one."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What all views of one knowledge base share."""

    store: Store
    components: Components
    source_files: SourceFiles
    config: Config
    opened_pages: OpenedPages


class View:
    """A knowledge base as one principal sees it; `KnowledgeBase.as_principal` returns one.

    Documents that the principal cannot access never appear in results, counts or errors. Access
    rights are looked up for each call. Every search, question, answer and opened document is in the
    audit log before the call returns. A view is safe from several threads, until its knowledge base
    is closed.
    """

    def __init__(self, resources: Resources, principal: Principal) -> None:
        self.config = resources.config
        self._store = resources.store
        self._components = resources.components
        self._source_files = resources.source_files
        self._guarded = GuardedStore(
            resources.store, principal, resources.config, resources.opened_pages
        )
        self._recorder = self._guarded.recorder

    @property
    def path(self) -> Path:
        """The directory of the knowledge base."""
        return self._store.layout.root

    @property
    def model(self) -> str | LanguageModel:
        """The language model of the knowledge base for all principals: a name or an object."""
        return self._components.model

    @model.setter
    def model(self, model: str | LanguageModel) -> None:
        self._components.model = model

    @property
    def who(self) -> str:
        """The name of the principal, like "user:ana"."""
        return self._guarded.principal.name

    # -- searching and asking ----------------------------------------------------------------

    def search(self, query: str, k: int = 10, *, where: Filter | None = None) -> list[Hit]:
        """Return the k best passages, best first; at most 10,000.

        With `where`, only documents that match the filter are searched.
        """
        with self._guarded.open(where) as snapshot:
            retriever = self._components.retriever(snapshot)
            hits = retriever.search(snapshot, query, k) if retriever else []
            found = describe_search(k, hits, snapshot)
        self._recorder.record_search(query, found, where)
        return hits

    def explain(self, query: str, k: int = 10, *, where: Filter | None = None) -> Explanation:
        """Search as `search` does, and return the candidates and scores of every stage."""
        with self._guarded.open(where) as snapshot:
            retriever = self._components.retriever(snapshot)
            explanation = (
                retriever.explain(snapshot, query, k) if retriever else Explanation(query, (), ())
            )
            if where is not None and not explanation.hits and not snapshot.documents.exist():
                explanation = replace(explanation, notice=where.no_match)
            found = describe_search(k, explanation.hits, snapshot)
        self._recorder.record_search(query, found, where)
        return explanation

    def has_documents(self, *, where: Filter | None = None) -> bool:
        """Return True if there is a document, or one that matches the filter."""
        with self._guarded.open_list(where) as snapshot:
            return snapshot.documents.exist()

    def ask(
        self, question: str, options: AskOptions | None = None, *, schema: Schema | None = None
    ) -> Answer:
        """Answer a question from the documents, with citations.

        Without a model server the answer is extractive: sentences quoted from the best passages.
        Raises ModelError if a model was named and cannot answer, and PromptTruncated if the model
        did not read the whole prompt.

        With a `schema`, `answer.data` is a JSON value that conforms to it. The schema is a JSON
        schema, or a class that has one, such as a pydantic model; then `data` is an instance of the
        class. Strings are sanitized like all that a model writes. This needs a model. Raises
        ModelError without one, SchemaMismatch if the reply does not conform, and SchemaError if the
        schema is not a JSON schema.
        """
        options = options or AskOptions()
        if schema is not None:
            return self._ask_for_data(question, schema, options)
        return self.stream(question, options).answer

    def _ask_for_data(self, question: str, schema: Schema, options: AskOptions) -> Answer:
        from ragkit.generation.json_schema import parse_schema
        from ragkit.generation.structured import ask_for_data

        wanted, question = parse_schema(schema), clean_question(question)
        context, record = self._retrieve(question, question, options)
        model = options.model or self.model
        if isinstance(context, Answer):
            answer = context
        else:
            with self._recorder.record_failure(record):
                answer = ask_for_data(
                    question, context, wanted, model, self.config, reasoning=options.reasoning
                )
        self._recorder.record_answer(record, answer)
        return answer

    def stream(
        self,
        question: str,
        options: AskOptions | None = None,
        *,
        query: str = "",
        history: Sequence[Message] = (),
    ) -> AnswerStream:
        """Answer a question piece by piece: iterate over the text, then take `.answer`.

        For a question that follows others, `query` is the question rewritten to stand alone, and
        `history` the messages before it. `conversation` takes care of both.
        """
        options = options or AskOptions()
        question = clean_question(question)
        asked = Question(question, query or question, history)
        context, record = self._retrieve(question, asked.query, options)
        if isinstance(context, Answer):
            stream = stream_whole(context, asked)
        else:
            model = options.model or self.model
            with self._recorder.record_failure(record):
                stream = stream_answer(
                    asked, context, model, self.config, reasoning=options.reasoning
                )
        return stream.observe(QuestionRecord(self._recorder, record))

    def _retrieve(
        self, question: str, query: str, options: AskOptions
    ) -> tuple[RetrievedContext | Answer, int]:
        """Search for a query; returns the context, or an answer if there are no documents.

        The number is that of the audit record, which is written before any model is asked.
        """
        with self._guarded.open(options.where) as snapshot:
            retriever = self._components.retriever(snapshot)
            hits, sides = retriever.find(snapshot, query, options.k) if retriever else ([], ())
            shares_words = retriever.judge_words(snapshot, query, hits) if retriever else None
            missing = retriever.find_missing(snapshot, query) if retriever else NOTHING_MISSING
            coverage = retriever.measure_coverage(snapshot, query, hits) if retriever else 0.0
            identity = read_identity(snapshot)
            is_empty = not hits and not snapshot.documents.exist()
            found = describe_search(options.k, hits, snapshot)
        record = self._recorder.record_question(question, found, options.where)
        options.on_found(hits)
        if identity is None or retriever is None or is_empty:
            return _abstain(question, options.where), record
        open_view = partial(self._guarded.open, options.where)
        parts = (hits, retriever.embedder, identity.similarity_threshold, open_view, sides)
        return RetrievedContext(*parts, shares_words, missing, retriever.reranker, coverage), record

    # -- conversations -----------------------------------------------------------------------

    def conversation(self, id: int | None = None) -> Conversation:
        """Start a conversation, or continue the one with this id.

        Raises SourceError if the principal has no such conversation.
        """
        if id is not None:
            self._guarded.check_conversation(id)
            self._recorder.record_conversation("open", id)
        return Conversation(self, self._store, self._guarded, id)

    def conversations(self) -> list[StoredConversation]:
        """Return the principal's conversations, newest first."""
        with self._guarded.open() as snapshot:
            return snapshot.conversations.all(self.who)

    def delete_conversation(self, id: int) -> None:
        """Delete a conversation and all its turns. Raises SourceError if there is none."""
        self._guarded.check_conversation(id)
        self._recorder.record_conversation("delete", id)
        with self._store.recorder() as writer:
            writer.conversations.remove(id)

    # -- documents ---------------------------------------------------------------------------

    def documents(self, *, where: Filter | None = None) -> list[StoredDocument]:
        """Return all documents, sorted by source path."""
        with self._guarded.open_list(where) as snapshot:
            return list(snapshot.documents.all())

    def document(self, id: int, *, where: Filter | None = None) -> StoredDocument:
        """Return the document with this id, as in `Hit.document` and `Citation.document`.

        Raises SourceError if there is none, or none that matches the filter `where`.
        """
        with self._guarded.open_list(where) as snapshot:
            if snapshot.documents.get(id) is None:
                self._recorder.record_open(id, None, what="document")
            return self._guarded.find_document(snapshot, id)

    def pages(self, id: int, *, where: Filter | None = None) -> list[StoredPage]:
        """Return a document's pages with their texts, in order. Raises as `document` does."""
        with self._guarded.open_document(id, where, "pages") as snapshot:
            return snapshot.pages.of(id)

    def page(self, document: int, ordinal: int, *, where: Filter | None = None) -> StoredPage:
        """Return one page of a document; `ordinal` counts its pages, sheets or parts from 0.

        Raises SourceError as `document` does, and if there is no such page.
        """
        with self._guarded.open_page(document, ordinal, where) as snapshot:
            _check_page(self._guarded.find_document(snapshot, document), ordinal)
            (page,) = snapshot.pages.of(document, ordinal)
            return page

    def chunks(
        self, id: int, *, page: int | None = None, where: Filter | None = None
    ) -> list[StoredChunk]:
        """Return a document's chunks in order, or only those of the page with this ordinal.

        Raises SourceError as `document` does, and if there is no such page.
        """
        if page is None:
            opened = self._guarded.open_document(id, where, "chunks")
        else:
            opened = self._guarded.open_page(id, page, where)
        with opened as snapshot:
            if page is not None:
                _check_page(self._guarded.find_document(snapshot, id), page)
            return snapshot.chunks.of(id, page)

    def original(self, document: int, *, where: Filter | None = None) -> Path:
        """Return the path of the file that a document was read from, if it is unchanged since.

        Raises SourceError as `document` does, and if the file is missing, was changed, or never
        existed.
        """
        opened = self._guarded.open_document(document, where, "original")
        return self._source_files.path(opened, document)

    def has_original(self, document: int, *, where: Filter | None = None) -> bool:
        """Return True if `original` returns a file. Raises SourceError as `document` does."""
        self.document(document, where=where)
        try:
            self._source_files.path(self._guarded.open(where), document)
        except SourceError:
            return False
        return True

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
        """Return a picture of a PDF page, `width` pixels wide, with characters [start, end) marked.

        Pass a citation's `document`, `page_ordinal`, `start`, `end` and `highlights`. Highlights
        are marked in yellow, and the rest of the passage in a pale colour. A picture has 16 to
        3,000 pixels, fewer for a very long page.

        Raises SourceError as `original` does, and if the document is not a PDF, has no such page,
        or the page cannot be drawn within 10 seconds.
        """
        opened = self._guarded.open_page(document, page, where)
        return self._source_files.page_image(opened, document, page, start, end, width, highlights)

    # -- overview ----------------------------------------------------------------------------

    def status(self) -> Status:
        """Return what the knowledge base contains."""
        with self._guarded.open_list() as snapshot:
            status = read_status(snapshot, self._store.layout)
            return replace(status, language_warning=self._components.warn_of_language(snapshot))

    def suggestions(self, n: int = 4, *, where: Filter | None = None) -> list[str]:
        """Return at most n questions to start with, made from the documents' own headings.

        They come from different documents, and stay the same until the documents change.
        """
        from ragkit.generation.suggested_questions import suggest_questions

        with self._guarded.open(where) as snapshot:
            return suggest_questions(snapshot, n)

    def statistics(self, *, where: Filter | None = None) -> Statistics:
        """Return figures about the documents and the questions asked.

        With `where`, only documents that match the filter count. With access control, a
        principal other than the owner gets figures about their own questions only.
        """
        from ragkit.maintenance.statistics import collect_statistics

        with self._guarded.open_list(where) as snapshot:
            only_own = not self._guarded.principal.is_owner and not snapshot.sees_all
            return collect_statistics(snapshot, self.who if only_own else None)


def _abstain(question: str, where: Filter | None) -> Answer:
    """Return the answer for when there are no documents, or none that matches the filter."""
    if where in (None, Filter()):
        return Answer.abstain(question, (), Abstention.EMPTY)
    answer = Answer.abstain(question, (), Abstention.FILTERED)
    return replace(answer, notice=f"Filter: {where}")


def _check_page(document: StoredDocument, ordinal: int) -> None:
    """Raise SourceError if a document has no page with this ordinal."""
    if not 0 <= ordinal < document.pages:
        raise SourceError(
            f"there is no page {ordinal} in {document.source}; expected an ordinal from 0 to "
            f"{document.pages - 1}"
        )
