"""Answers from search results: written by a model, or extractive without one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from ragkit.answers import Abstention, Answer
from ragkit.config import Config
from ragkit.embedders.base import Embedder
from ragkit.errors import ModelError, PromptTruncated
from ragkit.generation.citations import CitationStream, parse_citations
from ragkit.generation.extractive import extract_answer
from ragkit.generation.model_notices import add_model_notices
from ragkit.generation.model_output import REPETITION_NOTICE, ModelOutput, record_speed
from ragkit.generation.not_found import says_not_found
from ragkit.generation.passage_text import remove_echoes
from ragkit.generation.prompt_length import choose_length
from ragkit.generation.prompts import NOT_FOUND, SYSTEM_PROMPT, Prompt, Question
from ragkit.generation.streaming import AnswerStream
from ragkit.llms.base import LanguageModel
from ragkit.llms.reasoning import separate_reasoning
from ragkit.llms.selection import choose_model
from ragkit.rerankers.base import Reranker
from ragkit.retrieval.hits import Hit
from ragkit.retrieval.missing_terms import NOTHING_MISSING, MissingTerms
from ragkit.retrieval.runs import Side
from ragkit.store.snapshot import Snapshot
from ragkit.text.keywords import keywords

if TYPE_CHECKING:
    from ragkit.verification.evidence import Evidence

_MIN_SHARED_KEYWORDS = 0.6  # of the question's, in one passage: enough at any similarity
_BEST_PASSAGES = 3  # that are compared with the question's keywords


@dataclass(frozen=True, slots=True)
class RetrievedContext:
    """The hits of a question's search, and what it takes to judge them.

    Hits with a cosine of `similarity_threshold` or more count as an answer. `open_view` opens what
    the principal can read now. `sides` are those of a question that compares. `shares_words` says
    whether a hit has enough of the question's words, None where the cosine tells; see
    `Retriever.judge_words`. `missing` are the exact terms of the question that occur in no
    document. `coverage` is the largest share of the question's words in one passage; see
    `Retriever.measure_coverage`.
    """

    hits: Sequence[Hit]
    embedder: Embedder
    similarity_threshold: float
    open_view: Callable[[], AbstractContextManager[Snapshot]]
    sides: tuple[Side, ...] = ()
    shares_words: bool | None = None
    missing: MissingTerms = NOTHING_MISSING
    reranker: Reranker | None = None
    coverage: float = 1.0

    def abstain(self, question: str, *, with_model: bool) -> Answer | None:
        """Return an abstention if what a question asks for exactly occurs nowhere, else None.

        A model is still asked unless a code is missing: it may know another way to say the rest.
        """
        missing = self.missing
        if missing.ask_for_code or (missing.ask_for_term and not with_model):
            return Answer.abstain_without(question, self.hits, missing)
        return None

    def extract(self, question: str, notice: str) -> Answer:
        """Return the answer without a model, with a notice."""
        coverage = 1.0 if self.shares_words else self.coverage  # the words were judged already
        return extract_answer(
            question, self.hits, self.embedder, notice, self.sides, self.reranker, coverage
        )

    def evidence(self, passages: Mapping[int, Hit]) -> dict[int, Evidence]:
        """Return the evidence of each passage, with the notes of its page."""
        from ragkit.verification.evidence import Evidence

        return {
            number: Evidence.from_hit(hit, self._page_text(hit)) for number, hit in passages.items()
        }

    def _page_text(self, hit: Hit) -> str:
        with self.open_view() as snapshot:
            return snapshot.pages.text(hit.document, hit.page_ordinal)


def stream_answer(
    question: Question,
    context: RetrievedContext,
    model: str | LanguageModel,
    config: Config,
    *,
    reasoning: bool = False,
) -> AnswerStream:
    """Answer a question from its search results.

    With the model "auto", the answer is extractive if no model can answer. Raises ModelError if a
    model was named and cannot answer.
    """
    hits = context.hits
    if abstention := context.abstain(question.question, with_model=True):
        return stream_whole(abstention, question)
    if not is_answerable(question.query, context):
        far = Answer.abstain(question.question, hits, Abstention.FAR)
        return stream_whole(far.add_missing_terms(context.missing), question)
    try:
        chosen, reason = choose_model(model, config, reasoning=reasoning)
        stop = threading.Event()
        pieces = _generate(question, context, chosen, reason, stop, config, reasoning=reasoning)
        first = next(pieces)
    except ModelError as error:
        if model != "auto":
            raise
        notice = f"No model: {error}"
        answer = context.abstain(question.question, with_model=False) or context.extract(
            question.query, notice
        ).add_missing_terms(context.missing)
        answer = replace(answer, question=question.question)
        return stream_whole(answer, question)

    def close() -> None:
        stop.set()
        with suppress(ValueError):  # another thread is reading it, and ends with the next piece
            pieces.close()

    return AnswerStream(chain([first], pieces), chosen.name, question.query, close)


def stream_whole(answer: Answer, question: Question) -> AnswerStream:
    """Return a stream of an answer that is whole already."""
    answer = replace(answer.name_citations(), query=question.rewritten)
    return AnswerStream([answer.text, answer], None, question.query)


def clean_question(question: str) -> str:
    """Replace lone surrogates in a question. Raises ValueError if it is empty."""
    if not question.strip():
        raise ValueError("the question is empty; expected a text to search for")
    return question.encode("utf-8", "replace").decode()


def is_answerable(question: str, context: RetrievedContext) -> bool:
    """Return True if the best hits are near enough to the question to answer from them.

    A hit is if its cosine reaches the threshold, or if it has most of the question's keywords. In a
    language that the embedder does not know, enough of the question's words count, not the cosine.
    A question with a code, quoted text or day that occurs can always be answered.
    """
    hits = context.hits
    if context.missing.has_other:
        is_near = bool(hits)
    elif context.shares_words is None:
        is_near = any(hit.similarity >= context.similarity_threshold for hit in hits)
    else:
        is_near = context.shares_words
    words = keywords(question)
    return is_near or any(
        len(words & keywords(hit.text)) > _MIN_SHARED_KEYWORDS * len(words)
        for hit in hits[:_BEST_PASSAGES]
    )


def _generate(
    question: Question,
    context: RetrievedContext,
    model: LanguageModel,
    model_choice: str,
    stop: threading.Event,
    config: Config,
    *,
    reasoning: bool,
) -> Generator[str | Answer]:
    """Yield a model's text in pieces, and then the answer."""
    length = choose_length(model, config)
    prompt = Prompt.fit(SYSTEM_PROMPT, question, context.hits, model, length)
    output = ModelOutput(CitationStream(len(prompt.passages)))
    notice = yield from _read_model(model, prompt, output, stop)
    if stop.is_set():
        return
    if output.usage is not None:
        prompt.check_read(output.usage, model.name)
        record_speed(model, config, prompt.messages, output.usage, output.seconds)
        if output.usage.finish == "length":
            notice = f"Incomplete: {output.explain_cut(model.name, model.limits)}"
    answer = _build_answer(question, context, prompt, output, model.name, notice)
    if answer.abstained and not output.shown:
        yield answer.text
    answer = replace(
        answer.name_citations().add_missing_terms(context.missing),
        usage=output.usage,
        reasoning=output.reasoning,
        model_choice=model_choice,
        model_digest=model.digest,
        query=question.rewritten,
    )
    yield add_model_notices(answer, model.name, reasoning=reasoning)


