"""Reranks the first passages of a search: a reranker reads each one together with the query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ragkit.index.base import Scores
from ragkit.rerankers.base import Reranker, score_texts
from ragkit.retrieval.runs import Run
from ragkit.store.snapshot import Snapshot
from ragkit_ingest.chunk_texts import embedding_text

RERANKED_PASSAGES = 20  # of one query; 50 take longer and are no better, measured
RERANKER_WEIGHT = 0.8  # of the reranker's score; the rest is the weight of the fused one


def blend_scores(reranked: Scores, fused: Scores, weight: float = RERANKER_WEIGHT) -> Scores:
    """Return .8 x the reranker's score + .2 x the fused one, each scaled to [0, 1] over all.

    `weight` takes the place of .8. All arrays are float32 of shape (n,), n > 0.
    """
    blend: Scores = weight * _scale(reranked) + (1 - weight) * _scale(fused)
    return blend


def weigh_reranker(reranker: Reranker, scores: Scores) -> float:
    """Return the weight of a reranker's scores: .8, or less if it hardly tells the texts apart.

    A reranker may say in `score_range` how far apart surely right and surely wrong texts are. Where
    the scores of a query span only a part of that, their weight is that part of .8. Otherwise the
    scaling would make a choice of passages that are all wrong for the reranker, as it does for
    tables of figures.
    """
    full = getattr(reranker, "score_range", None)
    spread = float(scores.max() - scores.min())
    return RERANKER_WEIGHT * (min(1.0, spread / full) if full else 1.0)


def _scale(scores: Scores) -> Scores:
    """Scale scores linearly to [0, 1]; equal ones all become 0."""
    low, high = scores.min(), scores.max()
    if high <= low:
        return np.zeros_like(scores)
    scaled: Scores = (scores - low) / (high - low)
    return scaled


def rerank_run(
    snapshot: Snapshot, run: Run, query: str, reranker: Reranker, depth: int = RERANKED_PASSAGES
) -> Run:
    """Return a search with its first `depth` passages reranked; the rest follows in its order.

    The reranker reads the best chunk of each as the embedder does: its header, then its text. What
    verbatim terms add to a score stays outside of the blend, so that a passage with the code of a
    query remains first. A reranked group gets its blended score, stretched over the scores that
    these groups had. So it still ranks all groups of the search, and stays comparable with a search
    without a reranker.
    Raises RerankerError if the reranker returns invalid scores.
    """
    groups = run.groups
    best = [group.members[0].chunk for group in groups[:depth]]
    stored = snapshot.chunks.get(best)
    first = [group for group, chunk in zip(groups, best, strict=False) if chunk in stored]
    if not first:
        return run
    chunks = [stored[group.members[0].chunk] for group in first]
    texts = [embedding_text(chunk.header, chunk.text) for chunk in chunks]
    scores = score_texts(reranker, query, texts)
    fused = np.array([group.score for group in first], dtype=np.float32)
    verbatim = _find_verbatim_parts(run, [chunk.id for chunk in chunks])
    blend = blend_scores(scores, fused - verbatim, weigh_reranker(reranker, scores))
    blend = (blend + verbatim) / (1 + verbatim.max())
    low, high = float(fused.min()), float(fused.max())
    reranked = [
        replace(
            group, score=low + (high - low) * float(blend[at]), reranker_score=float(scores[at])
        )
        for at, group in enumerate(first)
    ]
    order = np.argsort(-blend, kind="stable")
    return replace(run, groups=[*(reranked[at] for at in order), *groups[len(best) :]])


def _find_verbatim_parts(run: Run, chunks: Sequence[int]) -> Scores:
    """Return what verbatim terms add to the scores of chunks, float32 of the same length."""
    parts = dict(zip(run.ids.tolist(), run.parts.verbatim.tolist(), strict=True))
    return np.array([parts.get(chunk, 0.0) for chunk in chunks], dtype=np.float32)
