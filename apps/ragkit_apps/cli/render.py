"""Text that is safe on a terminal, and the few shapes that the commands print."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ragkit import (
        Answer,
        Citation,
        Explanation,
        FileError,
        Hit,
        IngestReport,
        Progress,
        Status,
        StoredConversation,
        Turn,
    )
    from ragkit.llms import InstalledModel

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSAFE_NAME = re.compile(f"[\t\n]|{_UNSAFE.pattern}")
_COLUMN_GAP = 2


def clean_text(text: str) -> str:
    """Replace the characters that could control the terminal or reverse the line."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


def escape_name(text: str) -> str:
    """Return a name on one line, with control characters escaped: "new\\nline.txt"."""
    return _UNSAFE_NAME.sub(lambda found: ascii(found.group())[1:-1], text)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column names; columns of numbers are aligned to the right.

    Cells are plain text: markup is not interpreted and control characters are escaped. None is an
    empty cell. A column without a name has no heading; without any name there is no heading line.
    """

    columns: Sequence[str]
    rows: Iterable[Sequence[str | int | float | None]]
    right: Sequence[str] = field(default=())
    """Columns of formatted numbers (text), which are aligned to the right, too."""


def print_table(table: Table) -> None:
    """Print a table: with colour and fitted to the width on a terminal, else as plain lines.

    Plain lines are aligned with spaces, never wrapped and never cut, so other programs can read
    them. NO_COLOR turns colour off (https://no-color.org).
    """
    rows = list(table.rows)
    cells = [["" if cell is None else escape_name(str(cell)) for cell in row] for row in rows]
    right = {
        place
        for place, name in enumerate(table.columns)
        if name in table.right
        or (rows and all(isinstance(row[place], int | float | None) for row in rows))
    }
    if sys.stdout.isatty():
        _print_styled(table.columns, cells, right)
        return
    heading = [list(table.columns)] if any(table.columns) else []
    for line in _align_cells([*heading, *cells], right):
        click.echo(line)


def _align_cells(rows: Sequence[Sequence[str]], right: set[int]) -> list[str]:
    """Return one line for each row; characters of double width count as two."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        padded = []
        for place, cell in enumerate(row):
            gap = " " * (widths[place] - cell_len(cell))
            padded.append(gap + cell if place in right else cell + gap)
        lines.append((" " * _COLUMN_GAP).join(padded).rstrip())
    return lines


def _print_styled(columns: Sequence[str], rows: Sequence[Sequence[str]], right: set[int]) -> None:
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    styled = RichTable(
        box=None, pad_edge=False, padding=(0, _COLUMN_GAP, 0, 0), show_header=any(columns)
    )
    for place, name in enumerate(columns):
        styled.add_column(
            Text(name), justify="right" if place in right else "left", overflow="fold"
        )
    for row in rows:
        styled.add_row(*map(Text, row))
    Console(file=sys.stdout).print(styled, highlight=False)


def shorten(text: str, width: int = 160) -> str:
    text = " ".join(clean_text(text).split())
    return text if len(text) <= width else text[: width - 3].rstrip() + "..."


def format_seconds(value: float) -> str:
    if value < 10:
        return f"{value:.1f} s"
    if value < 100:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min"


def report_lines(report: IngestReport, *, most: int = 20) -> list[str]:
    """What an ingest did: counts, then every file that needs a look."""
    names = ("added", "updated", "unchanged", "renamed", "removed", "failed")
    counts = {name: len(getattr(report, name)) for name in names}
    head = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    would = "would be: " if report.dry_run else ""
    lines = [f"{would}{head or 'nothing to do'}"]
    if report.chunks:
        lines[0] += (
            f"; {report.pages} pages, {report.chunks} chunks in {format_seconds(report.seconds)}"
        )
    shown = ("added", "updated", "removed") if report.dry_run else ("removed",)
    for name in shown:
        entries = [escape_name(entry) for entry in sorted(getattr(report, name))]
        lines += _listed(f"  {name}: ", entries, most)
    renamed = [f"{escape_name(old)} -> {escape_name(new)}" for old, new in sorted(report.renamed)]
    lines += _listed("  renamed: ", renamed, most)
    notes = [f"{escape_name(source)}: {text}" for source, text in sorted(report.warnings)]
    lines += _listed("  note: ", notes, most)
    failed = sorted(report.failed, key=lambda entry: entry.source)
    return lines + [f"  failed: {_failed_line(entry)}" for entry in failed]


def _failed_line(entry: FileError) -> str:
    detail = f" ({shorten(entry.detail, 300)})" if entry.detail else ""
    return f"{escape_name(entry.source)}: {entry.reason}{detail}"


def _listed(prefix: str, entries: list[str], most: int) -> list[str]:
    lines = [prefix + shorten(entry, 300) for entry in entries[:most]]
    if len(entries) > most:
        lines.append(f"{prefix}... and {len(entries) - most} more")
    return lines


def progress_line(progress: Progress) -> str:
    """One plain line of progress."""
    line = (
        f"{progress.files_done}/{progress.files_total} files, {progress.pages} pages, "
        f"{progress.chunks} chunks"
    )
    if progress.seconds >= 1 and progress.chunks:
        line += f", {progress.chunks / progress.seconds:.0f} chunks/s"
    if progress.remaining is not None and progress.remaining >= 1:
        line += f", about {format_seconds(progress.remaining)} left"
    return line


def hit_lines(number: int, hit: Hit) -> list[str]:
    head = f"[{number}] {escape_name(hit.source)}"
    if hit.place:
        head += f", {escape_name(hit.place)}"
    head += f"   score {hit.score:.2f}, similarity {hit.similarity:.2f}"
    path = " > ".join(hit.headings)
    lines = [head]
    if path:
        lines.append(f"    {shorten(path, 120)}")
    lines.append(f"    {shorten(hit.text, 320)}")
    return lines


def explain_lines(explanation: Explanation, most: int = 30) -> list[str]:
    """Every stage of a search, as a table; the widths suit 100 columns."""
    lines = [f"{'rank':>4} {'fused':>6} {'cosine':>6} {'bm25':>6}  stage  place"]
    for entry in explanation.candidates[:most]:
        stage = ("D" if entry.from_dense else "-") + ("L" if entry.from_lexical else "-")
        place = escape_name(entry.source) + (
            f", page {entry.page}" if entry.page is not None else ""
        )
        rank = str(entry.rank) if entry.rank else ""
        lines.append(
            f"{rank:>4} {entry.fused:6.3f} {entry.similarity:6.3f} {entry.lexical:6.1f}  "
            f"{stage:5}  {place}  ({entry.note})"
        )
    if len(explanation.candidates) > most:
        lines.append(f"     ... and {len(explanation.candidates) - most} more candidates")
    return lines


def citation_line(citation: Citation) -> str:
    return f"[{citation.number}] {_where(citation)}: {shorten(words_of(citation), 200)}"


def words_of(citation: Citation) -> str:
    """A citation's words; of a long passage those that the answer rests on, where they are told."""
    base = citation.start
    highlights = (citation.quote[start - base : end - base] for start, end in citation.highlights)
    return " … ".join(highlights) or citation.quote


def _where(citation: Citation) -> str:
    place = f", {escape_name(citation.place)}" if citation.place else ""
    return f"{escape_name(citation.source)}{place}"


def answer_lines(answer: Answer, *, reasoning: bool = False) -> list[str]:
    """What follows an answer's text: sources, or the nearest passages, and the notice.

    A model's reasoning stands between them if it is asked for.
    """
    lines: list[str] = []
    if reasoning and answer.reasoning:
        lines += ["", "Reasoning", *(f"  {line}" for line in answer.reasoning.strip().split("\n"))]
    if answer.citations:
        lines += ["", "Sources"]
        lines += [f"  {citation_line(citation)}" for citation in answer.citations]
    lines += _verdict_lines(answer)
    if answer.abstention:
        lines += ["", answer.abstention.sentence]
    if answer.abstention and answer.passages:
        lines += ["", "Nearest passages"]
        for number, hit in enumerate(answer.passages[:3], 1):
            lines += [f"  {line}" for line in hit_lines(number, hit)]
    if answer.model:
        choice = f", {answer.model_choice}" if answer.model_choice else ""
        lines += ["", f"By {shorten(answer.model, 100)}{choice}"]
    if answer.invalid_citations:
        numbers = ", ".join(map(str, answer.invalid_citations))
        lines += ["", f"The model cited passages that do not exist: {numbers}."]
    if answer.dropped:
        lines += ["", f"{answer.dropped} passages did not fit into the model's context."]
    if answer.notice:
        lines += ["", shorten(answer.notice, 400)]
    return lines


def brief_lines(answer: Answer) -> list[str]:
    """What stands under an answer in a chat: where its words are from, and what needs a look."""
    lines = [f"  [{citation.number}] {_where(citation)}" for citation in answer.citations]
    if answer.abstention:
        lines.append(f"  {answer.abstention.sentence}")
    if any(statement.verdict != "supported" for statement in answer.statements):
        lines += [f"  {line}" for line in _verdict_lines(answer) if line]
    if answer.notice:
        lines.append(f"  {shorten(answer.notice, 400)}")
    return lines


def passage_lines(answer: Answer) -> list[str]:
    """The passages that an answer was made from, under the numbers that it cites them by."""
    if answer.abstention:
        return []
    lines = ["", "Passages"]
    for hit, numbers in zip(answer.passages, _numbers(answer), strict=True):
        marks = "".join(f"[{number}]" for number in numbers) or "-"
        first, *more = hit_lines(0, hit)
        lines += [f"  {line}" for line in (first.replace("[0]", marks, 1), *more)]
    return lines


def _numbers(answer: Answer) -> list[list[int]]:
    """The numbers of each passage: its place among them, if that is what the answer cites by.

    An extractive answer numbers its quotes, and of an earlier answer passages may be gone.
    """
    found = [
        [cited.number for cited in answer.citations if _is_from(cited, hit)]
        for hit in answer.passages
    ]
    cited = {number for statement in answer.statements for number in statement.citations}
    gone = cited - {number for own in found for number in own}
    if answer.is_extractive or gone or any(own not in ([], [n]) for n, own in enumerate(found, 1)):
        return found
    return [[n] for n in range(1, len(found) + 1)]


def _is_from(citation: Citation, hit: Hit) -> bool:
    page = (citation.document, citation.page_ordinal)
    return page == (hit.document, hit.page_ordinal) and hit.start <= citation.start < hit.end


def conversation_lines(found: Sequence[StoredConversation]) -> list[str]:
    """A line for each conversation: id, day, number of questions, and the first of them."""
    return [
        f"{entry.id:>6}  {entry.started[:16].replace('T', ' ')}  {entry.turns:>3}  "
        f"{shorten(entry.title, 80)}"
        for entry in found
    ]


def turn_lines(turn: Turn) -> list[str]:
    """A question of a stored conversation, its answer, and where that is from."""
    answer = turn.answer
    lines = [f"> {shorten(turn.question, 400)}"]
    if answer.query:
        lines.append(f"Searched for: {shorten(answer.query, 400)}")
    lines += [clean_text(answer.text), *brief_lines(answer)]
    if turn.gone:
        numbers = ", ".join(f"[{number}]" for number in turn.gone)
        lines.append(f"  {numbers}: no longer in the base as it was")
    by = f"by {shorten(answer.model, 100)}" if answer.model else "no model"
    return [*lines, f"  ({turn.at[:16].replace('T', ' ')} UTC, {by})", ""]


def _verdict_lines(answer: Answer) -> list[str]:
    """How many of a model's sentences, or values, stand in what they cite, and which do not."""
    found = answer.statements
    doubtful = [statement for statement in found if statement.verdict != "supported"]
    if not found or (answer.is_extractive and not doubtful):
        return []
    held = f"{len(found) - len(doubtful)} of {len(found)}"
    parts = "sentences" if answer.data is None else "values"
    lines = ["", f"Checked: {held} {parts} stand in what they cite."]
    for statement in doubtful:
        what = {"unsupported": "not supported", "uncited": "cites nothing"}[statement.verdict]
        lines.append(f"  {what}: {shorten(statement.text, 120)}")
        lines += _listed("    ", list(statement.reasons), 3)
    return lines


def model_lines(models: Sequence[InstalledModel], chosen: str, why: str) -> list[str]:
    """Two lines for each model, and which of them answers."""
    lines = []
    for model in models:
        facts = [model.family, model.parameters, model.quantisation]
        if model.size:
            facts.append(f"{model.size / 1e9:.1f} GB")
        if model.memory:
            verdict = {True: ": fits", False: ": does not fit", None: ""}[model.fits]
            facts.append(f"takes {model.memory / 1e9:.1f} GB to run{verdict}")
        more = [f"context {model.context}" if model.context else "", *model.capabilities]
        lines.append(shorten(f"{model.name}: {', '.join(filter(None, facts))}", 200))
        lines.append("  " + shorten(", ".join(filter(None, [*more, model.licence])), 200))
    return [*lines, "", shorten(f"Answers: {chosen}" + (f", {why}" if why else ""), 200)]


def status_lines(status: Status) -> list[str]:
    size = f"{status.bytes / 1e6:.1f} MB"
    lines = [
        f"{status.path}: {status.documents} documents, {status.pages} pages, "
        f"{status.chunks} chunks, {size}",
        f"embedder: {status.embedder or 'none yet'}"
        + (f" ({status.dimension} dimensions)" if status.dimension else ""),
    ]
    lines += [f"folder: {escape_name(root)}" for root in status.source_folders]
    return lines + [f"not in the base: {_failed_line(error)}" for error in status.file_errors]