def _read_model(
    model: LanguageModel, prompt: Prompt, output: ModelOutput, stop: threading.Event
) -> Generator[str, None, str]:
    """Yield what a model writes; returns the notice of an answer that broke off, or "".

    A model that repeats itself is stopped.
    """
    notice = ""
    output.start()
    events = separate_reasoning(model.chat(prompt.messages))
    try:
        for event in events:
            if stop.is_set():
                return notice
            if text := output.add(event):
                yield text
            if output.repeats:
                break
    except PromptTruncated:
        raise
    except ModelError as error:
        if not output.text:
            raise
        notice = f"Incomplete: {error}"
    finally:
        events.close()  # ends the server's work
    if text := output.finish():
        yield text
    return notice


def _build_answer(
    question: Question,
    context: RetrievedContext,
    prompt: Prompt,
    output: ModelOutput,
    model: str,
    notice: str,
) -> Answer:
    """Return the answer, or the abstention, that a model's text amounts to."""
    passages = prompt.passages
    cited = parse_citations(remove_echoes(output.text, passages), passages)
    is_declined = says_not_found(cited.text) or (
        NOT_FOUND in cited.text.upper() and not cited.citations
    )
    if not notice and (not cited.text or is_declined):
        reason = Abstention.MODEL if cited.text else Abstention.SILENT
        return Answer.abstain(question.question, passages, reason, model)
    answer = Answer(
        question.question,
        cited.text,
        cited.citations,
        passages,
        model=model,
        incomplete=bool(notice),
        dropped=prompt.dropped,
        trimmed=prompt.trimmed,
        invalid_citations=cited.invalid,
        notice=notice or (REPETITION_NOTICE if output.repeats else ""),
    )
    return _verify(answer, context, question.query)


def _verify(answer: Answer, context: RetrievedContext, query: str) -> Answer:
    """Check the sentences of an answer, and cite the passages that support them.

    Where none is supported, the quotes are those of an extractive answer.
    """
    # imported here: a search or an extractive answer does not wait for the patterns to compile
    from ragkit.verification.attribution import cite_statements, number_passages
    from ragkit.verification.checker import check_answer

    passages = number_passages(answer.citations, answer.passages)
    checked = check_answer(answer.text, context.evidence(passages), query)
    citations, statements = cite_statements(answer.citations, checked, passages, query)
    answer = replace(answer, citations=citations, statements=statements)
    if any(statement.verdict == "supported" for statement in statements):
        return answer
    return _add_quotes(answer, context)


def _add_quotes(answer: Answer, context: RetrievedContext) -> Answer:
    """Add the quotes of the answer without a model, with their citations."""
    quoted = replace(context, hits=answer.passages).extract(answer.question, "")
    last = max((citation.number for citation in answer.citations), default=0)
    return replace(
        answer,
        citations=(
            *answer.citations,
            *(replace(each, number=last + each.number) for each in quoted.citations),
        ),
        quotes=tuple(replace(each, citation=last + each.citation) for each in quoted.quotes),
    )
