"""Extractive answers: the best sentence or table row of the passages, quoted without a model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ragkit.answers import Abstention, Answer, Citation, Quote, Statement
from ragkit.embedders.base import Embedder
from ragkit.generation.declining import find_missing_names, is_foreign, is_too_far
from ragkit.generation.outlines import find_topic, quote_section
from ragkit.generation.question_types import find_value_type
from ragkit.generation.quote_candidates import (
    MAX_QUOTE_LENGTH,
    QuoteCandidate,
    clean_text,
    find_candidates,
)
from ragkit.generation.quote_scores import ScoredQuote, asked_words, rank_quotes
from ragkit.generation.row_cells import Cell, sort_cells
from ragkit.rerankers.base import Reranker
from ragkit.retrieval.hits import Hit
from ragkit.retrieval.runs import Side

_MAX_PASSAGES = 5  # that quotes are taken from
_MAX_QUOTES = 3
_MIN_SCORE_RATIO = 0.7  # of the best quote's score, for a further quote
_ESCAPED_BAR = r"\|"  # in a cell of a Markdown table
_MAX_SHOWN_CELLS = 5  # of a row, beside its label


def extract_answer(
    question: str,
    passages: Sequence[Hit],
    embedder: Embedder,
    notice: str,
    sides: Sequence[Side] = (),
    reranker: Reranker | None = None,
    coverage: float = 1.0,
) -> Answer:
    """Answer with the sentence or table row that is nearest to a question, or decline.

    The text is the best quote, of a question with sides the best one for each. `Answer.quotes` has
    up to two more. `coverage` is the largest share of the question's words in one passage, rare
    words counting more. It declines if a name, code or year of the question is not in the passage
    of the best quote, or if that is too far from the question; never if question and passages
    differ in language.
    """
    topic = find_topic(question)
    section = quote_section(topic, passages, find_candidates(topic, passages)) if topic else []
    ranked = _rank(question, passages, embedder, reranker)
    if not (sides or section) and (answer := _decline(question, passages, ranked, coverage)):
        return replace(answer, notice="\n".join(filter(None, (answer.notice, notice))))
    best = _select_best(ranked)
    firsts = section
    best = [*section, *(each for each in best if each not in section)][:_MAX_QUOTES]
    if sides:
        found = [(side.query, side.select_hits(passages)) for side in sides]
        answers = [_rank(query, hits, embedder, reranker)[:1] for query, hits in found if hits]
        firsts = list(dict.fromkeys(quote.candidate for each in answers for quote in each))
        best = [*firsts, *(each for each in best if each not in firsts)]
        best = best[: max(_MAX_QUOTES, len(firsts))]
    best = best or [_quote_beginning(passages[0])]
    citations = tuple(
        Citation.from_hit(number, each.hit, each.start, each.end)
        for number, each in enumerate(best, 1)
    )
    quotes = tuple(_make_quote(question, number, each) for number, each in enumerate(best, 1))
    blocks = [_format_quote(each) for each in quotes[: max(1, len(firsts))]]
    return Answer(
        question,
        "\n\n".join(blocks),
        citations,
        tuple(passages),
        tuple(_make_statements(blocks)),
        notice=notice,
        quotes=quotes,
    )


def _rank(
    question: str, passages: Sequence[Hit], embedder: Embedder, reranker: Reranker | None
) -> list[ScoredQuote]:
    candidates = find_candidates(question, passages[:_MAX_PASSAGES])
    return rank_quotes(question, candidates, embedder, reranker)


def _decline(
    question: str, passages: Sequence[Hit], ranked: Sequence[ScoredQuote], coverage: float
) -> Answer | None:
    """Return an abstention if the best quote does not answer the question, else None."""
    if not ranked or is_foreign(question, [hit.text for hit in passages[:_MAX_PASSAGES]]):
        return None
    far = Answer.abstain(question, passages, Abstention.FAR)
    if missing := find_missing_names(question, ranked[0].candidate):
        names = ", ".join(f"“{name}”" for name in missing)
        return replace(far, notice=f"The nearest passage does not mention {names}.")
    return far if is_too_far(question, ranked[0], coverage) else None


def _select_best(ranked: Sequence[ScoredQuote]) -> list[QuoteCandidate]:
    """Return the best quote, and others that are nearly as good."""
    least = _MIN_SCORE_RATIO * ranked[0].score if ranked else 0.0
    return [quote.candidate for quote in ranked[:_MAX_QUOTES] if quote.score >= least]


def _quote_beginning(hit: Hit) -> QuoteCandidate:
    """Return the beginning of a passage in which nothing is worth quoting."""
    end = hit.start + min(len(hit.text), MAX_QUOTE_LENGTH)
    text = clean_text(hit.text[:MAX_QUOTE_LENGTH], is_markdown=hit.kind == "markdown")
    return QuoteCandidate(hit, hit.start, end, text)


def _make_quote(question: str, number: int, candidate: QuoteCandidate) -> Quote:
    row = candidate.row
    if row is None:
        return Quote(number, candidate.text)
    cells = (row.label, *row.cells) if row.label[0] else row.cells
    ordered = sort_cells(cells, question, find_value_type(question), asked_words(question))
    return Quote(number, candidate.text, ordered, row.label[1], row.unit)


def _format_quote(quote: Quote) -> str:
    """Return a quote with its number; a table row is a Markdown table with its label first."""
    if not quote.cells:
        return f"“{quote.text}” [{quote.citation}]"
    cells = list(quote.cells_by_label)
    first = 1 if quote.label else 0  # the cell that is asked for
    if quote.unit and len(cells) > first and quote.unit not in cells[first][0]:
        cells[first] = (f"{cells[first][0]} ({quote.unit})".strip(), cells[first][1])
    return f"{_format_table(cells[: first + _MAX_SHOWN_CELLS])}\n\n[{quote.citation}]"


def _format_table(cells: Sequence[Cell]) -> str:
    heads, values = zip(*cells, strict=True)
    lines = (_join_cells(heads), _join_cells(["---"] * len(cells)), _join_cells(values))
    return "\n".join(lines)


def _join_cells(values: Iterable[str]) -> str:
    return f"| {' | '.join(value.replace('|', _ESCAPED_BAR) for value in values)} |"


def _make_statements(blocks: Sequence[str]) -> Iterable[Statement]:
    """Yield each quote as a supported statement: it is exactly what it cites."""
    start = 0
    for number, block in enumerate(blocks, 1):
        yield Statement(block, start, start + len(block), (number,), "supported")
        start += len(block) + 2
