"""Conversations: questions that lean on those before them, kept in the base."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ragkit.answers import Abstention, Answer, AskOptions, Citation, Statement
from ragkit.errors import ModelError, SourceError, StoreError
from ragkit.generation.answering import clean_question
from ragkit.generation.query_rewriting import MAX_TURNS, rewrite_question
from ragkit.generation.streaming import AnswerStream, StreamObserver
from ragkit.governance.audit_recorder import Recorder
from ragkit.llms.base import LanguageModel, Message, Usage
from ragkit.llms.selection import choose_model
from ragkit.retrieval.retriever import Hit, HitScores, hit_again
from ragkit.store.records import Rating, StoredTurn
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store

if TYPE_CHECKING:
    from ragkit.view import View

Seen = Callable[[Collection[str] | None], AbstractContextManager[Snapshot]]
"""Opens what somebody may read, of documents with one of these labels, if given."""

_REMEMBERED = 2  # turns that the model is shown again
_SHOWN_AGAIN = max(_REMEMBERED, MAX_TURNS)
_CITATION = re.compile(r"\s*\[\d+\]")
_LONGEST_TITLE = 120  # characters
_WITHHELD = "Not shown: this was answered from documents that may not be read."


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer; `at` is when, in UTC.

    `number` counts the conversation's turns from 1, and is 0 if this one could not be kept.
    `first_word` and `seconds` say how long after the question the first piece of the text came
    and how long the whole answer took, both with the search; 0 where nobody measured it.

    Passages and citations are read from the base as it is now: those that were removed since, or
    may no longer be read, are missing, and `gone` has the numbers of such citations. The text of
    an answer is withheld, and `withheld` says so, from whoever may not read all documents that it
    rests on: those that it was answered from, and those of the turns before it. `uids` are
    their ids, which stay the same through all versions of a document. For whoever may read
    everything, the text stays also when a document was removed.
    """

    at: str
    question: str
    answer: Answer
    gone: tuple[int, ...] = ()
    number: int = 0
    rating: Rating | None = None
    first_word: float = 0.0
    seconds: float = 0.0
    uids: tuple[int, ...] = ()
    withheld: bool = False


