"""Where the facts of a chunk stand: the headings above them, and the table rows they are in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby, takewhile
from typing import Any, NamedTuple

Headings = tuple[str, ...]
"""A heading path, outermost heading first."""

_CELL = re.compile(r"([A-Z]+)(\d+)")


class Section(NamedTuple):
    """Text under one heading path: from character `start` of its page to the next section."""

    start: int
    headings: Headings


class TableRow(NamedTuple):
    """Characters [start, end) of a page that are a table row, with what names its cells.

    The fields are those of a `Block`: `columns` are the column heads, one for each cell, `label`
    is what names the row, `unit` that of its numbers, and `ref` its cells in a spreadsheet. Other
    text of a sheet, such as a note, has only a `ref`.
    """

    start: int
    end: int
    columns: tuple[str, ...] = ()
    label: str = ""
    unit: str = ""
    ref: str = ""


def common_headings(sections: Iterable[Section]) -> Headings:
    """Return the start of the heading path that all sections share."""
    return common_prefix(*(section.headings for section in sections))


def common_prefix(*paths: Headings) -> Headings:
    """Return the start that all heading paths share."""
    levels = zip(*paths, strict=False)
    return tuple(names[0] for names in takewhile(lambda names: len(set(names)) == 1, levels))


def select_sections(sections: Sequence[Section], start: int, end: int) -> list[Section]:
    """Return the sections that characters [start, end) of the page touch."""
    starts = [*(section.start for section in sections), end]
    return [
        section
        for section, next_start in zip(sections, starts[1:], strict=True)
        if section.start < end and next_start > start
    ]


def select_rows(rows: Sequence[TableRow], start: int, end: int) -> list[TableRow]:
    """Return the table rows that characters [start, end) of the page touch."""
    return [row for row in rows if row.start < end and row.end > start]


def joined_ref(refs: Iterable[str]) -> str:
    """Return the cell range that spans several: "A1:D1" and "A2:F2" give "A1:F2"."""
    refs = [ref for ref in refs if ref]
    if not refs:
        return ""
    cells = [cell for ref in refs for cell in (ref.split(":") if ":" in ref else [ref, ref])]
    found = [match.groups() for match in map(_CELL.fullmatch, cells) if match]
    if len(found) != len(cells):
        return refs[0]
    columns = sorted((column for column, _ in found), key=lambda name: (len(name), name))
    rows = sorted(int(row) for _, row in found)
    return f"{columns[0]}{rows[0]}:{columns[-1]}{rows[-1]}"


def pack_rows(rows: Iterable[TableRow]) -> list[Any]:
    """Return rows as JSON values, which have the column heads and the unit of a table once."""
    return [
        [columns, unit, [[row.start, row.end, row.label, row.ref] for row in table]]
        for (columns, unit), table in groupby(rows, lambda row: (row.columns, row.unit))
    ]


def unpack_rows(packed: Iterable[Any]) -> tuple[TableRow, ...]:
    """Return the rows that `pack_rows` packed. Raises TypeError or ValueError for other values."""
    return tuple(
        TableRow(start, end, tuple(columns), label, unit, ref)
        for columns, unit, table in packed
        for start, end, label, ref in table
    )


def unpack_sections(packed: Iterable[Any]) -> tuple[Section, ...]:
    """Return sections from JSON values. Raises TypeError or ValueError for other values."""
    return tuple(Section(start, tuple(headings)) for start, headings in packed)
