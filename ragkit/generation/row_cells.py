"""The cells of a table row with the heads of their columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ragkit.generation.question_types import ValueType, judge_value
from ragkit.text.keywords import keywords
from ragkit.text.lexicon import any_of, load_lexicon
from ragkit.text.numbers import SCALE_NOTE
from ragkit_ingest.model import CELL_SEPARATOR

_LEXICON = load_lexicon()
Cell = tuple[str, str]
"""The head of a column, "" if it has none, and a value."""

_VALUE = re.compile(
    r"\s(?:[$€£]\s*)?(?:\(\s*)?(?:[$€£]\s*)?(?:[-+−–]\s?)?\d[\d.,'’]*(?:\s?[%)])*\s*$"
    r"|\s(?:[$€£]\s*)?[-–—]\s*$"
)
_MONTH = any_of(_LEXICON.months)
# Where the head of another column begins, in the heads of a PDF's table, which are one text.
_HEAD = re.compile(
    rf"(?i:(?:Q[1-4]|H[12]|(?:\d{{1,2}}\.?\s)?(?:{_MONTH})\b\.?(?:\s\d{{1,2}},)?)\s(?:19|20)\d\d)"
    r"|(?:FY\s?)?(?:19|20)\d\d|[^\W\d_a-zà-ÿß]\S*|[%#$€£]\S*"
)
_PERIOD = re.compile(r"(?:19|20)\d\d")
_SPACES = re.compile(r"\s+")
_SCALE_UNIT = re.compile(r"\s+of\s+[^\W\d_]+|\s+[^\W\d_.]*(?:dollars?|euros?)\b")


class RowCells(NamedTuple):
    """A table row: its label with the head of that column, its other cells, and their unit."""

    label: Cell
    cells: tuple[Cell, ...]
    unit: str = ""


def split_row(text: str, columns: Sequence[str], label: str = "") -> RowCells | None:
    """Return the cells of a table row, whose heads are one for each cell or all in one text.

    Returns None if the heads do not fit the cells.
    """
    if CELL_SEPARATOR in text or text.lstrip().startswith("|"):
        return _split_at_bars(text, columns, label)
    name, values = split_values(text)
    if not name or not values:
        return None
    heads = split_heads(" ".join(columns), len(values))
    if heads is None:
        return RowCells(("", name), ((" ".join(columns), "  ".join(values)),))
    return RowCells((heads[0], name), tuple(zip(heads[1:], values, strict=True)))


def _split_at_bars(text: str, columns: Sequence[str], label: str) -> RowCells | None:
    values = [value.strip() for value in re.split(r"\s*\|\s*", text.strip().strip("|"))]
    if len(values) != len(columns):
        return None
    cells = [cell for cell in zip(columns, values, strict=True) if cell[1]]
    if not cells:
        return None
    first, *others = cells
    named = (first[0], label) if label and label.endswith(first[1]) else first
    return RowCells(named, tuple(others)) if others else RowCells(("", ""), (first,))


def split_values(text: str) -> tuple[str, list[str]]:
    """Return the words of a row before its last numbers, and these numbers."""
    values: list[str] = []
    while match := _VALUE.search(text):
        values.insert(0, _SPACES.sub("", match.group()) or "–")
        text = text[: match.start()]
    return text.strip(), values


def split_heads(text: str, count: int) -> list[str] | None:
    """Split the heads of `count` columns of numbers, and of the labels' column before them.

    The first is "" if that column has none. Returns None if it is not clear where they end.
    """
    text = SCALE_NOTE.sub(" ", text).strip()
    starts = [match.start() for match in _HEAD.finditer(text)]
    if not starts:
        return None
    ends = [*starts[1:], len(text)]
    heads = [text[start:end].strip(" :") for start, end in zip(starts, ends, strict=True)]
    if len(heads) == count + 1 and starts[0] == 0:
        return heads
    periods = [head for head in heads if _PERIOD.search(head)]
    are_periods = len(periods) == count and periods == heads[-count:]
    return ["", *heads[-count:]] if are_periods or len(heads) == count else None


def find_unit(text: str) -> str:
    """Return the last note on the scale of the numbers below: "in thousands of euros"."""
    found = ""
    for note in SCALE_NOTE.finditer(text):
        more = _SCALE_UNIT.match(text, note.end())
        found = text[note.start() : more.end() if more else note.end()]
    return _SPACES.sub(" ", found).strip("() ")


def sort_cells(
    cells: Sequence[Cell], question: str, kind: ValueType | None, asked: frozenset[str]
) -> tuple[Cell, ...]:
    """Return cells with those first that a question asks for, by their heads and values."""

    def rate(cell: Cell) -> float:
        head, value = cell
        words = keywords(head)
        share = len(words & asked) / len(words) if words else 0.0
        repeats = bool(keywords(value)) and keywords(value) <= asked
        return 2 * share + 0.5 * judge_value(kind, f"{value} {head}", question) - 2 * repeats

    return tuple(sorted(cells, key=lambda cell: -rate(cell)))
