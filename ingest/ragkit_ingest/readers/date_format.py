"""Shows dates, times and durations of spreadsheets, by the tokens of a number format.

A full date is shown in ISO form. Other formats (a month and its year, a time, elapsed hours) are
shown as their code says, with English names (ECMA-376 part 1, 18.8.31).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

DAYS_TO_1904 = 1462  # from the first day of the 1900 date system to that of the 1904 system

_DAY_SECONDS = 86400
_LAST_DAY = 2_958_465  # 9999-12-31
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Token = tuple[str, str]
"""The kind of a part of a format, and its text or what it shows."""


def is_date_format(tokens: Sequence[Token]) -> bool:
    """Return True if a section of a format shows a date or a time of day."""
    kinds = {kind for kind, _ in tokens}
    return "date" in kinds and not kinds & {"digit", "elapsed"}


def compile_date_format(tokens: Sequence[Token], first_day: int) -> Callable[[float], str]:
    """Return the function that shows a serial number; `first_day` is added to those of dates."""
    parts = _find_minutes(tokens)
    letters = {text[0] for kind, text in parts if kind == "date"}
    has_date = bool(letters - set("hns"))
    is_full = {"m", "d"} <= letters and bool(letters & set("yeb"))
    places = max((len(text) - 1 for kind, text in parts if kind == "subsecond"), default=0)
    half_day = any(kind == "noon" for kind, _ in parts)

    def format_serial(value: float) -> str:
        serial = value + first_day if has_date else value
        ticks = round(serial * _DAY_SECONDS * 10**places)
        seconds, rest = divmod(ticks, 10**places)
        if has_date and seconds // _DAY_SECONDS > _LAST_DAY:
            return format(value, ".15g")
        moment = _Moment(seconds, f"{rest:0{places}}" if places else "", half_day)
        if is_full:
            return moment.show_iso(letters, places)
        return "".join(moment.show(kind, text) for kind, text in parts)

    return format_serial


def _find_minutes(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens in lower case, with "n" for minutes: "m" after "h" or before "s"."""
    parts = [(k, text.lower() if k in ("date", "elapsed") else text) for k, text in tokens]
    times = [at for at, (kind, _) in enumerate(parts) if kind in ("date", "elapsed")]
    for place, at in enumerate(times):
        kind, text = parts[at]
        before = parts[times[place - 1]][1][0] if place else ""
        after = parts[times[place + 1]][1][0] if place + 1 < len(times) else ""
        if kind == "date" and text in ("m", "mm") and (before == "h" or after == "s"):
            parts[at] = (kind, "n" * len(text))
    return parts


class _Moment:
    """A point in time, in whole seconds from the first day, with what follows the second."""

    def __init__(self, seconds: int, fraction: str, half_day: bool) -> None:
        self._total = seconds
        self._fraction = fraction
        self._half_day = half_day
        self._day, rest = divmod(seconds, _DAY_SECONDS)
        self._hour, self._minute, self._second = rest // 3600, rest // 60 % 60, rest % 60

    def show_iso(self, letters: set[str], places: int) -> str:
        """Return the date, with the time as far as the format has it."""
        year, month, day = self._split_day()
        shown = f"{year:04}-{month:02}-{day:02}"
        if "h" in letters:
            shown += f" {self._hour:02}:{self._minute:02}"
            shown += f":{self._second:02}" if "s" in letters else ""
            shown += f".{self._fraction}" if places else ""
        return shown

    def show(self, kind: str, text: str) -> str:
        """Return what a token shows."""
        if kind == "elapsed":
            unit = {"h": 3600, "m": 60, "s": 1}[text[0]]
            return f"{self._total // unit:0{len(text)}}"
        if kind == "subsecond":
            return f".{self._fraction}"
        if kind == "noon":
            return ("PM" if self._hour >= 12 else "AM")[: len(text) // 2]
        if kind != "date":
            return text
        if text[0] in "hns":
            return f"{self._clock(text[0]):0{min(len(text), 2)}}"
        return self._show_day(text)

    def _clock(self, letter: str) -> int:
        hour = (self._hour % 12 or 12) if self._half_day else self._hour
        return {"h": hour, "n": self._minute, "s": self._second}[letter]

    def _show_day(self, text: str) -> str:
        year, month, day = self._split_day()
        letter, length = text[0], len(text)
        if letter == "m" and length > 2:
            name = _MONTHS[max(month, 1) - 1]
            return {3: name[:3], 5: name[0]}.get(length, name)
        if letter in "da" and length > 2:
            # serial number 1 is a Sunday in the 1900 date system
            name = _WEEKDAYS[(self._day + 5) % 7]
            return name[:3] if length == 3 else name
        if letter in "md":
            return f"{month if letter == 'm' else day:0{length}}"
        if letter == "g":
            return ""
        year += 543 if letter == "b" else 0  # the Buddhist era
        return f"{year % 100:02}" if letter in "yb" and length < 3 else str(year)

    def _split_day(self) -> tuple[int, int, int]:
        """Return year, month and day; the 1900 system has a day 0 and a 29 February 1900."""
        if self._day in (0, 60):
            return (1900, 1, 0) if self._day == 0 else (1900, 2, 29)
        first = datetime.date(1899, 12, 30 if self._day > 60 else 31)
        found = first + datetime.timedelta(self._day)
        return found.year, found.month, found.day
