"""Finds the chunks that hold the verbatim terms of a question, and what they add to a score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ragkit.index.base import Ids, Scores
from ragkit.index.bm25_search import BM25Search
from ragkit.store.snapshot import Snapshot
from ragkit.text.verbatim import VerbatimQuestion, VerbatimTerm

_SHARE_POWER = 1.5  # lets terms count less that are a small part of their question
_MAX_MATCHES = 200  # chunks with the words of a term in which it is looked for
_MAX_PHRASE_MATCHES = 1000  # the same for quoted text, whose words may all be common


class Holders(NamedTuple):
    """The chunks that hold verbatim terms, sorted by id, and what each adds to its score."""

    ids: Ids
    boosts: Scores

    def boosts_of(self, ids: Ids) -> Scores:
        """Return the boost of each of `ids`, 0 for chunks that hold no term."""
        boosts = np.zeros(len(ids), dtype=np.float32)
        if len(self.ids):
            at = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
            boosts = np.where(self.ids[at] == ids, self.boosts[at], boosts)
        return boosts


NO_HOLDERS = Holders(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))


class _Found(NamedTuple):
    """The chunks that hold a term, and its inverse document frequency.

    `is_phrase` is True for a quotation of several words.
    """

    holders: list[int]
    idf: float
    is_phrase: bool


def find_holders(snapshot: Snapshot, words: BM25Search, question: VerbatimQuestion) -> Holders:
    """Find the readable chunks with verbatim terms of a question, in their header or text.

    A term has a share in the idf of all terms that occur and of the other words of the question.
    Beside a quoted phrase the other words do not count: whoever quotes wants these words.
    A chunk's boost is the sum of its shares to the power of 1.5. So a chunk with a bare code gets
    1 and ranks above all chunks without it, and a name in a long question adds a little.

    A term is looked for in at most 200 chunks that hold all of its words (quoted text in 1,000),
    the best by BM25. If more chunks hold them, the share of the term in those is taken for all. A
    name whose words are that common adds nothing.
    """
    found = [each for term in question.terms if (each := _find_term(snapshot, words, term)).holders]
    if not found:
        return NO_HOLDERS
    total = sum(each.idf for each in found)
    if not any(each.is_phrase for each in found):
        total += words.weigh_words(snapshot, question.rest)
    shares: dict[int, float] = {}
    for each in found:
        for chunk in each.holders:
            shares[chunk] = shares.get(chunk, 0.0) + (each.idf / total if total else 0.0)
    ids = np.array(sorted(shares), dtype=np.int64)
    share = np.array([shares[chunk] for chunk in ids.tolist()], dtype=np.float32)
    return Holders(ids, share**_SHARE_POWER)


def max_matches(term: VerbatimTerm) -> int:
    """Return in how many chunks with the words of a term it is looked for."""
    return _MAX_PHRASE_MATCHES if term.kind == "quotation" else _MAX_MATCHES


def _find_term(snapshot: Snapshot, words: BM25Search, term: VerbatimTerm) -> _Found:
    limit = max_matches(term)
    matches = words.match(snapshot, term.notations, limit)
    if term.kind == "name" and matches.total > limit:
        return _Found([], 0.0, is_phrase=False)
    holders = term.select_holders(snapshot.chunks.texts(matches.ids.tolist()))
    count = len(holders) * max(matches.total, limit) // limit
    is_phrase = term.kind == "quotation" and " " in term.text
    return _Found(holders, words.idf(snapshot, count), is_phrase)
