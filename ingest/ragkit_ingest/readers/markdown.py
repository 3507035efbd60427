"""Markdown: one page with the text of the file, but for what nobody sees (`markdown_shown`)."""

from __future__ import annotations

import re
from dataclasses import replace

from ragkit_ingest.model import Block, BlockKind, Document, Page, first_heading
from ragkit_ingest.readers.grid import Cell, TableRow, arrange_rows
from ragkit_ingest.readers.markdown_shown import ShownMarkdown
from ragkit_ingest.text.cleaning import clean_text, one_line
from ragkit_ingest.text.counts import describe_struck
from ragkit_ingest.text.plain import load_text
from ragkit_ingest.text.spans import find_lines, strip_span

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(?P<title>.*?))?(?:[ \t]+#+)?[ \t]*$")
_ANCHOR = re.compile(r"[ \t]*\{[#.:][^{}]*\}$")  # "Scope {#scope}", as Hugo and Pandoc write it
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_FENCE = re.compile(r"[ \t>]*(`{3,}(?!.*`)|~{3,})")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])(?:[ \t]+\S|[ \t]*$)")
_INTERRUPTING_ITEM = re.compile(r"[ \t]*(?:[-*+]|1[.)])[ \t]+\S")
_DELIMITER = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_PIPE = re.compile(r"(?<!\\)\|")
_LINK = re.compile(r"!?\[([^\]\[]{0,200})\]\([^()\s]{0,500}\)")
_MARKUP = re.compile(r"\*\*|(?<!\w)__|__(?!\w)|`|~~")
_BLANK_ROW = TableRow(0, [])
_FRONT = re.compile(r"(---|\+\+\+)[ \t]*$")
_TITLE = re.compile(r"^title[ \t]*[:=][ \t]*(.+)$", re.MULTILINE | re.IGNORECASE)


def read_markdown(data: bytes, source: str) -> Document:
    """Read Markdown. The title is that of the front matter, or else the first heading.

    Never raises; a guessed encoding becomes a warning.
    """
    text, hidden, warnings = load_text(data)
    page, title, struck = read_markdown_text(text)
    if struck:
        warnings = (*warnings, describe_struck(struck))
    page = replace(page, hidden=page.hidden + hidden)
    return Document("markdown", (page,), title=title or first_heading((page,)), warnings=warnings)


def read_markdown_text(text: str) -> tuple[Page, str, int]:
    """Return the page of a cleaned text, its title in the front matter, and its struck passages."""
    shown = ShownMarkdown(text)
    text, written = clean_text(shown.text)  # entities may stand for invisible characters
    finder = _BlockFinder(text)
    page = Page(text, tuple(finder.blocks), hidden=written + shown.hidden)
    return page, finder.title, shown.struck


