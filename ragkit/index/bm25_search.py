"""Word search: BM25 over stemmed words, and over whole codes, part numbers and names.

The formula is BM25 as in Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and
Beyond" (2009), with tantivy's fixed k1 = 1.2 and b = 0.75, and idf = ln(1 + (N - n + 0.5) /
(n + 0.5)). Three things differ from the textbook:

- Each field has an average length and a weight of its own, and the fields' scores are added.
- Tantivy computes idf within one part of the index. A boost per term replaces it by the idf over
  all parts, so that scores are comparable between parts. The average length stays that of the part.
- Terms that occur in more than a quarter of all chunks are left out of the query.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import tantivy

from ragkit.index.base import Ids, Ranking, best_of
from ragkit.index.tantivy_fetching import count_matches, search_parts
from ragkit.index.tantivy_filters import (
    Clauses,
    add_filters,
    label_filter,
    outdated_filter,
    selection_filter,
)
from ragkit.index.tantivy_parts import State, open_index
from ragkit.index.tantivy_query import analyze_notations, build_match
from ragkit.index.tantivy_schema import (
    CODE_ANALYZER,
    SCHEMA,
    OpenPart,
    find_languages,
    index_in_memory,
)
from ragkit.index.tantivy_selection import Selection, select_chunks
from ragkit.index.tantivy_terms import (
    LANGUAGES,
    MAX_QUERY_TERMS,
    prepare_query,
    prepare_text,
    split_terms,
    split_words,
)
from ragkit.store.database import open_reader
from ragkit.store.layout import Layout
from ragkit.store.recent_cache import RecentCache
from ragkit.store.snapshot import Snapshot
from ragkit.store.transaction import Scope
from ragkit.text.notations import Notation

_FIELD_WEIGHTS = {"stemmed": 1.0, "whole": 0.5}
_MAX_TERM_SHARE = 0.25  # of all chunks; a term in more of them is left out of a query ...
_MIN_TERM_CHUNKS = 500  # ... unless it is in at most this many chunks
_K1 = 1.2  # fixed in tantivy
_MAX_CACHED_VIEWS = 8  # under strict access; one for each set of labels
_MAX_CACHED_SELECTIONS = 100
_MIN_COVERAGE_CHUNKS = 50


@dataclass(frozen=True, slots=True)
class _View:
    """What is searched at one commit: the index on disk, and an index in memory of what changed.

    `changed` are the documents in memory, whose records on disk are out of date. `languages` are
    those of all chunks, and `part_languages` those of each part.
    """

    seq: int
    disk: tuple[OpenPart, ...] = ()
    delta: OpenPart | None = None
    changed: frozenset[int] = frozenset()
    languages: tuple[str, ...] = field(init=False)
    part_languages: tuple[frozenset[str], ...] = field(init=False)

    def __post_init__(self) -> None:
        found = [find_languages(part) for part in self.parts]
        languages = (each for each in LANGUAGES if any(each in own for own in found))
        object.__setattr__(self, "languages", tuple(languages))
        object.__setattr__(self, "part_languages", tuple(found))

    @property
    def parts(self) -> tuple[OpenPart, ...]:
        return self.disk if self.delta is None else (*self.disk, self.delta)

    @property
    def records(self) -> int:
        return sum(part.records for part in self.parts)


@dataclass(frozen=True, slots=True)
class _StrictView:
    """An index in memory of the documents that one set of labels may read, and no others.

    It is valid while `last_change` and `documents` stay the same.
    """

    view: _View
    last_change: int
    documents: list[int]


class _Term(NamedTuple):
    """A term of a query; `counts` are the numbers of records with it in each part.

    `total` is the number of records with its word in any language. `language` is "" in the field of
    whole codes.
    """

    language: str
    field: str
    text: str
    counts: list[int]
    total: int


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A query for each part of an index, None where a part has no match; see Ranking.bound."""

    queries: tuple[tantivy.Query | None, ...]
    bound: float


class Matches(NamedTuple):
    """Chunks that match; `total` counts all of them, also those beyond the ones returned.

    `is_known` is False if the index cannot tell which chunks match.
    """

    ids: Ids
    total: int
    is_known: bool


