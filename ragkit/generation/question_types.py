"""What kind of value a question asks for, and whether a text has one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

from ragkit.text.dates import find_dates
from ragkit.text.folding import fold_text
from ragkit.text.lexicon import any_of, load_lexicon
from ragkit.text.numbers import Number, find_numbers

_LEXICON = load_lexicon()
_DURATIONS = frozenset({"second", "minute", "hour", "day", "week", "month", "year"})
_CURRENCIES = frozenset({"$", "€", "£", "¥", "franc"})
_BARE_NUMBER = -0.3  # for a question about money: better than no number, but it has no currency
_COUNT = re.compile(rf"\b(?:{any_of(_LEXICON.count_questions)})\s+(?P<noun>[^\W\d_]+)")
_CAPITAL = re.compile(r"(?<=[^\W_] )[^\W\d_a-zß-ÿ][^\W_]+")
_CALENDAR = re.compile(
    rf"\b(?:{any_of((*_LEXICON.weekdays, *_LEXICON.months))})\b|(?<![\d.,])(?:19|20)\d\d(?!\d)"
)


class ValueType(StrEnum):
    """What the answer to a question is."""

    DURATION = "duration"
    PERCENTAGE = "percentage"
    MONEY = "money"
    NUMBER = "number"
    DATE = "date"
    NAME = "name"


_OPENINGS = tuple(
    (value_type, re.compile(rf"\b(?:{any_of(phrases)})\b"))
    for value_type, phrases in (
        (ValueType.DURATION, _LEXICON.duration_questions),
        (ValueType.PERCENTAGE, _LEXICON.percentage_questions),
        (ValueType.DATE, _LEXICON.date_questions),
        (ValueType.MONEY, _LEXICON.money_questions),
        (ValueType.NUMBER, _LEXICON.number_questions),
        (ValueType.NAME, _LEXICON.name_questions),
    )
)


def find_value_type(question: str) -> ValueType | None:
    """Return what kind of value a question asks for, None if that is not clear."""
    folded = fold_text(question)
    if count := _COUNT.search(folded):
        is_duration = _LEXICON.units.get(count["noun"]) in _DURATIONS
        return ValueType.DURATION if is_duration else ValueType.NUMBER
    return next((kind for kind, opening in _OPENINGS if opening.search(folded)), None)


def judge_value(kind: ValueType | None, text: str, question: str) -> float:
    """Return 1 if a text has a value of this kind that the question does not have, -1 if not.

    Returns 0 if the kind is None, and -0.3 for a number without a currency in place of money.
    """
    if kind is None:
        return 0.0
    if kind == ValueType.NAME:
        return 1.0 if _new(_CAPITAL.findall(text), question) else -1.0
    if kind == ValueType.DATE:
        dates = [date.text for date in find_dates(text)] + _CALENDAR.findall(fold_text(text))
        return 1.0 if _new(dates, question) else -1.0
    numbers = [
        number for number in find_numbers(text) if _new([number.text], question, as_words=True)
    ]
    if any(_is_of_kind(kind, number) for number in numbers):
        return 1.0
    if kind == ValueType.MONEY and any(not number.is_year for number in numbers):
        return _BARE_NUMBER
    return -1.0


def _is_of_kind(kind: ValueType, number: Number) -> bool:
    if kind == ValueType.DURATION:
        return number.unit in _DURATIONS
    if kind == ValueType.PERCENTAGE:
        return number.unit == "%"
    if kind == ValueType.MONEY:
        return number.unit in _CURRENCIES
    return not number.is_year


def _new(values: Iterable[str], question: str, *, as_words: bool = False) -> bool:
    """Return True if one of the values is not in the question."""
    known = fold_text(question)
    words = set(re.findall(r"[\w.,]+", known))
    return any(
        value.casefold() not in (words if as_words else known) for value in values if value.strip()
    )
