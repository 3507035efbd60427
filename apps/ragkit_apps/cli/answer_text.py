"""Hits, answers and conversations as lines and tables of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragkit_apps.answer_parts import (
    QUOTED_NOTE,
    count_unverified,
    explain_verdict,
    format_unverified,
    format_verified,
    is_unverified,
    select_new_notices,
)
from ragkit_apps.cli.quote_text import format_citation_place, format_quotes
from ragkit_apps.cli.render import Table, clean_text, escape_name, shorten, style_text, wrap_text

if TYPE_CHECKING:
    from ragkit import Answer, Explanation, Hit, StoredConversation, Turn
    from ragkit.llms import InstalledModel

MAX_CANDIDATES = 30
MAX_NEAREST_PASSAGES = 3
MAX_UNVERIFIED = 5  # that are listed
MAX_EXCERPT_LENGTH = 200
_FITS = {True: ", fits", False: ", does not fit", None: ""}


def format_hit(number: int, hit: Hit) -> list[str]:
    """Return a hit's source, place and scores, its headings, and the start of its text."""
    head = f"[{number}] {escape_name(hit.source)}"
    if hit.place:
        head += f", {escape_name(hit.place)}"
    scores = f"score {hit.score:.2f}, similarity {hit.similarity:.2f}"
    if hit.reranker_score is not None:
        scores += f", reranker {hit.reranker_score:.2f}"
    lines = [f"{head}   {scores}"]
    if hit.headings:
        lines.append(f"    {shorten(' > '.join(hit.headings), 120)}")
    lines.append(f"    {shorten(hit.text, 320)}")
    return lines


def format_explanation(explanation: Explanation) -> list[str | Table]:
    """Return a table of the best candidates with their score at each stage of the search."""
    if explanation.notice:
        return [escape_name(explanation.notice)]
    rows = []
    for candidate in explanation.candidates[:MAX_CANDIDATES]:
        stages = [("dense", candidate.from_dense), ("bm25", candidate.from_lexical)]
        page = f", page {candidate.page}" if candidate.page is not None else ""
        rows.append(
            (
                str(candidate.rank or ""),
                f"{candidate.fused:.3f}",
                f"{candidate.similarity:.3f}",
                f"{candidate.lexical:.1f}",
                _format_part(candidate.verbatim_part),
                _format_part(candidate.prior_part),
                "" if candidate.reranker_score is None else f"{candidate.reranker_score:.2f}",
                "+".join(name for name, found in stages if found),
                f"{candidate.source}{page}",
                candidate.note,
            )
        )
    columns = (
        *("rank", "fused", "cosine", "bm25", "exact", "name", "reranker"),
        *("found by", "place", "note"),
    )
    parts: list[str | Table] = [f"also searched for: {side}" for side in explanation.sides]
    parts.append(Table(columns, rows, right=columns[:7]))
    if len(explanation.candidates) > MAX_CANDIDATES:
        parts.append(f"... and {len(explanation.candidates) - MAX_CANDIDATES} more candidates")
    return parts


def _format_part(value: float) -> str:
    return f"+{value:.3f}" if value else ""


def format_text(answer: Answer) -> list[str]:
    """Return what an answer says: its quotes or its text, or why there is none."""
    if answer.abstention:
        lines = [style_text(line, bold=True) for line in wrap_text(answer.text, "")]
        return lines + wrap_text(answer.abstention.sentence, "")
    if answer.is_unsupported:
        text = [style_text(f"  {line}", dim=True) for line in clean_text(answer.text).splitlines()]
        note = style_text(f"{answer.UNSUPPORTED_NOTE}:", dim=True)
        return [*format_quotes(answer), "", note, *text]
    if answer.quotes:
        return [style_text(QUOTED_NOTE, dim=True), "", *format_quotes(answer)]
    return [clean_text(answer.text)]


def format_answer(answer: Answer, *, reasoning: bool = False) -> list[str]:
    """Return what follows an answer's text: sources or nearest passages, checks and notices.

    With `reasoning` the model's reasoning comes first.
    """
    lines: list[str] = []
    if reasoning and answer.reasoning:
        lines += ["", "Reasoning", *(f"  {line}" for line in answer.reasoning.strip().split("\n"))]
    sources = _format_sources(answer, with_text=True)
    lines += ["", "Sources", *sources] if sources else []
    lines += _format_verdicts(answer)
    if answer.abstention and answer.passages:
        lines += ["", "Nearest passages"]
        places = dict.fromkeys(answer.name_passages())
        for place in list(places)[:MAX_NEAREST_PASSAGES]:
            lines += wrap_text(f"- {place}", "  ", hanging="  ")
    if answer.model:
        choice = f", {answer.model_choice}" if answer.model_choice else ""
        lines += ["", *wrap_text(f"Model: {shorten(answer.model, 100)}{choice}", "")]
    if answer.invalid_citations:
        numbers = ", ".join(map(str, answer.invalid_citations))
        lines += ["", f"The model cited passages that do not exist: {numbers}."]
    if omissions := answer.describe_omissions():
        lines += ["", omissions]
    notices = _format_notices(answer, "")
    return [*lines, "", *notices] if notices else lines


