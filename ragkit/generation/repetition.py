"""Tells when a model repeats itself without end."""

from __future__ import annotations

import re

_MAX_REPEATS = 4  # the repeat at which a line, a sentence or a run of them is a loop
_MAX_SHORT_REPEATS = 12  # of what a list, a table or code can have several times
_MIN_PROSE_WORDS = 4  # of what is repeated in prose; an item of a list has twice as many
_MAX_CYCLE_WORDS = 300
_RECOGNIZED_WORDS = 8  # of the last repeat, which need not be complete
_WORD = re.compile(r"[^\W_]+")
_MARKER = re.compile(r"\s*(?:[-*\u2022+]|\d{1,3}[.)])(?=\s)")
_CITATION = re.compile(r"\[\d{1,3}\]")
_CODE_FENCE = "```"


class RepetitionDetector:
    """Reads a growing text and tells where a run of words begins to come again and again.

    Markers of lists and citations are no words, since a model counts on while it repeats itself.
    Runs of numbers alone are never a loop: tables have them.
    """

    def __init__(self) -> None:
        self._words: list[str] = []
        self._ends: list[int] = []  # of the words, in the text
        self._at = 0  # characters of the text that were read
        self._is_code = False
        self._is_item = False  # whether the last word is in a list, a table or code

    def read(self, text: str) -> int | None:
        """Read what is new in the text; returns where it has to end if it repeats itself.

        The end is that of the first time. A word is read once the text goes on behind it.
        """
        while True:
            line_end = text.find("\n", self._at) + 1
            stop = line_end or text.rfind(" ", self._at) + 1
            if stop <= self._at:
                return None
            line_start = text.rfind("\n", 0, self._at) + 1
            if (end := self._read_words(text, line_start, stop)) is not None:
                return end
            if line_end and text[line_start:stop].lstrip().startswith(_CODE_FENCE):
                self._is_code = not self._is_code
            self._at = stop

    def _read_words(self, text: str, line_start: int, stop: int) -> int | None:
        """Read the words up to `stop`, which are of one line; returns what `read` does."""
        line = text[line_start:stop]
        marker = _MARKER.match(line)
        self._is_item = self._is_code or marker is not None or "|" in line
        first = max(self._at, line_start + marker.end() if marker else 0)
        skipped = [each.span() for each in _CITATION.finditer(text, line_start, stop)]
        for word in _WORD.finditer(text, first, stop):
            if any(start < word.start() < end for start, end in skipped):
                continue
            self._words.append(word[0].casefold())
            self._ends.append(word.end())
            if (end := self._find_loop()) is not None:
                return end
        return None

    def _find_loop(self) -> int | None:
        """Return the end of the first run if the last words are a loop, else None."""
        words, count = self._words, len(self._words)
        for length in range(1, min(_MAX_CYCLE_WORDS, count - 1) + 1):
            if words[-1] != words[-1 - length] or not (repeats := self._count_needed(length)):
                continue
            start = count - (repeats - 1) * length - min(length, _RECOGNIZED_WORDS)
            is_run = start >= 0 and words[start : count - length] == words[start + length :]
            if is_run and not _is_multiple(words[-length:]):
                return self._ends[self._find_start(start, length) + length - 1]
        return None

    def _count_needed(self, length: int) -> int:
        """Return how often the last words must come to be a loop, 0 if they may come forever."""
        if all(word.isdigit() for word in self._words[-length:]):
            return 0
        least = 2 * _MIN_PROSE_WORDS if self._is_item else _MIN_PROSE_WORDS
        is_short = length < least or self._is_code
        return _MAX_SHORT_REPEATS if is_short else _MAX_REPEATS

    def _find_start(self, start: int, length: int) -> int:
        """Return where the loop began, which may be before the counted repeats."""
        while start and self._words[start - 1] == self._words[start - 1 + length]:
            start -= 1
        return start


def _is_multiple(words: list[str]) -> bool:
    """Return True if the words are a shorter run of words several times."""
    count = len(words)
    parts = (size for size in range(1, count // 2 + 1) if count % size == 0)
    return any(words[size:] == words[:-size] for size in parts)
