"""Plain text and tables that are safe to print on a terminal."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import click

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


def style_text(text: str, *, bold: bool = False, dim: bool = False) -> str:
    """Return a text for a terminal with colours; as it is elsewhere, and with NO_COLOR set."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return click.style(text, bold=bold or None, dim=dim or None)


def terminal_width() -> int | None:
    """Return the number of columns of the terminal; None if the output goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def wrap_text(text: str, indent: str, *, hanging: str = "") -> list[str]:
    """Return an indented text, on a terminal wrapped at words; elsewhere on one line.

    All lines but the first are indented by `hanging` more.
    """
    text, width = " ".join(clean_text(text).split()), terminal_width()
    if not text or width is None:
        return [indent + text] if text else []
    return textwrap.wrap(
        text,
        max(width, len(indent + hanging) + 20),
        initial_indent=indent,
        subsequent_indent=indent + hanging,
        break_on_hyphens=False,
    )


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
    for line in align_cells([*heading, *cells], right):
        click.echo(line)


def align_cells(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Return one line of aligned cells for each row; characters of double width count as two."""
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
    """Return a text on one line of at most `width` characters."""
    text = " ".join(clean_text(text).split())
    return text if len(text) <= width else text[: width - 3].rstrip() + "..."


def shorten_lines(text: str, width: int) -> list[str]:
    """Return each line of a text that is not empty, of at most `width` characters."""
    return [shorten(line, width) for line in text.splitlines() if line.strip()]


def list_entries(prefix: str, entries: Sequence[str], limit: int) -> list[str]:
    """Return a line for each of the first entries, and one that counts the others."""
    lines = [prefix + shorten(entry, 300) for entry in entries[:limit]]
    if len(entries) > limit:
        lines.append(f"{prefix}... and {len(entries) - limit} more")
    return lines