class Conversation:
    """Questions that may lean on those before them.

    Each is rewritten to stand alone before the search; `answer.query` is what was searched for.
    It is kept in the base with its first question, if it can be written to.

        talk = kb.conversation()
        print(talk.ask("How many days of leave do I get?").text)
        print(talk.ask("And from the 15th year?").text)
    """

    def __init__(
        self, view: View, store: Store, seen: Seen, record: Recorder, id: int | None = None
    ) -> None:
        self.id = id
        self.who = view.who
        self._view = view
        self._store = store
        self._seen = seen
        self._record = record
        self._title = self._first_question = ""
        self._unkept: list[Turn] = []
        if id is not None:
            self.turns()

    @property
    def title(self) -> str:
        """The name that it was given, else its first question; "" before there is one."""
        return self._title or self._first_question

    def rename(self, title: str) -> None:
        """Give it a name, one line of at most 120 characters.

        Raises ValueError for an empty one, and StoreError if it was removed meanwhile.
        """
        title = " ".join(_plain(title).split())[:_LONGEST_TITLE].strip()
        if not title:
            raise ValueError("the title is empty")
        if self.id is not None:
            self._record.record_conversation("rename", self.id)
            with self._store.recorder() as writer:
                writer.rename_conversation(self.id, title)
        self._title = title

    def rate(self, turn: int, up: bool | None, comment: str = "") -> None:
        """Say whether an answer was good; None takes back what was said. Turns count from 1.

        Raises SourceError for a turn that was not kept, and StoreError if the conversation was
        removed meanwhile.
        """
        if self.id is None:
            raise SourceError(f"turn {turn} is not kept in a conversation; ask something first")
        self._record.record_conversation("rate", self.id)
        rating = None if up is None else Rating(up, _plain(comment).strip(), _now())
        with self._store.recorder() as writer:
            writer.rate(self.id, turn, rating)

    def turns(self, *, labels: Collection[str] | None = None) -> list[Turn]:
        """What was said so far, from documents with one of these labels, if given.

        Turns that could not be kept, those with the number 0, come last.
        """
        with self._seen(labels) as snapshot:
            kept = []
            if self.id is not None:
                kept = [_read(snapshot, turn) for turn in snapshot.turns(self.id)]
                self._title = snapshot.title(self.id)
            turns = kept + [turn for turn in self._unkept if _may_read(snapshot, turn.uids)]
        if turns:
            self._first_question = turns[0].question
        return turns

    def ask(self, question: str, options: AskOptions | None = None) -> Answer:
        """Answer a question as KnowledgeBase.ask does, in the light of what was said before."""
        return self.stream(question, options).answer

    def stream(self, question: str, options: AskOptions | None = None) -> AnswerStream:
        """Answer piece by piece; the turn is kept once `.answer` is there, not if it is closed."""
        began = time.monotonic()
        options = options or AskOptions()
        question = clean_question(question)
        turns = [turn for turn in self.turns(labels=options.labels) if not turn.withheld]
        said = [(turn.question, turn.answer.text) for turn in turns]
        query = rewrite_question(question, said, self._rewriter(options.model) if said else None)
        stream = self._view.stream(question, options, query=query, history=_history(turns))
        return stream.observe(_TurnKeeper(self, began, turns))

    def _rewriter(self, model: str | LanguageModel | None) -> LanguageModel | None:
        try:
            return choose_model(model or self._view.model, self._view.config)[0]
        except ModelError:
            return None

    def _keep(
        self, answer: Answer, first_word: float, began: float, before: Sequence[Turn]
    ) -> Answer:
        """Store a turn; returns its answer, with a notice if it could not be stored.

        `began` is a time of the monotonic clock.
        """
        turn = Turn(
            _now(),
            answer.question,
            answer,
            first_word=first_word,
            seconds=_since(began),
            uids=self._uids(answer, before),
        )
        self._first_question = self._first_question or turn.question
        try:
            with self._store.recorder() as writer:
                written = _written(turn, self.who)
                self.id, _ = writer.add_turn(self.id, written, self._title)
        except StoreError as error:
            notice = f"{answer.notice} Not kept in the conversation: {error}".strip()
            answer = replace(answer, notice=notice)
            self._unkept.append(replace(turn, answer=answer))
        return answer

    def _uids(self, answer: Answer, before: Sequence[Turn]) -> tuple[int, ...]:
        """What an answer rests on: its passages, and the turns that a model was shown with them."""
        with self._store.snapshot() as snapshot:
            own = snapshot.uids_of({hit.document for hit in answer.passages})
        return tuple(sorted(own.union(*(turn.uids for turn in before[-_SHOWN_AGAIN:]))))


class _TurnKeeper(StreamObserver):
    """Keeps the turn of an answer once it is whole."""

    def __init__(self, conversation: Conversation, began: float, before: Sequence[Turn]) -> None:
        self._conversation = conversation
        self._began = began
        self._before = before
        self._first_word = 0.0

    def on_start(self) -> None:
        """Note when the first word was there."""
        self._first_word = _since(self._began)

    def on_answer(self, answer: Answer) -> Answer:
        """Keep the turn."""
        return self._conversation._keep(answer, self._first_word, self._began, self._before)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _since(began: float) -> float:
    """Seconds, to the millisecond; never 0, which is what nobody measured."""
    return max(0.001, round(time.monotonic() - began, 3))


def _plain(text: str) -> str:
    """A text that can be stored: without halves of characters."""
    return text.encode("utf-8", "replace").decode()


def _history(turns: Sequence[Turn]) -> list[Message]:
    """The last turns as messages, without the numbers of passages that are not shown again."""
    return [
        message
        for turn in turns[-_REMEMBERED:]
        for message in (
            Message("user", turn.answer.query or turn.question),
            Message("assistant", _CITATION.sub("", turn.answer.text)),
        )
    ]


