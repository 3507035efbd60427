"""The blocks of a Word document: headings, paragraphs, items and rows, in the order of the file."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ragkit_ingest.model import BlockKind, PageBuilder
from ragkit_ingest.readers.docx_forms import is_placeholder
from ragkit_ingest.readers.docx_numbering import Numbering
from ragkit_ingest.readers.docx_runs import WRAPPERS, Content, Follower, RunReader, Tally
from ragkit_ingest.readers.docx_styles import (
    ParagraphFormat,
    Styles,
    W,
    is_set,
    read_paragraph_format,
    to_int,
    value_at,
)
from ragkit_ingest.readers.grid import Cell, arrange_rows
from ragkit_ingest.readers.table import add_row
from ragkit_ingest.text.cleaning import one_line

if TYPE_CHECKING:
    Element = Any  # an lxml element

_PARAGRAPH, _TABLE = f"{W}p", f"{W}tbl"
_IMPORTS = (f"{W}altChunk", f"{W}subDoc")
_MAX_SPAN = 64  # columns of a Word table
_MAX_LINE = 200  # characters of the caption of a table


@dataclass(slots=True)
class _OpenCell:
    """A cell of a table while the cells merged below it are found."""

    text: str
    is_head: bool
    columns: int
    rows: int = 1

    def close(self) -> Cell:
        """Return the cell."""
        return Cell(self.text, self.is_head, self.columns, self.rows)


class BodyWriter:
    """Writes the paragraphs and tables of a story (the body, a header) to a page.

    `follow` writes what is anchored in them and comes after them, and imported parts.
    """

    def __init__(
        self,
        builder: PageBuilder,
        styles: Styles,
        numbering: Numbering,
        runs: RunReader,
        tally: Tally,
        *,
        follow: Callable[[BodyWriter, Follower], None],
    ) -> None:
        self.builder = builder
        self._styles = styles
        self._numbering = numbering
        self._runs = runs
        self._tally = tally
        self._follow = follow
        self._carried = ""  # text that belongs to the next paragraph
        self._caption = ""

    def write(self, container: Element) -> None:
        """Write the content of an element: a body, a cell or a text box."""
        carried, self._carried = self._carried, ""
        for element, is_last in self._iter_blocks(container):
            caption, self._caption = self._caption, ""
            if element.tag == _PARAGRAPH:
                self._write_paragraph(element, is_last=is_last)
            elif element.tag == _TABLE:
                self._write_table(element, caption)
            else:
                self._follow(self, Follower("import", element=element))
        self._carried = carried

    def _iter_blocks(self, container: Element) -> Iterator[tuple[Element, bool]]:
        """Yield the paragraphs, tables and imported parts in a container, in order.

        With each comes whether no paragraph follows at once.
        """
        blocks = list(self._find_blocks(container))
        for element, following in itertools.zip_longest(blocks, blocks[1:]):
            yield element, following is None or following.tag != _PARAGRAPH

    def _find_blocks(self, container: Element) -> Iterator[Element]:
        for child in container:
            tag = child.tag
            if tag in (_PARAGRAPH, _TABLE) or tag in _IMPORTS:
                yield child
            elif tag == f"{W}sdt" and is_placeholder(child):
                self._tally.placeholders += 1
            elif tag in WRAPPERS:
                yield from self._find_blocks(child)

    def _write_paragraph(self, paragraph: Element, *, is_last: bool) -> None:
        content = Content()
        form = read_paragraph_format(paragraph)
        style = self._styles.of_paragraph(form.style)
        is_item = self._collect_paragraph(paragraph, form, content, is_last=is_last)
        text = content.text
        level = style.level if form.level is None else form.level
        if level:
            self.builder.add(BlockKind.HEADING, one_line(text), level=level)
        else:
            self.builder.add(BlockKind.ITEM if is_item else BlockKind.PARAGRAPH, text)
        self._follow_all(content)
        if style.name == "caption" and len(text) <= _MAX_LINE:
            self._caption = one_line(text)

    def _collect_paragraph(
        self, paragraph: Element, form: ParagraphFormat, content: Content, *, is_last: bool
    ) -> bool:
        """Append the text of a paragraph with its number; return whether it is an item of a list.

        A drop cap belongs to the paragraph after it, and so does a text whose end is deleted.
        """
        style = self._styles.of_paragraph(form.style)
        inner = Content(followers=content.followers)
        self._runs.read(paragraph, style, inner)
        text, self._carried = self._carried + inner.text, ""
        is_open = form.mark is not None and any(map(form.mark.findall, _DELETED_MARKS))
        if not is_last and (form.is_drop_cap or (is_open and text.strip())):
            self._carried = text.strip() if form.is_drop_cap else text
            return False
        list_id = style.list_id if form.list_id is None else form.list_id
        if list_id in ("", "0"):
            content.add(text)
            return False
        is_blank = not text.strip()
        is_hidden = form.mark is not None and form.mark.find(f"{W}vanish") is not None
        if not is_blank or not (is_open or is_hidden):
            number = self._numbering.count(list_id, form.list_level, style)
            content.add("" if is_blank else _separate(number, text.lstrip()))
        content.add(text)
        return True

    def _follow_all(self, content: Content) -> None:
        for follower in content.followers:
            if follower.kind == "table":
                self._write_table(follower.element, "")
            else:
                self._follow(self, follower)

    def _write_table(self, table: Element, caption: str) -> None:
        rows = list(self._iter_rows(table, "tr"))
        cells = [list(self._iter_rows(row, "tc")) for row in rows]
        if all(len(row) < 2 for row in cells):  # a table of one column frames text
            for cell in (cell for row in cells for cell in row):
                self.write(cell)
            return
        grid, contents = self._read_grid(rows, cells)
        written = 0
        for row in arrange_rows(grid, caption=caption):
            for content in contents[written : row.index]:
                self._follow_all(content)
            add_row(self.builder, row)
            written = row.index
        for content in contents[written:]:
            self._follow_all(content)

    def _read_grid(
        self, rows: list[Element], cells: list[list[Element]]
    ) -> tuple[list[list[Cell]], list[Content]]:
        """Return the cells of each row, and what follows each row."""
        grid: list[list[_OpenCell]] = []
        contents: list[Content] = []
        above: dict[int, _OpenCell] = {}  # by column, the cells that may go on in the next row
        for row, row_cells in zip(rows, cells, strict=True):
            at = to_int(value_at(row, "trPr/gridBefore"), 0)
            begun = [_OpenCell("", False, min(at, _MAX_SPAN))] if at else []
            content = Content()
            open_cells: dict[int, _OpenCell] = {}
            properties = row.find(f"{W}trPr")
            is_head = properties is not None and is_set(properties, "tblHeader")
            for cell in row_cells:
                span = min(to_int(value_at(cell, "tcPr/gridSpan", "1"), 1), _MAX_SPAN)
                merged = above.get(at) if _goes_on(cell) else None
                if merged is not None:
                    merged.rows += 1
                else:
                    merged = _OpenCell(self._read_cell(cell, content), is_head, span)
                    begun.append(merged)
                open_cells[at] = merged
                at += span
            grid.append(begun)
            contents.append(content)
            above = open_cells
        return [[cell.close() for cell in row] for row in grid], contents

    def _read_cell(self, cell: Element, content: Content) -> str:
        inner = Content(followers=content.followers)
        self._collect_blocks(cell, inner)
        return one_line(inner.text)

    def _collect_blocks(self, container: Element, content: Content) -> None:
        """Append the text of paragraphs and of small tables; larger tables follow."""
        for element, is_last in self._iter_blocks(container):
            if element.tag == _PARAGRAPH:
                form = read_paragraph_format(element)
                self._collect_paragraph(element, form, content, is_last=is_last)
                content.add("\n")
            elif element.tag == _TABLE:
                rows = [list(self._iter_rows(row, "tc")) for row in self._iter_rows(element, "tr")]
                if len(rows) > 1 and any(len(row) > 1 for row in rows):
                    content.followers.append(Follower("table", element=element))
                    continue
                for cell in (cell for row in rows for cell in row):
                    self._collect_blocks(cell, content)
            else:
                content.followers.append(Follower("import", element=element))

    def _iter_rows(self, container: Element, tag: str) -> Iterator[Element]:
        """Yield the rows of a table or the cells of a row ("tr", "tc"), except deleted ones."""
        for child in container:
            if child.tag == f"{W}{tag}":
                if child.find(f"{W}trPr/{W}del") is None and child.find(_DELETED_CELL) is None:
                    yield child
            elif child.tag == f"{W}sdt" and is_placeholder(child):
                self._tally.placeholders += 1
            elif child.tag in WRAPPERS:
                yield from self._iter_rows(child, tag)


_DELETED_MARKS = (f"{W}del", f"{W}moveFrom")
_DELETED_CELL = f"{W}tcPr/{W}cellDel"


def _goes_on(cell: Element) -> bool:
    """Return whether a cell continues the one above it."""
    merge = cell.find(f"{W}tcPr/{W}vMerge")
    return merge is not None and merge.get(f"{W}val", "continue") != "restart"


def _separate(number: str, text: str) -> str:
    """Return a number that a text follows at once; two digits or letters are kept apart."""
    touching = number[-1:] + text[:1]
    is_one_word = len(touching) == 2 and touching.isascii() and touching.isalnum()
    return f"{number} " if is_one_word else number
