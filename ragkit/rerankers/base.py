"""The interface of a reranker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from ragkit.errors import RerankerError

RerankerScores = npt.NDArray[np.float32]
"""Scores of texts, one for each, of shape (n,); higher is better."""


@runtime_checkable
class Reranker(Protocol):
    """Scores how well passages match a query. To use your own, pass an object with these members.

    It must be safe from several threads. Scores are compared within one query only, so they may
    have any range. An attribute `score_range`, if there is one, says how far apart surely right and
    surely wrong texts are; it makes scores that differ little count less.
    """

    @property
    def name(self) -> str:
        """The name of the model and its version."""

    def score(self, query: str, texts: Sequence[str]) -> RerankerScores:
        """Return the score of each text, float32 of shape (len(texts),); higher is better.

        A text is the header of a passage (the words of its path, its title and headings), a line
        break and the passage, as an embedder gets it.
        """


def score_texts(reranker: Reranker, query: str, texts: Sequence[str]) -> RerankerScores:
    """Return a reranker's scores of texts, checked: float32 of shape (len(texts),).

    Raises RerankerError for another shape, for values that are not numbers, and for NaN and
    infinity.
    """
    found = reranker.score(query, texts)
    expected = (len(texts),)
    try:
        scores = np.asarray(found, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise RerankerError(
            f"{reranker.name} returned {type(found).__name__} as scores, expected float32 numbers "
            f"of shape {expected}; correct its method score"
        ) from error
    if scores.shape != expected:
        raise RerankerError(
            f"{reranker.name} returned scores of shape {scores.shape} for {len(texts)} texts, "
            f"expected {expected}; correct its method score"
        )
    if not np.isfinite(scores).all():
        raise RerankerError(
            f"{reranker.name} returned NaN or infinity as a score, expected finite numbers; "
            "use another reranker"
        )
    return scores
