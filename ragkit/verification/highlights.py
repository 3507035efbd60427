"""The sentences and table rows of its passages that a model's answer rests on.

A statement cites whole passages. Here each is compared, clause by clause, with the sentences and
rows of the passages that it cites, by the words and facts that they share; a rare word counts more
than a common one, and a number or date more than a word. Where none is clearly meant, none is told.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from heapq import nlargest

from ragkit.answers import Citation, Statement
from ragkit.retrieval.retriever import Hit
from ragkit.text.keywords import keywords
from ragkit.text.numbers import find_scales
from ragkit.text.sentences import Sentence, row_label, split_sentences
from ragkit.verification.checker import split_clauses
from ragkit.verification.claims import Fact, find_facts
from ragkit.verification.evidence import Evidence, stated_words

# Chosen on the dev half of what `python -m tests.benchmarks exact` measures.
_CLEAR = 0.4  # of the weight of a clause, in one sentence: then it rests on that
_MORE = 0.2  # of it, in a further sentence and in none before
_FACT = 3.0  # times a word as rare
_ASKED = 0.3  # times a word, for the question's own where several sentences would do
_LOOKED_AT = 5  # sentences of a passage that share most words, and those with the very figures
_OWN = 3  # words that a citation in mid-sentence has before it, at least, to stand for them alone

_NUMBER = re.compile(r"\[(\d{1,3})\]")
_NUMBERS = re.compile(r"(?:\[\d{1,3}\]\s*)+")

Term = str | Fact


def add_highlights(
    citations: Sequence[Citation],
    statements: Sequence[Statement],
    passages: Sequence[Hit],
    question: str,
) -> tuple[Citation, ...]:
    """Citations of whole passages, with the ranges that the statements citing them rest on."""
    pieces = {each.number: _pieces(each.number, passages[each.number - 1]) for each in citations}
    meant: dict[int, set[_Piece]] = defaultdict(set)
    for statement in statements:
        for claim, numbers in _claims(statement):
            cited = [pieces[number] for number in numbers if pieces.get(number)]
            for piece in _rests_on(claim, cited, question):
                meant[piece.number].add(piece)
    return tuple(
        replace(each, highlights=_ranges(meant[each.number], passages[each.number - 1]))
        for each in citations
    )


def _claims(statement: Statement) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The clauses of a statement and the numbers that each of them cites.

    A number in mid-sentence stands for what is said since the one before it.
    """
    text, start = statement.text, 0
    groups = list(_NUMBERS.finditer(text))
    if not groups:  # a value of an answer to a schema
        yield from ((clause, statement.citations) for clause in split_clauses(text))
    for group in groups:
        own = text[start : len(text) if group is groups[-1] else group.end()]
        if len(keywords(_NUMBER.sub("", own))) < _OWN:
            own = text
        numbers = tuple(map(int, _NUMBER.findall(group.group())))
        yield from ((clause, numbers) for clause in split_clauses(own))
        start = group.end()


class _Piece:
    """A sentence or row of passage `number`, characters [start, end) of the page's text."""

    def __init__(self, number: int, hit: Hit, unit: Sentence, scales: frozenset[float]) -> None:
        self.number = number
        self.start, self.end = hit.start + unit.start, hit.start + unit.end
        self.words = keywords(unit.in_context)
        self._unit = unit
        self._scales = scales

    def writes(self, fact: Fact) -> bool:
        """Whether a fact stands here letter by letter."""
        return fact.text in self._unit.text

    def holds(self, term: Term) -> bool:
        return term in self.words if isinstance(term, str) else self._evidence.holds(term)

    @property
    def is_row(self) -> bool:
        return bool(row_label(self._unit))

    @cached_property
    def _evidence(self) -> Evidence:
        return Evidence(self._unit.in_context, self._scales)


def _pieces(number: int, hit: Hit) -> list[_Piece]:
    scales = find_scales(hit.text)
    return [_Piece(number, hit, unit, scales) for unit in split_sentences(hit.text)]


