"""The quotes of an answer as HTML: the best one large, further places folded."""

from __future__ import annotations

import re
from html import escape

from ragkit import Answer, Quote
from ragkit.text.keywords import keywords
from ragkit_apps.answer_parts import (
    QuoteTable,
    count_places,
    find_citation,
    name_place,
    tabulate_quote,
)

_WORD = re.compile(r"\w+(?:[-./]\w+)*")


def render_quotes(answer: Answer) -> str:
    """Return the best quote of an answer, and a fold with the others, each with its source."""
    best, *others = answer.quotes
    html = f'<figure class="quote best">{_render_quote(answer, best)}</figure>'
    if not others:
        return html
    figures = [f'<figure class="quote">{_render_quote(answer, quote)}</figure>' for quote in others]
    summary = f"<summary>{count_places(len(others))}</summary>"
    return f'{html}<details class="places">{summary}{"".join(figures)}</details>'


def _render_quote(answer: Answer, quote: Quote) -> str:
    table = tabulate_quote(quote)
    asked = keywords(answer.query or answer.question)
    words = _render_table(table) if table else f"<p>“{_emphasize(quote.text, asked)}”</p>"
    return f"{words}<figcaption>{_render_source(answer, quote.citation)}</figcaption>"


def _render_table(table: QuoteTable) -> str:
    kinds = [' class="asked"' if n == table.asked else "" for n in range(len(table.columns))]
    heads = "".join(
        f'<th scope="col"{kind}>{escape(head)}</th>'
        for kind, head in zip(kinds, table.columns, strict=True)
    )
    values = "".join(
        f"<td{kind}>{escape(value)}</td>" for kind, value in zip(kinds, table.values, strict=True)
    )
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    return (
        f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody><tr>{values}</tr></tbody></table>"
    )


def _emphasize(text: str, asked: frozenset[str]) -> str:
    """Return a text with the words of the question in bold type."""
    parts, at = [], 0
    for found in _WORD.finditer(text):
        if keywords(found[0]) & asked:
            parts += [escape(text[at : found.start()]), f"<strong>{escape(found[0])}</strong>"]
            at = found.end()
    return "".join([*parts, escape(text[at:])])


def _render_source(answer: Answer, number: int) -> str:
    citation = find_citation(answer, number)
    if citation is None:
        return f'<span class="cite">{number}</span> removed, or changed since'
    return (
        f'<button type="button" class="source" data-cite="{number}" '
        f'title="{escape(citation.source)}"><span class="cite">{number}</span> '
        f"{escape(name_place(citation))}</button>"
    )
