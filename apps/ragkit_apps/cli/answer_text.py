"""Hits, answers and conversations as lines and tables of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragkit_apps.cli.render import (
    Table,
    clean_text,
    escape_name,
    list_entries,
    shorten,
    shorten_lines,
)
from ragkit_apps.text import quote_highlights

if TYPE_CHECKING:
    from ragkit import Answer, Citation, Explanation, Hit, StoredConversation, Turn
    from ragkit.llms import InstalledModel

MAX_CANDIDATES = 30
MAX_REASONS = 3
_VERDICTS = {"unsupported": "not supported", "uncited": "no citation"}
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


def format_citation(citation: Citation) -> str:
    """Return a citation with its number, place and quoted text on one line."""
    text = shorten(quote_highlights(citation), 200)
    return f"[{citation.number}] {_format_place(citation)}: {text}"


def _format_place(citation: Citation) -> str:
    place = f", {escape_name(citation.place)}" if citation.place else ""
    return f"{escape_name(citation.source)}{place}"


def format_answer(answer: Answer, *, reasoning: bool = False) -> list[str]:
    """Return what follows an answer's text: sources or nearest passages, checks and notices.

    With `reasoning` the model's reasoning comes first.
    """
    lines: list[str] = []
    if reasoning and answer.reasoning:
        lines += ["", "Reasoning", *(f"  {line}" for line in answer.reasoning.strip().split("\n"))]
    if answer.citations:
        lines += ["", "Sources"]
        lines += [f"  {format_citation(citation)}" for citation in answer.citations]
    lines += _format_verdicts(answer)
    if answer.abstention:
        lines += ["", answer.abstention.sentence]
    if answer.abstention and answer.passages:
        lines += ["", "Nearest passages"]
        for number, hit in enumerate(answer.passages[:3], 1):
            lines += [f"  {line}" for line in format_hit(number, hit)]
    if answer.model:
        choice = f", {answer.model_choice}" if answer.model_choice else ""
        lines += ["", f"Model: {shorten(answer.model, 100)}{choice}"]
    if answer.invalid_citations:
        numbers = ", ".join(map(str, answer.invalid_citations))
        lines += ["", f"The model cited passages that do not exist: {numbers}."]
    if answer.dropped:
        lines += ["", f"{answer.dropped} passages did not fit into the model's context."]
    if answer.notice:
        lines += ["", *shorten_lines(answer.notice, 400)]
    return lines


def format_answer_in_chat(answer: Answer) -> list[str]:
    """Return the short form for a chat: sources, failed checks and notices."""
    lines = [f"  [{citation.number}] {_format_place(citation)}" for citation in answer.citations]
    if answer.abstention:
        lines.append(f"  {answer.abstention.sentence}")
    if any(statement.verdict != "supported" for statement in answer.statements):
        lines += [f"  {line}" for line in _format_verdicts(answer) if line]
    lines += [f"  {line}" for line in shorten_lines(answer.notice, 400)]
    return lines


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
    """Return how many sentences, or values, the cited passages support, and list the others."""
    statements = answer.statements
    doubtful = [statement for statement in statements if statement.verdict != "supported"]
    if not statements or (answer.is_extractive and not doubtful):
        return []
    supported = f"{len(statements) - len(doubtful)} of {len(statements)}"
    parts = "sentences" if answer.data is None else "values"
    lines = ["", f"Checked: {supported} {parts} are supported by the passages they cite."]
    for statement in doubtful:
        lines.append(f"  {_VERDICTS[statement.verdict]}: {shorten(statement.text, 120)}")
        lines += list_entries("    ", statement.reasons, MAX_REASONS)
    return lines


def format_conversations(conversations: Sequence[StoredConversation]) -> Table:
    """Return a table of conversations: id, start, number of questions, first question."""
    rows = [
        (entry.id, _format_time(entry.started), entry.turns, shorten(entry.title, 80))
        for entry in conversations
    ]
    return Table(("id", "started (UTC)", "questions", "first question"), rows)


def format_turn(turn: Turn) -> list[str]:
    """Return a question of a stored conversation, its answer and the answer's sources."""
    answer = turn.answer
    lines = [f"> {shorten(turn.question, 400)}"]
    if answer.query:
        lines.append(f"Searched for: {shorten(answer.query, 400)}")
    lines += [clean_text(answer.text), *format_answer_in_chat(answer)]
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
