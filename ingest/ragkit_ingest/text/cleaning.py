"""Cleans text for storage: composed letters, no invisible characters, one kind of line end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from unicodedata import category, is_normalized, normalize

# Characters that a reader does not see: zero-width, bidi controls, soft hyphen, variation selectors
# and the tag block, which can carry whole sentences (Unicode 16, general category Cf and Mn).
# The joiners U+200C and U+200D stay: Persian and Indic scripts are spelt with them.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_LINE_END = re.compile("\r\n?|[\x0c\x85\u2028\u2029]")
_REMOVED = re.compile(f"\r(?=\n)|{_INVISIBLE.pattern}")


def clean_text(text: str) -> tuple[str, int]:
    """Return the text to store, and the number of invisible characters removed from it.

    Line ends become newlines. Other control characters and lone surrogates become spaces. Letters
    are composed (Unicode form NFC), so that "ü" is one character however a file writes it.
    """
    text = _CONTROL.sub(" ", _LINE_END.sub("\n", text))
    if text.isascii():
        return text, 0
    text, hidden = _INVISIBLE.subn("", text)
    return normalize("NFC", text), hidden


def kept_indices(text: str) -> list[int]:
    """Return the index in `text` of each character of its cleaned text.

    "a\\r\\nb" gives [0, 2, 3]: the carriage return is removed. A composed letter has the index of
    its base.
    """
    indices: list[int] = []
    kept = ""
    at = 0
    for removed in _REMOVED.finditer(text):
        indices += range(at, removed.start())
        kept += text[at : removed.start()]
        at = removed.end()
    indices += range(at, len(text))
    kept += text[at:]
    if is_normalized("NFC", kept):
        return indices
    return [indices[at] for at in _composed_indices(kept)]


def _composed_indices(text: str) -> Iterator[int]:
    """Yield the index in `text` of each character of its NFC."""
    start = 0
    for end in range(1, len(text) + 1):
        if end < len(text) and _may_compose(text[end]):
            continue
        yield start
        marks = len(normalize("NFC", text[start:end])) - 1  # those that did not compose
        yield from (max(end - left, start) for left in range(marks, 0, -1))
        start = end


def _may_compose(character: str) -> bool:
    """Return True for what can join the letter before it: marks, and jamo inside a syllable."""
    return category(character)[0] == "M" or "\u1161" <= character <= "\u11c2"


def one_line(text: str) -> str:
    """Return the cleaned text on one line: every run of white space becomes one space."""
    return " ".join(clean_text(text)[0].split())
