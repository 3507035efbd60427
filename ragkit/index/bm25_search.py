"""Word search: BM25 over a stemmed field and one that keeps codes, part numbers and names whole."""

from __future__ import annotations

import math
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tantivy

from ragkit.index.base import Ids, Scores, best_of
from ragkit.index.tantivy_index import (
    ANALYZERS,
    SCHEMA,
    Opened,
    Postings,
    any_of,
    in_memory,
    open_postings,
)
from ragkit.store.database import open_reader
from ragkit.store.layout import Layout
from ragkit.store.snapshot import Snapshot

_WEIGHTS = {"stemmed": 1.0, "whole": 0.5}  # of a field's scores
_COMMON = 0.25  # of all chunks; a term in more of them is left out of a query ...
_FEW = 500  # ... unless these are still few
_K1 = 1.2  # tantivy's, which is fixed
_OWN_VIEWS_KEPT = 8  # of a strict base: one for each set of labels that somebody may read
_FEW_LABELS = 8
_MAX_TERMS = 64  # of a query; later ones are dropped

_Clauses = list[tuple[tantivy.Occur, tantivy.Query]]


@dataclass(frozen=True, slots=True)
class _View:
    """What one sequence number sees: the index on disk, and what came after it in memory.

    `changed` are documents whose records on disk are out of date.
    """

    seq: int
    disk: tuple[Opened, ...] = ()
    delta: Opened | None = None
    changed: frozenset[int] = frozenset()

    @property
    def parts(self) -> tuple[Opened, ...]:
        return self.disk if self.delta is None else (*self.disk, self.delta)


@dataclass(frozen=True, slots=True)
class _OwnView:
    """An index of the documents that somebody may read, and of no others.

    `last_change` and `documents` tell whether these are still the same.
    """

    view: _View
    last_change: int
    documents: list[int]


def _terms(query: str) -> Iterator[tuple[str, str]]:
    """The distinct (field, term) pairs of a query."""
    query = query.encode("utf-8", "replace").decode()  # a lone surrogate has no UTF-8
    for field, analyzer in ANALYZERS.items():
        for term in list(dict.fromkeys(analyzer.analyze(query)))[:_MAX_TERMS]:
            yield field, term


@dataclass(frozen=True, slots=True)
class Words:
    """A query made ready for each part of an index; no chunk's BM25 score exceeds `best`."""

    view: _View
    queries: tuple[Any, ...]
    best: float


