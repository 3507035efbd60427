"""Cells in their places: merged cells repeated, and the rows of a table all of one width."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_MAX_SPAN = 1000  # columns that a cell covers at most (HTML Standard, 4.9.11)
_MAX_REPEATED = 2_000_000  # characters that merged cells may add to a table
_MAX_REPEATED_TEXT = 200  # a longer text is not repeated in the rows and columns it covers
_SIGNS_BEFORE = {"$", "€", "£", "¥", "("}
_SIGNS_AFTER = {"%", ")", ")%", "%)", "‰", "€", "$"}
_FIGURE = re.compile(r"[-–−(]?\d[\d.,'’ \u00a0]*[)%]*|[-–—]")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as its file has it: its text on one line, and how many columns and rows it covers.

    `is_head` says that the file marks it as a head (<th>, a heading row or column).
    """

    text: str
    is_head: bool = False
    columns: int = 1
    rows: int = 1


class Slot(NamedTuple):
    """A place of the grid: its cell, and whether that begins in a row above or a column before."""

    text: str
    is_head: bool = False
    is_below: bool = False
    is_beside: bool = False


GAP = Slot("")
"""Where a row has no cell."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the grid; all have the same width. `index` is that of the row given.

    `texts` are those of its places, so that a merged cell is in all columns it covers.
    """

    index: int
    slots: list[Slot]
    texts: list[str]

    @property
    def is_lone(self) -> bool:
        """True if the first of several columns has all of the text."""
        slots = self.slots
        others = any(slot.text and not slot.is_beside for slot in slots[1:])
        return len(slots) > 1 and not others and slots[0].text != "" and not slots[0].is_below

    @property
    def is_single(self) -> bool:
        """True if one cell covers the whole row, or the row has no other."""
        last = self.slots[-1]
        return self.is_lone and (last is GAP or (last.is_beside and last.text != ""))

    @property
    def is_marked(self) -> bool:
        """True if the file marks the cells as heads, except perhaps the first."""
        heads = [slot.is_head for slot in self.slots if slot.text]
        return all(heads) or (len(heads) > 2 and all(heads[1:]) and self.slots[0].text != "")

    @property
    def has_groups(self) -> bool:
        """True if a cell covers several columns, but not all."""
        return any(slot.is_beside and slot.text for slot in self.slots) and not self.is_lone


def build_grid(rows: Sequence[Sequence[Cell]]) -> list[Row]:
    """Place the cells; drop empty rows, and columns without text or in which no cell begins.

    A sign in a column of its own joins its number. Spans beyond the limits are cut.
    """
    grid = list(_place_cells(rows))
    width = max(map(len, grid), default=0)
    for slots in grid:
        slots.extend([GAP] * (width - len(slots)))
    kept = [
        any(slots[at].text and not slots[at].is_beside for slots in grid) for at in range(width)
    ]
    if not all(kept):
        grid = [list(itertools.compress(slots, kept)) for slots in grid]
    grid = _join_signs(grid)
    texts = [[slot.text for slot in slots] for slots in grid]
    return [Row(at, grid[at], texts[at]) for at in range(len(grid)) if any(texts[at])]


def _place_cells(rows: Sequence[Sequence[Cell]]) -> Iterator[list[Slot]]:
    """Yield the rows of the grid, by the algorithm of the HTML Standard (4.9.12)."""
    merged: dict[int, dict[int, Slot]] = {}  # places by row that a cell above covers
    left = _MAX_REPEATED
    for y, row in enumerate(rows):
        taken = merged.pop(y, {})
        if not taken and not any(cell.columns > 1 or cell.rows > 1 for cell in row):
            yield [Slot(cell.text, cell.is_head) for cell in row]
            continue
        x = 0
        for cell in row:
            while x in taken:
                x += 1
            columns = max(1, min(cell.columns, _MAX_SPAN))
            height = max(1, min(cell.rows, len(rows) - y))
            cost = (columns * height - 1) * (min(len(cell.text), _MAX_REPEATED_TEXT) + 8)
            if cost > left:
                columns, height, cost = 1, 1, 0
            left -= cost
            repeated = cell.text if len(cell.text) <= _MAX_REPEATED_TEXT else ""
            for row_at, at in itertools.product(range(y, y + height), range(x, x + columns)):
                text = cell.text if (row_at, at) == (y, x) else repeated
                places = taken if row_at == y else merged.setdefault(row_at, {})
                places.setdefault(at, Slot(text, cell.is_head, row_at > y, at > x))
            x += columns
        yield [taken.get(x, GAP) for x in range(max(taken, default=-1) + 1)]


def _join_signs(grid: list[list[Slot]]) -> list[list[Slot]]:
    """Join columns of currency signs and brackets with the numbers beside them: "$" | "5"."""
    at = len(grid[0]) - 1 if grid else -1
    while at >= 0:
        if _are_signs(grid, at, at + 1, _SIGNS_BEFORE):
            grid = [_join_slots(slots, at, at + 1) for slots in grid]
        elif _are_signs(grid, at, at - 1, _SIGNS_AFTER):
            grid = [_join_slots(slots, at - 1, at) for slots in grid]
        at -= 1
    return grid


def _are_signs(grid: list[list[Slot]], at: int, other: int, signs: set[str]) -> bool:
    """Return True if a column has only signs of the numbers in another one, or cells of both."""
    if not 0 <= other < len(grid[0]):
        return False
    found = False
    for slots in grid:
        if not slots[at].text or slots[max(at, other)].is_beside:
            continue
        if slots[at].text not in signs or not _FIGURE.fullmatch(slots[other].text):
            return False
        found = True
    return found


def _join_slots(slots: list[Slot], first: int, second: int) -> list[Slot]:
    left, right = slots[first], slots[second]
    if right.is_beside:
        joined = left
    else:
        joined = (left if left.text else right)._replace(text=f"{left.text}{right.text}")
    return [*slots[:first], joined, *slots[second + 1 :]]
