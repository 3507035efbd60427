"""Numbers and dates in a text, whatever their spelling, and whether two of them say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SCALES = {
    1e3: "thousand thousands k tsd tausend",
    1e6: "million millions mn mio mill millionen m",
    1e9: "billion billions bn mrd milliarde milliarden b",
    1e12: "trillion trillions tn",
}
_SCALE_OF = {word: scale for scale, words in _SCALES.items() for word in words.split()}
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
    "gram": "gram grams gramm",
    "tonne": "tonne tonnes ton tons tonnen",
    "kilometre": "km kilometre kilometres kilometer kilometers",
    "metre": "metre metres meter meters",
    "mile": "mile miles",
    "litre": "litre litres liter liters",
    "degree": "°c °f °",
    "MB": "mb megabyte megabytes",
    "GB": "gb gigabyte gigabytes",
}
_UNIT_OF = {word: unit for unit, words in _UNITS.items() for word in words.split()}

_CURRENCY = r"US\$|[$€£¥]|(?:USD|EUR|GBP|JPY|CHF)\b"
_DIGITS = r"\d{1,3}(?:[,.'’\u00a0\u202f]\d{3})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)?|\.\d+"
_FIGURE = re.compile(
    rf"(?P<before>{_CURRENCY})?\s?(?<![\w.,])(?P<digits>{_DIGITS})(?P<ordinal>st|nd|rd|th)?"
    r"(?=(?P<gap>[\s\u00a0-]?)(?P<word>[^\W\d_]+|%|[$€£¥](?!\d)|°[CF]?)?(?:\s(?P<after>[^\W\d_]+|[€%]))?)",
    re.IGNORECASE,
)
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
    r"\b(?:in|of)\s+(?:(?:US\s?)?[$€£]|USD|EUR|U\.S\. dollars)?\s*"
    r"(thousand|million|billion|Tsd|Mio|Mrd)s?\b"
    r"|\((?:[$€£]\s?)?(?:in\s+)?(000)'?s?\)",
    re.IGNORECASE,
)

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


@dataclass(frozen=True, slots=True)
class Figure:
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


@dataclass(frozen=True, slots=True)
class Day:
    """A date at characters [start, end); what is not said of it is None.

    `readings` are (year, month, day): "03/04/2024" has two.
    """

    text: str
    start: int
    end: int
    readings: tuple[tuple[int | None, int | None, int | None], ...]


def figures(text: str) -> list[Figure]:
    """The numbers of a text, in digits or in English words."""
    found = [_in_digits(match) for match in _FIGURE.finditer(text)]
    return found + list(_in_words(text))


def _in_digits(match: re.Match[str]) -> Figure:
    word = (match["word"] or "").casefold()
    before = (match["before"] or "").casefold()
    scale, end = 1.0, match.end("ordinal" if match["ordinal"] else "digits")
    if word in _SCALE_OF and (word not in _SHORT or not match["gap"] or before):
        scale, end = _SCALE_OF[word], match.end("word")
        word = (match["after"] or "").casefold()
    if not before and word in _UNIT_OF:
        end = match.end("after" if scale > 1 else "word")
    unit = _UNIT_OF.get(before) or _UNIT_OF.get(word, "")
    start = match.start("before") if before else match.start("digits")
    about = _ABOUT.search(match.string[max(0, start - 20) : start]) is not None
    readings = _readings(match["digits"])
    return Figure(match.string[start:end], start, end, readings, scale, unit, about)


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


def _in_words(text: str) -> Iterator[Figure]:
    for match in _IN_WORDS.finditer(text):
        spelled = filter(None, (match["tens"], match["ones"], match["single"]))
        value = sum(_SPELLED[word.casefold()] for word in spelled)
        value *= 100 if match["hundred"] else 1
        word, end = (match["word"] or "").casefold(), match.end()
        scale = _SCALE_OF.get(word, 1.0) if word not in _SHORT else 1.0
        if scale > 1:
            end, word = match.end("word"), (match["after"] or "").casefold()
        if value < 2 and scale == 1:
            continue  # "one" is mostly no number, and "first" a word like any other
        unit = _UNIT_OF.get(word, "")
        text_of = text[match.start() : end]
        yield Figure(text_of, match.start(), end, ((float(value), 0),), scale, unit)


def scales_noted(text: str) -> frozenset[float]:
    """The scales that a text says its bare numbers have: 1e6 for "(in millions)"."""
    return frozenset(
        1e3 if thousands else _SCALE_OF[word.casefold()]
        for word, thousands in NOTED_SCALE.findall(text)
    )


def says(found: Figure, stated: Figure, noted: frozenset[float]) -> bool:
    """Whether a number in a text bears out a stated one, where bare numbers are in `noted` scales.

    Rounding is no contradiction where at least two digits are left.
    """
    if found.unit and stated.unit and found.unit != stated.unit:
        return False
    scales = {found.scale}
    if found.scale == 1:
        scales |= noted or ({1e3, 1e6, 1e9} if stated.scale > 1 else frozenset())
    return any(
        _equal(value * scale, stated_value, decimals, stated)
        for value, _ in found.readings
        for scale in scales
        for stated_value, decimals in stated.readings
    )


def _equal(value: float, said: float, decimals: int, stated: Figure) -> bool:
    """Whether a value is the one that is said, or rounds to it."""
    difference = abs(value - said * stated.scale)
    if difference <= 1e-9 * abs(value):
        return True
    if not (decimals or stated.scale > 1 or stated.about):
        return False
    whole = str(int(said)) if said >= 1 else ""
    round_off = len(whole) - len(whole.rstrip("0")) if stated.about and not decimals else -decimals
    digits = len(whole) - round_off
    return digits >= 2 and difference <= 0.5001 * stated.scale * 10**round_off


def days(text: str) -> list[Day]:
    """The dates of a text that have at least two of year, month and day."""
    found: list[Day] = []
    for pattern in _DATES:
        for match in pattern.finditer(text):
            inside = any(day.start < match.end() and match.start() < day.end for day in found)
            readings = () if inside else _read(match)
            if readings:
                found.append(Day(match.group(), match.start(), match.end(), readings))
    return found


def _read(match: re.Match[str]) -> tuple[tuple[int | None, int | None, int | None], ...]:
    parts = match.groupdict()
    name = (parts.get("n") or "").casefold()
    year = int(parts["y"]) if parts.get("y") else None
    day = int(parts["d"]) if parts.get("d") else None
    month = _MONTH_OF[name] if name else int(parts["m"])
    if year is not None and year < 100:
        year += 2000
    either = [(month, day)] + ([(day, month)] if "/" in match.group() else [])
    return tuple((year, m, d) for m, d in either if m and m <= 12 and (d is None or 0 < d <= 31))


def confirms(found: Day, stated: Day, years: frozenset[int]) -> bool:
    """Whether a date in a text bears out a stated one; its year may stand elsewhere (`years`)."""
    return any(
        (d is None or d == fd) and m == fm and (y is None or y == fy or (fy is None and y in years))
        for y, m, d in stated.readings
        for fy, fm, fd in found.readings
    )
