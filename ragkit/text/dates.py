"""Dates in a text, in any spelling, and whether a text contains a given date."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ragkit.text.lexicon import any_of, load_lexicon
from ragkit.text.numbers import lowercase

_LEXICON = load_lexicon()
_MONTH_NUMBERS = {name: int(number) for name, number in _LEXICON.months.items()}
MONTH_NAMES = {
    number: tuple(name for name, own in _MONTH_NUMBERS.items() if own == number)
    for number in range(1, 13)
}
"""The names and short forms of each month in all languages, in lower case."""
ENDINGS = _LEXICON.ordinal_endings
_MONTH = any_of(_MONTH_NUMBERS)
_LINK = rf"(?:(?:{any_of(_LEXICON.date_links)})\s+)?"  # "of" in "3rd of May"
_ENDING = any_of(ENDINGS)
_WITH_NAMES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # 3rd of May 2024, 3. Mai 2024, 3 May
        rf"(?<![\d.])(?P<d>\d{{1,2}})(?:{_ENDING}|\.)?\s+{_LINK}(?P<n>{_MONTH})\b\.?"
        r"(?:,?\s+(?P<y>\d{4})\b)?",
        # May 3, 2024 and May 3rd
        rf"\b(?P<n>{_MONTH})\b\.?\s+(?P<d>\d{{1,2}})(?:{_ENDING})?\b(?![.,]\d)(?:,?\s+(?P<y>\d{{4}})\b)?",
        # 3-May-2024
        rf"(?<![\d-])(?P<d>\d{{1,2}})-(?P<n>{_MONTH})-(?P<y>\d{{4}})(?![\d-])",
        # May 2024
        rf"\b(?P<n>{_MONTH})\b\.?,?\s+{_LINK}(?P<y>\d{{4}})\b",
    )
)
_IN_DIGITS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # 2024年5月3日
        r"(?<!\d)(?P<y>\d{4})\s?[年년]\s?(?P<m>\d{1,2})\s?[月월](?:\s?(?P<d>\d{1,2})\s?[日일])?",
        # 2024-05-03 and 2024-05
        r"(?<![\d-])(?P<y>\d{4})-(?P<m>\d\d)(?:-(?P<d>\d\d))?(?![\d-])",
        # 2024/05/03 and 2024.05.03
        r"(?<![\d/.])(?P<y>\d{4})(?P<s>[/.])(?P<m>\d\d)(?P=s)(?P<d>\d\d)(?![\d/]|\.\d)",
        # 3.5.2024 and 03.05.24
        r"(?<![\d.])(?P<d>\d{1,2})\.\s?(?P<m>\d{1,2})\.\s?(?P<y>\d{4})(?!\d)",
        r"(?<![\d.])(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d\d)(?!\d|\.\d)",
        # 3-5-2024
        r"(?<![\d-])(?P<d>\d{1,2})-(?P<m>\d{1,2})-(?P<y>\d{4})(?![\d-])",
        # 3/5/2024 and 3/5/24
        r"(?<![\d/])(?P<d>\d{1,2})/(?P<m>\d{1,2})/(?P<y>\d{4}|\d\d)(?![\d/])",
    )
)
_ANY_NAME = re.compile(rf"\b(?:{_MONTH})\b", re.IGNORECASE)
_ANY_DIGITS = re.compile(r"\d\s?[-./年년]\s?\d")
_EITHER_ORDER = re.compile(r"\d{1,2}[/-]\d{1,2}[/-]")  # 3/5/2024: the day may come second
_YEAR = re.compile(r"(?<!\d)[12]\d{3}(?!\d)")

Reading = tuple[int | None, int | None, int | None]
"""Year, month and day; None for a part that the text does not state."""


@dataclass(frozen=True, slots=True)
class Date:
    """A date at characters [start, end) of a text.

    "03/04/2024" has two readings: 3 April and 4 March.
    """

    text: str
    start: int
    end: int
    readings: tuple[Reading, ...]


def find_dates(text: str) -> list[Date]:
    """Return the dates of a text that state at least two of year, month and day."""
    found: list[Date] = []
    taken = bytearray(len(text))
    for pattern in _choose_patterns(text):
        for match in pattern.finditer(text):
            start, end = match.span()
            readings = () if any(taken[start:end]) else _parse_readings(match)
            if readings:
                found.append(Date(match.group(), start, end, readings))
                taken[start:end] = b"\1" * (end - start)
    return found


def _choose_patterns(text: str) -> tuple[re.Pattern[str], ...]:
    """Return the patterns that can match; most texts have no date, and the names take time."""
    with_names = _WITH_NAMES if _ANY_NAME.search(text) else ()
    return with_names + (_IN_DIGITS if _ANY_DIGITS.search(text) else ())


def _parse_readings(match: re.Match[str]) -> tuple[Reading, ...]:
    parts = match.groupdict()
    name = lowercase(parts.get("n") or "")
    year = int(parts["y"]) if parts.get("y") else None
    day = int(parts["d"]) if parts.get("d") else None
    month = _MONTH_NUMBERS[name] if name else int(parts["m"])
    if year is not None and year < 100:
        year += 2000
    is_ambiguous = _EITHER_ORDER.match(match.group()) is not None
    orders = [(month, day)] + ([(day, month)] if is_ambiguous else [])
    return tuple((year, m, d) for m, d in orders if m and m <= 12 and (d is None or 0 < d <= 31))


class DateIndex:
    """The dates of a text, ready to be looked up.

    A date without its year counts for each year that the text mentions.
    """

    def __init__(self, text: str) -> None:
        self._years = {int(year) for year in _YEAR.findall(text)}
        readings = [reading for date in find_dates(text) for reading in date.readings]
        self._dated = {
            known
            for y, m, d in readings
            for known in ((y, m, d), (y, m, None), (None, m, d), (None, m, None))
        }
        self._undated = {
            known for y, m, d in readings if y is None for known in ((m, d), (m, None))
        }

    def supports(self, stated: Date) -> bool:
        """Return True if the text has the stated date, or a more precise one that includes it."""
        return any(
            (y, m, d) in self._dated or (y in self._years and (m, d) in self._undated)
            for y, m, d in stated.readings
        )

    def supports_without_year(self, stated: Date) -> bool:
        """Return True if the text has the day and month of the stated date without any year."""
        return any((m, d) in self._undated for _, m, d in stated.readings)