class LexicalIndex:
    """Searches the words of a base; safe from several threads."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._guard = threading.Lock()
        self._view: _View | None = None
        self._own_views: dict[frozenset[int], _OwnView] = {}

    def words(self, snapshot: Snapshot, query: str) -> Words | None:
        """What a query asks for, weighed by this snapshot; None if no chunk holds any of it.

        In a large base terms that many chunks hold are left out: they tell nothing apart, and
        their lists are the longest to go through. User text never reaches a query parser.
        """
        view = self._view_of(snapshot)
        total = sum(part.records for part in view.parts)
        counted = []
        for field, term in _terms(query):
            counts = [part.searcher.doc_freq(field, term) for part in view.parts]
            if any(counts):
                counted.append((field, term, counts))
        telling = [each for each in counted if sum(each[2]) <= max(_COMMON * total, _FEW)]
        telling = telling or counted
        best = sum(_WEIGHTS[field] * _idf(total, sum(counts)) for field, _, counts in telling)
        queries = [_query(telling, view.parts, at) for at in range(len(view.parts))]
        return Words(view, tuple(queries), best * (_K1 + 1)) if telling else None

    def search(self, snapshot: Snapshot, words: Words, k: int) -> tuple[Ids, Scores]:
        """The best `k` chunks of what the snapshot may read and their BM25 scores, best first.

        What may not be read, or is out of date, is left out before anything is ranked.
        """
        if snapshot.labels == frozenset():
            return best_of([])
        view, queries = words.view, []
        allowed, current = _allowed(snapshot), _current(view.changed)
        for part, query in zip(view.parts, words.queries, strict=True):
            if query is not None:
                filters = allowed if part is view.delta else [*allowed, *current]
                queries.append((part.searcher, _filtered(query, filters)))
        return _best(queries, k)

    def _view_of(self, snapshot: Snapshot) -> _View:
        if snapshot.is_strict:
            return self._own_view_of(snapshot)
        view = self._view
        if view is not None and view.seq == snapshot.seq:
            return view
        with self._guard:
            if self._view is None or self._view.seq != snapshot.seq:
                self._view = self._make_view(snapshot)
            return self._view

    def _own_view_of(self, snapshot: Snapshot) -> _View:
        """An index made of what the reader may read alone, as if there were nothing else.

        How rare a word is, and how long chunks are on the average, then tell of no other document.
        """
        labels = snapshot.labels or frozenset()
        with self._guard:
            known = self._own_views.pop(labels, None)
            if known is None or known.view.seq != snapshot.seq:
                last_change, documents = snapshot.last_change(), snapshot.document_ids()
                if known and (known.last_change, known.documents) == (last_change, documents):
                    view = replace(known.view, seq=snapshot.seq)
                else:
                    view = _View(snapshot.seq, delta=in_memory(snapshot, documents))
                known = _OwnView(view, last_change, documents)
            self._own_views[labels] = known  # now the one that was used last
            if len(self._own_views) > _OWN_VIEWS_KEPT:
                del self._own_views[next(iter(self._own_views))]
            return known.view

    def _make_view(self, snapshot: Snapshot) -> _View:
        postings = open_postings(self._layout)
        if postings is None or not self._is_of(postings, snapshot):
            documents = snapshot.restricted(None).document_ids()
            return _View(snapshot.seq, delta=in_memory(snapshot, documents))
        changes = snapshot.changes_since(postings.state.seq)
        changed = sorted({change.document for change in changes})
        delta = in_memory(snapshot, changed) if changed else None
        return _View(snapshot.seq, postings.parts, delta, frozenset(changed))

    def _is_of(self, postings: Postings, snapshot: Snapshot) -> bool:
        """Whether it is of this base, perhaps after somebody committed more than is seen here."""
        if postings.state.is_of(snapshot):
            return True
        with closing(open_reader(self._layout)) as database:
            return postings.state.is_of(Snapshot(database))


def _idf(total: int, count: int) -> float:
    """How rare a term is, as BM25 has it; what a killed writer added may not be in the total."""
    return math.log(1 + (max(total - count, 0) + 0.5) / (count + 0.5))


def _query(
    terms: Sequence[tuple[str, str, list[int]]], parts: Sequence[Opened], at: int
) -> tantivy.Query | None:
    """What finds the terms in one of the parts; None if it holds none of them.

    Tantivy would weigh a term by how rare it is in that part alone.
    """
    total, clauses = sum(part.records for part in parts), []
    for field, term, counts in terms:
        if counts[at]:
            rarer = _idf(total, sum(counts)) / _idf(parts[at].records, counts[at])
            clause = tantivy.Query.term_query(SCHEMA, field, term, "freq")
            boosted = tantivy.Query.boost_query(clause, _WEIGHTS[field] * rarer)
            clauses.append((tantivy.Occur.Should, boosted))
    return tantivy.Query.boolean_query(clauses) if clauses else None


def _filtered(query: tantivy.Query, filters: _Clauses) -> tantivy.Query:
    if not filters:
        return query
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, query), *filters])


def _allowed(snapshot: Snapshot) -> _Clauses:
    """Lets through what the snapshot may read."""
    if snapshot.labels is None or snapshot.has_every_label:
        return []
    allowed = _labelled(sorted(snapshot.labels))
    return [(tantivy.Occur.Must, tantivy.Query.const_score_query(allowed, 0.0))]


def _current(changed: Collection[int]) -> _Clauses:
    """Lets through what is not out of date."""
    return [(tantivy.Occur.MustNot, any_of("document", sorted(changed)))] if changed else []


def _labelled(labels: list[int]) -> tantivy.Query:
    """Chunks with one of these labels; looked up as the search goes on, where they are few."""
    if len(labels) > _FEW_LABELS:
        return any_of("label", labels)
    terms = [tantivy.Query.term_query(SCHEMA, "label", label) for label in labels]
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, term) for term in terms])


def _best(queries: Sequence[tuple[tantivy.Searcher, Any]], k: int) -> tuple[Ids, Scores]:
    """The best `k` of all parts: of each twice its share, or all if its last is among the best."""
    sizes = [searcher.num_docs for searcher, _ in queries]
    few = [min(k, 1 + 2 * k * size // max(1, sum(sizes))) for size in sizes]
    found = [_search(*query, most) for query, most in zip(queries, few, strict=True)]
    best = best_of(found, k)
    worst = best[1][-1] if len(best[1]) == k else 0.0
    cut = [
        at
        for at, (ids, scores) in enumerate(found)
        if few[at] < k and len(ids) == few[at] and scores[-1] >= worst
    ]
    for at in cut:
        found[at] = _search(*queries[at], k)
    return best_of(found, k) if cut else best


def _search(searcher: tantivy.Searcher, query: Any, k: int) -> tuple[Ids, Scores]:
    hits = searcher.search(query, limit=k, count=False).hits
    scores, addresses = zip(*hits, strict=True) if hits else ((), ())
    ids = searcher.fast_field_values("chunk", list(addresses))
    return np.array(ids, dtype=np.int64), np.array(scores, dtype=np.float32)