def _rests_on(claim: str, passages: Sequence[Sequence[_Piece]], question: str) -> list[_Piece]:
    """The pieces of passages that say what a clause says.

    First the one that says most of it, then those that say what is missing there; and of a passage
    with none of these the one that says it, too.
    """
    said = _Said(claim, passages, question)
    clear = [piece for pieces in passages if (piece := said.clearest(pieces))]
    if not clear:
        return []
    chosen = said.completed(max(clear, key=said.weight))
    numbers = {piece.number for piece in chosen}
    return chosen + [piece for piece in clear if piece.number not in numbers]


class _Said:
    """The words and facts of a clause, weighed, and which pieces of passages have which."""

    def __init__(self, claim: str, passages: Sequence[Sequence[_Piece]], question: str) -> None:
        pieces = [piece for each in passages for piece in each]
        self._size = len(pieces)
        self._counts = Counter(word for piece in pieces for word in piece.words)
        found = [fact for fact in find_facts(claim) if fact.kind != "name"]  # a name is its words
        counted = " ".join(fact.text for fact in found if fact.kind != "quotation")
        words = stated_words(claim) - stated_words(counted)
        self._weights: dict[Term, float] = {w: self._rarity(self._counts[w]) for w in words}
        terms: tuple[Term, ...] = (*words, *found)
        self._held = {
            piece: frozenset(term for term in terms if piece.holds(term))
            for each in passages
            for piece in self._near(each, words, found)
        }
        having = Counter(term for terms in self._held.values() for term in terms)
        self._weights |= {fact: _FACT * self._rarity(having[fact]) for fact in found}
        self._asked = keywords(question) - words

    def weight(self, piece: _Piece) -> float:
        return self._sum(self._held[piece])

    def clearest(self, pieces: Iterable[_Piece]) -> _Piece | None:
        """The piece that says most of it; none where that is little, or another says as much."""
        near = [piece for piece in pieces if piece in self._held]
        best = max(near, key=self._rank)
        if not 0 < _CLEAR * sum(self._weights.values()) <= self.weight(best):
            return None
        rank = self._rank(best)
        same = (piece for piece in near if math.isclose(self._rank(piece), rank))
        return best if all(piece.words == best.words for piece in same) else None

    def completed(self, first: _Piece) -> list[_Piece]:
        """A piece, and those that say what it leaves out; the year of a row stands over it."""
        chosen = [first]
        lacking = frozenset(self._weights) - self._held[first]
        if first.is_row:
            lacking = frozenset(term for term in lacking if not _is_time(term))
        least = _MORE * sum(self._weights.values())
        while self._sum(lacking) >= least:
            more = max(self._held, key=lambda piece: self._sum(self._held[piece] & lacking))
            if self._sum(self._held[more] & lacking) < least:
                break
            chosen.append(more)
            lacking -= self._held[more]
        return chosen

    def _near(
        self, pieces: Sequence[_Piece], words: frozenset[str], found: Sequence[Fact]
    ) -> list[_Piece]:
        """The pieces worth a closer look, in the order of the text."""
        shared = {piece: self._sum(words & piece.words) for piece in pieces}
        most = set(nlargest(_LOOKED_AT, pieces, key=lambda piece: shared[piece]))
        return [piece for piece in pieces if piece in most or any(map(piece.writes, found))]

    def _rank(self, piece: _Piece) -> float:
        asked = sum(self._rarity(self._counts[word]) for word in self._asked & piece.words)
        return self.weight(piece) + _ASKED * asked

    def _rarity(self, count: int) -> float:
        return math.log(1 + self._size / max(1, count))

    def _sum(self, terms: Iterable[Term]) -> float:
        return math.fsum(self._weights[term] for term in terms)


def _is_time(term: Term) -> bool:
    return isinstance(term, Fact) and term.kind in ("year", "date")


def _ranges(pieces: Iterable[_Piece], hit: Hit) -> tuple[tuple[int, int], ...]:
    """Where the pieces are, in order; those with nothing but white space between them in one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted((piece.start, piece.end) for piece in pieces):
        if found and not hit.text[found[-1][1] - hit.start : start - hit.start].strip():
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return tuple(found)
