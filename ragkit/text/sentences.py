"""Cuts a passage into sentences and table rows, the smallest things worth quoting."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘„«(\[*_]{0,3}[^\W_])|(?<=[。！？])")
# A full stop that ends no sentence: behind an abbreviation or an initial, and in German behind an
# ordinal ("ab dem 15. Dienstjahr", "am 3. Oktober").
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|Nos|Nr|Inc|Ltd|Corp|Co|vs|approx|ca|cf|e\.g|i\.e|z\.B|d\.h"
    r"|Abs|Art|Fig|Sec|max|min|bzw|inkl|zzgl|Tel|Mio|Mrd|Tsd|vgl|ggf|evtl|usw|est|etc)"
    r"|(?<![\w/'’-])[^\W\d_]"
    r"|\b(?i:am|ab|bis|de[rmns]|im|oder|seit|und|vom|zum|zur)\s\d{1,2})\.$"
)
_NUMBERED = re.compile(r"\s*\d{1,3}\.")
_RULE = re.compile(r"[:\s-]*+\|[|:\s-]*+")  # between the heads of a table and its rows
_APART = re.compile(r"([$€£]) +(?=\d)")
_OF_FIGURES = "0123456789,.%$€()-"
_ITEM = re.compile(r"[-*•>|#]|\d{1,3}[.)] |\d{4}-\d\d")
_CLOSED = re.compile(r"[.!?:;][\"'”’)\]]*$")


@dataclass(frozen=True, slots=True)
class Sentence:
    """Characters [start, end) of a text; `context` is the column heads over a table row."""

    start: int
    end: int
    text: str
    context: str = ""

    @property
    def in_context(self) -> str:
        return f"{self.context} {self.text}" if self.context else self.text


def split_sentences(text: str) -> list[Sentence]:
    """The sentences and table rows of a text. The heads of a table are context, no unit."""
    found: list[Sentence] = []
    context = ""
    pieces = [piece for paragraph in _paragraphs(text) for piece in _sentences(text, *paragraph)]
    pieces = [piece for piece in pieces if not _RULE.fullmatch(text, *piece)]
    for n, (start, end) in enumerate(pieces):
        own = text[start:end]
        row = _is_row(own)
        next_is_row = n + 1 < len(pieces) and _is_row(text[slice(*pieces[n + 1])])
        if next_is_row and _is_head(own) and not (row and context):
            context = " ".join(own.split())
            continue
        if not row:
            context = ""
        found.append(Sentence(start, end, own, context))
    return found


def _is_row(text: str) -> bool:
    return _has_cells(text) and not _CLOSED.search(text)


def row_label(unit: Sentence) -> str:
    """What a row of a table is called: its first cell, or the words before its last figures.

    "" for what is no row.
    """
    text = unit.text
    if not _is_row(text):
        return ""
    if " | " in text:
        return text.partition(" | ")[0]
    words = _APART.sub(r"\1", text).split()
    while words and _is_figure(words[-1]):
        words.pop()
    return " ".join(words)


def _has_cells(line: str) -> bool:
    """Whether it has bars, or two figures at its end."""
    if " | " in line:
        return True
    line = line.rstrip()
    if line[-1:] not in _OF_FIGURES:
        return False
    cells = _APART.sub(r"\1", line.replace("\t", " ")).rsplit(" ", 1)
    return len(cells) == 2 and _is_figure(cells[1]) and _ends_in_figure(cells[0].rstrip())


def _is_figure(cell: str) -> bool:
    return not cell.strip(_OF_FIGURES) and _ends_in_figure(cell)


def _ends_in_figure(text: str) -> bool:
    ending = text[len(text.rstrip(_OF_FIGURES)) :]
    return any(sign.isdigit() for sign in ending)


def _is_head(text: str) -> bool:
    return len(text) < 160 and not _CLOSED.search(text) and not re.search(r"\d", text)


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    begin = start
    for match in [*_SENTENCE_END.finditer(text, start, end), None]:
        if match and (
            _NUMBERED.fullmatch(text, begin, match.start())
            or _ABBREVIATION.search(text, max(begin, match.start() - 10), match.start())
            or _is_small(text[match.end() : match.end() + 4])
        ):
            continue
        stop = match.start() if match else end
        piece = text[begin:stop]
        if piece.strip():
            left = len(piece) - len(piece.lstrip())
            yield begin + left, begin + len(piece.rstrip())
        begin = match.end() if match else end


def _is_small(text: str) -> bool:
    letters = [sign for sign in text if sign.isalnum()]
    return bool(letters) and letters[0].islower()


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Ranges of lines that run on; a row, an item or a line that ends early stands alone."""
    ends = [match.start() for match in re.finditer(r"\n|$", text)]
    widest = max((b - a for a, b in pairwise([-1, *ends])), default=0)
    begin = position = 0
    for end in ends:
        line = text[position:end]
        following = text[end + 1 : end + 40].lstrip(" \t")
        runs_on = (
            len(line) > 0.6 * widest
            and widest > 40
            and not _has_cells(line)
            and not _ITEM.match(following)
            and following[:1] not in ("", "\n")
        )
        if not runs_on:
            yield begin, end
            begin = end + 1
        position = end + 1
    if begin < len(text):
        yield begin, len(text)
