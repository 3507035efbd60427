"""Notes on a PDF page, such as what is filled into a form, put where they are in its text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ragkit_ingest.model import Block, BlockKind
from ragkit_ingest.readers.pdf_layout import split_lines
from ragkit_ingest.readers.pdf_text import PageText, Pixels, Rectangle, to_pixels

GRID = 10_000  # steps across a page as it is shown, in which places on it are compared
_MAX_ROW = 250  # steps: a field may be higher, but its label is beside its first line


@dataclass(frozen=True, slots=True)
class Note:
    """A text that is on a page, or belongs to a place on it, and where that is."""

    text: str
    box: Rectangle


class _Place(NamedTuple):
    end: int  # of the line in the page's text
    box: Pixels


def insert_notes(page: Any, text: PageText, notes: Sequence[Note]) -> None:
    """Insert notes into the text of a page, each on lines of its own.

    A note follows the line that it is beside or below. Notes outside the page are left out.
    """
    if not notes:
        return
    lines = list(_find_lines(page, text))
    placed = []
    for note in notes:
        box = to_pixels(page, note.box, GRID, GRID)
        if box is not None and note.text:
            placed.append((_find_place(lines, box), box, note))
    for place, _, note in reversed(list(_in_reading_order(placed))):
        text.insert(place, note.text, note.box)


def _find_lines(page: Any, text: PageText) -> Iterator[_Place]:
    for line in split_lines(text.text):
        box = text.frame(line.start, line.end)
        pixels = to_pixels(page, box, GRID, GRID) if box else None
        if pixels:
            yield _Place(line.end, pixels)


def _find_place(lines: list[_Place], box: Pixels) -> int:
    """Return the end of the line that a box is to the right of, else beside, else below; else 0."""
    left, top, right, bottom = box
    row = (left, top, right, min(bottom, top + _MAX_ROW))
    beside = [line for line in lines if is_same_row(line.box, row)]
    if before := [line for line in beside if line.box[0] < left]:
        return max(before, key=lambda line: line.box[0]).end
    if beside:
        return min(beside, key=lambda line: line.box[0]).end
    above = [line for line in lines if line.box[3] <= row[3]]
    over = [line for line in above if line.box[0] < right and line.box[2] > left] or above
    return max(over, key=lambda line: line.box[3]).end if over else 0


def is_same_row(one: Pixels, other: Pixels) -> bool:
    """Return True if two boxes are side by side, by half of the lower one's height at least."""
    common = min(one[3], other[3]) - max(one[1], other[1])
    return 2 * common >= min(one[3] - one[1], other[3] - other[1])


_Placed = tuple[int, Pixels, Note]


def _in_reading_order(placed: list[_Placed]) -> Iterator[_Placed]:
    """Sort notes by their place in the text, then from row to row, then from left to right."""
    rows: list[list[_Placed]] = []
    for entry in sorted(placed, key=lambda entry: (entry[0], entry[1][1])):
        if rows and rows[-1][0][0] == entry[0] and is_same_row(rows[-1][0][1], entry[1]):
            rows[-1].append(entry)
        else:
            rows.append([entry])
    for row in rows:
        yield from sorted(row, key=lambda entry: entry[1][0])


def add_note_blocks(
    blocks: Iterable[Block], text: str, notes: Sequence[tuple[int, int]]
) -> Iterator[Block]:
    """Yield the blocks of a page and one for each note; a block around a note is divided."""
    waiting = list(notes)
    for block in blocks:
        start = block.start
        while waiting and waiting[0][0] < block.end:
            note = waiting.pop(0)
            if start < note[0]:
                end = start + len(text[start : note[0]].rstrip())
                yield replace(block, start=start, end=end)
                start = note[1] + len(text[note[1] :]) - len(text[note[1] :].lstrip())
            yield Block(BlockKind.PARAGRAPH, *note)
        if start < block.end:
            yield replace(block, start=start)
    for note in waiting:
        yield Block(BlockKind.PARAGRAPH, *note)