def format_answer_in_chat(answer: Answer, before: Answer | None = None) -> list[str]:
    """Return the short form for a chat: sources, failed checks and notices.

    Notices of the answer `before` are not repeated.
    """
    lines = _format_sources(answer, with_text=False)
    if any(map(is_unverified, answer.statements)):
        lines += [f"  {line}" for line in _format_verdicts(answer) if line]
    return lines + _format_notices(answer, "  ", before)


def _format_sources(answer: Answer, *, with_text: bool) -> list[str]:
    """Return the citations that no quote shows; "found in" those that the model did not cite."""
    lines = []
    cited = {number for statement in answer.statements for number in statement.citations}
    found = {number for statement in answer.statements for number in statement.found_in} - cited
    quoted = {quote.citation for quote in answer.quotes}
    for citation in answer.citations:
        if citation.number in quoted:
            continue
        prefix = "found in " if citation.number in found else ""
        lines += format_citation_place(citation, prefix=prefix)
        if with_text:
            text = shorten(citation.excerpt, MAX_EXCERPT_LENGTH)
            lines += wrap_text(f"“{text}”", "      ")
    return lines


def _format_notices(answer: Answer, indent: str, before: Answer | None = None) -> list[str]:
    return [
        style_text(line, dim=True)
        for notice in select_new_notices(answer, before)
        for line in wrap_text(shorten(notice, 400), indent)
    ]


def format_passages(answer: Answer) -> list[str]:
    """Return the passages that an answer is made from, with the numbers of their citations."""
    if answer.abstention:
        return []
    lines = ["", "Passages"]
    cited = [(each.number, each.find_passage(answer.passages)) for each in answer.citations]
    for place, hit in enumerate(answer.passages):
        marks = "".join(f"[{number}]" for number, passage in cited if passage == place) or "-"
        first, *others = format_hit(0, hit)
        lines += [f"  {line}" for line in (first.replace("[0]", marks, 1), *others)]
    return lines


def _format_verdicts(answer: Answer) -> list[str]:
    """Return how many sentences, or values, could not be verified, and list them."""
    if not answer.statements or answer.quotes:
        return []
    unverified = count_unverified(answer)
    if not unverified:
        return ["", format_verified(answer)]
    lines = ["", format_unverified(answer)]
    for statement, count in unverified[:MAX_UNVERIFIED]:
        lines += wrap_text(f"- {shorten(statement.text, 120)}", "  ", hanging="  ")
        lines += wrap_text(shorten(explain_verdict(statement, count), 300), "    ")
    if len(unverified) > MAX_UNVERIFIED:
        lines.append(f"  ... and {len(unverified) - MAX_UNVERIFIED} more")
    return lines


def format_conversations(conversations: Sequence[StoredConversation]) -> Table:
    """Return a table of conversations: id, start, number of questions, first question."""
    rows = [
        (entry.id, _format_time(entry.started), entry.turns, shorten(entry.title, 80))
        for entry in conversations
    ]
    return Table(("id", "started (UTC)", "questions", "first question"), rows)


def format_turn(turn: Turn, before: Answer | None = None) -> list[str]:
    """Return a question of a stored conversation, its answer and the answer's sources.

    Notices of the answer `before` are not repeated.
    """
    answer = turn.answer
    lines = [f"> {shorten(turn.question, 400)}"]
    if answer.query:
        lines.append(f"Searched for: {shorten(answer.query, 400)}")
    lines += [*format_text(answer), *format_answer_in_chat(answer, before)]
    if turn.gone:
        numbers = ", ".join(f"[{number}]" for number in turn.gone)
        lines.append(f"  {numbers}: removed from the knowledge base, or changed since")
    model = f"model: {shorten(answer.model, 100)}" if answer.model else "no model"
    return [*lines, f"  ({_format_time(turn.at)} UTC, {model})", ""]


def _format_time(stored: str) -> str:
    return stored[:16].replace("T", " ")


def format_models(models: Sequence[InstalledModel], chosen: str, reason: str) -> list[str | Table]:
    """Return a table of language models and a line that says which one answers."""
    columns = ("model", "type", "file", "memory", "context", "capabilities", "licence")
    rows = []
    for model in models:
        kind = filter(None, (model.family, model.parameters, model.quantisation))
        memory = f"{_format_bytes(model.memory)}{_FITS[model.fits]}" if model.memory else ""
        rows.append(
            (
                shorten(model.name, 100),
                shorten(" ".join(kind), 60),
                _format_bytes(model.size),
                memory,
                model.context or None,
                shorten(", ".join(model.capabilities), 100),
                shorten(model.licence, 100),
            )
        )
    because = f", {reason}" if reason else ""
    return [Table(columns, rows, right=("file",)), "", shorten(f"Answers: {chosen}{because}", 200)]


def _format_bytes(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number else ""
