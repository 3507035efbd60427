"""The quotes of an answer on a terminal: the best one large, further places one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ragkit_apps.answer_parts import (
    QuoteTable,
    count_places,
    find_citation,
    name_place,
    split_quotes,
    tabulate_quote,
)
from ragkit_apps.cli.render import (
    align_cells,
    escape_name,
    shorten,
    style_text,
    terminal_width,
    wrap_text,
)

if TYPE_CHECKING:
    from ragkit import Answer, Citation, Quote

_INDENT = "  "
_MAX_PLACE_LENGTH = 200


def format_quotes(answer: Answer) -> list[str]:
    """Return the best quote of an answer with its source, and a line for each further place."""
    best, others = split_quotes(answer)
    lines: list[str] = []
    for quote in best:
        lines += [""] if lines else []
        lines += [*_format_best(quote), *format_source(answer, quote.citation)]
    if others:
        lines += ["", count_places(len(others))]
        lines += [_format_place(answer, quote) for quote in others]
    return lines


def _format_best(quote: Quote) -> list[str]:
    table = tabulate_quote(quote)
    if table is None:
        return [style_text(line, bold=True) for line in wrap_text(str(quote), _INDENT)]
    return [*wrap_text(table.unit, _INDENT), *_format_table(table)]


def _format_table(table: QuoteTable) -> list[str]:
    """Return heads and values as two lines; as one line for each column if they are too long."""
    columns, values = ([escape_name(cell) for cell in row] for row in (table.columns, table.values))
    heads, row = (_INDENT + line for line in align_cells([columns, values]))
    width = terminal_width()
    if width is None or max(len(heads), len(row)) <= width:
        return [style_text(heads, dim=True), style_text(row, bold=True)]
    start = max(map(len, columns)) + len(_INDENT)
    lines = []
    for head, value in zip(columns, values, strict=True):
        first, *more = wrap_text(value, " " * (start + len(_INDENT)))
        lead = style_text(_INDENT + head.ljust(start), dim=True)
        lines += [lead + style_text(first.lstrip(), bold=True)]
        lines += [style_text(line, bold=True) for line in more]
    return lines


def format_source(answer: Answer, number: int) -> list[str]:
    """Return a citation's number, place and file; a note if its passage has been removed."""
    citation = find_citation(answer, number)
    if citation is None:
        return [f"{_INDENT}[{number}] removed from the knowledge base, or changed since"]
    return format_citation_place(citation)


def format_citation_place(citation: Citation, *, prefix: str = "") -> list[str]:
    """Return a citation's number, the title and place of its document, and the file."""
    lines = wrap_text(
        f"{prefix}[{citation.number}] {name_place(citation)}", _INDENT, hanging="    "
    )
    if citation.name == citation.source:
        return lines
    path, width = f"  {escape_name(citation.source)}", terminal_width()
    if width is None or len(lines[-1] + path) <= width:
        return [*lines[:-1], lines[-1] + style_text(path, dim=True)]
    return [*lines, style_text(f"{_INDENT}  {path}", dim=True)]


def _format_place(answer: Answer, quote: Quote) -> str:
    """Return a further quote on one line, of which its place takes up to half."""
    citation = find_citation(answer, quote.citation)
    width = min(terminal_width() or _MAX_PLACE_LENGTH, _MAX_PLACE_LENGTH) - len(_INDENT)
    place = f"{shorten(name_place(citation), width // 2)}: " if citation else ""
    return _INDENT + shorten(f"[{quote.citation}] {place}{quote}", width)
