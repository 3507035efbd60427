"""Citations such as [1] in a model's text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ragkit.answers import Citation
from ragkit.retrieval.hits import Hit
from ragkit.text.sanitize import sanitize

_NAME = r"(?:passages?|sources?|documents?|docs?|references?|refs?|citations?)\.?\s*+:?\s*+"
_SEPARATOR = rf"\s*+(?:,|;|&|\band\b|\bto\b|[-\u2013\u2014])\s*+(?:{_NAME})?#?"
_NUMBERS = rf"#?\d{{1,3}}(?:{_SEPARATOR}\d{{1,3}})*"
# [1], [1, 2], [1-3], [^1], [Passage 1], [1†source], the same in 【】, and (Source 2)
_CITATION = re.compile(
    rf"[\[\u3010]\s*\^?(?:{_NAME})?({_NUMBERS})(?:\u2020[^\]\u3011\n]{{0,40}})?\s*[\]\u3011]"
    rf"|\(\s*{_NAME}({_NUMBERS})\s*\)",
    re.IGNORECASE,
)
_RANGE = re.compile(r"(\d+)(?:\s*(?:\bto\b|[-\u2013\u2014])\D*?(\d+))?", re.IGNORECASE)
_MAX_RANGE_LENGTH = 20  # a longer one, such as [1-999], counts as its two ends


def parse_citations(
    text: str, passages: Sequence[Hit]
) -> tuple[str, tuple[Citation, ...], tuple[int, ...]]:
    """Parse citations such as [1] or [1, 2], in all the forms that small models write.

    Returns the text with every citation written as [1][2], a citation per cited passage, and the
    invalid numbers: those that no passage has. They are removed from the text. The text is
    sanitized again afterwards, since a removal can join harmless parts to Markdown: "<[99]img",
    "【1】(...)".
    """
    used: dict[int, None] = {}
    invalid: dict[int, None] = {}

    def rewrite(match: re.Match[str]) -> str:
        numbers = dict.fromkeys(_parse_numbers(match.group(1) or match.group(2)))
        valid = [number for number in numbers if 1 <= number <= len(passages)]
        used.update(dict.fromkeys(valid))
        invalid.update(dict.fromkeys(number for number in numbers if number not in valid))
        return "".join(f"[{number}]" for number in valid)

    text = sanitize(_CITATION.sub(rewrite, text)).strip()
    citations = tuple(Citation.from_hit(number, passages[number - 1]) for number in sorted(used))
    return text, citations, tuple(sorted(invalid))


def _parse_numbers(text: str) -> Iterator[int]:
    """Yield the numbers in a citation: 1, 3, 4 and 5 for "1, 3-5"."""
    for first, last in _RANGE.findall(text):
        start, end = int(first), int(last or first)
        is_range = start < end <= start + _MAX_RANGE_LENGTH
        yield from range(start, end + 1) if is_range else (start, end)
