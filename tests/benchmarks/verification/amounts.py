"""Numbers, scales, units and dates of a true statement, made wrong by a single change."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from decimal import Decimal
from random import Random

from tests.benchmarks.verification.claims import Claim, Surroundings, plain
from tests.benchmarks.verification.numbers import (
    MONTHS,
    SCALES,
    Number,
    find_dates,
    find_numbers,
    spelled,
    spelled_numbers,
    values,
    written_like,
    years,
)

_HEDGE = re.compile(
    r"\b(?:about|approximately|roughly|nearly|almost|around|circa|over|under|than|least|most|up to|"
    r"below|above|within|exceeds?|estimated|some|maximum of|minimum of)\s*$|[~<>≈]\s*$",
    re.IGNORECASE,
)
_OPEN_END = re.compile(r"\s?\+|\s(?:or|and) (?:more|less|fewer|over|older|above|under)\b")
_UNITS = ("second", "minute", "hour", "day", "week", "month", "year")


def _loose(text: str, figure: Number) -> bool:
    """Return True for a hedged number, a bound or a part of a range: another one may be right."""
    before, after = text[: figure.start], text[figure.end :]
    return bool(
        _HEDGE.search(before)
        or _OPEN_END.match(after)
        or re.match(r"\s?(?:to|[-–—])\s?[$\d]", after)
    )


def _exact(claim: Claim) -> list[Number]:
    return [figure for figure in find_numbers(claim.text) if not _loose(claim.text, figure)]


def _with_number(
    claim: Claim, around: Surroundings, change: Callable[[Number, Random], Decimal | None]
) -> str | None:
    """Change one number to one that the evidence does not have."""
    known = values(around.cited(claim)) | values(claim.text)
    found = _exact(claim)
    around.rng.shuffle(found)
    for figure in found:
        number = change(figure, around.rng)
        if number is None or number in known or number.scaleb(SCALES.get(figure.scale, 0)) in known:
            continue
        if _near_multiple(number, known):
            continue
        return _put(claim.text, figure, number)
    return None


def _near_multiple(number: Decimal, known: set[Decimal]) -> bool:
    """Return True if the evidence has the number in thousands or millions."""
    return any(number.scaleb(power) in known for power in (3, 6, -3, -6))


def _put(text: str, figure: Number, number: Decimal) -> str:
    old = re.search(r"\d[\d,]*(?:\.\d+)?", figure.text)
    assert old is not None
    comma = "," if "," in old[0] or number >= 10_000 else ""
    new = f"{number:{comma}f}"
    at = figure.start + old.start()
    return text[:at] + new + text[at + len(old[0]) :]


def digit_changed(claim: Claim, around: Surroundings) -> str | None:
    def change(figure: Number, rng: Random) -> Decimal | None:
        digits = str(figure.number)
        places = [n for n, char in enumerate(digits) if char.isdigit()]
        at = rng.choice(places)
        new = rng.choice([c for c in "123456789" if c != digits[at]])
        return Decimal(digits[:at] + new + digits[at + 1 :])

    text = _with_number(claim, around, change)
    return text or _other_word(claim, around)


def _other_word(claim: Claim, around: Surroundings) -> str | None:
    """Change twenty-eight to another number in words."""
    known = values(around.cited(claim))
    for number, word in spelled_numbers():
        match = re.search(
            rf"(?<![-\w])(?i:{word})(?= [a-z])(?! hundred| thousand| [mb]illion)", claim.text
        )
        if match is None or _HEDGE.search(claim.text[: match.start()]) or number < 2:
            continue
        if _OPEN_END.match(claim.text[match.end() :]):
            continue
        others = [
            n for n in range(max(2, number - 9), number + 10) if n != number and n not in known
        ]
        if others:
            new = spelled(around.rng.choice([n for n in others if n < 100]))
            new = new.capitalize() if match[0][0].isupper() else new
            return claim.text[: match.start()] + new + claim.text[match.end() :]
    return None


def digits_swapped(claim: Claim, around: Surroundings) -> str | None:
    def change(figure: Number, rng: Random) -> Decimal | None:
        digits = str(figure.number)
        pairs = [
            n
            for n in range(len(digits) - 1)
            if digits[n : n + 2].isdigit() and digits[n] != digits[n + 1] and digits[n + 1] != "0"
        ]
        if not pairs:
            return None
        at = rng.choice(pairs)
        return Decimal(digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :])

    return _with_number(claim, around, change)


def times_ten(claim: Claim, around: Surroundings) -> str | None:
    def change(figure: Number, rng: Random) -> Decimal | None:
        up = figure.number.scaleb(1)
        down = figure.number.scaleb(-1).normalize()
        whole = down == down.to_integral_value()
        if figure.percent and up > 100:
            return down if whole else None
        return rng.choice([up, down]) if whole else up

    return _with_number(claim, around, change)


def number_nearby(claim: Claim, around: Surroundings) -> str | None:
    """Take another number of the same sort from the passage."""
    if claim.fact:
        return None
    own = {figure.value for figure in find_numbers(claim.text)}
    candidates = [
        figure
        for figure in find_numbers(plain(around.quoted(claim)))
        if figure.value not in own and not _near_multiple(figure.value, own)
    ]
    for figure in _exact(claim):
        same = [
            other
            for other in candidates
            if other.sort == figure.sort
            and bool(other.scale) == bool(figure.scale)
            and other.number >= 2
            and Decimal("0.02") < other.value / max(figure.value, Decimal(1)) < 50
        ]
        if same and figure.number > 1:
            other = around.rng.choice(same)
            return claim.text[: figure.start] + other.text.strip() + claim.text[figure.end :]
    return None


def cell_of_other_year(claim: Claim, around: Surroundings) -> str | None:
    """Take a cell of the right table row and the wrong column."""
    if claim.fact is None:
        return None
    others = [n for year, n in claim.fact.row if n not in (claim.fact.number, 0) and n >= 2]
    return _cell_instead(claim, others, around.rng)


def cell_of_other_row(claim: Claim, around: Surroundings) -> str | None:
    """Take a cell of the right table column and the wrong row."""
    if claim.fact is None:
        return None
    return _cell_instead(claim, [n for n in claim.fact.column if n >= 10], around.rng)


def _cell_instead(claim: Claim, others: list[Decimal], rng: Random) -> str | None:
    assert claim.fact is not None
    for figure in find_numbers(claim.text):
        power = 3 if claim.fact.unit == "thousand" else 6
        exact = figure.value == claim.fact.number.scaleb(power)
        far = [n for n in others if abs(n - claim.fact.number) > claim.fact.number / 20]
        if exact and far and figure.scale == claim.fact.unit:
            return _put(claim.text, figure, rng.choice(far))
        if exact and far and figure.scale:
            number = rng.choice(far).scaleb(power - SCALES[figure.scale])
            new = f"{figure.money}{number:f} {figure.scale}"
            return claim.text[: figure.start] + new + claim.text[figure.end :]
    return None


def other_scale(claim: Claim, around: Surroundings) -> str | None:
    """Change million to billion, and the like."""
    known = values(around.cited(claim))
    found = find_numbers(claim.text) if claim.fact else _exact(claim)  # rounded facts are hedged
    for figure in [one for one in found if one.scale]:
        new = around.rng.choice(
            [s for s in ("thousand", "million", "billion") if s != figure.scale]
        )
        if figure.number.scaleb(SCALES[new]) not in known:
            said = figure.text.removesuffix(figure.scale) + new
            return claim.text[: figure.start] + said + claim.text[figure.end :]
    return None


def other_unit(claim: Claim, around: Surroundings) -> str | None:
    """Change 30 days to 30 weeks."""
    known = around.cited(claim).lower()
    words = "|".join(word for _, word in spelled_numbers())
    match = re.search(rf"\b(\d+|{words})([ -])({'|'.join(_UNITS)})(s?)\b", claim.text)
    if match is None:
        return None
    units = [
        unit for unit in _UNITS if unit != match[3] and f"{match[1]}{match[2]}{unit}" not in known
    ]
    new = f"{match[1]}{match[2]}{around.rng.choice(units)}{match[4]}"
    return claim.text[: match.start()] + new + claim.text[match.end() :]


def other_year(claim: Claim, around: Surroundings) -> str | None:
    """Change a year to one that the evidence does not have."""
    known = around.cited(claim)
    found = [match for match in years(claim.text) if not _HEDGE.search(claim.text[: match.start()])]
    for match in found:
        shifts = [
            n for n in (-10, -3, -2, -1, 1, 2, 3, 10, 100) if str(int(match[0]) + n) not in known
        ]
        shifts = [n for n in shifts if int(match[0]) + n < 2100]
        if shifts:
            new = str(int(match[0]) + around.rng.choice(shifts))
            return claim.text[: match.start()] + new + claim.text[match.end() :]
    return None


def year_nearby(claim: Claim, around: Surroundings) -> str | None:
    """Take a year from another sentence of the passage."""
    own = {match[0] for match in years(claim.text)}
    if claim.fact:
        others = [
            str(year)
            for year, number in claim.fact.row
            if year != claim.fact.year and abs(number - claim.fact.number) > claim.fact.number / 20
        ]
    else:
        near = [match[0] for match in years(plain(around.quoted(claim)))]
        others = [year for year in near if year not in own]
    for match in years(claim.text):
        if others and not _HEDGE.search(claim.text[: match.start()]):
            return (
                claim.text[: match.start()] + around.rng.choice(others) + claim.text[match.end() :]
            )
    return None


def other_month(claim: Claim, around: Surroundings) -> str | None:
    known = around.cited(claim)
    for date in find_dates(claim.text):
        days = [monthrange(date.year, month)[1] for month in range(1, 13)]
        months = [n for n in range(1, 13) if n != date.month and date.day <= days[n - 1]]
        month = around.rng.choice(months)
        if MONTHS[month - 1] not in known:
            new = written_like(date.text, date.year, month, date.day)
            return claim.text[: date.start] + new + claim.text[date.end :]
    return None


def other_day(claim: Claim, around: Surroundings) -> str | None:
    known = around.cited(claim)
    for date in find_dates(claim.text):
        days = [n for n in range(1, 29) if n != date.day]
        day = around.rng.choice(days)
        if date.day and not re.search(rf"\b0?{day}\b", known):
            new = written_like(date.text, date.year, date.month, day)
            return claim.text[: date.start] + new + claim.text[date.end :]
    return None


KINDS: dict[str, Callable[[Claim, Surroundings], str | None]] = {
    "number: digit": digit_changed,
    "number: swapped": digits_swapped,
    "number: times ten": times_ten,
    "number: same passage": number_nearby,
    "number: other column": cell_of_other_year,
    "number: other row": cell_of_other_row,
    "scale": other_scale,
    "unit": other_unit,
    "date: year": other_year,
    "date: month": other_month,
    "date: day": other_day,
    "date: same passage": year_nearby,
}
