"""Which year the figures of a table's row are of, where its columns are years."""

from __future__ import annotations

import re

from ragkit.text.numbers import Number, find_numbers

_YEAR = re.compile(r"(?<![\d.,$€£-])(?:19|20)\d\d(?![\d,-]|\.\d)")
_LONGEST_HEAD = 150  # characters; a longer line with years in it is prose
_LETTER = re.compile(r"[^\W\d_]")


def read_year_columns(text: str) -> dict[str, dict[int, Number]]:
    """The figures by year, for each line of a text that is a row under so many years.

    The years are those of the last line above that has two or more. A line that stands under
    different years in two tables is left out.
    """
    found: dict[str, dict[int, Number]] = {}
    doubtful: set[str] = set()
    years: list[int] = []
    for line in text.split("\n"):
        here = [int(year) for year in _YEAR.findall(line)]
        if len(here) > 1 and len(here) == len(set(here)) and len(line) <= _LONGEST_HEAD:
            years = here if not line.rstrip().endswith((".", ";")) else []
            continue
        cells = _cells(line) if years else []
        if len(cells) != len(years) or not cells:
            continue
        row, key = dict(zip(years, cells, strict=True)), line.strip()
        if found.setdefault(key, row).keys() != row.keys():
            doubtful.add(key)
    return {line: row for line, row in found.items() if line not in doubtful}


def _cells(line: str) -> list[Number]:
    """The figures at the end of a line, behind its last word."""
    last = max((match.end() for match in _LETTER.finditer(line)), default=0)
    return [figure for figure in find_numbers(line) if figure.start >= last]
