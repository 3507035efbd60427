"""Sentences and table rows of a text, the smallest parts worth quoting."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from ragkit.text.lexicon import any_of, load_lexicon

_LEXICON = load_lexicon()
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘„«(\[*_]{0,3}[^\W_])|(?<=[。！？])")
# A full stop that does not end a sentence: after an abbreviation, an initial or an ordinal.
_ABBREVIATION = re.compile(
    rf"(?:\b(?:{any_of(_LEXICON.abbreviations)})"
    r"|(?<![\w/'’-])[^\W\d_]"
    rf"|\b(?i:{any_of(_LEXICON.ordinal_introductions)})\s\d{{1,2}})\.$"
)
_LIST_NUMBER = re.compile(r"\s*\d{1,3}\.")
_RULE = re.compile(r"[:\s-]*+\|[|:\s-]*+")  # between the heads of a table and its rows
_SPACED_CURRENCY = re.compile(r"([$€£]) +(?=\d)")
_NUMBER_CHARACTERS = "0123456789,.%$€()-"
_LIST_ITEM = re.compile(r"[-*•>|#]|\d{1,3}[.)] |\d{4}-\d\d")
_CLOSED = re.compile(r"[.!?:;][\"'”’)\]]*$")
_MAX_HEAD_LENGTH = 160  # characters; a longer line is not the heads of a table's columns
_MIN_WRAPPED_WIDTH = 40  # characters; a text with shorter lines is not wrapped
_FULL_LINE = 0.6  # of the widest line: a shorter line ends its paragraph


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence or table row at characters [start, end) of a text.

    `context` is the column heads over a table row, "" if there are none.
    """

    start: int
    end: int
    text: str
    context: str = ""

    @property
    def in_context(self) -> str:
        """The text with its column heads before it."""
        return f"{self.context} {self.text}" if self.context else self.text

    @property
    def row_label(self) -> str:
        """The first cell of a table row, or the words before its last numbers; else ""."""
        if not _is_row(self.text):
            return ""
        if " | " in self.text:
            return self.text.partition(" | ")[0]
        words = _SPACED_CURRENCY.sub(r"\1", self.text).split()
        while words and _is_number(words[-1]):
            words.pop()
        return " ".join(words)


def split_sentences(text: str) -> list[Sentence]:
    """Return the sentences and table rows of a text in order.

    The heads of a table's columns become the context of its rows and are not returned themselves.
    """
    found: list[Sentence] = []
    context = ""
    ranges = [each for paragraph in _paragraphs(text) for each in _split(text, *paragraph)]
    ranges = [each for each in ranges if not _RULE.fullmatch(text, *each)]
    for n, (start, end) in enumerate(ranges):
        own = text[start:end]
        row = _is_row(own)
        next_is_row = n + 1 < len(ranges) and _is_row(text[slice(*ranges[n + 1])])
        if next_is_row and _is_head(own) and not (row and context):
            context = " ".join(own.split())
            continue
        if not row:
            context = ""
        found.append(Sentence(start, end, own, context))
    return found


def _is_row(text: str) -> bool:
    return _has_cells(text) and not _CLOSED.search(text)


def _has_cells(line: str) -> bool:
    """Return True if a line has bars, or two numbers at its end."""
    if " | " in line:
        return True
    line = line.rstrip()
    if line[-1:] not in _NUMBER_CHARACTERS:
        return False
    cells = _SPACED_CURRENCY.sub(r"\1", line.replace("\t", " ")).rsplit(" ", 1)
    return len(cells) == 2 and _is_number(cells[1]) and _ends_in_number(cells[0].rstrip())


def _is_number(cell: str) -> bool:
    return not cell.strip(_NUMBER_CHARACTERS) and _ends_in_number(cell)


def _ends_in_number(text: str) -> bool:
    ending = text[len(text.rstrip(_NUMBER_CHARACTERS)) :]
    return any(character.isdigit() for character in ending)


def _is_head(text: str) -> bool:
    return len(text) < _MAX_HEAD_LENGTH and not _CLOSED.search(text) and not re.search(r"\d", text)


def _split(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of the sentences of a paragraph."""
    begin = start
    for match in [*_SENTENCE_END.finditer(text, start, end), None]:
        if match and (
            _LIST_NUMBER.fullmatch(text, begin, match.start())
            or _ABBREVIATION.search(text, max(begin, match.start() - 10), match.start())
            or _begins_in_lower_case(text[match.end() : match.end() + 4])
        ):
            continue
        stop = match.start() if match else end
        piece = text[begin:stop]
        if piece.strip():
            left = len(piece) - len(piece.lstrip())
            yield begin + left, begin + len(piece.rstrip())
        begin = match.end() if match else end


def _begins_in_lower_case(text: str) -> bool:
    letters = [character for character in text if character.isalnum()]
    return bool(letters) and letters[0].islower()


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Yield ranges of wrapped lines; a row, a list item or a line that ends early is its own."""
    ends = [match.start() for match in re.finditer(r"\n|$", text)]
    widest = max((b - a for a, b in pairwise([-1, *ends])), default=0)
    begin = position = 0
    for end in ends:
        line = text[position:end]
        following = text[end + 1 : end + 40].lstrip(" \t")
        runs_on = (
            len(line) > _FULL_LINE * widest
            and widest > _MIN_WRAPPED_WIDTH
            and not _has_cells(line)
            and not _LIST_ITEM.match(following)
            and following[:1] not in ("", "\n")
        )
        if not runs_on:
            yield begin, end
            begin = end + 1
        position = end + 1
    if begin < len(text):
        yield begin, len(text)
