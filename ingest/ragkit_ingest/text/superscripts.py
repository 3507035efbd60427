"""Raised and lowered characters as plain text: 30² is not 302."""

from __future__ import annotations

import re

_RAISED = str.maketrans("0123456789+-−=()in", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁱⁿ")
_LOWERED = str.maketrans("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")
_MARKS = {"TM": "™", "SM": "℠", "R": "®", "C": "©"}
_WORD = re.compile(r"[^\W\d_]{2,}\.?")  # "1st", "2ème", "Mme": raised only for its looks
_MAX_LENGTH = 24  # a longer text is a line that is set small


def raise_text(text: str) -> str:
    """Return a superscript in Unicode ("²"), or else like "^(k+1)".

    Words are raised only for their looks ("1st") and stay as they are.
    """
    return _MARKS.get(text.strip()) or _shift(text, _RAISED, "^")


def lower_text(text: str) -> str:
    """Return a subscript in Unicode ("₂"), or else like "_i". Words stay as they are."""
    return _shift(text, _LOWERED, "_")


def _shift(text: str, letters: dict[int, int], sign: str) -> str:
    inner = text.strip()
    if len(inner) > _MAX_LENGTH or _WORD.fullmatch(inner):
        return text
    if not any(_is_word_character(letter) and ord(letter) not in letters for letter in inner):
        return text.translate(letters)
    return text.replace(inner, f"{sign}{inner}" if len(inner) == 1 else f"{sign}({inner})")


def _is_word_character(letter: str) -> bool:
    return letter.isalpha() or letter.isdecimal()
