"""The text of passages in a prompt, and what a model copies of it into its answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragkit.retrieval.hits import Hit
from ragkit_ingest.model import CELL_SEPARATOR
from ragkit_ingest.places import TableRow

_FENCE = '"""'
_FENCE_LINE = re.compile(r'"{3,}|={3,}')
_LABELS = ("passages:", "question:", "answer:")  # of the parts of a prompt


def format_passage(number: int, hit: Hit) -> str:
    """Return a passage as the model reads it: its number and place, then its text in a fence.

    Column heads, a unit and a row's label are added if the text does not have them, since a passage
    may begin in the middle of a table.
    """
    text = _add_heads(hit)
    fence = _FENCE
    while fence in text:
        fence += '"'
    return f"{_format_header(number, hit)}\n{fence}\n{text}\n{fence}"


def remove_echoes(text: str, passages: Sequence[Hit]) -> str:
    """Return a model's text without fences and headers of the prompt at its end."""
    headers = [_format_header(number, hit) for number, hit in enumerate(passages, 1)]
    lines = text.rstrip().split("\n")
    while lines and _is_echo(lines[-1].strip(), headers):
        lines.pop()
    return re.sub(r'\s*"{3,}$', "", "\n".join(lines).rstrip())


def _format_header(number: int, hit: Hit) -> str:
    return f"[{number}] {hit.source}, {hit.place}" if hit.place else f"[{number}] {hit.source}"


def _is_echo(line: str, headers: Sequence[str]) -> bool:
    return (
        not line or line in headers or line.lower() in _LABELS or bool(_FENCE_LINE.fullmatch(line))
    )


def _add_heads(hit: Hit) -> str:
    """Return the text of a hit, each table row with what names it."""
    parts, at = [], 0
    table: tuple[tuple[str, ...], str] = ((), "")
    for row in hit.rows:
        start, end = max(row.start - hit.start, 0), row.end - hit.start
        own = hit.text[start:end]
        if (row.columns, row.unit) != table:
            table = (row.columns, row.unit)
            heads = _find_missing_heads(row, hit.text[:start])
            parts += [hit.text[at:start], heads]
            at = start
        if row.label and not any(part in own for part in row.label.split(", ")):
            parts += [hit.text[at:start], row.label, CELL_SEPARATOR]
            at = start
    return "".join([*parts, hit.text[at:]])


def _find_missing_heads(row: TableRow, before: str) -> str:
    """Return a line with the column heads and the unit of a row that the text before it lacks."""
    before = " ".join(before.split())
    heads = [] if all(head in before for head in row.columns) else [*row.columns]
    unit = f"({row.unit})" if row.unit and row.unit not in before else ""
    line = " ".join(filter(None, [CELL_SEPARATOR.join(heads), unit]))
    return f"{line}\n" if line else ""
