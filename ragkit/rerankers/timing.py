"""How long a reranker takes for one query."""

from __future__ import annotations

import time

from ragkit.embedders.quantize import calibration_texts
from ragkit.rerankers.base import Reranker, score_texts

TIMED_TEXTS = 20  # as many as are reranked for one query
_WORDS_PER_TEXT = 120  # of a usual passage with its header
_RUNS = 2  # the fastest counts; the first one also prepares the model


def time_reranker(reranker: Reranker) -> float:
    """Return the seconds for 20 passages of 120 words; raises as `score_texts` does."""
    words = " ".join(calibration_texts()).split()
    texts = [
        " ".join(words[at : at + _WORDS_PER_TEXT])
        for at in range(0, TIMED_TEXTS * _WORDS_PER_TEXT, _WORDS_PER_TEXT)
    ]
    seconds = []
    for _ in range(_RUNS):
        began = time.perf_counter()
        score_texts(reranker, "Which pump fits the cooling circuit?", texts)
        seconds.append(time.perf_counter() - began)
    return min(seconds)
