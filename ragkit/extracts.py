"""Answers without a model: the sentences of the best passages that answer, quoted exactly."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ragkit.answers import NOTHING_FOUND, Answer, citation_of, sentences
from ragkit.embedding import Embedder, checked
from ragkit.retrieval import Hit

_PASSAGES = 5
_QUOTES = 3
_LONGEST = 600  # characters of one quote
_SHORTEST = 20
_WORD = re.compile(r"[^\W_]{2,}")
_COMMON = frozenset(
    [
        "the",
        "and",
        "for",
        "are",
        "was",
        "were",
        "what",
        "which",
        "who",
        "whom",
        "when",
        "where",
        "how",
        "why",
        "does",
        "did",
        "has",
        "have",
        "had",
        "can",
        "may",
        "must",
        "should",
        "will",
        "would",
        "from",
        "with",
        "this",
        "that",
        "these",
        "those",
        "their",
        "there",
        "than",
        "then",
        "into",
        "about",
        "any",
        "many",
        "much",
        "our",
        "your",
        "its",
        "his",
        "her",
        "they",
        "them",
        "been",
        "being",
        "between",
        "is",
        "of",
        "to",
        "in",
        "on",
        "at",
        "by",
        "an",
        "it",
        "as",
        "be",
        "do",
        "or",
        "if",
        "we",
        "you",
        "he",
        "she",
        "not",
        "no",
    ]
)


def extract(question: str, passages: Sequence[Hit], embedder: Embedder, notice: str) -> Answer:
    """Quote up to three sentences that are nearest to the question, best passage first.

    A sentence is scored by its cosine with the question plus the share of the question's words
    in it, weighted alike.
    """
    pool = [
        (hit, start, end)
        for hit in passages[:_PASSAGES]
        for start, end in sentences(hit)
        if _SHORTEST <= end - start <= _LONGEST
    ]
    if not pool:
        pool = [(hit, hit.start, min(hit.end, hit.start + _LONGEST)) for hit in passages[:1]]
    texts = [hit.text[start - hit.start : end - hit.start] for hit, start, end in pool]
    scores = _scores(question, texts, [hit for hit, _, _ in pool], embedder)
    best = sorted(range(len(pool)), key=lambda n: -scores[n])[:_QUOTES]
    best = [n for n in best if scores[n] >= 0.6 * scores[best[0]]]
    citations = tuple(citation_of(number, *pool[n]) for number, n in enumerate(best, 1))
    text = "\n".join(f"“{' '.join(c.quote.split())}” [{c.number}]" for c in citations)
    return Answer(question, text, citations, tuple(passages), notice=notice)


def abstain(question: str, passages: Sequence[Hit], model: str | None, notice: str) -> Answer:
    """The result when the documents do not hold the answer; `passages` are the nearest ones."""
    return Answer(
        question, NOTHING_FOUND, (), tuple(passages), abstained=True, model=model, notice=notice
    )


def _scores(
    question: str, texts: Sequence[str], hits: Sequence[Hit], embedder: Embedder
) -> list[float]:
    query = checked(embedder.encode_query([question]), 1, embedder)[0]
    limit = embedder.max_tokens
    short = [
        text if n <= limit else text[:limit]
        for text, n in zip(texts, embedder.count_tokens(texts), strict=True)
    ]
    cosines = checked(embedder.encode_document(short), len(short), embedder) @ query
    words = content_words(question)
    shares = [len(words & content_words(text)) / max(len(words), 1) for text in texts]
    passage = np.array([hit.score for hit in hits])
    total = cosines + np.array(shares) + 0.5 * passage
    return [float(score) for score in total]


def content_words(text: str) -> frozenset[str]:
    """A text's words without the commonest ones, cut to six letters so that forms agree."""
    return frozenset(word[:6] for word in _WORD.findall(text.casefold()) if word not in _COMMON)
