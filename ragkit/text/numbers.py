"""Numbers in a text, whatever their spelling, and whether a text bears a stated one out."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from ragkit.text.keywords import UNSPACED, lowercase

_SCALES = {
    1e3: "thousand thousands k tsd tausend",
    1e6: "million millions mn mio mill millionen m",
    1e9: "billion billions bn mrd milliarde milliarden b",
    1e12: "trillion trillions tn",
}
_SCALE_OF = {word: scale for scale, words in _SCALES.items() for word in words.split()}
_DEGREES = ("degree", "degrees", "grad", "°")
_SHORT = "kmb"  # letters that are a scale only right behind a number or with a currency

_UNITS = {
    "%": "% percent pct prozent",
    "point": "bp bps",
    "$": "$ usd dollar dollars us$",
    "€": "€ eur euro euros",
    "£": "£ gbp pound pounds",
    "¥": "¥ jpy yen",
    "franc": "chf franken francs",
    "second": "second seconds sec sekunde sekunden",
    "minute": "minute minutes min mins minuten",
    "hour": "hour hours h hrs stunde stunden",
    "day": "day days tag tage tagen",
    "week": "week weeks woche wochen",
    "month": "month months monat monate monaten",
    "year": "year years jahr jahre jahren",
    "kilogram": "kg kilogram kilograms kilogramm",
    "gram": "g gram grams gramm",
    "tonne": "tonne tonnes ton tons tonnen",
    "kilometre": "km kilometre kilometres kilometer kilometers",
    "metre": "metre metres meter meters",
    "mile": "mile miles",
    "litre": "litre litres liter liters",
    "°C": "°c celsius",
    "°F": "°f fahrenheit",
    "MB": "mb megabyte megabytes",
    "GB": "gb gigabyte gigabytes",
}
_UNIT_OF = {word: unit for unit, words in _UNITS.items() for word in words.split()}

_CURRENCY = r"US\$|[$€£¥]|(?:USD|EUR|GBP|JPY|CHF)\b"
_DIGITS = r"\d{1,3}(?:[,.'’\u00a0\u202f]\d{3})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)?|\.\d+"
_FIGURE = re.compile(
    rf"(?P<before>{_CURRENCY})?\s?(?<![.,])(?<![^\W{UNSPACED}])(?P<digits>{_DIGITS})(?P<ordinal>st|nd|rd|th)?"
    r"(?=(?P<gap>[\s\u00a0-]?)(?P<word>[^\W\d_]+|%|[$€£¥](?!\d)|°[CF]?)?(?:\s(?P<after>[^\W\d_]+|[€%]))?)",
    re.IGNORECASE,
)
MOST_DIGITS = 15  # that a float holds; what has more of them is a code, no number
_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
_ONES += "fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_GERMAN = "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn"
_ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fifth": 5, "eighth": 8, "ninth": 9, "twelfth": 12,
}  # fmt: skip
_SPELLED: dict[str, int] = {
    **{word: value for value, word in enumerate(_ONES.split())},
    **{word: 10 * value for value, word in enumerate(_TENS.split(), 2)},
    **{word: value for value, word in enumerate(_GERMAN.split())},
}
_SPELLED |= {
    re.sub("y$", "ie", word) + "th": value for word, value in _SPELLED.items() if value > 3
} | _ORDINALS
_SINGLE = "|".join(sorted(_SPELLED, key=len, reverse=True))
_IN_WORDS = re.compile(
    rf"\b(?:(?P<tens>{'|'.join(_TENS.split())})[- ](?P<ones>{_SINGLE})|(?P<single>{_SINGLE}))\b"
    r"(?P<hundred>[- ]hundred\b)?"
    r"(?=(?:[- ](?P<word>[^\W\d_]+))?(?:\s(?P<after>[^\W\d_]+))?)",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\b(?:about|around|approximately|roughly|nearly|almost|circa|ca\.|over|more than|less than"
    r"|under|etwa|rund|knapp|fast|über|mehr als)\s*$",
    re.IGNORECASE,
)
NOTED_SCALE = re.compile(
    r"\b(?:in|of)\s++(?:(?:(?:US\s?)?[$€£]|USD|EUR|U\.S\. dollars)\s*+)?"
    r"(thousand|million|billion|Tsd|Mio|Mrd)s?\b"
    r"|\((?:[$€£]\s?)?(?:in\s+)?(000)'?s?\)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number at characters [start, end) of a text.

    `readings` are the values that its digits can have, each with its count of decimals: "1.577"
    is one and a half or one and a half thousand. `scale` is 1e6 for millions, 1 where nothing is
    said; `unit` is one word for all the spellings of a unit, "" without one; `about` is whether
    the text itself calls it rounded.
    """

    text: str
    start: int
    end: int
    readings: tuple[tuple[float, int], ...]
    scale: float = 1
    unit: str = ""
    about: bool = False

    @property
    def is_year(self) -> bool:
        return (
            self.scale == 1
            and not self.unit
            and self.text.isdecimal()
            and 1000 <= self.readings[0][0] < 2100
        )


def find_numbers(text: str) -> list[Number]:
    """The numbers of a text, in digits or in English words; none of more than 15."""
    matches = _FIGURE.finditer(text)
    short = (m for m in matches if len(re.sub(r"\D", "", m["digits"])) <= MOST_DIGITS)
    return [*map(_in_digits, short), *_in_words(text)]


