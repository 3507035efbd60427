"""Finds the chunks that hold the verbatim terms of a question, and what they add to a score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ragkit.index.base import Ids, Scores
from ragkit.index.bm25_search import BM25Search
from ragkit.store.snapshot import Snapshot
from ragkit.text.verbatim import VerbatimQuestion, VerbatimTerm

_SHARE_POWER = 1.5  # lets terms count less that are a small part of their question
MAX_MATCHES = 200  # chunks with the words of a term in which it is looked for


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
    """The chunks that hold a term, and its inverse document frequency."""

    holders: list[int]
    idf: float


def find_holders(snapshot: Snapshot, words: BM25Search, question: VerbatimQuestion) -> Holders:
    """Find the readable chunks with verbatim terms of a question, in their header or text.

    A term has a share in the idf of all terms that occur and of the other words of the question.
    A chunk's boost is the sum of its shares to the power of 1.5. So a chunk with a bare code gets
    1 and ranks above all chunks without it, and a name in a long question adds a little.

    A term is looked for in at most MAX_MATCHES chunks that hold all of its words, the best by
    BM25. If more chunks hold them, the term counts as if it were in all of these: it is common and
    adds little.
    """
    found = [each for term in question.terms if (each := _find_term(snapshot, words, term)).holders]
    if not found:
        return NO_HOLDERS
    total = sum(each.idf for each in found) + words.weigh_words(snapshot, question.rest)
    shares: dict[int, float] = {}
    for each in found:
        for chunk in each.holders:
            shares[chunk] = shares.get(chunk, 0.0) + (each.idf / total if total else 0.0)
    ids = np.array(sorted(shares), dtype=np.int64)
    share = np.array([shares[chunk] for chunk in ids.tolist()], dtype=np.float32)
    return Holders(ids, share**_SHARE_POWER)


def _find_term(snapshot: Snapshot, words: BM25Search, term: VerbatimTerm) -> _Found:
    matches = words.match(snapshot, term.notations, MAX_MATCHES)
    holders = term.select_holders(snapshot.chunks.texts(matches.ids.tolist()))
    is_cut = matches.total > MAX_MATCHES
    return _Found(holders, words.idf(snapshot, matches.total if is_cut else len(holders)))
