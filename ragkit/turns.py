"""The turns of a conversation: how they are stored, read back and withheld."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ragkit.answers import Abstention, Answer, Citation, Quote, Statement
from ragkit.errors import StoreError
from ragkit.generation.query_rewriting import MAX_TURNS
from ragkit.generation.streaming import StreamObserver
from ragkit.llms.base import Usage
from ragkit.retrieval.hits import Hit, HitScores, restore_hit
from ragkit.store.records import Rating, StoredTurn
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store

HISTORY_TURNS = 2  # that the model is shown again
_INFLUENCING_TURNS = max(HISTORY_TURNS, MAX_TURNS)  # before an answer, which it may depend on
_WITHHELD = "Not shown: this was answered from documents that may not be read."


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer; `at` is the time in UTC.

    | field | content |
    |---|---|
    | `number` | counts the conversation's turns from 1; 0 if this one could not be stored |
    | `first_word` | seconds from the question to the first piece of text, with the search |
    | `seconds` | seconds from the question to the whole answer; 0 if it was not measured |
    | `gone` | numbers of citations whose passage was removed, or cannot be read any more |
    | `uids` | the documents that the answer depends on; a uid is the same in all versions |
    | `withheld` | whether the answer's text is not shown |

    Passages and citations are read from the knowledge base as it is now, so some may be missing.
    The text of an answer is withheld from principals who cannot read all documents that it depends
    on: those it was made from, and those of the turns before it. A principal who can read
    everything still sees the text after a document was removed.
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


class TurnLog:
    """The turns of one conversation: those in the store, and those that could not be stored.

    `id` is None until the first turn is stored.
    """

    def __init__(self, store: Store, principal: str, id: int | None) -> None:
        self.id = id
        self.title = self.first_question = ""
        self._store = store
        self._principal = principal
        self._unstored: list[Turn] = []

    def read(self, snapshot: Snapshot) -> list[Turn]:
        """Return the turns that a snapshot holds, then those that could not be stored."""
        stored = []
        if self.id is not None:
            stored = [
                _decode_turn(snapshot, turn) for turn in snapshot.conversations.turns(self.id)
            ]
            self.title = snapshot.conversations.title(self.id)
        turns = stored + [turn for turn in self._unstored if _is_readable(snapshot, turn.uids)]
        if turns:
            self.first_question = turns[0].question
        return turns

    def add(
        self, answer: Answer, before: Sequence[Turn], *, first_word: float, seconds: float
    ) -> Answer:
        """Store a turn; returns its answer, with a notice if it could not be stored.

        `before` are the turns that the question followed.
        """
        turn = Turn(
            current_time(),
            answer.question,
            answer,
            first_word=first_word,
            seconds=seconds,
            uids=self._find_uids(answer, before),
        )
        self.first_question = self.first_question or turn.question
        try:
            with self._store.recorder() as writer:
                stored = _encode_turn(turn, self._principal)
                self.id, _ = writer.conversations.add_turn(self.id, stored, self.title)
        except StoreError as error:
            notice = f"{answer.notice}\nNot stored in the conversation: {error}".strip()
            answer = replace(answer, notice=notice)
            self._unstored.append(replace(turn, answer=answer))
        return answer

    def _find_uids(self, answer: Answer, before: Sequence[Turn]) -> tuple[int, ...]:
        """Return the documents of an answer's passages, and of the turns that influenced it."""
        with self._store.snapshot() as snapshot:
            own = snapshot.documents.uids_of({hit.document for hit in answer.passages})
        return tuple(sorted(own.union(*(turn.uids for turn in before[-_INFLUENCING_TURNS:]))))


class TurnRecorder(StreamObserver):
    """Adds the turn of a streamed answer to the log, once the answer is whole.

    `began` is the time of the question on the monotonic clock.
    """

    def __init__(self, log: TurnLog, began: float, before: Sequence[Turn]) -> None:
        self._log = log
        self._began = began
        self._before = before
        self._first_word = 0.0

    def on_start(self) -> None:
        """Note when the first word was there."""
        self._first_word = _seconds_since(self._began)

    def on_answer(self, answer: Answer) -> Answer:
        """Store the turn; returns the answer, with a notice if that failed."""
        seconds = _seconds_since(self._began)
        return self._log.add(answer, self._before, first_word=self._first_word, seconds=seconds)


