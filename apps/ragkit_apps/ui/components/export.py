"""A conversation as a Markdown file."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragkit import Answer, Quote, Turn
from ragkit_apps.answer_parts import (
    count_places,
    count_unverified,
    explain_verdict,
    find_citation,
    name_place,
    select_new_notices,
    split_quotes,
    tabulate_quote,
)
from ragkit_apps.ui.components.markup import shorten, to_one_line

MAX_FILE_NAME_CHARACTERS = 60


def build_file_name(title: str) -> str:
    """Return a file name for a conversation's title: "how-many-days-of-leave.md"."""
    words = re.findall(r"[^\W_]+", title.lower())
    name = "-".join(words)[:MAX_FILE_NAME_CHARACTERS].rstrip("-")
    return f"{name}.md" if words else "conversation.md"


def export_markdown(title: str, turns: Sequence[Turn]) -> str:
    """Return a conversation as Markdown: questions, answers, and sources with their text.

    Text of documents, users and models is escaped: it cannot load images or add links.
    """
    lines = [f"# {_escape_line(title)}", ""]
    before: Answer | None = None
    for turn in turns:
        answer = turn.answer
        lines += [f"## {_escape_line(turn.question)}", ""]
        lines += _export_quotes(answer) if answer.quotes else _export_text(answer)
        lines += _export_sources(answer)
        if answer.is_unsupported:
            lines += [f"{answer.UNSUPPORTED_NOTE}:", "", *_export_text(answer)]
        for statement, count in count_unverified(answer):
            reason = _escape_line(explain_verdict(statement, count))
            lines += [f"Could not be verified: {_escape_line(statement.text)} ({reason})", ""]
        for line in select_new_notices(answer, before):
            lines += [_escape_line(line), ""]
        model = f"by {_escape_line(answer.model)}" if answer.model else "quoted, no AI model"
        lines += [f"*{turn.at[:16].replace('T', ' ')} UTC, {model}*", ""]
        before = answer
    return "\n".join(lines)


def _export_text(answer: Answer) -> list[str]:
    lines = [_escape_line(line) for line in answer.text.split("\n") if line.strip()]
    if answer.abstention:
        lines += filter(None, (answer.abstention.sentence,))
    return [part for line in lines for part in (line, "")]


def _export_quotes(answer: Answer) -> list[str]:
    """Return the best quote with its source, and the others under a line that counts them."""
    best, others = split_quotes(answer)
    lines = [line for quote in best for line in _export_quote(answer, quote)]
    lines += [f"{count_places(len(others))}:", ""] if others else []
    for quote in others:
        lines += _export_quote(answer, quote)
    return lines


def _export_quote(answer: Answer, quote: Quote) -> list[str]:
    """Return a quote, or a row as a table, and the line of its source."""
    table = tabulate_quote(quote)
    citation = find_citation(answer, quote.citation)
    place = _escape_line(name_place(citation)) if citation else "removed, or changed since"
    if table is None:
        words = [f"> “{_escape_line(quote.text)}”"]
    else:
        unit = [_escape_line(table.unit), ""] if table.unit else []
        rule = ["---"] * len(table.columns)
        rows = (map(_escape_line, table.columns), rule, map(_escape_line, table.values))
        words = [*unit, *(f"| {' | '.join(row)} |" for row in rows)]
    return [*words, "", f"[{quote.citation}] {place}", ""]


def _export_sources(answer: Answer) -> list[str]:
    """Return a line for each citation that no quote shows."""
    quoted = {quote.citation for quote in answer.quotes}
    lines = [
        f"{citation.number}. {_escape_line(name_place(citation))}: "
        f"“{_escape_line(shorten(citation.excerpt, 400))}”"
        for citation in answer.citations
        if citation.number not in quoted
    ]
    return [*lines, ""] if lines else []


def _escape_line(text: str) -> str:
    """Return one line in which no character starts an image, a link or HTML."""
    text = re.sub(r"([\\<>!`|*_~]|(?<!\d)\]|\[(?!\d))", r"\\\1", to_one_line(text))
    return re.sub(r"(?<=http)(?=s?://)|(?<=www)(?=\.)", "\N{WORD JOINER}", text)
