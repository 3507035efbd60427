"""Folds texts so that spellings of the same string agree: case, Unicode forms, mark-up, dashes."""

from __future__ import annotations

import html
import re
import unicodedata

_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z]{2,8}\d{0,2});")
_TAG = re.compile(
    r"</?(?:a|abbr|b|code|em|font|i|kbd|mark|s|small|span|strong|sub|sup|tt|u)(?:\s[^<>]{0,200}=[^<>]{0,200})?\s?/?>",
    re.IGNORECASE,
)
# Markdown: emphasis, code, strikethrough and escapes. A single * or _ between two letters or
# digits stays: a*b, snake_case.
_MARKDOWN = re.compile(
    r"\*{2,}|`+|~~|(?<![^\W_])[*_]+|[*_]+(?![^\W_])|(?<!\w)__+|__+(?!\w)|\\(?=[^\w\s])"
)
_MARKUP_SIGNS = re.compile(r"[&<*`~_\\]")
_DASHES = "‐‑‒–—―−﹘﹣－"
_PLAIN_SIGNS = {
    **dict.fromkeys(_DASHES, "-"),
    **dict.fromkeys("’‘ʼ′´", "'"),
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", ""),
}
_SIGN = re.compile(f"[{''.join(_PLAIN_SIGNS)}]")
_DASH = re.compile(f"[{_DASHES}]")
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_LOWERED = "₀₁₂₃₄₅₆₇₈₉"
_SHIFTED = re.compile(
    rf"(?<![\w.,])10([{_RAISED}]+)"
    rf"|((?<![^\W\d_])[^\W\d_]{{1,2}}[{_RAISED}]+|[{_LOWERED}]+)"
    rf"|([{_RAISED}]+)"
)
_ON_LINE = str.maketrans(_RAISED + _LOWERED, "0123456789" * 2)


def strip_markup(text: str) -> str:
    """Return a text in Unicode's form NFC without Markdown, inline HTML tags and entities."""
    if _MARKUP_SIGNS.search(text):
        if "&" in text:
            text = _ENTITY.sub(lambda match: html.unescape(match.group()), text)
        if "<" in text:
            text = _TAG.sub("", text)
        text = _MARKDOWN.sub("", text)
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def replace_signs(text: str) -> str:
    """Return a text with one kind of dash and quotation mark, without invisible characters.

    Digits are on the line; see `level_digits`.
    """
    if text.isascii():
        return text
    return level_digits(_SIGN.sub(lambda match: _PLAIN_SIGNS[match.group()], text))


def level_digits(text: str) -> str:
    """Return a text with its raised and lowered digits on the line: CO₂ as CO2, and m² as m2.

    Behind a longer word or a number, a raised digit marks a note and is left out: 30² is 30. Only
    powers of ten stay: 10⁶ is 10^6.
    """
    return text if text.isascii() else _SHIFTED.sub(_level, text)


def _level(match: re.Match[str]) -> str:
    power, unit_or_lowered, note = match.groups()
    if note:
        return ""
    return f"10^{power.translate(_ON_LINE)}" if power else unit_or_lowered.translate(_ON_LINE)


def replace_dashes(text: str) -> str:
    """Return a text with a hyphen in place of each dash."""
    return text if text.isascii() else _DASH.sub("-", text)


def fold_text(text: str) -> str:
    """Return a text as strings are compared: without mark-up and case, with plain signs."""
    folded = replace_signs(strip_markup(text)).casefold()
    return folded if folded.isascii() else unicodedata.normalize("NFC", folded)
