"""Ranks what may be quoted: by words, by meaning, and by a cross-encoder if there is one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ragkit.embedders.base import Embedder, normalize
from ragkit.generation.question_types import ValueType, find_value_type, judge_value
from ragkit.generation.quote_candidates import QuoteCandidate
from ragkit.rerankers.base import Reranker, score_texts
from ragkit.text.keywords import keywords
from ragkit.text.lexicon import load_lexicon
from ragkit.text.verbatim import parse_question
from ragkit_ingest.chunk_texts import path_words

_LEXICON = load_lexicon()
_VAGUE = frozenset(word[:6] for word in _LEXICON.vague_words)
# The parts of a score, beside the share of the question's words; docs/benchmarks.md has figures.
_PASSAGE_WEIGHT = 0.45  # of what the passage's score is less than the best one's
_TYPE_WEIGHT = 0.2  # of having a value of the kind that the question asks for
_LABEL_WEIGHT = 0.3  # of the share of a row's label that the question asks for
_LABEL_MATCH_WEIGHT = 0.15  # of how well the label and the question's own words agree
_TERM_WEIGHT = 0.5  # of the share of the question's exact terms
_COSINE_WEIGHT = 0.6
_HEADED_COSINE_WEIGHT = 0.55  # of the text below its title and heading
_RERANKER_WEIGHT = 0.15  # of a logit
_HEADING_WEIGHT = 0.7  # of a word of the question that only the heading has
_EMBEDDED = 24  # candidates
_RERANKED = 8
LABEL_SHARE = 0.5  # of a label's words: cross-encoders read bare rows badly, but it is the row
_LABEL_LOGIT = 4.0  # that such a row has at least
_LOGIT_RANGE = 16.0  # of a reranker whose scores are logits


@dataclass(frozen=True, slots=True)
class ScoredQuote:
    """A candidate with its score; `logit` is the reranker's, None if it did not read it.

    `label_share` is the share of the row label's words that the question asks for.
    """

    candidate: QuoteCandidate
    score: float
    label_share: float = 0.0
    logit: float | None = None


def asked_words(question: str) -> frozenset[str]:
    """Return the keywords of a question without vague ones, or all if nothing else is left."""
    words = keywords(question)
    return words - _VAGUE or words


def rank_quotes(
    question: str,
    candidates: Sequence[QuoteCandidate],
    embedder: Embedder,
    reranker: Reranker | None = None,
) -> list[ScoredQuote]:
    """Return the candidates that answer a question best, best first, at most 24.

    A reranker counts only if it says with `score_range` what its scores mean: others cannot be
    added to anything. Raises EmbedderError and RerankerError for unusable vectors and scores.
    """
    scored = sorted(_score_by_words(question, candidates), key=lambda quote: -quote.score)
    scored = _drop_copies(scored)[:_EMBEDDED]
    scored = sorted(_add_cosines(question, scored, embedder), key=lambda quote: -quote.score)
    scale = getattr(reranker, "score_range", None)
    if reranker is None or not scale:
        return scored
    read = _add_logits(question, scored[:_RERANKED], reranker, _LOGIT_RANGE / scale)
    return sorted(read, key=lambda quote: -quote.score) + scored[_RERANKED:]


def _score_by_words(question: str, candidates: Sequence[QuoteCandidate]) -> list[ScoredQuote]:
    asked, kind = asked_words(question), find_value_type(question)
    words = [keywords(candidate.in_context) for candidate in candidates]
    held = Counter(word for own in words for word in own & asked)
    rarity = {word: math.log(1 + len(words) / (1 + held[word])) for word in asked}
    total = sum(rarity.values()) or 1.0
    best = max((candidate.hit.score for candidate in candidates), default=0.0)
    names = {
        id(candidate.hit): keywords(f"{candidate.hit.title} {path_words(candidate.hit.source)}")
        for candidate in candidates
    }
    found = []
    for candidate, own in zip(candidates, words, strict=True):
        named = names[id(candidate.hit)]
        above = keywords(" ".join(candidate.headings)) - own - named
        cover = sum(rarity[word] for word in asked & (own | named))
        cover += _HEADING_WEIGHT * sum(rarity[word] for word in asked & above)
        share, match = _compare_label(candidate, asked, asked - named)
        score = (
            cover / total
            + _PASSAGE_WEIGHT * (candidate.hit.score - best)
            + _TYPE_WEIGHT * _judge(kind, candidate, question)
            + _LABEL_WEIGHT * share
            + _LABEL_MATCH_WEIGHT * match
        )
        found.append(ScoredQuote(candidate, score, share))
    return _add_terms(question, found)


def _judge(kind: ValueType | None, candidate: QuoteCandidate, question: str) -> float:
    """Judge the values of a candidate; the number of a cell has the unit of its head."""
    text = candidate.text
    if candidate.row:
        text = "  ".join(f"{value} {head}" for head, value in candidate.row.cells)
    return judge_value(kind, text, question)


def _compare_label(
    candidate: QuoteCandidate, asked: frozenset[str], specific: frozenset[str]
) -> tuple[float, float]:
    """Return the share of a row label's words that are asked for, and its F1 with the question."""
    label = keywords(candidate.label)
    if not label or not asked:
        return 0.0, 0.0
    both = 2 * len(label & specific)
    return len(label & asked) / len(label), both / (len(label) + len(specific))


