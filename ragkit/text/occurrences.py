"""Whether a string, a date or a number occurs in a text, in any of its spellings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property, lru_cache

from ragkit.text.dates import DateIndex
from ragkit.text.folding import fold_text, strip_markup
from ragkit.text.lexicon import any_of
from ragkit.text.numbers import Number, find_numbers
from ragkit.text.scripts import UNSPACED

_HANGUL = "\u1100-\u11ff\uac00-\ud7af"  # particles are written at the end of Korean words
_GLUED = f"{UNSPACED}{_HANGUL}"
_LETTER = rf"[^\W_{_GLUED}]"  # a letter or digit of a script that has spaces between words
_PIECE = re.compile(r"[^\W_]+|\S")
_DIGIT = re.compile(r"\d")
_SPACED_DIGITS = re.compile(r"(?<![\d.,])\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)")
SECTION_MARKS = "-."  # signs that join the number of a section to that of a part of it
_EQUAL = 1e-9  # relative difference of numbers that count as equal


class FoldedText:
    """A text in which terms are looked for; each kind of them is prepared on first use."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def plain(self) -> str:
        """The text as `fold_text` returns it."""
        return fold_text(self._text)

    @cached_property
    def dates(self) -> DateIndex:
        """The dates of the text."""
        return DateIndex(strip_markup(self._text))

    @cached_property
    def _numbers(self) -> frozenset[tuple[float, str]]:
        """The values of the numbers in the text, each with its unit, "" if it has none."""
        return frozenset(
            (value, number.unit)
            for number in _find_numbers(strip_markup(self._text))
            for value in _values(number)
        )

    def has_number(self, number: Number) -> bool:
        """Return True if the text has the number in any notation.

        A number with a currency must have that currency, or none in a text that uses it. Digits
        within a code do not count.
        """
        units = {number.unit} | ({""} if any(u == number.unit for _, u in self._numbers) else set())
        return any(
            abs(value - wanted) <= _EQUAL * wanted and (unit in units or not number.unit)
            for wanted in _values(number)
            for value, unit in self._numbers
        )


def _find_numbers(text: str) -> Iterator[Number]:
    """Yield the numbers of a text that are in digits; "1 250" is also read as one number."""
    joined = _SPACED_DIGITS.sub(lambda match: re.sub(r"\s", "", match.group()), text)
    for version in dict.fromkeys((text, joined)):
        for number in find_numbers(version):
            if _DIGIT.search(number.text) and not _is_within_code(version, number):
                yield number


def _is_within_code(text: str, number: Number) -> bool:
    around = text[max(0, number.start - 2) : number.start], text[number.end : number.end + 2]
    return any(len(each) == 2 and "-" in each and _DIGIT.search(each) for each in around)


def _values(number: Number) -> list[float]:
    return [value * number.scale for value, _ in number.readings]


@lru_cache(maxsize=256)
def compile_string(text: str, marks: str = "") -> re.Pattern[str]:
    r"""Return a pattern that finds a string in a folded text.

    White space may differ, and be missing or added around signs. The string must not be part of a
    longer word or number, nor of a longer code: `marks` are the signs that would join it to more
    letters or digits. "VX-44" with "-" is not in "VX-44-10".
    """
    first, *_ = _PIECE.findall(folded := fold_text(text).strip())
    before, after = _guard(folded, marks, first)
    # what must not be before it comes after the first piece, for which the engine searches fast
    return re.compile(re.escape(first) + before + _spell(folded)[len(re.escape(first)) :] + after)


@lru_cache(maxsize=256)
def compile_section(words: tuple[str, ...], number: str) -> re.Pattern[str]:
    """Return a pattern that finds a section in a folded text.

    That is its number behind one of the words or, unless it is a plain number or letter, as the
    beginning of a line or of a heading.
    """
    folded = fold_text(number)
    before, after = _guard(folded, SECTION_MARKS)
    label = rf"(?<!\w)(?:{any_of(map(fold_text, words))})\.?\s*" if words else before
    heading = "" if folded.isalnum() else r"|(?m:^)[\s#*>|]*|[>›]\s"
    return re.compile(f"(?:{label}{heading}){_spell(folded)}{after}")


def _spell(folded: str) -> str:
    """Return a regular expression for a folded string in which white space may differ."""
    parts: list[str] = []
    last: re.Match[str] | None = None
    for piece in _PIECE.finditer(folded):
        if last is not None:
            is_gap = last.end() < piece.start()
            both_words = last.group()[-1].isalnum() and piece.group()[0].isalnum()
            parts.append(r"\s+" if is_gap and both_words else r"\s*")
        parts.append(re.escape(piece.group()))
        last = piece
    return "".join(parts)


def _guard(folded: str, marks: str, behind: str = "") -> tuple[str, str]:
    """Return what must not be before and after a string, as regular expressions.

    The first one stands behind `behind`, the beginning of the string.
    """
    joins, own = f"[{re.escape(marks)}]" if marks else "", re.escape(behind)
    before = after = ""
    if re.match(_LETTER, folded):
        before = f"(?<!{_LETTER}{own})" + (f"(?<!{_LETTER}{joins}{own})" if joins else "")
    if folded[:1].isdigit():
        before += rf"(?<!\d[.,]{own})"
    if re.match(_LETTER, folded[-1:]):
        after = f"(?!{_LETTER})" + (f"(?!{joins}{_LETTER})" if joins else "")
    if folded[-1:].isdigit():
        after += r"(?![.,]\d)"
    return before, after
