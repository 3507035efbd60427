"""Highlights: the sentences and table rows of its passages that a model's answer rests on.

A statement cites whole passages. Each of its claims is compared with the sentences and rows of the
passages that it cites, by the words and facts that they share. A rare word counts more than a
common one, and a number or date more than a word. If no sentence clearly says what the claim says,
nothing is highlighted.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from heapq import nlargest

from ragkit.answers import Citation, Statement
from ragkit.retrieval.hits import Hit
from ragkit.text.keywords import keywords
from ragkit.text.numbers import find_scales
from ragkit.text.sentences import Sentence, split_sentences
from ragkit.verification.claims import (
    CITATION,
    Fact,
    find_facts,
    keywords_without_numbers,
    split_claims,
)
from ragkit.verification.fact_index import FactIndex

# Chosen on the dev half of what `python -m tests.benchmarks highlights` measures.
_MIN_WEIGHT = 0.4  # of a claim's weight, in one sentence: then the claim rests on it
_MIN_ADDED_WEIGHT = 0.2  # of it, that a further sentence adds
_FACT_WEIGHT = 3.0  # of a fact; an equally rare word has 1
_QUESTION_WEIGHT = 0.3  # of a word of the question, which decides between equal sentences
_MAX_COMPARED = 5  # sentences of a passage with most words in common, beside those with the facts
_MIN_OWN_WORDS = 3  # before a citation inside a sentence; with fewer it cites the whole sentence

_CITATION_GROUP = re.compile(r"(?:\[\d{1,3}\]\s*)+")

Term = str | Fact
"""A keyword or a fact of a claim."""


def add_highlights(
    citations: Sequence[Citation],
    statements: Sequence[Statement],
    passages: Mapping[int, Hit],
    question: str,
) -> tuple[Citation, ...]:
    """Return citations of whole passages with the ranges that the statements rest on.

    `passages` has the passage of each citation's number.
    """
    spans = {each.number: _split_passage(each.number, passages[each.number]) for each in citations}
    chosen: dict[int, set[_Span]] = defaultdict(set)
    for statement in statements:
        for claim, numbers in _split_statement(statement):
            candidates = [spans[number] for number in numbers if spans.get(number)]
            for span in _find_support(claim, candidates, question):
                chosen[span.number].add(span)
    return tuple(
        each.highlight(hit, _join_ranges(chosen[each.number], hit))
        for each in citations
        for hit in [passages[each.number]]
    )


def _split_statement(statement: Statement) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the claims of a statement and the numbers of the passages of each of them.

    A citation inside a sentence belongs to the words since the citation before it.
    """
    text, start = statement.text, 0
    groups = list(_CITATION_GROUP.finditer(text))
    if not groups:  # a value of an answer to a schema, or a sentence that cites nothing
        numbers = statement.citations or statement.found_in
        yield from ((claim, numbers) for claim in split_claims(text))
    for group in groups:
        own = text[start : len(text) if group is groups[-1] else group.end()]
        if len(keywords(CITATION.sub("", own))) < _MIN_OWN_WORDS:
            own = text
        numbers = tuple(map(int, CITATION.findall(group.group())))
        yield from ((claim, numbers) for claim in split_claims(own))
        start = group.end()


class _Span:
    """A sentence or row of passage `number`, at characters [start, end) of the page's text."""

    def __init__(self, number: int, hit: Hit, sentence: Sentence, scales: frozenset[float]) -> None:
        self.number = number
        self.start, self.end = hit.start + sentence.start, hit.start + sentence.end
        self.words = keywords(sentence.in_context)
        self._sentence = sentence
        self._scales = scales

    def spells(self, fact: Fact) -> bool:
        """Return True if a fact occurs letter by letter."""
        return fact.text in self._sentence.text

    def supports(self, term: Term) -> bool:
        """Return True if a word, or a fact in any spelling, occurs."""
        return term in self.words if isinstance(term, str) else self._facts.supports(term)

    @property
    def is_row(self) -> bool:
        """True for a row of a table."""
        return bool(self._sentence.row_label)

    @cached_property
    def _facts(self) -> FactIndex:
        return FactIndex(self._sentence.in_context, self._scales)


def _split_passage(number: int, hit: Hit) -> list[_Span]:
    scales = find_scales(hit.text)
    return [_Span(number, hit, sentence, scales) for sentence in split_sentences(hit.text)]


