"""The weight of words beside vectors: more where a language is foreign to the embedder."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from ragkit.embedders.base import Embedder
from ragkit.embedders.pieces import can_measure_pieces, measure_pieces
from ragkit.retrieval.fusion import LEXICAL_WEIGHT
from ragkit.store.snapshot import Snapshot
from ragkit.text.scripts import split_bigrams

FOREIGN_LEXICAL_WEIGHT = 0.85  # where the question and the passages are foreign to the embedder
_QUESTION_PIECES = (1.2, 1.6)  # of a word: the weight rises between them
PASSAGE_PIECES = (1.3, 1.6)
_MIN_COVERAGE = 0.25
_MIN_PAIR_COVERAGE = 0.15
_SAMPLE = 8  # passages with the words of the question
_MAX_QUESTION = 2000  # letters of a question that are looked at
_MAX_CACHED_CHUNKS = 100_000


class LexicalWeights:
    """Chooses the weight of words for each question; safe from several threads.

    Cosines say little about a text that the embedder sees in fragments (see `measure_pieces`), and
    words do not find a passage in another language than the question's. So words weigh more only
    where both are foreign to the embedder: the question, and the passages that share its words.
    Questions and passages in the embedder's own languages keep LEXICAL_WEIGHT.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._can_measure = can_measure_pieces(embedder)
        self._pieces: dict[int, float] = {}

    def choose(self, snapshot: Snapshot, question: str, by_words: Sequence[int]) -> float:
        """Return the weight of words in [0, 1] for a question.

        `by_words` are the chunks with the highest BM25 scores.
        """
        share = self.measure_foreignness(snapshot, question, by_words)
        return LEXICAL_WEIGHT + share * (FOREIGN_LEXICAL_WEIGHT - LEXICAL_WEIGHT)

    def measure_foreignness(
        self, snapshot: Snapshot, question: str, chunks: Sequence[int]
    ) -> float:
        """Return how foreign a question and these chunks are to the embedder, in [0, 1].

        It is the lesser of both. The first chunks that the snapshot may read decide, and nothing
        else of the knowledge base. It is 0 without chunks.
        """
        if not self._can_measure or not chunks:
            return 0.0
        share = climb(measure_pieces(self._embedder, question[:_MAX_QUESTION]), _QUESTION_PIECES)
        if not share:
            return 0.0
        pieces = self._measure_chunks(snapshot, chunks[:_SAMPLE])
        return min(share, climb(median(pieces or [0.0]), PASSAGE_PIECES))

    def _measure_chunks(self, snapshot: Snapshot, ids: Sequence[int]) -> list[float]:
        """Return the pieces of a word in each of these chunks that the snapshot may read.

        A chunk never changes, so its figure is cached for all readers.
        """
        known = self._pieces
        unknown = [chunk for chunk in ids if chunk not in known]
        for chunk, stored in snapshot.chunks.get(unknown).items():
            if len(known) > _MAX_CACHED_CHUNKS:
                known = self._pieces = {}
            known[chunk] = measure_pieces(self._embedder, stored.text)
        return [known[chunk] for chunk in ids if chunk in known]


def climb(pieces: float, ramp: tuple[float, float]) -> float:
    """Return 0 below a ramp, 1 above it, and the share of its height in between."""
    low, high = ramp
    return min(1.0, max(0.0, (pieces - low) / (high - low)))


def choose_min_coverage(question: str) -> float:
    """Return the least share of a question's words in a passage that answers it.

    It is less where pairs of letters stand for words: many of them join two words. See
    `BM25Search.measure_coverage`; the shares are measured with
    `python -m tests.benchmarks abstention`.
    """
    terms = split_bigrams(question).split()
    pairs = len(terms) - len(question.split())
    share = min(1.0, max(0.0, pairs / len(terms))) if terms else 0.0
    return _MIN_COVERAGE + share * (_MIN_PAIR_COVERAGE - _MIN_COVERAGE)
