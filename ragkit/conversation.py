"""Conversations: questions that may refer to earlier ones, stored in the knowledge base."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Protocol

from ragkit.answers import Answer, AskOptions
from ragkit.config import Config
from ragkit.errors import ModelError, SourceError
from ragkit.generation.answering import clean_question
from ragkit.generation.query_rewriting import needs_history, rewrite_question
from ragkit.generation.streaming import AnswerStream
from ragkit.governance.guarded_store import GuardedStore
from ragkit.llms.base import LanguageModel, Message
from ragkit.llms.selection import choose_model
from ragkit.store.filters import Filter
from ragkit.store.records import Rating
from ragkit.store.store import Store
from ragkit.turns import HISTORY_TURNS, Turn, TurnLog, TurnRecorder, current_time

_CITATION = re.compile(r"\s*\[\d+\]")
_MAX_TITLE_LENGTH = 120  # characters


class Asker(Protocol):
    """What a conversation needs to ask questions; a `View` has it."""

    config: Config

    @property
    def model(self) -> str | LanguageModel:
        """The language model, by name or as an object."""
        ...

    def stream(
        self,
        question: str,
        options: AskOptions | None = None,
        *,
        query: str = "",
        history: Sequence[Message] = (),
    ) -> AnswerStream:
        """Answer a question piece by piece."""
        ...


class Conversation:
    """Questions that may refer to earlier ones; `View.conversation` returns one.

    Each question is rewritten to stand alone before the search; `answer.query` is what was searched
    for. Each turn is stored in the knowledge base, if it is writable.

        talk = kb.conversation()
        print(talk.ask("How many days of leave do I get?").text)
        print(talk.ask("And from the 15th year?").text)
    """

    def __init__(
        self, asker: Asker, store: Store, guarded: GuardedStore, id: int | None = None
    ) -> None:
        self.who = guarded.principal.name
        self._asker = asker
        self._store = store
        self._guarded = guarded
        self._log = TurnLog(store, self.who, id)
        if id is not None:
            self.turns()

    @property
    def id(self) -> int | None:
        """The id for `View.conversation`; None until the first turn is stored."""
        return self._log.id

    @property
    def title(self) -> str:
        """The title from `rename`, else the first question; "" if nothing was asked yet."""
        return self._log.title or self._log.first_question

    def rename(self, title: str) -> None:
        """Set the title: one line, cut to 120 characters.

        Raises ValueError for an empty title, and StoreError if the conversation was deleted.
        """
        title = " ".join(_replace_surrogates(title).split())[:_MAX_TITLE_LENGTH].strip()
        if not title:
            raise ValueError("the title is empty; expected a line of text")
        if self.id is not None:
            self._guarded.recorder.record_conversation("rename", self.id)
            with self._store.recorder() as writer:
                writer.conversations.rename(self.id, title)
        self._log.title = title

    def rate(self, turn: int, up: bool | None, comment: str = "") -> None:
        """Rate an answer as good or bad; None removes the rating. Turns count from 1.

        Raises SourceError for a turn that is not stored, and StoreError if the conversation was
        deleted.
        """
        if self.id is None:
            raise SourceError(f"turn {turn} is not stored in a conversation; ask a question first")
        self._guarded.recorder.record_conversation("rate", self.id)
        text = _replace_surrogates(comment).strip()
        rating = None if up is None else Rating(up, text, current_time())
        with self._store.recorder() as writer:
            writer.conversations.rate(self.id, turn, rating)

    def turns(self, *, where: Filter | None = None) -> list[Turn]:
        """Return the turns so far; with `where`, those from other documents are withheld.

        Turns that could not be stored come last and have the number 0.
        """
        with self._guarded.open(where) as snapshot:
            return self._log.read(snapshot)

    def ask(self, question: str, options: AskOptions | None = None) -> Answer:
        """Answer a question as `View.ask` does, with the earlier turns in mind."""
        return self.stream(question, options).answer

    def stream(self, question: str, options: AskOptions | None = None) -> AnswerStream:
        """Answer piece by piece. The turn is stored with the whole answer, not if it is closed."""
        began = time.monotonic()
        options = options or AskOptions()
        question = clean_question(question)
        turns = [turn for turn in self.turns(where=options.where) if not turn.withheld]
        pairs = [(turn.answer.query or turn.question, turn.answer.text) for turn in turns]
        history = _build_history(turns)
        model = self._choose_rewriter(options.model) if needs_history(question, pairs) else None
        query = rewrite_question(question, pairs, model, history)
        stream = self._asker.stream(question, options, query=query, history=history)
        return stream.observe(TurnRecorder(self._log, began, turns))

    def _choose_rewriter(self, model: str | LanguageModel | None) -> LanguageModel | None:
        """Return the model that rewrites questions; None if there is none."""
        try:
            return choose_model(model or self._asker.model, self._asker.config)[0]
        except ModelError:
            return None


def _replace_surrogates(text: str) -> str:
    """Replace lone surrogates, which SQLite cannot store."""
    return text.encode("utf-8", "replace").decode()


def _build_history(turns: Sequence[Turn]) -> list[Message]:
    """Return the last turns as messages, without citations: their passages are not shown again."""
    return [
        message
        for turn in turns[-HISTORY_TURNS:]
        for message in (
            Message("user", turn.answer.query or turn.question),
            Message("assistant", _CITATION.sub("", turn.answer.text)),
        )
    ]
