"""The layout of PDF pages: groups lines into headings, table rows and paragraphs."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ragkit_ingest.model import Block, BlockKind

_NUMBER = re.compile(r"[($€£+-]*\d[\d,.]*[)%]*|[—–-]+%?|N/?A", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{3,}")
_DATE_WORDS = re.compile(
    r"\b(?:(?:19|20)\d\d|january|february|march|april|may|june|july|august|september|october"
    r"|november|december|months?|years?|quarter|ended|in (?:thousands|millions|billions))\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_UNIT = re.compile(r"[$€£¥]")  # "$ in millions" is the unit of a table
_BULLET = re.compile(r"[(•●*\ue000-\uf8ff–-]")  # symbol fonts map bullets to the private use area
_MAX_HEADING_LEVEL = 6
_COVER_PAGES = 2
_LONG_DOCUMENT = 10  # pages
_MAX_COVER_GAP = 1 / 3  # of a long document, and _LONG_DOCUMENT pages at least
_TITLE_LINES = 4  # lines at the top of a page of figures that may be its title
_MAX_TITLE = 90  # characters
_TABLE_ROWS = 8  # of a page of figures, at least


Style = tuple[int, bool]
"""The type of a line: its size in half points, and whether it is bold."""
StyleLevels = dict[Style, int]


class HeadingLevels(NamedTuple):
    """The levels of the styles of headings, on the first pages and on the others.

    The large type of a cover often comes again far behind, in an appendix. Until then its words
    would stand above all headings. So a style of the cover that is not used again in the next
    third of a long document has the deepest level there.
    """

    cover: StyleLevels
    others: StyleLevels

    def of_page(self, index: int) -> StyleLevels:
        """Return the levels on the page with this index."""
        return self.cover if index < _COVER_PAGES else self.others


@dataclass(slots=True)
class Line:
    """One line of a page: characters [start, end) of the cleaned text, and its typography.

    `size`, `top` and `bottom` are in points; `top` and `bottom` count upwards.
    """

    start: int
    end: int
    text: str
    size: float = 0.0
    bold: bool = False
    top: float = 0.0
    bottom: float = 0.0
    hidden: bool = False


def split_lines(text: str) -> list[Line]:
    """Return the lines of a page that are not blank."""
    lines = []
    position = 0
    for piece in text.split("\n"):
        stripped = piece.strip()
        if stripped:
            start = position + piece.index(stripped[0])
            lines.append(Line(start, start + len(stripped), stripped))
        position += len(piece) + 1
    return lines


_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")


def plain_text(text: str) -> str:
    """Return only the letters and digits, in lower case, to compare lines with bookmarks."""
    return _NOT_ALPHANUMERIC.sub("", text.casefold())


def heading_levels(pages: list[list[Line]], above: int = 0) -> HeadingLevels:
    """Return which styles are headings, with their levels.

    A heading is larger or bolder than the body's type, and rare. `above` is the deepest level of
    the bookmarks; headings found by their type are below it. A style that is only on the cover of
    a long document is not a heading. One that heads a single later page is decoration: it must not
    stand above all pages that follow, so it has the deepest level.
    """
    styles: Counter[Style] = Counter()
    last: dict[Style, int] = {}
    for index, lines in enumerate(pages):
        for line in lines:
            styles[_style(line)] += len(line.text)
            last[_style(line)] = index
    if not styles:
        return HeadingLevels({}, {})
    is_long = len(pages) >= _LONG_DOCUMENT
    body_size, body_bold = styles.most_common(1)[0][0]
    total = sum(styles.values())
    heads = [
        style
        for style, count in styles.items()
        if style[0] > 0
        and (last[style] >= _COVER_PAGES or not is_long)
        and count < total * 0.2
        and (style[0] > body_size * 1.12 or (style[1] and not body_bold and style[0] >= body_size))
    ]
    heads.sort(key=lambda style: (-style[0], not style[1]))
    used = _find_later_pages(pages, set(heads)) if is_long else {}
    ranked = [style for style in heads if len(used.get(style, ())) != 1]
    levels = {style: above + min(rank, _MAX_HEADING_LEVEL) for rank, style in enumerate(ranked, 1)}
    deepest = _deepest_level(levels, above)
    levels |= {style: deepest for style in heads if style not in levels}
    soon = _COVER_PAGES + max(_LONG_DOCUMENT, len(pages) * _MAX_COVER_GAP)
    late = {style for style in heads if is_long and min(used.get(style, [len(pages)])) >= soon}
    return HeadingLevels(levels | dict.fromkeys(late, deepest), levels)


def _find_later_pages(pages: list[list[Line]], styles: set[Style]) -> dict[Style, list[int]]:
    """Return the pages behind the cover that have a heading of each style."""
    used: dict[Style, list[int]] = {}
    for index, lines in enumerate(pages[_COVER_PAGES:], _COVER_PAGES):
        heads = (line for line in lines if _style(line) in styles)
        for style in {_style(line) for line in heads if _is_heading(line)}:
            used.setdefault(style, []).append(index)
    return used


def _deepest_level(levels: StyleLevels, above: int = 0) -> int:
    """Return the level of headings that any later heading replaces."""
    return max([above + 1, _MAX_HEADING_LEVEL, *levels.values()])


def _style(line: Line) -> Style:
    size = line.size
    if size <= 1.5 and line.top > line.bottom:  # the text matrix scales it: use the glyph height
        size = (line.top - line.bottom) * 1.4
    return round(size * 2), line.bold


def is_row(text: str) -> bool:
    """Return True for a table row: a label and then two or more numbers, or only numbers."""
    words = text.split()
    numbers = 0
    for word in reversed(words):
        if _NUMBER.fullmatch(word) or word in "$€£%()":
            numbers += word not in "$€£%()"
        else:
            break
    leader = "...." in text
    if numbers == 1:
        return len(words) > 1 and (leader or "$" in words)
    return numbers >= 2 and (leader or len(text) < 130)


def _is_heading(line: Line) -> bool:
    text = line.text
    return (
        len(text) < 120
        and _WORD.search(text) is not None
        and not _BULLET.match(text)
        and not _UNIT.match(text)
        and not text.endswith((".", ",", ";"))
        and len(_DATE_WORDS.sub("", text)) > 6
    )


def group_lines(lines: list[Line], levels: StyleLevels, titles: dict[str, int]) -> Iterator[Block]:
    """Group a page's lines into headings, table rows and paragraphs.

    `levels` maps styles of headings to their levels, as from `heading_levels`. `titles` maps lines
    that bookmarks name, as from `plain_text`, to theirs.
    """
    pending: list[Line] = []  # lines of the current paragraph
    head: list[str] = []  # column heads of the current table
    recent: deque[str] = deque(maxlen=4)  # may be the column heads of a table that follows
    in_table = False
    deepest = _deepest_level(levels)
    rows = [is_row(line.text) for line in lines]
    labels, title = _find_row_labels(lines, rows), None
    if not titles:
        title = _find_table_title(lines, rows, levels)
    previous: Line | None = None
    for at, line in enumerate(lines):
        named = deepest if line is title else titles.get(plain_text(line.text), 0)
        level = levels.get(_style(line)) or (deepest if _is_capitals(line.text) else 0)
        level = deepest if level and at in labels else level
        if not named and rows[at] and not _is_years(line.text):
            if not in_table:
                head = [text for text in recent if _is_column_head(text)]
            yield from _flush_paragraph(pending)
            in_table = True
            yield Block(
                BlockKind.ROW, line.start, line.end, columns=tuple(filter(None, [" ".join(head)]))
            )
        elif named or (level and _is_heading(line)):
            yield from _flush_paragraph(pending)
            if at not in labels:  # whose rows have the same column heads
                in_table = False
                recent.clear()
            yield Block(BlockKind.HEADING, line.start, line.end, level=named or level)
        else:
            in_table = in_table and len(line.text) <= 90 and not _is_column_head(line.text)
            if pending and previous is not None and _is_gap(previous, line):
                yield from _flush_paragraph(pending)
            pending.append(line)
            recent.append(line.text)
        previous = line
    yield from _flush_paragraph(pending)


def _is_table_page(rows: list[bool]) -> bool:
    return sum(rows) >= max(_TABLE_ROWS, len(rows) / 2)


def _find_row_labels(lines: list[Line], rows: list[bool]) -> set[int]:
    """Return the indices of lines on a page of figures that may name the rows below them.

    "Operating activities" in bold type does not end the section "Statement of cash flows". Such a
    line follows the column heads or a row, and a row follows at once or after one more label.
    `rows` are True for the lines that are rows.
    """
    if not _is_table_page(rows):
        return set()
    first = next(at for at, line in enumerate(lines) if rows[at] or _is_column_head(line.text))
    return {at for at in range(first + 1, len(lines)) if any(rows[at + 1 : at + 3])}


def _find_table_title(lines: list[Line], rows: list[bool], levels: StyleLevels) -> Line | None:
    """Return the title of a page of figures that is set like its other text.

    It is the last short line above the unit or the column heads of a table at the top of the page:
    "Consolidated Balance Sheets", then "(in millions)". None if a line above is a heading.
    """
    title = None
    for line in lines[: _TITLE_LINES + 1] if _is_table_page(rows) else []:
        if line.text.startswith("(") or _is_column_head(line.text):
            return title
        is_title = len(line.text) <= _MAX_TITLE and _is_heading(line) and not line.text[0].islower()
        if not is_title or _style(line) in levels or _is_capitals(line.text):
            return None
        title = line
    return None


def _is_years(text: str) -> bool:
    """Return True for column heads that look like a row: "As of December 31, 2017 2016"."""
    rest = re.sub(r"\b(?:as of|of|and|at|the|\d{1,2})\b", "", _DATE_WORDS.sub("", text), flags=re.I)
    return len(rest.strip(" ,.()$%:;")) < 4 and len(_YEAR.findall(text)) >= 2


def _is_capitals(text: str) -> bool:
    return text.isupper() and len(_WORD.findall(text)) >= 2


def _is_column_head(text: str) -> bool:
    few = len(text) < 90 and len(text.split()) <= 12 and not text.endswith((".", ";"))
    return few and _DATE_WORDS.search(text) is not None


def _is_gap(above: Line, below: Line) -> bool:
    """Return True if the space between two lines shows a new paragraph."""
    height = max(above.top - above.bottom, 4.0)
    return above.bottom - below.top > height * 1.1 or below.top > above.top + height


def _flush_paragraph(pending: list[Line]) -> Iterator[Block]:
    if pending:
        yield Block(BlockKind.PARAGRAPH, pending[0].start, pending[-1].end)
        pending.clear()