def _in_digits(match: re.Match[str]) -> Number:
    word = lowercase(match["word"] or "")
    before = lowercase(match["before"] or "")
    scale, end = 1.0, match.end("ordinal" if match["ordinal"] else "digits")
    if word in _SCALE_OF and (word not in _SHORT or not match["gap"] or before):
        scale, end = _SCALE_OF[word], match.end("word")
        word = lowercase(match["after"] or "")
    if word in _DEGREES:
        word = lowercase(match["after"] or "")
    if not before and word in _UNIT_OF:
        end = match.end("word" if lowercase(match["word"] or "") == word else "after")
    unit = _UNIT_OF.get(before) or _UNIT_OF.get(word, "")
    start = match.start("before") if before else match.start("digits")
    about = _ABOUT.search(match.string[max(0, start - 20) : start]) is not None
    readings = _readings(match["digits"])
    return Number(match.string[start:end], start, end, readings, scale, unit, about)


def _readings(digits: str) -> tuple[tuple[float, int], ...]:
    marks = re.sub(r"\d", "", digits)
    last = marks[-1:]
    whole = (float(re.sub(r"\D", "", digits)), 0)
    decimals = len(digits) - digits.rfind(last) - 1 if last else 0
    point = digits.rfind(last) if last else len(digits)
    if not marks or last not in ",." or (len(marks) > 1 and len(set(marks)) == 1):
        return (whole,)
    before = re.sub(r"\D", "", digits[:point])
    fraction = (float(f"{before or 0}.{digits[point + 1 :]}"), decimals)
    if len(marks) > 1:  # 1,577.5 and 1.577,5
        return (fraction,)
    if decimals != 3 or not 0 < point <= 3 or digits[0] == "0":
        return (fraction,)
    return (whole,) if last == "," else (fraction, whole)


def _in_words(text: str) -> Iterator[Number]:
    for match in _IN_WORDS.finditer(text):
        spelled = filter(None, (match["tens"], match["ones"], match["single"]))
        value = sum(_SPELLED[lowercase(word)] for word in spelled)
        value *= 100 if match["hundred"] else 1
        word, end = lowercase(match["word"] or ""), match.end()
        scale = _SCALE_OF.get(word, 1.0) if word not in _SHORT else 1.0
        if scale > 1:
            end, word = match.end("word"), lowercase(match["after"] or "")
        if value < 2 and scale == 1:
            continue  # "one" is mostly no number, and "first" a word like any other
        unit = _UNIT_OF.get(word, "")
        if unit:
            end = match.end("after" if scale > 1 else "word")
        text_of = text[match.start() : end]
        yield Number(text_of, match.start(), end, ((float(value), 0),), scale, unit)


def find_scales(text: str) -> frozenset[float]:
    """The scales that a text says its bare numbers have: 1e6 for "(in millions)"."""
    return frozenset(
        1e3 if thousands else _SCALE_OF[lowercase(word)]
        for word, thousands in NOTED_SCALE.findall(text)
    )


class NumberIndex:
    """The numbers of a text by their size, where bare numbers are in the scales of `noted`.

    Where nothing is noted, a bare number may be in thousands, millions or billions.
    """

    def __init__(self, found: Iterable[Number], noted: frozenset[float]) -> None:
        unsaid = () if noted else (1e3, 1e6, 1e9)
        self._written: dict[str, list[float]] = {}
        self._scaled: dict[str, list[float]] = {}
        for figure in found:
            written = self._written.setdefault(figure.unit, [])
            scaled = self._scaled.setdefault(figure.unit, [])
            for value, _ in figure.readings:
                written.append(value * figure.scale)
                if figure.scale == 1:
                    written += [value * scale for scale in noted]
                    scaled += [value * scale for scale in unsaid]
        for values in (*self._written.values(), *self._scaled.values()):
            values.sort()

    def supports(self, stated: Number) -> bool:
        """Whether one of the numbers is the stated one, of its unit or of none.

        Rounding is no contradiction where at least two digits are left.
        """
        kinds = [self._written, self._scaled] if stated.scale > 1 else [self._written]
        units = (stated.unit, "") if stated.unit else tuple(self._written)
        return any(
            _has_between(kind.get(unit, ()), low, high)
            for low, high in map(partial(_bounds, stated), stated.readings)
            for kind in kinds
            for unit in units
        )


def _has_between(values: Sequence[float], low: float, high: float) -> bool:
    at = bisect_left(values, low)
    return at < len(values) and values[at] <= high


def _bounds(stated: Number, reading: tuple[float, int]) -> tuple[float, float]:
    """Between which values a number is the stated one, or rounds to it."""
    value, decimals = reading
    spread = 1e-15 * value * stated.scale
    if decimals or stated.scale > 1 or stated.about:
        whole = str(int(value)) if value >= 1 else ""
        zeros = len(whole) - len(whole.rstrip("0"))
        round_off = zeros if stated.about and not decimals else -decimals
        if len(whole) - round_off >= 2:
            spread = max(spread, 0.5001 * stated.scale * 10.0**round_off)
    return value * stated.scale - spread, value * stated.scale + spread
