"""What embedders on a model server have in common: batches, prompts, limits and checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ragkit.embedders.base import EmbedderFacts, FactsEmbedder, Vectors
from ragkit.embedders.prompts import Prompts
from ragkit.embedders.token_estimate import cut_to_tokens, estimate_tokens
from ragkit.errors import (
    EmbedderError,
    EmbedderMissing,
    ModelError,
    ModelNotFound,
    ModelUnreachable,
)
from ragkit_ingest.tokens import Tokenizer

OLLAMA_PREFIX, OPENAI_PREFIX = "ollama:", "openai:"
"""What the names of embedders on a server begin with."""

BATCH_TEXTS = 32  # in one request; servers embed them one after the other or limit their number
PROBE = "The pump (84 kg) costs $1,250.75; ask Frau Größ-Weiß, № 4. Насос, 水泵!"
"""A text whose vector tells the length of all vectors, and whose tokens show how they count."""

SPECIAL_TOKENS = 2  # at the beginning and at the end of a text
_MAX_ERROR_OF_COUNTS = 2  # tokens for one that is estimated
_UNKNOWN_CONTEXT = 512  # tokens that every embedding model reads
_MAX_CUTS = 6  # times that a question is halved

Rows = Sequence[Sequence[float]]


class TextTooLong(EmbedderError):
    """The server refuses a text that is longer than the model reads. Split the text."""


@contextmanager
def translate_errors(name: str) -> Iterator[None]:
    """Raise what goes wrong with a model server as EmbedderError, or EmbedderMissing.

    `name` is the embedder's, for the message if no server answers.
    """
    try:
        yield
    except ModelUnreachable as error:
        raise EmbedderError(f"the embedder {name} cannot be reached: {error}") from error
    except ModelNotFound as error:
        raise EmbedderMissing(str(error)) from error
    except ModelError as error:
        raise EmbedderError(str(error)) from error


class ServerEmbedder(FactsEmbedder):
    """Embeds texts on a model server; safe from several threads.

    The tokenizer is on the server, too. Without a copy of it, `count_tokens` estimates: a text can
    have up to twice as many tokens, and `max_tokens` is half of what the model reads. No text is
    cut silently: a server that can refuse a text that is too long does. Subclasses embed one batch.
    """

    def __init__(self, facts: EmbedderFacts, url: str, tokenizer_file: Path | None = None) -> None:
        self.facts = facts
        self.url = url
        self.tokenizer_file = tokenizer_file
        self._tokenizer = Tokenizer(tokenizer_file) if tokenizer_file else None

    @property
    def estimates_tokens(self) -> bool:
        """Whether token counts are estimates, from which nothing follows about languages."""
        return self._tokenizer is None

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return each text's tokens or an estimate of them, without asking the server."""
        if self._tokenizer is not None:
            return self._tokenizer.counts(texts)
        return [estimate_tokens(text) for text in texts]

    def encode_query(self, texts: Sequence[str]) -> Vectors:
        """Embed questions: float32 of shape (len(texts), dimension).

        One that is longer than `max_tokens` is cut off. Raises EmbedderError as `encode_document`.
        """
        prompt = self.facts.query_prompt
        cut = [cut_to_tokens(text, self.max_tokens) for text in texts]
        for _ in range(_MAX_CUTS):
            try:
                return self._encode([prompt + text for text in cut], is_query=True)
            except TextTooLong:
                cut = [text[: len(text) // 2 + 1] for text in cut]
        return self._encode([prompt + text for text in cut], is_query=True)

    def encode_document(self, texts: Sequence[str]) -> Vectors:
        """Embed chunks: float32 of shape (len(texts), dimension).

        Raises EmbedderError if the server cannot be reached, refuses a text that is too long, or
        answers with other vectors than those that were asked for, and if the model behind the name
        was replaced.
        """
        prompt = self.facts.document_prompt
        return self._encode([prompt + text for text in texts], is_query=False)

    def _encode(self, texts: Sequence[str], *, is_query: bool) -> Vectors:
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        for at in range(0, len(texts), BATCH_TEXTS):
            part = [_replace_surrogates(text) for text in texts[at : at + BATCH_TEXTS]]
            rows = self._embed_batch(part)
            vectors[at : at + len(part)] = stack_rows(rows, len(part), self.dimension, self.name)
        if texts:
            self._check_model(is_query=is_query)
        return vectors

    def _embed_batch(self, texts: Sequence[str]) -> Rows:
        """Return the server's vectors of at most BATCH_TEXTS texts."""
        raise NotImplementedError

    def _check_model(self, *, is_query: bool) -> None:
        """Raise EmbedderError if the server has another model under the same name by now."""


def stack_rows(rows: Rows, count: int, dimension: int, name: str) -> Vectors:
    """Return a server's vectors as float32 of shape (count, dimension).

    Raises EmbedderError if there are more or fewer of them, or one has another length.
    """
    if len(rows) != count:
        raise EmbedderError(
            f"{name} returned {len(rows)} vectors for {count} texts, expected one for each; update "
            "its server, or use another embedder"
        )
    wrong = next((len(row) for row in rows if len(row) != dimension), None)
    if wrong is not None:
        raise EmbedderError(
            f"{name} returned a vector of length {wrong}, expected {dimension}: its server has "
            "another model under this name now. Restore the model, or change the embedder with: "
            f"ragkit reembed --embedder {name}"
        )
    return np.asarray(rows, dtype=np.float32).reshape(count, dimension)


def read_dimension(rows: Rows, name: str) -> int:
    """Return the length of the vector of PROBE. Raises EmbedderError if there is none."""
    if len(rows) != 1 or not len(rows[0]):
        raise EmbedderError(
            f"{name} returned no vector for a word, expected one; update its server, or use "
            "another embedder"
        )
    return len(rows[0])


def limit_tokens(context: int, prompts: Prompts, tokenizer: Tokenizer | None = None) -> int:
    """Return `max_tokens` for a model that reads `context` tokens in all, 0 if that is unknown."""
    context = context or _UNKNOWN_CONTEXT
    if tokenizer is not None:
        return max(1, context - SPECIAL_TOKENS - max(tokenizer.counts(prompts)))
    longest = max(map(estimate_tokens, prompts))
    return max(1, (context - SPECIAL_TOKENS) // _MAX_ERROR_OF_COUNTS - longest)


def _replace_surrogates(text: str) -> str:
    """Replace lone surrogates, which JSON in UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()
