"""Embedders: what turns queries and chunks into vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from ragkit.errors import EmbedderError

Vectors = npt.NDArray[np.float32]


@runtime_checkable
class Embedder(Protocol):
    """What ragkit needs of an embedder; bring your own by passing an object with these.

    Vectors are arrays of shape (len(texts), dimension); ragkit brings them to length 1. `name`
    names the model and its version: a base built with one name refuses another. `max_tokens` is
    the most a text may have, special tokens not counted; `count_tokens` counts the same way.
    """

    @property
    def name(self) -> str: ...
    @property
    def dimension(self) -> int: ...
    @property
    def max_tokens(self) -> int: ...
    def count_tokens(self, texts: Sequence[str]) -> list[int]: ...
    def encode_query(self, texts: Sequence[str]) -> Vectors: ...
    def encode_document(self, texts: Sequence[str]) -> Vectors: ...


@dataclass(frozen=True, slots=True)
class EmbedderFacts:
    """What identifies a model: kept beside its compiled form and in every base built with it.

    `max_tokens` does not count special tokens; the prompts are put before every text.
    """

    name: str
    weights_sha256: str
    dimension: int
    max_tokens: int
    query_prompt: str = ""
    document_prompt: str = ""


def facts_of(embedder: Embedder) -> EmbedderFacts:
    """The facts of any embedder; one that is brought along is identified by its name alone."""
    facts = getattr(embedder, "facts", None)
    if isinstance(facts, EmbedderFacts):
        return facts
    return EmbedderFacts(embedder.name, "", embedder.dimension, embedder.max_tokens)


def tokenizer_file(embedder: Embedder) -> Path | None:
    """The embedder's tokenizer.json, if it has one: then readers can chunk in their own process."""
    path = getattr(embedder, "tokenizer_file", None)
    return path if isinstance(path, Path) else None


def normalize(vectors: Vectors, count: int, embedder: Embedder) -> Vectors:
    """The vectors as float32 of length 1. Raises EmbedderError for a wrong shape, NaN or zeros."""
    array = np.asarray(vectors, dtype=np.float32)
    if array.shape != (count, embedder.dimension):
        raise EmbedderError(
            f"{embedder.name} returned vectors of shape {array.shape} "
            f"for {count} texts, expected {(count, embedder.dimension)}"
        )
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths < 1e-6).any():
        raise EmbedderError(f"{embedder.name} returned a vector of zeros, NaN or infinity")
    normalised: Vectors = array / lengths
    return normalised
