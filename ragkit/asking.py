"""From hits to an answer: by a language model where one is reachable, else by quoting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from ragkit.answers import NOT_FOUND, SYSTEM_PROMPT, Answer, cited, fitting, prompt
from ragkit.config import Config
from ragkit.embedding import Embedder
from ragkit.errors import ModelError, ModelRefused
from ragkit.extracts import abstain, content_words, extract
from ragkit.models import LanguageModel, Message, choose_model
from ragkit.retrieval import Hit

FLOOR = 0.25  # cosine of the best passage; see is_answerable
_TEXT_PER_TOKEN = 3  # characters; open models' tokenizers take 3 to 4.5 in European languages


class AnswerStream:
    """The text of an answer in pieces; `answer` is there once they have all been taken.

    `model` is the name of the model that writes, None for an extract. What a model writes is
    final only in `answer`: there invented citations are gone.
    """

    def __init__(self, pieces: Iterator[str | Answer], model: str | None) -> None:
        self.model = model
        self._pieces = pieces
        self._answer: Answer | None = None

    def __iter__(self) -> Iterator[str]:
        for piece in self._pieces:
            if isinstance(piece, Answer):
                self._answer = piece
            else:
                yield piece

    @property
    def answer(self) -> Answer:
        """The whole answer with its citations; takes what has not been iterated over."""
        for _ in self:
            pass
        assert self._answer is not None
        return self._answer


def ask_stream(
    question: str,
    hits: Sequence[Hit],
    embedder: Embedder | None,
    model: str | LanguageModel,
    config: Config,
) -> AnswerStream:
    """Answer a question from the hits of its search.

    Where the choice of a model was left to ragkit and none can answer, the answer is an extract.
    """
    if embedder is None or not is_answerable(question, hits):
        notice = "The base holds no documents yet; add some with: ragkit ingest FOLDER"
        return _at_once(abstain(question, hits, None, "" if embedder else notice))
    try:
        chosen = _chosen(model, config)
        pieces = _answered(question, hits, chosen, config)
        first = next(pieces)
    except ModelError as error:
        if model != "auto":
            raise
        return _at_once(extract(question, hits, embedder, f"No model: {error}"))
    return AnswerStream(chain([first], pieces), chosen.name)


def _at_once(answer: Answer) -> AnswerStream:
    return AnswerStream(iter([answer.text, answer]), None)


def is_answerable(question: str, hits: Sequence[Hit]) -> bool:
    """Whether the best passages are near enough to be worth showing as an answer.

    A passage below the floor counts only if it holds most of the question's words.
    """
    if not hits:
        return False
    if max(hit.similarity for hit in hits) >= FLOOR:
        return True
    words = content_words(question)
    return any(len(words & content_words(hit.text)) > len(words) / 2 for hit in hits[:3])


def _chosen(model: str | LanguageModel, config: Config) -> LanguageModel:
    if not isinstance(model, str):
        return model
    return choose_model(
        model, config.ollama_host, num_ctx=config.num_ctx, num_predict=config.num_predict
    )


def _answered(
    question: str, hits: Sequence[Hit], model: LanguageModel, config: Config
) -> Iterator[str | Answer]:
    budget = config.num_ctx - config.num_predict - len(SYSTEM_PROMPT) // _TEXT_PER_TOKEN - 64
    kept = fitting(question, hits, budget, lambda text: len(text) // _TEXT_PER_TOKEN)
    if not kept:
        raise ModelRefused(
            f"no passage fits into {config.num_ctx} tokens of context beside an answer of "
            f"{config.num_predict}; raise num_ctx or lower num_predict"
        )
    passages = tuple(hits[:kept])
    messages = [Message("system", SYSTEM_PROMPT), Message("user", prompt(question, passages))]
    parts: list[str] = []
    notice = ""
    try:
        for piece in model.chat(messages):
            parts.append(piece)
            yield piece
    except ModelError as error:
        if not parts:
            raise
        notice = f"Incomplete: {error}"
    text, citations = cited("".join(parts), passages)
    if not notice and (NOT_FOUND in text or not text):
        yield abstain(question, passages, model.name, notice)
        return
    yield Answer(
        question,
        text,
        citations,
        passages,
        model=model.name,
        incomplete=bool(notice),
        dropped=len(hits) - kept,
        notice=notice,
    )