def current_time() -> str:
    """Return the time in UTC, to the second, as ISO 8601 text."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _seconds_since(began: float) -> float:
    """Return the seconds since then, to the millisecond; never 0, which means "not measured"."""
    return max(0.001, round(time.monotonic() - began, 3))


def _is_readable(snapshot: Snapshot, uids: Collection[int]) -> bool:
    """Return True if the snapshot holds all of these documents, or is not restricted."""
    return snapshot.sees_all or snapshot.documents.readable_uids(uids) == set(uids)


def _encode_turn(turn: Turn, principal: str) -> StoredTurn:
    """Return a turn as it is stored: passages by chunk ids, citations by place in a passage."""
    answer = turn.answer
    content = {
        "query": answer.query,
        "text": answer.text,
        "passages": [
            [hit.chunks, hit.score, hit.similarity, hit.lexical, hit.reranker_score]
            for hit in answer.passages
        ],
        "citations": [_encode_citation(each, answer.passages) for each in answer.citations],
        "statements": [asdict(statement) for statement in answer.statements],
        "quotes": [asdict(quote) for quote in answer.quotes],
        "abstention": answer.abstention,
        "model": answer.model,
        "model_digest": answer.model_digest,
        "model_choice": answer.model_choice,
        "incomplete": answer.incomplete,
        "dropped": answer.dropped,
        "trimmed": answer.trimmed,
        "invalid_citations": answer.invalid_citations,
        "notice": answer.notice,
        "missing_terms": answer.missing_terms,
        "usage": asdict(answer.usage) if answer.usage else None,
        "first_word": turn.first_word,
        "seconds": turn.seconds,
    }
    text = json.dumps(content, ensure_ascii=False)
    return StoredTurn(principal, turn.at, turn.question, text, uids=turn.uids)


def _encode_citation(citation: Citation, passages: Sequence[Hit]) -> list[Any]:
    """Return a citation as [number, index of its passage, start, end, highlights]."""
    passage = citation.find_passage(passages)
    return [citation.number, passage, citation.start, citation.end, citation.highlights]


def _decode_turn(snapshot: Snapshot, stored: StoredTurn) -> Turn:
    """Return a stored turn with the passages that the snapshot still holds."""
    content: dict[str, Any] = json.loads(stored.answer)
    passages = [
        restore_hit(snapshot, chunks, HitScores(*scores)) for chunks, *scores in content["passages"]
    ]
    withheld = not _is_readable(snapshot, stored.uids)
    cited = [(citation, passages[citation[1]]) for citation in content["citations"]]
    citations = tuple(_decode_citation(citation, hit, withheld) for citation, hit in cited if hit)
    answer = _decode_answer(stored.question, content, citations, tuple(filter(None, passages)))
    answer = answer.name_citations()
    return Turn(
        at=stored.at,
        question=stored.question,
        answer=_withhold(answer) if withheld else answer,
        gone=tuple(number for (number, *_), hit in cited if hit is None),
        number=stored.ordinal,
        rating=stored.rating,
        first_word=content.get("first_word", 0.0),
        seconds=content.get("seconds", 0.0),
        uids=() if withheld else stored.uids,
        withheld=withheld,
    )


def _decode_answer(
    question: str,
    content: dict[str, Any],
    citations: tuple[Citation, ...],
    passages: tuple[Hit, ...],
) -> Answer:
    return Answer(
        question=question,
        text=content["text"],
        citations=citations,
        passages=passages,
        statements=tuple(
            Statement(**{key: _freeze(value) for key, value in each.items()})
            for each in content["statements"]
        ),
        quotes=tuple(
            Quote(**{key: _freeze(value) for key, value in each.items()})
            for each in content.get("quotes", ())
        ),
        abstention=Abstention(content["abstention"]) if content["abstention"] else None,
        model=content["model"],
        incomplete=content["incomplete"],
        dropped=content["dropped"],
        trimmed=content.get("trimmed", 0),
        invalid_citations=tuple(content["invalid_citations"]),
        notice=content["notice"],
        usage=Usage(**content["usage"]) if content["usage"] else None,
        model_choice=content["model_choice"],
        model_digest=content["model_digest"],
        query=content["query"],
        missing_terms=tuple(content.get("missing_terms", ())),
    )


def _freeze(value: Any) -> Any:
    """Return a value read from JSON with tuples in place of its lists."""
    return tuple(map(_freeze, value)) if isinstance(value, list) else value


def _decode_citation(stored: Sequence[Any], hit: Hit, withheld: bool) -> Citation:
    """Return a citation of a passage that still exists, without highlights if it is withheld.

    Older turns have no highlights.
    """
    number, _, start, end, *more = stored
    highlights = tuple((first, last) for ranges in more for first, last in ranges)
    citation = Citation.from_hit(number, hit, start, end)
    return citation if withheld else citation.highlight(hit, highlights)


def _withhold(answer: Answer) -> Answer:
    """Return an answer without its text and all that tells of it."""
    return replace(
        answer,
        text=_WITHHELD,
        statements=(),
        quotes=(),
        query="",
        notice="",
        missing_terms=(),
    )
