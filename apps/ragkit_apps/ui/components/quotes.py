"""The quotes of an answer as HTML: the best one large, further places folded."""

from __future__ import annotations

from html import escape

from ragkit import Answer, Quote
from ragkit_apps.answer_parts import (
    QuoteTable,
    count_places,
    find_citation,
    name_place,
    split_quotes,
    tabulate_quote,
)


def render_quotes(answer: Answer) -> str:
    """Return the best quote of an answer, and a fold with the others, each with its source."""
    best, others = split_quotes(answer)
    html = "".join(_render_quote(answer, quote, "quote best") for quote in best)
    if not others:
        return html
    figures = "".join(_render_quote(answer, quote, "quote") for quote in others)
    summary = f"<summary>{count_places(len(others))}</summary>"
    return f'{html}<details class="places">{summary}{figures}</details>'


def _render_quote(answer: Answer, quote: Quote, kind: str) -> str:
    table = tabulate_quote(quote)
    words = _render_table(answer, table) if table else f"<p>“{_emphasize(answer, quote.text)}”</p>"
    source = _render_source(answer, quote.citation)
    return f'<figure class="{kind}">{words}<figcaption>{source}</figcaption></figure>'


def _render_table(answer: Answer, table: QuoteTable) -> str:
    """Return a table in which the first column after the label is marked if it is asked for."""
    cells = list(zip(table.columns, table.values, strict=True))
    place = min(1, len(cells) - 1)
    is_asked = bool(answer.find_asked_words(table.columns[place]))
    kinds = [' class="asked"' if is_asked and n == place else "" for n in range(len(cells))]
    heads, values = "", ""
    for kind, (head, value) in zip(kinds, cells, strict=True):
        heads += f'<th scope="col"{kind}>{escape(head)}</th>'
        values += f"<td{kind}>{escape(value)}</td>"
    caption = f"<caption>{escape(table.unit)}</caption>" if table.unit else ""
    return (
        f'<div class="scroll"><table>{caption}<thead><tr>{heads}</tr></thead>'
        f"<tbody><tr>{values}</tr></tbody></table></div>"
    )


def _emphasize(answer: Answer, text: str) -> str:
    """Return a text with the words of the question in bold type."""
    parts, at = [], 0
    for start, end in answer.find_asked_words(text):
        parts += [escape(text[at:start]), f"<strong>{escape(text[start:end])}</strong>"]
        at = end
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
