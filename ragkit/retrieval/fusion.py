"""Fuses cosines and BM25 scores into one score; pure functions on arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ragkit.index.base import Ids, Scores

LEXICAL_WEIGHT = 0.46  # of the BM25 part, where the embedder knows the language


class ScoreParts(NamedTuple):
    """The parts that the fused score of each candidate is the sum of; float32 of shape (n,).

    `dense` is the weighted cosine and `lexical` the weighted BM25 score. `verbatim` is above 0 for
    chunks that hold an exact term of the query, and `prior` for documents that the query names;
    both are 0 for a query without such terms or names.
    """

    dense: Scores
    lexical: Scores
    verbatim: Scores
    prior: Scores

    @property
    def total(self) -> Scores:
        """The fused score of each candidate."""
        return self.dense + self.lexical + self.verbatim + self.prior


def look_up_scores(ids: Ids, scored: Ids, scores: Scores, depth: int) -> Scores:
    """Return the score of each of `ids`, float32 of the same shape.

    `scored` and `scores` are the `depth` best chunks and their scores, best first, or fewer if
    fewer matched. A chunk that is not among them gets 0, or the last score if there are `depth` of
    them: that is the most it can have. Looking each one up gives the same quality, measured.
    """
    if not len(scored):
        return np.zeros(len(ids), dtype=np.float32)
    order = np.argsort(scored)
    at = np.minimum(np.searchsorted(scored, ids, sorter=order), len(scored) - 1)
    absent = scores[-1] if len(scored) >= depth else np.float32(0)
    found: Scores = np.where(scored[order[at]] == ids, scores[order[at]], absent)
    return found


def weigh_scores(
    similarity: Scores, lexical: Scores, prior: Scores, lexical_weight: float
) -> ScoreParts:
    """Return the parts of each score, without verbatim terms.

    The sum of the weighted cosine and the weighted BM25 score lies in [0, 1].

    This is the convex combination of Bruch, Gai and Ingber, "An Analysis of Fusion Functions for
    Hybrid Retrieval" (2022, arXiv 2210.11934). Cosines are scaled to [0, 1] over the candidates.
    `lexical` must be a share in [0, 1] of the highest BM25 score that the query can reach, so that
    words count less where no chunk holds many of them. `prior` is added to the cosines before they
    are scaled; its part is what that adds. `lexical_weight` in [0, 1] is the weight of the BM25
    score, and the rest that of the cosine. All arrays are float32 of shape (n,), n > 0.
    """
    raised = similarity + prior
    low, high = raised.min(), raised.max()
    dense: Scores = (1 - lexical_weight) * _scale(similarity, low, high)
    added: Scores = (1 - lexical_weight) * _scale(raised, low, high) - dense
    return ScoreParts(dense, lexical_weight * lexical, np.zeros_like(dense), added)


def _scale(scores: Scores, low: np.float32, high: np.float32) -> Scores:
    """Scale scores linearly, `low` to 0 and `high` to 1; lower ones become 0, too."""
    if high <= low:
        return np.zeros_like(scores)
    scaled: Scores = (np.maximum(scores, low) - low) / (high - low)
    return scaled
