"""Dates in a text, whatever their spelling, and whether a text bears a stated one out."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ragkit.text.keywords import lowercase

_MONTHS = (
    "january januar jan", "february februar feb", "march märz mar mär", "april apr",
    "may mai", "june juni jun", "july juli jul", "august aug", "september sept sep",
    "october oktober oct okt", "november nov", "december dezember dec dez",
)  # fmt: skip
_MONTH_OF = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_MONTH = "|".join(sorted(_MONTH_OF, key=len, reverse=True))
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<![\d.])(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:of\s+)?(?P<n>{_MONTH})\b\.?"
        r"(?:,?\s+(?P<y>\d{4})\b)?",
        rf"\b(?P<n>{_MONTH})\b\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b(?![.,]\d)(?:,?\s+(?P<y>\d{{4}})\b)?",
        rf"\b(?P<n>{_MONTH})\b\.?,?\s+(?:of\s+)?(?P<y>\d{{4}})\b",
        r"(?<![\d-])(?P<y>\d{4})-(?P<m>\d\d)(?:-(?P<d>\d\d))?(?![\d-])",
        r"(?<![\d.])(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})(?!\d)",
        r"(?<![\d/])(?P<d>\d{1,2})/(?P<m>\d{1,2})/(?P<y>\d{4}|\d\d)(?![\d/])",
    )
)
_YEAR = re.compile(r"(?<!\d)[12]\d{3}(?!\d)")


@dataclass(frozen=True, slots=True)
class Date:
    """A date at characters [start, end); what is not said of it is None.

    `readings` are (year, month, day): "03/04/2024" has two.
    """

    text: str
    start: int
    end: int
    readings: tuple[tuple[int | None, int | None, int | None], ...]


def find_dates(text: str) -> list[Date]:
    """The dates of a text that have at least two of year, month and day."""
    found: list[Date] = []
    taken = bytearray(len(text))
    for pattern in _DATES:
        for match in pattern.finditer(text):
            start, end = match.span()
            readings = () if any(taken[start:end]) else _read(match)
            if readings:
                found.append(Date(match.group(), start, end, readings))
                taken[start:end] = b"\1" * (end - start)
    return found


def _read(match: re.Match[str]) -> tuple[tuple[int | None, int | None, int | None], ...]:
    parts = match.groupdict()
    name = lowercase(parts.get("n") or "")
    year = int(parts["y"]) if parts.get("y") else None
    day = int(parts["d"]) if parts.get("d") else None
    month = _MONTH_OF[name] if name else int(parts["m"])
    if year is not None and year < 100:
        year += 2000
    either = [(month, day)] + ([(day, month)] if "/" in match.group() else [])
    return tuple((year, m, d) for m, d in either if m and m <= 12 and (d is None or 0 < d <= 31))


class DateIndex:
    """The dates of a text; one without its year may be of any year that stands in the text."""

    def __init__(self, text: str) -> None:
        self._years = {int(year) for year in _YEAR.findall(text)}
        readings = [reading for day in find_dates(text) for reading in day.readings]
        self._dated = {
            known
            for y, m, d in readings
            for known in ((y, m, d), (y, m, None), (None, m, d), (None, m, None))
        }
        self._undated = {
            known for y, m, d in readings if y is None for known in ((m, d), (m, None))
        }

    def supports(self, stated: Date) -> bool:
        """Whether one of the dates is the stated one, or says more than it."""
        return any(
            (y, m, d) in self._dated or (y in self._years and (m, d) in self._undated)
            for y, m, d in stated.readings
        )
