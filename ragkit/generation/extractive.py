"""Extractive answers: sentences of the best passages, quoted without a model."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from ragkit.answers import Answer, Citation, Quote, Statement
from ragkit.embedders.base import Embedder, normalize
from ragkit.retrieval.hits import Hit
from ragkit.retrieval.runs import Side
from ragkit.text.keywords import keywords
from ragkit.text.sentences import Sentence, split_sentences
from ragkit.text.verbatim import parse_question
from ragkit_ingest.model import CELL_SEPARATOR

_MAX_PASSAGES = 5  # that sentences are taken from
_MAX_QUOTES = 3
_MAX_QUOTE_LENGTH = 600  # characters
_MIN_SCORE_RATIO = 0.7  # of the best quote's score, for a further quote
# Headings, questions, what ends in a colon, and lines of a table of contents announce an answer.
_ANNOUNCEMENT = re.compile(r"^#+ |[?:][*_]*$|\.\.\.\.")
# A sentence's score: its cosine with the question, and the following parts.
_WORD_WEIGHT = 1.0  # of the share of the question's words in it, rare words counting more
_PASSAGE_WEIGHT = 0.5  # of its passage's score, of which exact terms are left out above 1
_TERM_WEIGHT = 0.5  # of the share of the question's exact terms that it holds

Candidate = tuple[Hit, Sentence]


def extract_answer(
    question: str,
    passages: Sequence[Hit],
    embedder: Embedder,
    notice: str,
    sides: Sequence[Side] = (),
) -> Answer:
    """Quote up to three sentences or table rows that are nearest to the question.

    A sentence that has only words of the question does not answer it and is not quoted. Of a
    question with sides, the best quote for each side comes first.
    """
    best = _choose_quotes(question, passages, embedder)
    if sides:
        others = best
        found = [(side.query, side.select_hits(passages)) for side in sides]
        firsts = [_choose_quotes(query, hits, embedder)[0] for query, hits in found if hits]
        count = max(_MAX_QUOTES, len(firsts))
        best = [firsts[n] for n in _drop_copies(firsts, range(len(firsts)))]
        best += [quote for quote in others if quote not in best][: count - len(best)]
    citations = tuple(_cite(number, *each) for number, each in enumerate(best, 1))
    lines = [
        _format_quote(citation, sentence)
        for citation, (_, sentence) in zip(citations, best, strict=True)
    ]
    return Answer(
        question,
        "\n".join(lines),
        citations,
        tuple(passages),
        tuple(_make_statements(lines)),
        notice=notice,
        quotes=tuple(_make_quote(number, *each) for number, each in enumerate(best, 1)),
    )


def _choose_quotes(question: str, passages: Sequence[Hit], embedder: Embedder) -> list[Candidate]:
    """Return the best quote for a question, and others that are nearly as good.

    If some table rows hold an exact term of the question, rows without one are not quoted: the
    price of another part answers nothing.
    """
    candidates = _find_candidates(question, passages)
    shares = _share_terms(question, [sentence.in_context for _, sentence in candidates])
    if any(share for (_, row), share in zip(candidates, shares, strict=True) if row.context):
        pairs = zip(candidates, shares, strict=True)
        kept = [(each, share) for each, share in pairs if share or not each[1].context]
        candidates, shares = [each for each, _ in kept], [share for _, share in kept]
    scores = _score(question, candidates, shares, embedder)
    ranking = sorted(range(len(candidates)), key=lambda n: -scores[n])
    ranking = _drop_copies(candidates, ranking)
    least = _MIN_SCORE_RATIO * scores[ranking[0]]
    return [candidates[n] for n in ranking[:_MAX_QUOTES] if scores[n] >= least]


def _find_candidates(question: str, passages: Sequence[Hit]) -> list[Candidate]:
    """Return the sentences that may be quoted, or the start of the best passage if none may."""
    asked = keywords(question)
    found = [
        (hit, sentence)
        for hit in passages[:_MAX_PASSAGES]
        for sentence in split_sentences(hit.text)
        if len(sentence.text) <= _MAX_QUOTE_LENGTH
        and keywords(sentence.text) - asked
        and not _ANNOUNCEMENT.search(sentence.text)
    ]
    start = passages[0].text[:_MAX_QUOTE_LENGTH]
    return found or [(passages[0], Sentence(0, len(start), start))]


def _score(
    question: str, candidates: Sequence[Candidate], shares: Sequence[float], embedder: Embedder
) -> list[float]:
    """Return the score of each candidate for the question; higher is better.

    `shares` are those of the question's exact terms that each holds.
    """
    texts = [sentence.in_context for _, sentence in candidates]
    counts = embedder.count_tokens(texts)
    # a text of `max_tokens` characters has at most as many tokens
    short = [
        text if count <= embedder.max_tokens else text[: embedder.max_tokens]
        for text, count in zip(texts, counts, strict=True)
    ]
    query = normalize(embedder.encode_query([question]), 1, embedder)[0]
    cosines = normalize(embedder.encode_document(short), len(short), embedder) @ query
    words = [keywords(text) for text in texts]
    rarity = {
        word: math.log(1 + len(candidates) / (1 + sum(word in own for own in words)))
        for word in keywords(question)
    }
    total = sum(rarity.values()) or 1.0
    return [
        float(cosine)
        + _WORD_WEIGHT * sum(rarity[word] for word in own & rarity.keys()) / total
        + _PASSAGE_WEIGHT * min(hit.score, 1)
        + _TERM_WEIGHT * share
        for cosine, own, (hit, _), share in zip(cosines, words, candidates, shares, strict=True)
    ]


def _share_terms(question: str, texts: Sequence[str]) -> list[float]:
    """Return the share of the question's exact terms in each text, 0 if it has none."""
    terms = parse_question(question).terms
    held = Counter(at for term in terms for at in term.select_holders(dict(enumerate(texts))))
    return [held[at] / len(terms) if terms else 0.0 for at in range(len(texts))]


def _drop_copies(candidates: Sequence[Candidate], ranking: Sequence[int]) -> list[int]:
    """Return the ranking with only the first candidate of each text."""
    first: dict[tuple[str, str], int] = {}
    for n in ranking:
        sentence = candidates[n][1]
        first.setdefault((sentence.context, " ".join(sentence.text.split()).casefold()), n)
    return list(first.values())


def _cite(number: int, hit: Hit, sentence: Sentence) -> Citation:
    return Citation.from_hit(number, hit, hit.start + sentence.start, hit.start + sentence.end)


def _make_quote(number: int, hit: Hit, sentence: Sentence) -> Quote:
    text = " ".join(sentence.text.split())
    row = hit.row_at(hit.start + sentence.start)
    if row is None:
        return Quote(number, text)
    values = [" ".join(value.split()) for value in sentence.text.split(CELL_SEPARATOR)]
    cells = zip(row.columns, values, strict=True) if len(row.columns) == len(values) else ()
    return Quote(number, text, tuple(cells), row.label, row.unit)


def _format_quote(citation: Citation, sentence: Sentence) -> str:
    """Return a quote with its number; a table row has its column heads before it."""
    quote = f"“{' '.join(citation.quote.split())}” [{citation.number}]"
    return f"{sentence.context}: {quote}" if sentence.context else quote


def _make_statements(lines: Sequence[str]) -> Iterator[Statement]:
    """Yield each quote as a supported statement: it is exactly what it cites."""
    start = 0
    for number, line in enumerate(lines, 1):
        yield Statement(line, start, start + len(line), (number,), "supported")
        start += len(line) + 1
