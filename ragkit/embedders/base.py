"""The interface of an embedder, and the facts that identify one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from ragkit.errors import EmbedderError

Vectors = npt.NDArray[np.float32]
"""Vectors, one per row, of shape (n, dimension)."""


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors. To use your own, pass an object with these members.

    It must be safe from several threads. The vectors need not have length 1; ragkit normalizes
    them. A knowledge base built with one embedder refuses an embedder with another `name`. If
    `count_tokens` asks a server or estimates, set an attribute `estimates_tokens = True`: then
    ragkit does not conclude from the tokens of a text whether the model knows its language.
    """

    @property
    def name(self) -> str:
        """The name of the model and its version."""

    @property
    def dimension(self) -> int:
        """The length of a vector."""

    @property
    def max_tokens(self) -> int:
        """The most tokens that a text may have, special tokens not counted."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, counted as for `max_tokens`."""

    def encode_query(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of questions, float32 of shape (len(texts), dimension)."""

    def encode_document(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of chunks, float32 of shape (len(texts), dimension)."""


@dataclass(frozen=True, slots=True)
class EmbedderFacts:
    """What identifies a model, stored in its compiled folder and in each knowledge base.

    `max_tokens` does not count special tokens. The prompts are put before each text.
    """

    name: str
    weights_sha256: str
    dimension: int
    max_tokens: int
    query_prompt: str = ""
    document_prompt: str = ""


class FactsEmbedder:
    """An embedder with `facts`, and the members of `Embedder` that are in them."""

    facts: EmbedderFacts

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.facts.name

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return self.facts.dimension

    @property
    def max_tokens(self) -> int:
        """The most tokens that a text may have, special tokens and the prompt not counted."""
        return self.facts.max_tokens


def read_facts(embedder: Embedder) -> EmbedderFacts:
    """Return the facts of an embedder; one of your own is identified by its name alone."""
    facts = getattr(embedder, "facts", None)
    if isinstance(facts, EmbedderFacts):
        return facts
    return EmbedderFacts(embedder.name, "", embedder.dimension, embedder.max_tokens)


def find_tokenizer_file(embedder: Embedder) -> Path | None:
    """Return the embedder's tokenizer.json, None if it has none.

    With it, reader processes can cut documents into chunks themselves.
    """
    path = getattr(embedder, "tokenizer_file", None)
    return path if isinstance(path, Path) else None


def normalize(vectors: Vectors, count: int, embedder: Embedder) -> Vectors:
    """Check what an embedder returned for `count` texts, and scale each vector to length 1.

    Returns float32 of shape (count, dimension). Raises EmbedderError for another shape, and for
    vectors with NaN or infinity or of length 0.
    """
    array = np.asarray(vectors, dtype=np.float32)
    if array.shape != (count, embedder.dimension):
        raise EmbedderError(
            f"{embedder.name} returned vectors of shape {array.shape} "
            f"for {count} texts, expected {(count, embedder.dimension)}; correct its encode methods"
        )
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths < 1e-6).any():
        raise EmbedderError(
            f"{embedder.name} returned a vector of zeros, NaN or infinity, expected finite numbers "
            "of a length above 0; use another model"
        )
    normalized: Vectors = array / lengths
    return normalized
