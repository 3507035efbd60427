"""Tables whose columns are years: which number of a row belongs to which year."""

from __future__ import annotations

import re

from ragkit.text.numbers import Number, find_numbers

_YEAR = re.compile(r"(?<![\d.,$€£-])(?:19|20)\d\d(?![\d,-]|\.\d)")
_MAX_HEAD_LENGTH = 150  # characters; a longer line with years in it is prose
_LETTER = re.compile(r"[^\W\d_]")


def read_year_columns(text: str) -> dict[str, dict[int, Number]]:
    """Return the numbers by year of each line that is a row below as many years.

    The years are those of the nearest line above that has two or more. Lines that occur in two
    tables with different years are left out.
    """
    found: dict[str, dict[int, Number]] = {}
    ambiguous: set[str] = set()
    years: list[int] = []
    for line in text.split("\n"):
        here = [int(year) for year in _YEAR.findall(line)]
        if len(here) > 1 and len(here) == len(set(here)) and len(line) <= _MAX_HEAD_LENGTH:
            years = here if not line.rstrip().endswith((".", ";")) else []
            continue
        cells = _read_cells(line) if years else []
        if len(cells) != len(years) or not cells:
            continue
        row, key = dict(zip(years, cells, strict=True)), line.strip()
        if found.setdefault(key, row).keys() != row.keys():
            ambiguous.add(key)
    return {line: row for line, row in found.items() if line not in ambiguous}


def _read_cells(line: str) -> list[Number]:
    """Return the numbers after the last word of a line."""
    last = max((match.end() for match in _LETTER.finditer(line)), default=0)
    return [number for number in find_numbers(line) if number.start >= last]