def _find_support(claim: str, passages: Sequence[Sequence[_Span]], question: str) -> list[_Span]:
    """Return the spans of passages that say what a claim says.

    First the span that says most of it, then those that say what is missing there, and then, of
    each passage without one of these, the span that says the claim, too.
    """
    comparison = _Comparison(claim, passages, question)
    clear = [span for spans in passages if (span := comparison.find_clearest(spans))]
    if not clear:
        return []
    chosen = comparison.complete(max(clear, key=comparison.weigh))
    numbers = {span.number for span in chosen}
    return chosen + [span for span in clear if span.number not in numbers]


class _Comparison:
    """The weighed words and facts of a claim, and which spans of passages have which of them."""

    def __init__(self, claim: str, passages: Sequence[Sequence[_Span]], question: str) -> None:
        spans = [span for each in passages for span in each]
        self._size = len(spans)
        self._counts = Counter(word for span in spans for word in span.words)
        # a name is compared by its words
        facts = [fact for fact in find_facts(claim) if fact.kind != "name"]
        exact = " ".join(fact.text for fact in facts if fact.kind != "quotation")
        words = keywords_without_numbers(claim) - keywords_without_numbers(exact)
        self._weights: dict[Term, float] = {w: self._rarity(self._counts[w]) for w in words}
        terms: tuple[Term, ...] = (*words, *facts)
        self._shared = {
            span: frozenset(term for term in terms if span.supports(term))
            for each in passages
            for span in self._choose_compared(each, words, facts)
        }
        having = Counter(term for terms in self._shared.values() for term in terms)
        self._weights |= {fact: _FACT_WEIGHT * self._rarity(having[fact]) for fact in facts}
        self._asked = keywords(question) - words

    def weigh(self, span: _Span) -> float:
        """Return the weight of what a span and the claim share."""
        return self._sum(self._shared[span])

    def find_clearest(self, spans: Iterable[_Span]) -> _Span | None:
        """Return the span that says most of the claim.

        None if that is too little, or if a span with other words says as much.
        """
        compared = [span for span in spans if span in self._shared]
        best = max(compared, key=self._rank)
        if not 0 < _MIN_WEIGHT * sum(self._weights.values()) <= self.weigh(best):
            return None
        rank = self._rank(best)
        equal = (span for span in compared if math.isclose(self._rank(span), rank))
        return best if all(span.words == best.words for span in equal) else None

    def complete(self, first: _Span) -> list[_Span]:
        """Return a span and those that say what it lacks; the year of a row is in its head."""
        chosen = [first]
        lacking = frozenset(self._weights) - self._shared[first]
        if first.is_row:
            lacking = frozenset(term for term in lacking if not _is_time(term))
        least = _MIN_ADDED_WEIGHT * sum(self._weights.values())
        while self._sum(lacking) >= least:
            more = max(self._shared, key=lambda span: self._sum(self._shared[span] & lacking))
            if self._sum(self._shared[more] & lacking) < least:
                break
            chosen.append(more)
            lacking -= self._shared[more]
        return chosen

    def _choose_compared(
        self, spans: Sequence[_Span], words: frozenset[str], facts: Sequence[Fact]
    ) -> list[_Span]:
        """Return the spans with most words in common or with a fact, in the order of the text."""
        shared = {span: self._sum(words & span.words) for span in spans}
        most = set(nlargest(_MAX_COMPARED, spans, key=lambda span: shared[span]))
        return [span for span in spans if span in most or any(map(span.spells, facts))]

    def _rank(self, span: _Span) -> float:
        asked = sum(self._rarity(self._counts[word]) for word in self._asked & span.words)
        return self.weigh(span) + _QUESTION_WEIGHT * asked

    def _rarity(self, count: int) -> float:
        return math.log(1 + self._size / max(1, count))

    def _sum(self, terms: Iterable[Term]) -> float:
        return math.fsum(self._weights[term] for term in terms)


def _is_time(term: Term) -> bool:
    return isinstance(term, Fact) and term.kind in ("year", "date")


def _join_ranges(spans: Iterable[_Span], hit: Hit) -> tuple[tuple[int, int], ...]:
    """Return the ranges of spans in order, joined where only white space is between them."""
    ranges: list[tuple[int, int]] = []
    for start, end in sorted((span.start, span.end) for span in spans):
        if ranges and not hit.text[ranges[-1][1] - hit.start : start - hit.start].strip():
            ranges[-1] = ranges[-1][0], end
        else:
            ranges.append((start, end))
    return tuple(ranges)