class BM25Search:
    """Searches the words of a knowledge base; safe from several threads."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._guard = threading.Lock()
        self._view: _View | None = None
        self._selections = RecentCache[tuple[int, Scope], Selection](_MAX_CACHED_SELECTIONS)
        self._strict_views = RecentCache[frozenset[int], _StrictView](_MAX_CACHED_VIEWS)

    def search(self, snapshot: Snapshot, text: str, k: int) -> Ranking:
        """Return the k chunks that the snapshot may read with the highest BM25 score, best first.

        Chunks without access, chunks that a filter leaves out and outdated records are left out
        before ranking. Under strict access the statistics of words, too, come only from documents
        that the snapshot may read. No text is an error: it never reaches a query parser.
        """
        view = self._view_of(snapshot)
        prepared = _prepare(text, view)
        if snapshot.readable_labels == frozenset():
            return Ranking(*best_of([]), prepared.bound)
        queries = []
        selection, allowed, current = self._find_filters(snapshot, view)
        for part, query in zip(view.parts, prepared.queries, strict=True):
            if query is not None:
                filters = allowed if part is view.delta else [*allowed, *current]
                queries.append((part.searcher, add_filters(query, filters)))
        return Ranking(*search_parts(queries, k, selection), prepared.bound)

    def match(self, snapshot: Snapshot, notations: Sequence[Notation], k: int) -> Matches:
        """Find the chunks that hold all words of one of the notations; see Notation.

        The same filters hold as in a search. Of more than k chunks, those with the highest BM25
        score are returned.
        """
        view = self._view_of(snapshot)
        patterns = analyze_notations(notations, view.languages)
        if snapshot.readable_labels == frozenset() or patterns is None:
            return Matches(best_of([])[0], 0, patterns is not None)
        selection, allowed, current = self._find_filters(snapshot, view)
        found, total = [], 0
        for part in view.parts:
            query = build_match(patterns, part)
            if query is not None:
                filters = allowed if part is view.delta else [*allowed, *current]
                filtered = add_filters(query, filters)
                count, best = count_matches(part.searcher, filtered, k, selection)
                total += count
                found.append(best)
        return Matches(best_of(found, k)[0], total, True)

    def _find_filters(
        self, snapshot: Snapshot, view: _View
    ) -> tuple[Selection | None, Clauses, Clauses]:
        """Return what a filtered snapshot selects, and two lists of clauses.

        Records that may be found match the first list, and those that are not outdated the second.
        """
        selection = None
        if snapshot.condition:
            with self._selections.entry((snapshot.seq, snapshot.scope)) as entry:
                selection = entry.value or select_chunks(snapshot, view.records)
                entry.value = selection
        allowed = selection_filter(selection) if selection else label_filter(snapshot)
        return selection, allowed, outdated_filter(view.changed)

    def weigh_words(self, snapshot: Snapshot, text: str) -> float:
        """Return the sum of the idf of the words of a text that occur in some chunk.

        Very common words are left out, as in a search.
        """
        view = self._view_of(snapshot)
        total, terms = _choose_terms(text, view)
        weights = dict.fromkeys(view.languages, 0.0)
        for term in terms:
            if term.field == "stemmed":
                weights[term.language] += _idf(total, term.total)
        return max(weights.values(), default=0.0)

    def measure_coverage(self, snapshot: Snapshot, text: str, passages: Sequence[str]) -> float:
        """Return the largest share of the words of a text that one of the passages holds.

        Words count by their idf, and those that no chunk holds count most. In a small knowledge
        base they count as in one of _MIN_COVERAGE_CHUNKS, where a rare word can be told from a
        common one.
        """
        view = self._view_of(snapshot)
        total = max(_MIN_COVERAGE_CHUNKS, sum(part.records for part in view.parts))
        weights = {
            forms: _idf(total, sum(map(sum, map(partial(_count, view), view.languages, forms))))
            for forms in split_words(view.languages, prepare_query(text))
        }
        best = 0.0
        for passage in map(prepare_text, passages):
            terms = {t for language in view.languages for t in split_terms(language, passage)}
            held = sum(weight for forms, weight in weights.items() if not terms.isdisjoint(forms))
            best = max(best, held / sum(weights.values()) if weights else 0.0)
        return best

    def idf(self, snapshot: Snapshot, count: int) -> float:
        """Return the inverse document frequency of what `count` chunks hold."""
        return _idf(self._view_of(snapshot).records, count)

    def _view_of(self, snapshot: Snapshot) -> _View:
        if snapshot.is_strict:
            labels = snapshot.readable_labels or frozenset()
            with self._strict_views.entry(labels) as entry:
                entry.value = _renew_strict_view(snapshot, entry.value)
                return entry.value.view
        view = self._view
        if view is not None and view.seq == snapshot.seq:
            return view
        with self._guard:
            if self._view is None or self._view.seq != snapshot.seq:
                self._view = self._make_view(snapshot)
            return self._view

    def _make_view(self, snapshot: Snapshot) -> _View:
        index = open_index(self._layout)
        if index is None or not self._belongs_here(index.state, snapshot):
            documents = snapshot.restrict(None).documents.ids()
            return _View(snapshot.seq, delta=index_in_memory(snapshot, documents))
        changes = snapshot.changes_since(index.state.seq)
        changed = sorted({change.document for change in changes})
        delta = index_in_memory(snapshot, changed) if changed else None
        return _View(snapshot.seq, index.parts, delta, frozenset(changed))

    def _belongs_here(self, state: State, snapshot: Snapshot) -> bool:
        """Return True if the index is of this knowledge base, maybe of a commit after the snapshot.

        Then the index may contain what the snapshot does not; those documents count as changed.
        """
        if state.belongs_to(snapshot):
            return True
        with closing(open_reader(self._layout)) as database:
            return state.belongs_to(Snapshot(database))


def _renew_strict_view(snapshot: Snapshot, known: _StrictView | None) -> _StrictView:
    """Return an index of only those documents that the snapshot may read.

    Then neither idf nor the average length tells anything about other documents. A filter does not
    change the index.
    """
    if known and known.view.seq == snapshot.seq:
        return known
    readable = snapshot.without_filter()
    last_change, documents = readable.documents.last_change(), readable.documents.ids()
    if known and (known.last_change, known.documents) == (last_change, documents):
        view = replace(known.view, seq=snapshot.seq)
    else:
        view = _View(snapshot.seq, delta=index_in_memory(readable, documents))
    return _StrictView(view, last_change, documents)


def _prepare(text: str, view: _View) -> _Prepared:
    """Turn text into a query for each part of the view."""
    total, terms = _choose_terms(text, view)
    highest = dict.fromkeys(["", *view.languages], 0.0)
    for term in terms:
        highest[term.language] += _FIELD_WEIGHTS[term.field] * _idf(total, term.total)
    bound = highest.pop("") + max(highest.values(), default=0.0)
    queries = [_build_query(terms, view.parts, at) for at in range(len(view.parts))]
    return _Prepared(tuple(queries), bound * (_K1 + 1))


def _choose_terms(text: str, view: _View) -> tuple[int, list[_Term]]:
    """Return the number of records, and the terms of a text that are searched.

    Very common terms are left out: they hardly tell chunks apart, and have the longest lists. If
    there are no others, they stay.
    """
    total = view.records
    matching = [term for term in _find_terms(text, view) if any(term.counts)]
    limit = max(_MAX_TERM_SHARE * total, _MIN_TERM_CHUNKS)
    return total, [term for term in matching if term.total <= limit] or matching


def _find_terms(text: str, view: _View) -> Iterator[_Term]:
    """Yield the distinct terms of a text, in each language of the view, and its whole codes.

    A word has the same weight in all languages: that of the records with it in any of them. So
    "Amazon" counts as much in the one German document as in the many English ones.
    """
    text = prepare_query(text)
    words = split_words(view.languages, text)
    counts: dict[str, list[int]] = {"": []}
    totals: dict[str, int] = {}
    for forms in words:
        for language, term in zip(view.languages, forms, strict=True):
            if term not in counts:
                counts[term] = _count(view, language, term)
        total = sum(sum(counts[term]) for term in forms)
        totals.update((term, max(total, totals.get(term, 0))) for term in forms)
    for at, language in enumerate(view.languages):
        for term in dict.fromkeys(forms[at] for forms in words):
            yield _Term(language, "stemmed", term, counts[term], totals[term])
    for term in list(dict.fromkeys(CODE_ANALYZER.analyze(text)))[:MAX_QUERY_TERMS]:
        found = [part.searcher.doc_freq("whole", term) for part in view.parts]
        yield _Term("", "whole", term, found, sum(found))


def _count(view: _View, language: str, term: str) -> list[int]:
    """Return in how many records of each part a term of a language is."""
    return [
        part.searcher.doc_freq("stemmed", term) if language in own else 0
        for part, own in zip(view.parts, view.part_languages, strict=True)
    ]


def _idf(total: int, count: int) -> float:
    """Return BM25's inverse document frequency of a term in `count` of `total` records.

    The count may exceed the total, which lacks the records that a killed writer added.
    """
    return math.log(1 + (max(total - count, 0) + 0.5) / (count + 0.5))


def _build_query(
    terms: Sequence[_Term], parts: Sequence[OpenPart], at: int
) -> tantivy.Query | None:
    """Build the query for one part; returns None if the part holds none of the terms.

    Tantivy multiplies by the idf within the part; the boost replaces it by the idf over all parts.
    """
    total, clauses = sum(part.records for part in parts), []
    for term in terms:
        if term.counts[at]:
            correction = _idf(total, term.total) / _idf(parts[at].records, term.counts[at])
            clause = tantivy.Query.term_query(SCHEMA, term.field, term.text, "freq")
            boosted = tantivy.Query.boost_query(clause, _FIELD_WEIGHTS[term.field] * correction)
            clauses.append((tantivy.Occur.Should, boosted))
    return tantivy.Query.boolean_query(clauses) if clauses else None
