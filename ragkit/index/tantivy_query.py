"""Builds the query for the chunks that hold all words of a term, in one of its notations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import tantivy

from ragkit.index.tantivy_schema import CODE_ANALYZER, SCHEMA, OpenPart
from ragkit.index.tantivy_terms import prepare_text, split_terms
from ragkit.text.notations import Notation
from ragkit.text.scripts import UNSPACED

# Within a longer run of such letters the index holds pairs, and not the letter.
_LONE_LETTER = re.compile(rf"(?:..:)?[{UNSPACED}\uac00-\ud7a3]")


class Pattern(NamedTuple):
    """The terms of one notation in one language: all terms of one alternative of each group."""

    field: str
    groups: tuple[tuple[tuple[str, ...], ...], ...]


def analyze_notations(
    notations: Sequence[Notation], languages: Sequence[str]
) -> list[Pattern] | None:
    """Return the terms of notations in each language.

    Returns None if the index cannot tell which chunks hold a notation, such as a single Chinese
    letter.
    """
    found = []
    for notation in notations:
        for language in ("",) if notation.is_whole else languages:
            groups = tuple(_analyze_groups(notation, language))
            if not groups:
                return None
            found.append(Pattern("whole" if notation.is_whole else "stemmed", groups))
    return found


def _analyze_groups(notation: Notation, language: str) -> Iterator[tuple[tuple[str, ...], ...]]:
    for words in notation.groups:
        group = tuple(dict.fromkeys(_analyze(each, language) for each in words))
        if all(group):
            yield group


def _analyze(words: str, language: str) -> tuple[str, ...]:
    prepared = prepare_text(words)
    terms = split_terms(language, prepared) if language else CODE_ANALYZER.analyze(prepared)
    return tuple(dict.fromkeys(term for term in terms if not _LONE_LETTER.fullmatch(term)))


def build_match(patterns: Sequence[Pattern], part: OpenPart) -> tantivy.Query | None:
    """Return a query for one part of the index, None if no record of it matches."""
    found = []
    for field, groups in patterns:
        parts = [
            _any_of([_all_of(field, terms) for terms in group if _has_all(part, field, terms)])
            for group in groups
        ]
        present = [query for query in parts if query is not None]
        if len(present) == len(groups):
            found.append(_must(present))
    return _any_of(found)


def _has_all(part: OpenPart, field: str, terms: Sequence[str]) -> bool:
    return all(part.searcher.doc_freq(field, term) for term in terms)


def _all_of(field: str, terms: Sequence[str]) -> tantivy.Query:
    return _must([tantivy.Query.term_query(SCHEMA, field, term, "freq") for term in terms])


def _must(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    if len(queries) == 1:
        return queries[0]
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, query) for query in queries])


def _any_of(queries: Sequence[tantivy.Query]) -> tantivy.Query | None:
    if len(queries) < 2:
        return queries[0] if queries else None
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])
