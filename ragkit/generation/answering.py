"""From hits to an answer: by a language model where one is reachable, else by quoting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain

from ragkit.answers import (
    NOT_FOUND,
    SYSTEM_PROMPT,
    Abstention,
    Answer,
    Citation,
    Statement,
    abstain,
    cited,
    fitting,
    prompt,
)
from ragkit.config import Config
from ragkit.embedders.base import Embedder
from ragkit.errors import ModelError, ModelRefused, PromptTruncated, StreamBroken
from ragkit.generation.extractive import extract_answer
from ragkit.llms.base import Event, LanguageModel, Message, Reasoning, Usage
from ragkit.llms.selection import choose_model
from ragkit.retrieval.retriever import Hit
from ragkit.text.keywords import keywords
from ragkit.text.sanitize import Sanitizer

_MOST_WORDS = 0.6  # of a question, in one passage: then it is near whatever its cosine
_BYTES_PER_TOKEN = 3  # open models' tokenizers take 3 to 4.5 letters in European languages, and
# one to two tokens for a character of three bytes
_MOST_BYTES_PER_TOKEN = 10  # of a whole prompt; where it would be more, not all of it was read
_KEPT_TOKENS = (4, 5)  # at the start of a prompt that Ollama cuts: num_keep, and one more


class AnswerStream:
    """The text of an answer in pieces; `answer` is there once they have all been taken.

    `model` is the name of the model that writes, None for an extractive answer, and `query` what
    was searched for. What a model writes is final only in `answer`: there invalid citations are
    gone.
    """

    def __init__(
        self,
        pieces: Iterator[str | Answer],
        model: str | None,
        query: str,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.model = model
        self.query = query
        self._pieces = pieces
        self._close = close
        self._answer: Answer | None = None

    def __iter__(self) -> Iterator[str]:
        for piece in self._pieces:
            if isinstance(piece, Answer):
                self._answer = piece
            else:
                yield piece

    @property
    def is_whole(self) -> bool:
        """Whether the answer is there."""
        return self._answer is not None

    @property
    def answer(self) -> Answer:
        """The whole answer with its citations; takes what has not been iterated over.

        Raises StreamBroken where the stream was closed, or broke off, before it was whole.
        """
        for _ in self:
            pass
        if self._answer is None:
            raise StreamBroken("the answer was stopped before it was whole; ask again")
        return self._answer

    def then(self, kept: Callable[[AnswerStream], Generator[str | Answer]]) -> AnswerStream:
        """This stream with something done about it; closing the new one closes both."""
        pieces = kept(self)

        def close() -> None:
            self.close()
            with suppress(ValueError):  # another thread is reading it
                pieces.close()

        return AnswerStream(pieces, self.model, self.query, close)

    def close(self) -> None:
        """Stop the answer where it is, from any thread; the server ends its work at once.

        Where another thread waits for the next piece, it ends with that piece.
        """
        self._close()


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it was typed, and its `query`: as it stands without the `history` before it.

    The query is searched for and put to the model; the sentences of an extractive answer are chosen
    by the question.
    """

    question: str
    query: str
    history: Sequence[Message] = ()


@dataclass(frozen=True, slots=True)
class RetrievedContext:
    """What a base holds for a question: the hits of its search, and what is needed to judge them.

    `similarity_threshold` is the cosine that makes a hit count, and `page_text` gives the whole
    page of one.
    """

    hits: Sequence[Hit]
    embedder: Embedder
    similarity_threshold: float
    page_text: Callable[[Hit], str]

    def evidence(self, passages: Sequence[Hit], cited: Collection[int]) -> list[str]:
        """What each passage stands for; of the cited ones with the notes of their whole page."""
        from ragkit.verification.checker import build_evidence

        return [
            build_evidence(hit, self.page_text(hit) if number in cited else "")
            for number, hit in enumerate(passages, 1)
        ]


