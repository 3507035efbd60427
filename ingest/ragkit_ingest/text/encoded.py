"""Leaves encoded data out of texts: base64, data URIs, PEM and PGP blocks, uuencode, hex dumps.

Such letters are pictures, certificates or files, not words; stored, they would fill the index with
chunks that nobody can ask for.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_MIN_RUN = 200  # letters of base64 without a break; a SHA-512 has 88, or 128 in hexadecimal
_MIN_WORD = 44  # letters of the longest word of a text that may hold encoded data: a line of hex
_URI = r"data:[a-z]+/[\w.+-]++(?:;[\w.=-]++)*+,[^\s\"'<>()\[\]{}|\\]{40,}+"
_CERTAIN = re.compile(
    rf"^[ \t]*\[[^\]\n]+\]:[ \t]*<?{_URI}>?[ \t]*$"  # a reference definition of Markdown
    rf"|\b{_URI}"
    r"|^begin [0-7]{3,4} .+\n(?:[ -`]{1,62}\n)*+end$"  # uuencode, POSIX
    r"|^begin-base64 [0-7]{3,4} .+\n(?:[A-Za-z0-9+/=]*+\n)*+====$",
    re.MULTILINE,
)
_RANDOM = re.compile(
    rf"(?<![A-Za-z0-9+/])[A-Za-z0-9+/_-]{{{_MIN_RUN},}}+={{0,2}}"
    r"|(?:^[ \t>]*[A-Za-z0-9+/]{60,}+[ \t]*\n){2,}+"
    r"(?:[ \t>]*(?:[A-Za-z0-9+/]{2,}={1,2}|(?:[A-Za-z0-9+/]{4}){6,})(?!\S))?"
    r"|\b[0-9A-Fa-f]{2}(?::\s{0,40}[0-9A-Fa-f]{2}\b){79,}+:?",
    re.MULTILINE,
)
_ARMOR = re.compile(r"-----BEGIN ([A-Z0-9][A-Z0-9 ]*)-----")  # RFC 7468, RFC 9580
_SAMPLE = 4096


def remove_encoded(text: str) -> tuple[str, int]:
    """Return a text without encoded data, and how many pieces of it were left out."""
    if max(map(len, text.split()), default=0) < _MIN_WORD:
        return text, 0
    text, armored = _remove_armor(text)
    text, certain = _CERTAIN.subn("", text)
    pieces: list[str] = []
    at = removed = 0
    for found in _RANDOM.finditer(text):
        if _is_random(found[0]):
            pieces.append(text[at : found.start()])
            at = found.end()
            removed += 1
    return "".join((*pieces, text[at:])), armored + certain + removed


def _remove_armor(text: str) -> tuple[str, int]:
    """Return a text without certificates, keys and PGP blocks, and their number."""
    pieces: list[str] = []
    at = removed = 0
    closed = True
    for begin in _ARMOR.finditer(text) if "-----BEGIN " in text else ():
        mark = f"-----END {begin[1]}-----"
        end = text.find(mark, begin.end()) if closed else -1
        closed = end >= 0
        if begin.start() >= at and closed and _is_random(text[begin.end() : end]):
            pieces.append(text[at : begin.start()])
            at = end + len(mark)
            removed += 1
    return "".join((*pieces, text[at:])), removed


def describe_removed(count: int) -> tuple[str, ...]:
    """Return the warning for so many pieces of encoded data, () for none."""
    pieces = "1 piece" if count == 1 else f"{count:,} pieces"
    return (f"{pieces} of encoded data, such as base64, left out",) if count else ()


def _is_random(letters: str) -> bool:
    """Return True for the even mix of letters and digits that encoded data is, unlike words."""
    words = letters[:_SAMPLE].split()
    sample = "".join(words)
    if len(sample) < 6 * len(words):  # words of a language
        return ":" in sample and _is_hex(sample)
    return _is_hex(sample) or (
        _share(sample, str.isdigit) > 0.03
        and _share(sample, str.isupper) > 0.15
        and _share(sample, str.islower) > 0.15
    )


def _is_hex(sample: str) -> bool:
    if set(sample) - set("0123456789abcdefABCDEF:"):
        return False
    return _share(sample, str.isdigit) > 0.3 and _share(sample, str.isalpha) > 0.15


def _share(letters: str, test: Callable[[str], bool]) -> float:
    return sum(map(test, letters)) / len(letters)