class _BlockFinder:
    """Finds blocks in one pass over the lines.

    Each rule takes the index of a line. It returns the index after the block that begins there, or
    the same index if it does not apply.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.spans = list(find_lines(text))
        self.blocks: list[Block] = []
        self.title = ""
        self._in_list = False
        rules = (
            self._fence,
            self._atx,
            self._rule,
            self._table,
            self._item,
            self._indentation,
            self._paragraph,
        )
        at = self._front_matter()
        while at < len(self.spans):
            at = next((after for rule in rules if (after := rule(at)) > at), at + 1)

    def _line(self, at: int) -> str:
        if at >= len(self.spans):
            return ""
        start, end = self.spans[at]
        return self.text[start:end]

    def _is_blank(self, at: int) -> bool:
        return not self._line(at).strip()

    def _add(self, kind: BlockKind, at: int, after: int, *, level: int = 0) -> None:
        """Add a block of the lines [at, after); code keeps its indentation."""
        start, end = strip_span(self.text, self.spans[at][0], self.spans[after - 1][1])
        if start < end:
            start = self.spans[at][0] if kind is BlockKind.CODE else start
            self.blocks.append(Block(kind, start, end, level))

    def _front_matter(self) -> int:
        mark = _FRONT.match(self._line(0))
        if not mark:
            return 0
        for at in range(1, len(self.spans)):
            if self._line(at).rstrip() == mark[1]:
                if at > 1:
                    self._add(BlockKind.PARAGRAPH, 1, at)
                    front = self.text[self.spans[1][0] : self.spans[at - 1][1]]
                    title = _TITLE.search(front)
                    self.title = one_line(title[1]).strip("\"'") if title else ""
                return at + 1
        return 0

    def _fence(self, at: int) -> int:
        fence = _FENCE.match(self._line(at))
        if not fence:
            return at
        mark, after = fence[1], at + 1
        close = re.compile(rf"[ \t>]*{re.escape(mark[0])}{{{len(mark)},}}[ \t]*$")
        while after < len(self.spans) and not close.match(self._line(after)):
            after += 1
        after = min(after + 1, len(self.spans))
        self._add(BlockKind.CODE, at, after)
        return after

    def _atx(self, at: int) -> int:
        heading = _ATX.match(self._line(at))
        if not heading:
            return at
        self._in_list = False
        if heading["title"]:
            start = self.spans[at][0] + heading.start("title")
            title = _ANCHOR.sub("", heading["title"]) or heading["title"]
            level = len(heading[1])
            self.blocks.append(Block(BlockKind.HEADING, start, start + len(title), level))
        return at + 1

    def _rule(self, at: int) -> int:
        return at + 1 if _RULE.match(self._line(at)) else at

    def _is_table(self, at: int) -> bool:
        head, delimiter = self._line(at), self._line(at + 1)
        if "|" not in head or "-" not in delimiter or not _DELIMITER.match(delimiter):
            return False
        return len(_split_cells(head)) == len(_split_cells(delimiter))

    def _table(self, at: int) -> int:
        if not self._is_table(at):
            return at
        self._in_list = False
        after = at + 2
        while "|" in self._line(after):
            after += 1
        lines = [at, *range(at + 2, after)]
        rows = _read_rows([self._line(line) for line in lines])
        named = {row.index: row for row in arrange_rows(rows)}
        for index, line in enumerate(lines):
            start, end = strip_span(self.text, *self.spans[line])
            row = named.get(index, _BLANK_ROW)
            columns = row.columns if index else ()
            block = Block(
                BlockKind.ROW, start, end, columns=columns, label=row.label, unit=row.unit
            )
            self.blocks.append(block)
        return after

    def _item(self, at: int) -> int:
        if not _ITEM.match(self._line(at)):
            return at
        after = at + 1
        while not self._ends_text(after) and not _ITEM.match(self._line(after)):
            after += 1
        self._add(BlockKind.ITEM, at, after)
        self._in_list = True
        return after

    def _indentation(self, at: int) -> int:
        """Read indented lines: code or, below a list item, a further paragraph of the item."""
        if self._is_blank(at) or not self._line(at).startswith(("    ", "\t")):
            return at
        if self._in_list:
            return self._paragraph(at)
        after = at + 1
        while not self._is_blank(after) and self._line(after).startswith(("    ", "\t")):
            after += 1
        self._add(BlockKind.CODE, at, after)
        return after

    def _paragraph(self, at: int) -> int:
        if self._is_blank(at):
            return at
        self._in_list = self._in_list and self._line(at)[0].isspace()
        after = at + 1
        while not self._ends_text(after) and not _INTERRUPTING_ITEM.match(self._line(after)):
            underline = _UNDERLINE.match(self._line(after))
            if underline:
                level = 1 if underline[1].startswith("=") else 2
                self._add(BlockKind.HEADING, at, after, level=level)
                return after + 1
            after += 1
        self._add(BlockKind.PARAGRAPH, at, after)
        return after

    def _ends_text(self, at: int) -> bool:
        line = self._line(at)
        if not line.strip() or _ATX.match(line) or _FENCE.match(line) or self._is_table(at):
            return True
        return bool(_RULE.match(line)) and not _UNDERLINE.match(line)


def _read_rows(lines: list[str]) -> list[list[Cell]]:
    """Return the cells of a table's lines, which begin with its heads.

    A cell left empty at the left of a row that goes on is merged with that above.
    """
    heads, *rows = [[_plain_text(cell) for cell in _split_cells(line)] for line in lines]
    result = [[Cell(text, is_head=True) for text in heads]]
    top: list[Cell] = []  # the row in which the cell at the left began
    for texts in rows:
        cells = [Cell(text) for text in texts]
        if top and len(cells) > 2 and not texts[0] and texts[1][:1].isalpha():
            top[0] = replace(top[0], rows=top[0].rows + 1)
            cells = cells[1:]
        elif cells:
            top = cells
        result.append(cells)
    return result


def _plain_text(cell: str) -> str:
    return one_line(_MARKUP.sub("", _LINK.sub(r"\1", cell)))


def _split_cells(row: str) -> list[str]:
    """Return the cells of a pipe row, without the pipes at its ends."""
    cells = [cell.strip().replace("\\|", "|") for cell in _PIPE.split(row.strip())]
    first = 0 if cells[0] else 1
    last = len(cells) if cells[-1] else -1
    return cells[first:last]