def ask_stream(
    asked: Question,
    found: RetrievedContext,
    model: str | LanguageModel,
    config: Config,
    *,
    reasoning: bool = False,
) -> AnswerStream:
    """Answer a question from what was found for it.

    Where the choice of a model was left to ragkit and none can answer, the answer is an extractive
    answer.
    """
    hits = found.hits
    if not is_answerable(asked.query, hits, found.similarity_threshold):
        return at_once(abstain(asked.question, hits, Abstention.FAR), asked)
    try:
        chosen, why = choose_model(model, config, reasoning=reasoning)
        stop = threading.Event()
        pieces = _answered(asked, found, chosen, why, config, stop)
        first = next(pieces)
    except ModelError as error:
        if model != "auto":
            raise
        notice = f"No model: {error}"
        return at_once(extract_answer(asked.question, hits, found.embedder, notice), asked)

    def close() -> None:
        stop.set()
        with suppress(ValueError):  # another thread is reading it, and ends with the next piece
            pieces.close()

    return AnswerStream(chain([first], pieces), chosen.name, asked.query, close)


def cleaned(question: str) -> str:
    """A question without halves of characters. Raises ValueError for an empty one."""
    if not question.strip():
        raise ValueError("the question is empty")
    return question.encode("utf-8", "replace").decode()


def at_once(answer: Answer, asked: Question) -> AnswerStream:
    """An answer that is there already."""
    answer = replace(answer, query=_other(asked))
    return AnswerStream(iter([answer.text, answer]), None, asked.query)


def _other(asked: Question) -> str:
    """The query, where it is not the question itself."""
    return asked.query if asked.query != asked.question else ""


def is_answerable(question: str, hits: Sequence[Hit], similarity_threshold: float) -> bool:
    """Whether the best passages are near enough to be worth showing as an answer.

    A passage below the threshold counts only if it holds most of the question's words.
    """
    if any(hit.similarity >= similarity_threshold for hit in hits):
        return True
    words = keywords(question)
    return any(len(words & keywords(hit.text)) > _MOST_WORDS * len(words) for hit in hits[:3])


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent to a model: messages that fit into its context with the answer to come.

    `dropped` counts passages that did not fit, whole and from the lowest rank.
    """

    messages: list[Message]
    passages: tuple[Hit, ...]
    dropped: int
    num_ctx: int

    @classmethod
    def fitting(
        cls, system: str, asked: Question, hits: Sequence[Hit], model: LanguageModel, config: Config
    ) -> Request:
        """The request with the most passages. Raises ModelRefused if there is room for none."""
        num_ctx = int(getattr(model, "num_ctx", config.num_ctx))
        num_predict = int(getattr(model, "num_predict", config.num_predict))
        room = num_ctx - num_predict - estimated_tokens(system) - 64
        earlier = _latest(asked.history, room // 4)
        kept = _kept(asked.query, hits, room, earlier)
        while earlier and not kept:  # what was said before is worth less than a passage
            earlier = earlier[2:]
            kept = _kept(asked.query, hits, room, earlier)
        if not kept:
            raise ModelRefused(
                f"no passage fits into {num_ctx} tokens of context beside an answer of "
                f"{num_predict}; raise num_ctx or lower num_predict"
            )
        passages = tuple(hits[:kept])
        question = Message("user", prompt(asked.query, passages))
        messages = [Message("system", system), *earlier, question]
        return cls(messages, passages, len(hits) - kept, num_ctx)


def _kept(query: str, hits: Sequence[Hit], room: int, earlier: Sequence[Message]) -> int:
    """How many passages fit into so many tokens beside earlier messages."""
    taken = sum(estimated_tokens(message.content) for message in earlier)
    return fitting(query, hits, room - taken, estimated_tokens)


def _answered(
    asked: Question,
    found: RetrievedContext,
    model: LanguageModel,
    why: str,
    config: Config,
    stop: threading.Event,
) -> Generator[str | Answer]:
    request = Request.fitting(SYSTEM_PROMPT, asked, found.hits, model, config)
    written = _Written()
    notice = yield from _streamed(model, request, written, stop)
    if stop.is_set():
        return
    if written.usage is not None:
        check_read(written.usage, request, model.name)
        if written.usage.finish == "length":
            notice = f"Incomplete: {_too_long(model.name, written)}"
    answer = _made(asked, found, request, written, model.name, notice)
    if answer.abstained and not written.shown:
        yield answer.text
    yield replace(
        answer,
        usage=written.usage,
        reasoning=written.reasoning,
        model_choice=why,
        model_digest=str(getattr(model, "digest", "")),
        query=_other(asked),
    )


def _streamed(
    model: LanguageModel, request: Request, written: _Written, stop: threading.Event
) -> Generator[str, None, str]:
    """Give out what a model writes; returns the notice of an answer that broke off."""
    notice = ""
    events = iter(model.chat(request.messages))
    try:
        for event in events:
            if stop.is_set():
                return notice
            if shown := written.take(event):
                yield shown
    except PromptTruncated:
        raise
    except ModelError as error:
        if not written.text:
            raise
        notice = f"Incomplete: {error}"
    finally:
        getattr(events, "close", lambda: None)()  # which ends the server's work
    if shown := written.end():
        yield shown
    return notice


def _made(
    asked: Question,
    found: RetrievedContext,
    request: Request,
    written: _Written,
    name: str,
    notice: str,
) -> Answer:
    """The answer, or the abstention, that a model's text is."""
    passages = request.passages
    text, citations, invalid_citations = cited(written.text, passages)
    if not notice and (not text or (NOT_FOUND in text.upper() and not citations)):
        reason = Abstention.MODEL if text else Abstention.SILENT
        return abstain(asked.question, passages, reason, name)
    citations, statements = _verified(text, citations, passages, found, asked.query)
    return Answer(
        asked.question,
        text,
        citations,
        passages,
        statements,
        model=name,
        incomplete=bool(notice),
        dropped=request.dropped,
        invalid_citations=invalid_citations,
        notice=notice,
    )


