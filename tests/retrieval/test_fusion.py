"""How cosines and BM25 scores become one score."""

from __future__ import annotations

import numpy as np
import pytest

from ragkit.retrieval.fusion import LEXICAL_WEIGHT, look_up_scores, weigh_scores


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_fusion_is_a_convex_sum_of_stretched_cosines_and_word_shares() -> None:
    parts = weigh_scores(
        array(0.2, 0.4, 0.6), array(0.0, 1.0, 0.5), array(0.0, 0.0, 0.0), LEXICAL_WEIGHT
    )
    weight = 1 - LEXICAL_WEIGHT
    assert list(parts.dense) == pytest.approx([0.0, weight * 0.5, weight], abs=1e-6)
    words = [0.0, LEXICAL_WEIGHT, LEXICAL_WEIGHT * 0.5]
    assert list(parts.lexical) == pytest.approx(words, abs=1e-6)


def test_a_fused_score_is_the_sum_of_its_parts() -> None:
    parts = weigh_scores(array(0.2, 0.6), array(0.5, 0.0), array(0.0, 0.0), LEXICAL_WEIGHT)
    assert list(parts.total) == pytest.approx(list(parts.dense + parts.lexical))
    parts = parts._replace(verbatim=array(0.0, 0.25), prior=array(0.125, 0.0))
    assert list(parts.total - parts.dense - parts.lexical) == pytest.approx([0.125, 0.25])


def test_fusion_of_equal_cosines_is_left_to_the_words() -> None:
    parts = weigh_scores(array(0.3, 0.3), array(0.1, 0.4), array(0.0, 0.0), LEXICAL_WEIGHT)
    assert list(parts.dense) == [0.0, 0.0]
    assert list(parts.lexical) == pytest.approx(
        [LEXICAL_WEIGHT * 0.1, LEXICAL_WEIGHT * 0.4], abs=1e-6
    )


def test_a_chunk_below_the_best_by_words_has_at_most_the_score_of_the_last() -> None:
    ids, scored, scores = np.array([3, 5, 9]), np.array([9, 3]), array(2.0, 1.5)
    assert list(look_up_scores(ids, scored, scores, depth=2)) == [1.5, 1.5, 2.0]
    assert list(look_up_scores(ids, scored, scores, depth=3)) == [1.5, 0.0, 2.0]
    assert list(look_up_scores(ids, scored[:0], scores[:0], depth=3)) == [0.0, 0.0, 0.0]
