"""The ways to write a date, a number or a section, as words to look up in an index."""

from __future__ import annotations

from typing import NamedTuple

from ragkit.text.dates import ENDINGS, MONTH_NAMES, Date
from ragkit.text.lexicon import load_lexicon
from ragkit.text.numbers import Number

SECTION_WORDS = {
    label: tuple(word for word, own in load_lexicon().sections.items() if own == label)
    for label in set(load_lexicon().sections.values())
}
"""The words that can stand before the number of a section, for each meaning."""

Groups = tuple[tuple[str, ...], ...]


class Notation(NamedTuple):
    """One way to write a term, as words that every text with the term holds.

    The text has one alternative of each group, in any order: (("1250", "1 250"), ("5", "50")) for
    1,250.5. If `is_whole`, an alternative is a code with its signs: "13.05.25".
    """

    groups: Groups
    is_whole: bool = False


def write_date(date: Date) -> list[Notation]:
    """Return the notations of a date in words or digits."""
    found = []
    for year, month, day in date.readings:
        groups = _write_day(month, day)
        if year is None:
            found.append(Notation(groups))
            continue
        found.append(Notation((*groups, (str(year),))))
        if month and day:
            found.append(Notation(((f"{year}年{month}月{day}日",),)))
            found.append(Notation((_write_short(year, month, day),), is_whole=True))
    return found


def write_date_without_year(date: Date) -> list[Notation]:
    """Return the notations of the day and month of a date."""
    return [Notation(_write_day(month, day)) for _, month, day in date.readings]


def _write_day(month: int | None, day: int | None) -> Groups:
    groups: list[tuple[str, ...]] = []
    if day is not None:
        endings = (f"{day}{ending}" for ending in ENDINGS)
        groups.append(tuple(dict.fromkeys((str(day), f"{day:02}", *endings))))
    if month is not None:
        names = MONTH_NAMES[month]
        groups.append(tuple(dict.fromkeys((str(month), f"{month:02}", *names))))
    return tuple(groups)


def _write_short(year: int, month: int, day: int) -> tuple[str, ...]:
    """Return a date with two digits for the year: 13.05.25, 13/05/25 and 5/13/25."""
    end, d, m = f"{year % 100:02}", (str(day), f"{day:02}"), (str(month), f"{month:02}")
    dotted = [f"{a}.{b}.{end}" for a in d for b in m]
    slashed = [f"{a}/{b}/{end}" for a in d for b in m] + [f"{b}/{a}/{end}" for a in d for b in m]
    return tuple(dict.fromkeys((*dotted, *slashed)))


def write_number(number: Number) -> list[Notation]:
    """Return the notations of the digits of a number: grouped or not, with more zeros."""
    found = []
    for value, decimals in number.readings:
        whole, _, fraction = f"{value:.{decimals}f}".partition(".")
        grouped = f"{int(whole):,}".replace(",", " ")
        groups: list[tuple[str, ...]] = [tuple(dict.fromkeys((whole, grouped)))]
        if fraction := fraction.rstrip("0"):
            groups.append((fraction, f"{fraction}0"))
        found.append(Notation(tuple(groups)))
    return found


def write_section(label: str, number: str) -> list[Notation]:
    """Return the notations of a section: with each word for it, and its number as a heading."""
    words = tuple(word for word in SECTION_WORDS.get(label, ()) if word[0].isalnum())
    found = [Notation((words, (number,)))] if words else []
    return found if is_plain(number) and words else [*found, Notation(((number,),))]


def is_plain(number: str) -> bool:
    """Return True for the number of a section that is no more than a number or a letter."""
    return number.isalnum()
