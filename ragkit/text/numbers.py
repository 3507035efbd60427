"""Numbers in a text, in any spelling, and whether a text contains a given number."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from ragkit.text.lexicon import any_of, load_lexicon
from ragkit.text.scripts import UNSPACED

_LEXICON = load_lexicon()
_SCALES = {word: float(scale) for word, scale in _LEXICON.scales.items()}
_SCALE_LETTERS = "kmb"  # a scale only right behind a number or with a currency
_UNITS = _LEXICON.units
_NUMBER_WORDS = {word: int(value) for word, value in _LEXICON.number_words.items()}

_CURRENCY = r"US\$|[$€£¥]|(?:USD|EUR|GBP|JPY|CHF)\b"
_DIGITS = r"\d{1,3}(?:[,.'’\u00a0\u202f]\d{3})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)?|\.\d+"
_IN_DIGITS = re.compile(
    rf"(?P<before>{_CURRENCY})?\s?(?<![.,])(?<![^\W{UNSPACED}])(?P<digits>{_DIGITS})"
    rf"(?P<ordinal>{any_of(_LEXICON.ordinal_endings)})?"
    r"(?=(?P<gap>[\s\u00a0-]?)(?P<word>[^\W\d_]+|%|[$€£¥](?!\d)|°[CF]?)?(?:\s(?P<after>[^\W\d_]+|[€%]))?)",
    re.IGNORECASE,
)
MAX_DIGITS = 15  # that a float holds exactly; more digits make a code
_NUMBER_WORD = any_of(_NUMBER_WORDS)
_IN_WORDS = re.compile(
    rf"\b(?:(?P<tens>{any_of(_LEXICON.joining_tens)})[- ](?P<ones>{_NUMBER_WORD})"
    rf"|(?P<single>{_NUMBER_WORD}|{any_of(_LEXICON.single_words)}))\b"
    rf"(?P<hundred>[- ](?:{any_of(_LEXICON.hundreds)})\b)?"
    r"(?=(?:[- ](?P<word>[^\W\d_]+))?(?:\s(?P<after>[^\W\d_]+))?)",
    re.IGNORECASE,
)
_APPROXIMATION_WINDOW = 20  # characters before a number
_MIN_DIGITS_KEPT = 2  # by rounding
_HALF = 0.5001  # of the last digit that is kept, and a little for the error of floats
_FLOAT_ERROR = 1e-15  # relative
_APPROXIMATION = re.compile(rf"\b(?:{any_of(_LEXICON.approximations)})\s*$", re.IGNORECASE)
SCALE_NOTE = re.compile(
    rf"\b(?:{any_of(_LEXICON.scale_note_links)})\s++"
    r"(?:(?:(?:US\s?)?[$€£]|USD|EUR|U\.S\. dollars)\s*+)?"
    rf"({any_of(_LEXICON.scale_note_words)})s?\b"
    r"|\((?:[$€£]\s?)?(?:in\s+)?(000)'?s?\)",
    re.IGNORECASE,
)
"""The note of a table on the scale of its numbers: "in millions", "(in 000s)"."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number at characters [start, end) of a text.

    `readings` are the values that its digits can have, each with its count of decimals: "1.577"
    is one and a half or one and a half thousand. `scale` is 1e6 for millions, 1 if the text states
    none. `unit` is one word for all spellings of a unit, "" if there is none. `is_approximate` is
    True if the text says that the number is rounded: "about 40".
    """

    text: str
    start: int
    end: int
    readings: tuple[tuple[float, int], ...]
    scale: float = 1
    unit: str = ""
    is_approximate: bool = False

    @property
    def is_year(self) -> bool:
        """True for a bare number from 1000 to 2099, which may be a year."""
        return (
            self.scale == 1
            and not self.unit
            and self.text.isdecimal()
            and 1000 <= self.readings[0][0] < 2100
        )


def find_numbers(text: str) -> list[Number]:
    """Return the numbers of a text: those in digits, at most 15, and then those in words."""
    matches = _IN_DIGITS.finditer(text)
    short = (m for m in matches if len(re.sub(r"\D", "", m["digits"])) <= MAX_DIGITS)
    return [*map(_parse_digits, short), *_find_in_words(text)]


def lowercase(word: str) -> str:
    """Return a word in lower case as `re.IGNORECASE` compares it: both Turkish i become an i."""
    return word.casefold().replace("ı", "i").replace("i\u0307", "i")


def _parse_digits(match: re.Match[str]) -> Number:
    word = lowercase(match["word"] or "")
    before = lowercase(match["before"] or "")
    scale, end = 1.0, match.end("ordinal" if match["ordinal"] else "digits")
    if word in _SCALES and (word not in _SCALE_LETTERS or not match["gap"] or before):
        scale, end = _SCALES[word], match.end("word")
        word = lowercase(match["after"] or "")
    if word in _LEXICON.degrees:
        word = lowercase(match["after"] or "")
    if not before and word in _UNITS:
        end = match.end("word" if lowercase(match["word"] or "") == word else "after")
    unit = _UNITS.get(before) or _UNITS.get(word, "")
    start = match.start("before") if before else match.start("digits")
    before_it = match.string[max(0, start - _APPROXIMATION_WINDOW) : start]
    is_approximate = _APPROXIMATION.search(before_it) is not None
    readings = _parse_readings(match["digits"])
    return Number(match.string[start:end], start, end, readings, scale, unit, is_approximate)


def _parse_readings(digits: str) -> tuple[tuple[float, int], ...]:
    """Return the values that digits with commas and points can have, with their decimals."""
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


def _find_in_words(text: str) -> Iterator[Number]:
    for match in _IN_WORDS.finditer(text):
        spelled = filter(None, (match["tens"], match["ones"], match["single"]))
        value = sum(_NUMBER_WORDS.get(lowercase(word), 1) for word in spelled)
        value *= 100 if match["hundred"] else 1
        word, end = lowercase(match["word"] or ""), match.end()
        scale = _SCALES.get(word, 1.0) if word not in _SCALE_LETTERS else 1.0
        if scale > 1:
            end, word = match.end("word"), lowercase(match["after"] or "")
        unit = _UNITS.get(word, "")
        is_one = unit and lowercase(match["single"] or "") in _LEXICON.single_words
        if value < 2 and scale == 1 and not is_one:
            continue  # "one" is mostly a pronoun, and "first" a word like any other
        if unit:
            end = match.end("after" if scale > 1 else "word")
        own = text[match.start() : end]
        yield Number(own, match.start(), end, ((float(value), 0),), scale, unit)


def find_scales(text: str) -> frozenset[float]:
    """Return the scales that notes give to the bare numbers of a text: 1e6 for "(in millions)"."""
    return frozenset(
        1e3 if thousands else _SCALES[lowercase(word)]
        for word, thousands in SCALE_NOTE.findall(text)
    )


class NumberIndex:
    """The numbers of a text, sorted, ready to be looked up.

    A bare number may be in one of the `noted` scales. Without a note, a stated number with a
    scale also matches a bare one in thousands, millions or billions.
    """

    def __init__(self, found: Iterable[Number], noted: frozenset[float]) -> None:
        possible = () if noted else (1e3, 1e6, 1e9)
        self._written: dict[str, list[float]] = {}
        self._scaled: dict[str, list[float]] = {}
        for number in found:
            written = self._written.setdefault(number.unit, [])
            scaled = self._scaled.setdefault(number.unit, [])
            for value, _ in number.readings:
                written.append(value * number.scale)
                if number.scale == 1:
                    written += [value * scale for scale in noted]
                    scaled += [value * scale for scale in possible]
        for values in (*self._written.values(), *self._scaled.values()):
            values.sort()

    def supports(self, stated: Number) -> bool:
        """Return True if a number of the text equals the stated one and has its unit or none.

        A stated number may be rounded as long as it keeps at least two digits.
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
    """Return the range of the values that are the stated number or round to it."""
    value, decimals = reading
    spread = _FLOAT_ERROR * value * stated.scale
    if decimals or stated.scale > 1 or stated.is_approximate:
        whole = str(int(value)) if value >= 1 else ""
        zeros = len(whole) - len(whole.rstrip("0"))
        round_off = zeros if stated.is_approximate and not decimals else -decimals
        if len(whole) - round_off >= _MIN_DIGITS_KEPT:
            spread = max(spread, _HALF * stated.scale * 10.0**round_off)
    return value * stated.scale - spread, value * stated.scale + spread
