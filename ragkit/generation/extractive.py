"""Answers without a model: the sentences of the best passages that answer, quoted exactly."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from ragkit.answers import Answer, Citation, Statement
from ragkit.embedders.base import Embedder, checked
from ragkit.retrieval.retriever import Hit
from ragkit.text.keywords import keywords
from ragkit.text.sentences import Sentence, split_sentences

_PASSAGES = 5
_QUOTES = 3
_LONGEST = 600  # characters of one quote
_NEAR = 0.7  # of the best quote's score, to be quoted too
# Headings, questions, what ends in a colon, and lines of a table of contents announce an answer.
_ANNOUNCES = re.compile(r"^#+ |[?:][*_]*$|\.\.\.\.")
_WORD_WEIGHT = 1.0
_PASSAGE_WEIGHT = 0.5


def extract_answer(
    question: str, passages: Sequence[Hit], embedder: Embedder, notice: str
) -> Answer:
    """Quote up to three sentences or table rows that are nearest to the question.

    What holds nothing but the question's own words answers nothing.
    """
    asked = keywords(question)
    pool = [
        (hit, unit)
        for hit in passages[:_PASSAGES]
        for unit in split_sentences(hit.text)
        if len(unit.text) <= _LONGEST
        and keywords(unit.text) - asked
        and not _ANNOUNCES.search(unit.text)
    ]
    if not pool:
        whole = passages[0].text[:_LONGEST]
        pool = [(passages[0], Sentence(0, len(whole), whole))]
    scores = _scores(question, pool, embedder)
    order = _distinct(pool, sorted(range(len(pool)), key=lambda n: -scores[n]))
    best = [n for n in order[:_QUOTES] if scores[n] >= _NEAR * scores[order[0]]]
    citations = tuple(_citation(number, *pool[n]) for number, n in enumerate(best, 1))
    lines = [_line(citation, pool[n][1]) for citation, n in zip(citations, best, strict=True)]
    statements = tuple(_statements(lines))
    return Answer(question, "\n".join(lines), citations, tuple(passages), statements, notice=notice)


def _statements(lines: Sequence[str]) -> Iterator[Statement]:
    """Each quote, which is what it cites, letter by letter."""
    start = 0
    for number, line in enumerate(lines, 1):
        yield Statement(line, start, start + len(line), (number,), "supported")
        start += len(line) + 1


def _distinct(pool: Sequence[tuple[Hit, Sentence]], order: Sequence[int]) -> list[int]:
    """The first of each text, for copies of a page say nothing new."""
    first: dict[tuple[str, str], int] = {}
    for n in order:
        unit = pool[n][1]
        first.setdefault((unit.context, " ".join(unit.text.split()).casefold()), n)
    return list(first.values())


def _citation(number: int, hit: Hit, unit: Sentence) -> Citation:
    return Citation.from_hit(number, hit, hit.start + unit.start, hit.start + unit.end)


def _line(citation: Citation, unit: Sentence) -> str:
    """A quote with its number; a table row stands under the heads of its columns."""
    quote = f"“{' '.join(citation.quote.split())}” [{citation.number}]"
    return f"{unit.context}: {quote}" if unit.context else quote


def _scores(question: str, pool: Sequence[tuple[Hit, Sentence]], embedder: Embedder) -> list[float]:
    """The cosine with the question, the share of its words (rare ones count more), the passage."""
    texts = [unit.in_context for _, unit in pool]
    counts = embedder.count_tokens(texts)
    short = [
        text if count <= embedder.max_tokens else text[: embedder.max_tokens]
        for text, count in zip(texts, counts, strict=True)
    ]
    query = checked(embedder.encode_query([question]), 1, embedder)[0]
    cosines = checked(embedder.encode_document(short), len(short), embedder) @ query
    words = [keywords(text) for text in texts]
    asked = {
        word: math.log(1 + len(pool) / (1 + sum(word in own for own in words)))
        for word in keywords(question)
    }
    total = sum(asked.values()) or 1.0
    return [
        float(cosine)
        + _WORD_WEIGHT * sum(asked[word] for word in own & asked.keys()) / total
        + _PASSAGE_WEIGHT * hit.score
        for cosine, own, (hit, _) in zip(cosines, words, pool, strict=True)
    ]
