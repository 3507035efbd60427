"""The units of chunks, which are not cut further: sentences, table rows and headings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from ragkit_ingest.chunk_texts import embedding_text
from ragkit_ingest.model import CELL_SEPARATOR, Block, BlockKind, Page, PageKind
from ragkit_ingest.places import Headings

TokenCounter = Callable[[Sequence[str]], list[int]]
"""Returns the token counts of several texts, without special tokens."""

Path = list[tuple[int, str]]
"""The headings in force: (level, heading), outermost first."""

_SENTENCE = re.compile(
    r"(?<=[.!?;:])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9ÄÖÜ•*-])|\n\s*\n|(?<=[。！？])"
)
_MAX_TOKEN_CHARACTERS = 12  # a longer text is cut, whatever its token count: it is one long word
_MAX_PAGE_TOP = 120  # characters above the first heading of a page that belong to it


@dataclass(slots=True)
class Unit:
    """Characters [start, end) of a page: a sentence, a row, a heading, or a piece of a long one.

    `headings` is the heading path, for a heading with its own name. `columns` are the heads of the
    cells that it holds. `opens_table` is True for a row that is the first under its heads.
    """

    block: Block
    start: int
    end: int
    headings: Headings
    tokens: int = 0
    columns: tuple[str, ...] = ()
    opens_table: bool = False

    @property
    def is_heading(self) -> bool:
        """Whether this is a heading."""
        return self.block.kind is BlockKind.HEADING


def find_units(
    page: Page, path: Path, count: TokenCounter, limit: int, row_limit: int
) -> list[Unit]:
    """Return a page's units, none over `limit` tokens; update `path` to the end of the page.

    A table row with its column heads has at most `row_limit` tokens.
    """
    found: list[Unit] = []
    names = _heading_names(path)
    columns: tuple[str, ...] = ()
    for block in page.blocks:
        if block.kind is BlockKind.HEADING:
            title = " ".join(page.text[block.start : block.end].strip("#=-* \n").split())
            path[:] = [entry for entry in path if entry[0] < block.level]
            path.append((block.level, title[:120]))
            names = _heading_names(path)
        opens = block.columns not in ((), columns)
        columns = block.columns
        found += [
            Unit(block, start, end, names, columns=columns, opens_table=opens)
            for start, end in _find_sentences(page.text, block)
        ]
    if page.kind is PageKind.PAGE:
        _scope_page_top(found)
    counts = count([embedding_text("", page.text[unit.start : unit.end]) for unit in found])
    tables = list({unit.columns for unit in found if len(unit.columns) > 1})
    heads = dict(zip(tables, count(list(map(CELL_SEPARATOR.join, tables))), strict=True))
    units: list[Unit] = []
    for unit, tokens in zip(found, counts, strict=True):
        head = heads.get(unit.columns, 0)
        is_short = unit.end - unit.start <= limit * _MAX_TOKEN_CHARACTERS
        if is_short and tokens <= limit and tokens + head <= row_limit:
            unit.tokens = tokens
            units.append(unit)
        else:
            units += split_unit(page.text, unit, count, limit // 2 if head > limit // 3 else limit)
    return units


def _scope_page_top(units: list[Unit]) -> None:
    """Give the few words above a page's first heading its heading path.

    A company's name or a running head stands there. It does not belong to the section before.
    """
    heading = next((unit for unit in units if unit.is_heading), None)
    if heading and heading.start - units[0].start <= _MAX_PAGE_TOP:
        for unit in takewhile(lambda unit: unit is not heading, units):
            unit.headings = heading.headings


def _heading_names(path: Path) -> Headings:
    return tuple(dict.fromkeys(heading for _, heading in path))


def _find_sentences(text: str, block: Block) -> Iterator[tuple[int, int]]:
    """Yield the spans of a block's sentences; rows and headings stay whole."""
    if block.kind in (BlockKind.ROW, BlockKind.HEADING):
        yield block.start, block.end
        return
    start = block.start
    for match in _SENTENCE.finditer(text, block.start, block.end):
        if match.start() - start >= 24 or "\n\n" in match.group():
            yield from _trim_span(text, start, match.start())
            start = match.end()
    yield from _trim_span(text, start, block.end)


def _trim_span(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    right = len(piece.rstrip())
    if left < right:
        yield start + left, start + right


def split_unit(text: str, unit: Unit, count: TokenCounter, limit: int) -> Iterator[Unit]:
    """Cut a giant row or line that has no sentence end: between words, or else anywhere.

    A piece of a row has the heads of its own cells.
    """
    start = unit.start
    while start < unit.end:
        stop = min(unit.end, start + limit * _MAX_TOKEN_CHARACTERS)
        while True:
            tokens = count([embedding_text("", text[start:stop])])[0]
            if tokens <= limit:
                break
            guess = start + max(1, int((stop - start) * limit / tokens * 0.95))
            stop = _find_word_end(text, start, guess)
        yield replace(
            unit,
            start=start,
            end=stop,
            tokens=tokens,
            columns=_select_columns(text, unit, start, stop),
            opens_table=unit.opens_table and start == unit.start,
        )
        start = stop
        while start < unit.end and text[start].isspace():
            start += 1


def _select_columns(text: str, unit: Unit, start: int, end: int) -> tuple[str, ...]:
    """Return the heads of the cells in [start, end) of a row, all if they cannot be told apart."""
    columns, block = unit.block.columns, unit.block
    if text.count(CELL_SEPARATOR, block.start, block.end) != len(columns) - 1:
        return columns
    first, last = (text.count(CELL_SEPARATOR, block.start, at) for at in (start, end))
    return columns[first : last + 1]


def _find_word_end(text: str, start: int, stop: int) -> int:
    for at in range(stop, max(start + 1, stop - 80), -1):
        if text[at - 1].isspace():
            return at - 1 if at - 1 > start else at
    return stop