def _may_read(snapshot: Snapshot, uids: Collection[int]) -> bool:
    """Whether somebody may read all of these; what is gone, only who may read everything."""
    return snapshot.labels is None or snapshot.readable_uids(uids) == set(uids)


def _written(turn: Turn, who: str) -> StoredTurn:
    """A turn as it is stored: passages by their chunks, citations by their place in a passage."""
    answer = turn.answer
    content = {
        "query": answer.query,
        "text": answer.text,
        "passages": [
            [hit.chunks, hit.score, hit.similarity, hit.lexical] for hit in answer.passages
        ],
        "citations": [
            [
                cited.number,
                _passage_of(cited, answer.passages),
                cited.start,
                cited.end,
                cited.highlights,
            ]
            for cited in answer.citations
        ],
        "statements": [asdict(statement) for statement in answer.statements],
        "abstention": answer.abstention,
        "model": answer.model,
        "model_digest": answer.model_digest,
        "model_choice": answer.model_choice,
        "incomplete": answer.incomplete,
        "dropped": answer.dropped,
        "invalid_citations": answer.invalid_citations,
        "notice": answer.notice,
        "usage": asdict(answer.usage) if answer.usage else None,
        "first_word": turn.first_word,
        "seconds": turn.seconds,
    }
    return StoredTurn(
        who,
        turn.at,
        turn.question,
        json.dumps(content, ensure_ascii=False),
        uids=turn.uids,
    )


def _passage_of(cited: Citation, passages: Sequence[Hit]) -> int:
    """The index of the passage that a citation is from."""
    page = (cited.document, cited.page_ordinal)
    return next(
        n
        for n, hit in enumerate(passages)
        if (hit.document, hit.page_ordinal) == page and hit.start <= cited.start < hit.end
    )


def _read(snapshot: Snapshot, stored: StoredTurn) -> Turn:
    content: dict[str, Any] = json.loads(stored.answer)
    passages = [
        hit_again(snapshot, chunks, HitScores(*scores)) for chunks, *scores in content["passages"]
    ]
    found = [(cited, passages[cited[1]]) for cited in content["citations"]]
    answer = Answer(
        question=stored.question,
        text=content["text"],
        citations=tuple(_cited(cited, hit) for cited, hit in found if hit),
        passages=tuple(filter(None, passages)),
        statements=tuple(
            Statement(**{**each, **{key: tuple(each[key]) for key in ("citations", "reasons")}})
            for each in content["statements"]
        ),
        abstention=Abstention(content["abstention"]) if content["abstention"] else None,
        model=content["model"],
        incomplete=content["incomplete"],
        dropped=content["dropped"],
        invalid_citations=tuple(content["invalid_citations"]),
        notice=content["notice"],
        usage=Usage(**content["usage"]) if content["usage"] else None,
        model_choice=content["model_choice"],
        model_digest=content["model_digest"],
        query=content["query"],
    )
    withheld = not _may_read(snapshot, stored.uids)
    if withheld:
        plainly = tuple(replace(cited, highlights=()) for cited in answer.citations)
        answer = replace(
            answer, text=_WITHHELD, citations=plainly, statements=(), query="", notice=""
        )
    gone = tuple(number for (number, *_), hit in found if hit is None)
    return Turn(
        at=stored.at,
        question=stored.question,
        answer=answer,
        gone=gone,
        number=stored.ordinal,
        rating=stored.rating,
        first_word=content.get("first_word", 0.0),
        seconds=content.get("seconds", 0.0),
        uids=() if withheld else stored.uids,
        withheld=withheld,
    )


def _cited(stored: Sequence[Any], hit: Hit) -> Citation:
    """A citation of a passage that is there still; of older turns no highlights are stored."""
    number, _, start, end, *more = stored
    highlights = tuple((first, last) for ranges in more for first, last in ranges)
    return replace(Citation.from_hit(number, hit, start, end), highlights=highlights)
