"""Citations such as [1] in a model's text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragkit.answers import Citation
from ragkit.retrieval.hits import Hit
from ragkit.text.sanitize import Sanitizer, sanitize

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
_OPEN = re.compile(r"[\[\u3010(][^\]\u3011)]{0,80}$")  # the start of what may become a citation


@dataclass(frozen=True, slots=True)
class CitedText:
    """A text with every citation written as [1][2], numbered from 1 in order of appearance.

    `places[n - 1]` is the index of the passage that [n] cites, and `citations[n - 1]` its citation.
    `invalid` are the numbers that the model cited and no passage has.
    """

    text: str
    citations: tuple[Citation, ...]
    places: tuple[int, ...]
    invalid: tuple[int, ...]


def parse_citations(text: str, passages: Sequence[Hit]) -> CitedText:
    """Parse citations such as [1] or [1, 2], in all the forms that small models write.

    A model cites a passage by its place in the prompt, counted from 1. Numbers that no passage has
    are removed from the text. It is sanitized again afterwards, since a removal can join harmless
    parts to Markdown: "<[99]img", "【1】(...)".
    """
    numbering = CitationNumbering(len(passages))
    text = sanitize(numbering.rewrite(text)).strip()
    citations = tuple(
        Citation.from_hit(number, passages[place])
        for number, place in enumerate(numbering.places, 1)
    )
    return CitedText(text, citations, tuple(numbering.places), tuple(sorted(numbering.invalid)))


class CitationNumbering:
    """Numbers the passages that a text cites from 1 in order of appearance.

    `places` are the indexes of the passages cited so far, of `count` in all.
    """

    def __init__(self, count: int) -> None:
        self.places: list[int] = []
        self.invalid: set[int] = set()
        self._count = count

    def rewrite(self, text: str) -> str:
        """Return the text with its citations written as [1][2], and without invalid numbers."""
        return _CITATION.sub(self._rewrite, text)

    def _rewrite(self, match: re.Match[str]) -> str:
        numbers = dict.fromkeys(_parse_numbers(match.group(1) or match.group(2)))
        self.invalid.update(number for number in numbers if not 1 <= number <= self._count)
        places = [number - 1 for number in numbers if 1 <= number <= self._count]
        self.places += [place for place in places if place not in self.places]
        return "".join(f"[{self.places.index(place) + 1}]" for place in places)


class CitationStream:
    """Rewrites the citations of a text that arrives in pieces, as `parse_citations` does.

    An open bracket is held back until its citation is complete.
    """

    def __init__(self, count: int) -> None:
        self._numbering = CitationNumbering(count)
        self._sanitizer = Sanitizer()
        self._held = ""

    def feed(self, piece: str) -> str:
        """Take a piece of text; returns the text that can be shown now."""
        text = self._held + piece
        found = _OPEN.search(text)
        end = found.start() if found else len(text)
        self._held = text[end:]
        return self._sanitizer.feed(self._numbering.rewrite(text[:end]))

    def flush(self) -> str:
        """Return what was held back."""
        rest = self._sanitizer.feed(self._numbering.rewrite(self._held))
        self._held = ""
        return rest + self._sanitizer.flush()


def _parse_numbers(text: str) -> Iterator[int]:
    """Yield the numbers in a citation: 1, 3, 4 and 5 for "1, 3-5"."""
    for first, last in _RANGE.findall(text):
        start, end = int(first), int(last or first)
        is_range = start < end <= start + _MAX_RANGE_LENGTH
        yield from range(start, end + 1) if is_range else (start, end)