def _latest(history: Sequence[Message], budget: int) -> list[Message]:
    """The last pairs of question and answer that fit into so many tokens."""
    kept = list(history)
    while kept and sum(estimated_tokens(message.content) for message in kept) > budget:
        kept = kept[2:]
    return kept


def _verified(
    text: str,
    citations: Sequence[Citation],
    passages: Sequence[Hit],
    found: RetrievedContext,
    query: str,
) -> tuple[tuple[Citation, ...], tuple[Statement, ...]]:
    """The sentences of a text, checked, and its citations with the words that they rest on."""
    from ragkit.verification.checker import check_answer
    from ragkit.verification.highlights import (
        add_highlights,  # no search, and no extract, has to wait for the patterns
    )

    cited = {citation.number for citation in citations}
    statements = check_answer(text, found.evidence(passages, cited))
    return add_highlights(citations, statements, passages, query), statements


class _Written:
    """What a model has written so far, made inert; `shown` counts the characters given out."""

    def __init__(self) -> None:
        self.text = self.reasoning = ""
        self.usage: Usage | None = None
        self.shown = 0
        self._answer, self._reasoning = Sanitizer(), Sanitizer()

    def take(self, event: Event) -> str:
        """What can be shown by now: nothing yet while it may become "not in the documents"."""
        if isinstance(event, Reasoning):
            self.reasoning += self._reasoning.feed(event.text)
        elif isinstance(event, Usage):
            self.usage = event
        else:
            self.text += self._answer.feed(event)
        return self._fresh()

    def end(self) -> str:
        """What is left to show; an answer that nothing was found is not."""
        self.text += self._answer.rest()
        self.reasoning += self._reasoning.rest()
        return "" if self.text.strip(" .\n").upper() in ("", NOT_FOUND) else self._all()

    def _fresh(self) -> str:
        undecided = not self.shown and f"{NOT_FOUND}.".startswith(self.text.strip().upper())
        return "" if undecided else self._all()

    def _all(self) -> str:
        fresh, self.shown = self.text[self.shown :], len(self.text)
        return fresh


def estimated_tokens(text: str) -> int:
    """The most that any model's tokenizer makes of a text in practice; no server counts for us."""
    return len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN


def check_read(usage: Usage, request: Request, name: str) -> None:
    """Raise PromptTruncated where the server read fewer tokens than the prompt can have.

    A server that cuts keeps its first tokens and the newest that fill half of the rest
    (ollama/ollama llm/llama_server.go, since v0.30.9).
    """
    read = usage.prompt_tokens
    if read is None:
        return
    size = sum(len(message.content.encode("utf-8", "replace")) for message in request.messages)
    halves = [request.num_ctx - (request.num_ctx - keep) // 2 for keep in _KEPT_TOKENS]
    if read * _MOST_BYTES_PER_TOKEN < size or read in halves:
        raise PromptTruncated(
            f"{name} read {read} tokens of a prompt of {size} bytes: its server cut the passages; "
            "update Ollama, raise num_ctx, or ask for fewer passages"
        )


def _too_long(name: str, written: _Written) -> str:
    if written.reasoning and not written.text:
        return f"{name} used up the longest answer allowed with reasoning; raise num_predict"
    return f"{name} reached the longest answer allowed; raise num_predict"
