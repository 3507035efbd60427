"""Numbers and dates in running text: where they stand, their worth, other ways to write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
MONTHS = _MONTH.split("|")
SCALES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}

_UNDER_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_ONES = _UNDER_TWENTY.split()
_DOZENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_TENS = _DOZENS.split()
_NO_AMOUNT = re.compile(  # a day without its year, or the number of a thing
    rf"\b(?:{_MONTH}) \d{{1,2}}\b|\b\d{{1,2}}(?:st|nd|rd|th)? (?:of )?(?:{_MONTH})\b"
    r"|\b(?:Item|Note|Notes \d+ and|Notes|Part|Section|Level|Figure|Chapter|Article|Step|Table|"
    r"Page|Exhibit|Form|Standard|Series|Type|Phase|Stage|Tier|Rule|Class|Quarter|World War)"
    r" \d[\d.]*",
    re.IGNORECASE,
)
_FIGURE = re.compile(
    r"(?<![\w.,/#:+–—-])(?P<money>(?:US)?[$€£])?(?P<digits>\d{1,3}(?:,\d{3})+|\d+)(?P<rest>\.\d+)?"
    r"(?P<percent>\s?%| per ?cent\b)?(?: (?P<scale>thousand|million|billion|trillion)\b)?"
    r"(?![\w%/+]|[.,:-]\d|-\w)"
)
_DATE = re.compile(
    rf"\b(?:(?P<m1>{_MONTH}) (?P<d1>\d{{1,2}})(?:st|nd|rd|th)?, (?P<y1>\d{{4}})"
    rf"|(?P<d2>\d{{1,2}}) (?P<m2>{_MONTH}) (?P<y2>\d{{4}})"
    rf"|(?P<y4>\d{{4}})-(?P<m4>\d\d)-(?P<d4>\d\d)"
    rf"|(?P<m3>{_MONTH}) (?P<y3>\d{{4}}))\b"
)
_YEAR = re.compile(r"(?<![\w.,$€£/-])(1[0-9]\d\d|20\d\d)(?![\w,/%-]\d|[\w%/]|-\w)(?! [mb]illion)")


@dataclass(frozen=True, slots=True)
class Number:
    """A number at characters [start, end): `value` is what it is worth with its scale word."""

    start: int
    end: int
    text: str
    number: Decimal
    money: str
    percent: bool
    scale: str

    @property
    def value(self) -> Decimal:
        return self.number.scaleb(SCALES.get(self.scale, 0))

    @property
    def sort(self) -> tuple[bool, bool]:
        return bool(self.money), self.percent


@dataclass(frozen=True, slots=True)
class Date:
    """A date at characters [start, end): `day` is 0 where there is only a month."""

    start: int
    end: int
    text: str
    year: int
    month: int
    day: int


def find_numbers(text: str) -> list[Number]:
    """Return the numbers in digits that count or measure: no years, dates or page numbers."""
    taken = [(date.start, date.end) for date in find_dates(text)]
    taken += [match.span() for match in (*_YEAR.finditer(text), *_NO_AMOUNT.finditer(text))]
    found = []
    for match in _FIGURE.finditer(text):
        if any(match.start() < end and start < match.end() for start, end in taken):
            continue
        number = Decimal(match["digits"].replace(",", "") + (match["rest"] or ""))
        found.append(
            Number(
                *match.span(),
                text=match[0],
                number=number,
                money=match["money"] or "",
                percent=bool(match["percent"]),
                scale=match["scale"] or "",
            )
        )
    return found


def values(text: str) -> set[Decimal]:
    """Return all values that numbers of the text can have, bare and with their scale."""
    bare = {Decimal(found.replace(",", "")) for found in re.findall(r"\d[\d,]*(?:\.\d+)?", text)}
    words = {Decimal(worth) for worth, word in spelled_numbers() if word in text.lower()}
    return bare | {figure.value for figure in find_numbers(text)} | words


def find_dates(text: str) -> list[Date]:
    found = []
    for match in _DATE.finditer(text):
        month = match["m1"] or match["m2"] or match["m3"]
        found.append(
            Date(
                *match.span(),
                text=match[0],
                year=int(match["y1"] or match["y2"] or match["y3"] or match["y4"]),
                month=MONTHS.index(month) + 1 if month else int(match["m4"]),
                day=int(match["d1"] or match["d2"] or match["d4"] or 0),
            )
        )
    return [date for date in found if 1 <= date.month <= 12 and date.day <= 31]


def years(text: str) -> list[re.Match[str]]:
    return list(_YEAR.finditer(text))


def written_like(form: str, year: int, month: int, day: int) -> str:
    """Write a date in the form of another one."""
    name = MONTHS[month - 1]
    if re.match(r"\d{4}-", form):
        return f"{year}-{month:02}-{day:02}"
    if not day:
        return f"{name} {year}"
    return f"{day} {name} {year}" if form[0].isdigit() else f"{name} {day}, {year}"


def spelled(number: int) -> str:
    """Write 0 to 99 in words."""
    if number < 20:
        return _ONES[number]
    tens, ones = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{_ONES[ones]}" if ones else "")


def spelled_numbers() -> Iterator[tuple[int, str]]:
    return ((number, spelled(number)) for number in range(2, 100))


def grouped(number: Decimal) -> str:
    """Write 1577000 as 1,577,000, without trailing zeros after the point."""
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def rescaled(figure: Number) -> str | None:
    """Write an amount with another scale word or none: $1,577 million as $1.577 billion."""
    value = figure.value
    if figure.scale and figure.number < 1000:
        small = {"trillion": "billion", "billion": "million"}.get(figure.scale)
        return figure.money + (
            f"{grouped(value.scaleb(-SCALES[small]))} {small}" if small else grouped(value)
        )
    for scale, power in reversed(SCALES.items()):
        if scale != figure.scale and power > 3 and value >= Decimal(10) ** power:
            return f"{figure.money}{grouped(value.scaleb(-power))} {scale}"
    return None
