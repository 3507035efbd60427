"""Fetches the best records of several tantivy indexes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tantivy

from ragkit.index.base import Ids, Scores, best_of
from ragkit.index.tantivy_selection import Selection

_MAX_COUNTED_MATCHES = 10_000  # of one part
_FETCH_FACTOR = 1.5  # chunks fetched for each one expected in a selection


def search_parts(
    queries: Sequence[tuple[tantivy.Searcher, Any]], k: int, selection: Selection | None
) -> tuple[Ids, Scores]:
    """Return the k best chunks of all parts, of a selection if there is one.

    Each part is first asked for twice its share of k. If the last one that it returns is still
    good enough for the result, the part is asked again, for k.
    """
    sizes = [searcher.num_docs for searcher, _ in queries]
    limits = [min(k, 1 + 2 * k * size // max(1, sum(sizes))) for size in sizes]
    found = [
        _search_part(*query, limit, selection) for query, limit in zip(queries, limits, strict=True)
    ]
    best = best_of(found, k)
    worst = best[1][-1] if len(best[1]) == k else 0.0
    cut_off = [
        at
        for at, (ids, scores) in enumerate(found)
        if limits[at] < k and len(ids) == limits[at] and scores[-1] >= worst
    ]
    for at in cut_off:
        found[at] = _search_part(*queries[at], k, selection)
    return best_of(found, k) if cut_off else best


def _search_part(
    searcher: tantivy.Searcher, query: Any, k: int, selection: Selection | None
) -> tuple[Ids, Scores]:
    """Return the k best chunks of one part.

    Of a selection without a query more are fetched, until k selected ones are among them.
    """
    if selection is None or selection.query is not None:
        return _fetch_best(searcher, query, k)
    limit = int(_FETCH_FACTOR * k / selection.share) + 1
    while True:
        ids, scores = _fetch_best(searcher, query, limit)
        selected = selection.contains(ids)
        if len(ids) < limit or selected.sum() >= k:
            return ids[selected][:k], scores[selected][:k]
        limit *= 4


def _fetch_best(searcher: tantivy.Searcher, query: Any, k: int) -> tuple[Ids, Scores]:
    return _read_hits(searcher, searcher.search(query, limit=k, count=False).hits)


def count_matches(
    searcher: tantivy.Searcher, query: Any, k: int, selection: Selection | None
) -> tuple[int, tuple[Ids, Scores]]:
    """Return how many chunks of one part match, and the k best of them.

    Of a selection without a query more are fetched, and the number is estimated beyond them.
    """
    if selection is None or selection.query is not None:
        hits = searcher.search(query, limit=k)
        return hits.count, _read_hits(searcher, hits.hits)  # type: ignore[attr-defined]
    hits = searcher.search(query, limit=_MAX_COUNTED_MATCHES)
    ids, scores = _read_hits(searcher, hits.hits)
    selected = selection.contains(ids)
    total = int(selected.sum())
    if hits.count > _MAX_COUNTED_MATCHES:  # type: ignore[attr-defined]
        total = max(total, int(hits.count * selection.share))  # type: ignore[attr-defined]
    return total, (ids[selected][:k], scores[selected][:k])


def _read_hits(searcher: tantivy.Searcher, hits: Sequence[Any]) -> tuple[Ids, Scores]:
    scores, addresses = zip(*hits, strict=True) if hits else ((), ())
    ids = searcher.fast_field_values("chunk", list(addresses))
    return np.array(ids, dtype=np.int64), np.array(scores, dtype=np.float32)
