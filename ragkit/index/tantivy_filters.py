"""Clauses of a query: which records of the word index may be found, without a part in the score."""

from __future__ import annotations

from collections.abc import Collection

import tantivy

from ragkit.index.tantivy_schema import SCHEMA, match_any
from ragkit.index.tantivy_selection import Selection
from ragkit.store.snapshot import Snapshot

_MAX_LABEL_TERMS = 8  # label filters of more labels are built in full before the search

Clauses = list[tuple[tantivy.Occur, tantivy.Query]]


def add_filters(query: tantivy.Query, filters: Clauses) -> tantivy.Query:
    """Return a query that also matches the filters."""
    if not filters:
        return query
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, query), *filters])


def label_filter(snapshot: Snapshot) -> Clauses:
    """Return clauses that only records with a label of the snapshot match, without a score."""
    if snapshot.readable_labels is None or snapshot.has_every_label:
        return []
    allowed = _match_labels(sorted(snapshot.readable_labels))
    return [(tantivy.Occur.Must, tantivy.Query.const_score_query(allowed, 0.0))]


def selection_filter(selection: Selection) -> Clauses:
    """Return clauses that only selected records match, if there is a query for them."""
    if selection.query is None:
        return []
    return [(tantivy.Occur.Must, tantivy.Query.const_score_query(selection.query, 0.0))]


def outdated_filter(changed: Collection[int]) -> Clauses:
    """Return clauses that records of changed documents do not match."""
    return [(tantivy.Occur.MustNot, match_any("document", sorted(changed)))] if changed else []


def _match_labels(labels: list[int]) -> tantivy.Query:
    """Return a query for records with one of these labels.

    A few labels are looked up lazily during the search, which is faster.
    """
    if len(labels) > _MAX_LABEL_TERMS:
        return match_any("label", labels)
    terms = [tantivy.Query.term_query(SCHEMA, "label", label) for label in labels]
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, term) for term in terms])
