"""Small rerankers without weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt


class CountingReranker:
    """Scores a text by how often it has a word; it remembers what it was asked to read."""

    def __init__(self, word: str, name: str = "counting-1") -> None:
        self.word = word
        self.name = name
        self.queries: list[str] = []
        self.texts: list[list[str]] = []

    def score(self, query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.queries.append(query)
        self.texts.append(list(texts))
        return np.array([text.count(self.word) for text in texts], dtype=np.float32)


class BrokenReranker:
    """Returns what a function makes of the number of texts."""

    name = "broken-1"

    def __init__(self, answer: Callable[[int], object]) -> None:
        self.answer = answer

    def score(self, query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return self.answer(len(texts))  # type: ignore[return-value]