def _add_terms(question: str, scored: list[ScoredQuote]) -> list[ScoredQuote]:
    """Add the share of the question's exact terms that each candidate holds.

    If some table rows hold one, rows without are left out: the price of another part answers
    nothing.
    """
    terms = parse_question(question).terms
    if not terms:
        return scored
    texts = {at: quote.candidate.in_context for at, quote in enumerate(scored)}
    held = Counter(at for term in terms for at in term.select_holders(texts))
    has_row = any(scored[at].candidate.row for at in held)
    return [
        replace(quote, score=quote.score + _TERM_WEIGHT * held[at] / len(terms))
        for at, quote in enumerate(scored)
        if held[at] or not has_row or not quote.candidate.row
    ]


def _drop_copies(scored: Sequence[ScoredQuote]) -> list[ScoredQuote]:
    """Return the first quote of each text."""
    first: dict[tuple[str, str], ScoredQuote] = {}
    for quote in scored:
        first.setdefault((quote.candidate.heads, quote.candidate.text.casefold()), quote)
    return list(first.values())


def _add_cosines(
    question: str, scored: Sequence[ScoredQuote], embedder: Embedder
) -> list[ScoredQuote]:
    if not scored:
        return []
    texts = [quote.candidate.in_context for quote in scored]
    headed = [
        f"{_describe_place(quote.candidate)}. {quote.candidate.in_context}" for quote in scored
    ]
    query = normalize(embedder.encode_query([question]), 1, embedder)[0]
    cosines = _encode(texts + headed, embedder) @ query
    return [
        replace(
            quote,
            score=quote.score
            + _COSINE_WEIGHT * float(cosines[at])
            + _HEADED_COSINE_WEIGHT * float(cosines[at + len(scored)]),
        )
        for at, quote in enumerate(scored)
    ]


def _encode(texts: Sequence[str], embedder: Embedder) -> npt.NDArray[np.float32]:
    counts = embedder.count_tokens(texts)
    # a text of `max_tokens` characters has at most as many tokens
    short = [
        text if count <= embedder.max_tokens else text[: embedder.max_tokens]
        for text, count in zip(texts, counts, strict=True)
    ]
    return normalize(embedder.encode_document(short), len(short), embedder)


def _describe_place(candidate: QuoteCandidate) -> str:
    """Return the document's title and the heading above a candidate."""
    title = candidate.hit.title or path_words(candidate.hit.source)
    return " - ".join(dict.fromkeys([title, *candidate.headings[-1:]]))


def _add_logits(
    question: str, scored: Sequence[ScoredQuote], reranker: Reranker, scale: float
) -> list[ScoredQuote]:
    if not scored:
        return []
    texts = [
        f"{_describe_place(quote.candidate)}: {quote.candidate.in_context}" for quote in scored
    ]
    logits = [scale * float(score) for score in score_texts(reranker, question, texts)]
    return [
        replace(
            quote,
            logit=logit,
            score=quote.score + _RERANKER_WEIGHT * max(logit, *_least_logits(quote)),
        )
        for quote, logit in zip(scored, logits, strict=True)
    ]


def _least_logits(quote: ScoredQuote) -> tuple[float, ...]:
    is_labelled = quote.label_share >= LABEL_SHARE
    return (_LABEL_LOGIT,) if is_labelled else (-math.inf,)
