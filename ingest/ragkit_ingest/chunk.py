"""The chunker: cuts documents into chunks that fit the embedder, at sentence and row ends.

A chunk may hold several sections, whose headings stand in its text. It never goes on beyond the
section that only its header names, nor does a table whose column heads only its header names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from ragkit_ingest.chunk_texts import document_header, embedding_text
from ragkit_ingest.chunk_units import Path, TokenCounter, Unit, find_units, split_unit
from ragkit_ingest.model import CELL_SEPARATOR, BlockKind, Document, Page, PageKind
from ragkit_ingest.places import Headings, Section, TableRow, common_headings, joined_ref

_MAX_COLUMN_HEADS = 300  # characters of a table's column heads in a header
_MAX_HEADINGS = 3  # innermost headings in a header
_MAX_HEAD_ROWS = 3  # of a table
_OWN_HEADINGS = (PageKind.SLIDE, PageKind.SHEET, PageKind.PART)  # pages that take over none


@dataclass(frozen=True, slots=True)
class ChunkSettings:
    """The sizes of chunks; a knowledge base keeps them for all its documents.

    `max_tokens` limits a chunk's header and text together, `header_tokens` the header alone; both
    exclude special tokens. Chunks do not overlap: on three data sets an overlap found nothing more
    and cost a fifth of the time.
    """

    max_tokens: int = 254
    header_tokens: int = 64


@dataclass(frozen=True, slots=True)
class Chunk:
    """Characters [start, end) of the page at index `page` in `Document.pages`.

    `ordinal` counts the chunks of the document from 0. `header` (title, headings above all of it,
    column heads) is embedded and searched with the text but never part of a citation. `sections`
    are the heading paths in it, the first from its start, and `rows` its table rows.
    """

    ordinal: int
    page: int
    start: int
    end: int
    header: str
    sections: tuple[Section, ...] = ()
    rows: tuple[TableRow, ...] = ()

    @property
    def headings(self) -> Headings:
        """The heading path that is above all of the chunk."""
        return common_headings(self.sections)

    @property
    def ref(self) -> str:
        """Its cells in a spreadsheet ("A7:D19")."""
        return joined_ref(row.ref for row in self.rows)


def chunk_document(
    document: Document, source: str, count: TokenCounter, settings: ChunkSettings
) -> list[Chunk]:
    """Cut a document into chunks, in reading order.

    `source` is its source path; headers contain its words, which helps the search. No chunk has
    more than `settings.max_tokens` tokens by `count`.
    """
    top = document_header(document.title, source)
    chunks: list[Chunk] = []
    path: Path = []
    limit = settings.max_tokens - settings.header_tokens
    for index, page in enumerate(document.pages):
        if page.headings or page.kind in _OWN_HEADINGS:
            path = list(enumerate(page.headings, 1))
        headers = _Headers(page, top, count, settings)
        units = find_units(page, path, count, limit, headers.row_limit)
        groups = list(_group_units(units, headers.room))
        for group, header in _fit_groups(page, groups, headers, count, settings.max_tokens):
            chunks.append(_make_chunk(len(chunks), index, group, header))
    return chunks


class _Headers:
    """Makes the headers of one page's chunks and counts their tokens."""

    def __init__(self, page: Page, top: str, count: TokenCounter, settings: ChunkSettings) -> None:
        self._text = page.text
        place = page.page_label if page.kind in (PageKind.SHEET, PageKind.PART) else ""
        self._outer = [top, place]
        self._count = count
        self._limit = settings.header_tokens
        self._total = settings.max_tokens
        self._sizes: dict[str, int] = {}

    @property
    def row_limit(self) -> int:
        """The most tokens of a table row with its column heads."""
        return self._total - min(self._limit, self.size(_join(self._outer)))

    def room(self, unit: Unit) -> int:
        """Return the tokens left for text, at least, in a chunk that begins with a unit."""
        columns = _join_columns([unit.columns])
        header = _join([*self._outer, *self._inner_headings(unit.headings), columns])
        least = self.size(_join([*self._outer, columns])) if columns else 0
        size = max(min(self._limit, self.size(header)), least)
        return self._total - (size if size <= self._total // 2 else self._limit)

    def choices(self, group: list[Unit]) -> list[str]:
        """Return possible headers, longest first, [""] if none is short enough.

        They do not repeat what the text says. Outer headings are dropped first, then what names
        the rows, the column heads, and the page label. Without other headings, the column heads of
        a wide table may take half of the chunk.
        """
        text = self._text[group[0].start : group[-1].end]
        headings = common_headings(_find_sections(group))
        inner = self._inner_headings([name for name in headings if name not in text])
        heads = dict.fromkeys(unit.columns for unit in group)
        columns = _join_columns([each for each in heads if _join_columns([each]) not in text])
        names = _find_row_names(group, text)
        choices = [[*self._outer, *inner[drop:], columns, *names] for drop in range(len(inner) + 1)]
        choices += [[*self._outer, columns], self._outer, self._outer[:1]]
        headers = dict.fromkeys(map(_join, choices))
        found = [header for header in headers if self.size(header) <= self._limit]
        for table in ([*self._outer, columns], [*self._outer, columns, *names]) if columns else ():
            if self._limit < self.size(_join(table)) <= self._total // 2:
                found.insert(0, _join(table))
        return found or [""]

    def _inner_headings(self, headings: Sequence[str]) -> Sequence[str]:
        return [name for name in headings if name not in self._outer[0]][-_MAX_HEADINGS:]

    def size(self, header: str) -> int:
        """Return the tokens of a header, from a cache: the same headers come often."""
        if header not in self._sizes:
            self._sizes[header] = self._count([header])[0]
        return self._sizes[header]

    def choose(self, choices: list[str], group: list[Unit], limit: int) -> str:
        """Return the longest choice that leaves room for the text, by the counts of its units."""
        room = limit - sum(unit.tokens for unit in group)
        return next((header for header in choices if self.size(header) <= room), choices[-1])


def _join(parts: Sequence[str]) -> str:
    return CELL_SEPARATOR.join(dict.fromkeys(part for part in parts if part))


def _join_columns(tables: Sequence[Sequence[str]]) -> str:
    """Return the column heads of tables in one text, without the last ones if it is long."""
    text = _join([CELL_SEPARATOR.join(columns).strip() for columns in tables])
    if len(text) <= _MAX_COLUMN_HEADS:
        return text
    text = text[:_MAX_COLUMN_HEADS]
    return text.rpartition(CELL_SEPARATOR)[0] or text


def _find_row_names(group: list[Unit], text: str) -> list[str]:
    """Return the labels of rows and the units of their numbers that the text does not say."""
    labels = [part for unit in group for part in unit.block.label.split(", ")]
    names = dict.fromkeys([*labels, *(unit.block.unit for unit in group)])
    return [name for name in names if name not in text]


def _group_units(units: list[Unit], room: Callable[[Unit], int]) -> Iterator[list[Unit]]:
    """Group units into full chunks; a heading begins a new one if the last is a third full.

    `room` returns the tokens for text in a chunk that begins with a unit.
    """
    group: list[Unit] = []
    size = limit = 0
    for unit in units:
        if group and (size + unit.tokens > limit or _ends_chunk(group, unit, size >= limit // 3)):
            carried = _find_lead(group, unit)
            yield group[: len(group) - len(carried)]
            group, size = carried, sum(entry.tokens for entry in carried)
        if not group:
            limit = room(unit)
        group.append(unit)
        size += unit.tokens
    if group:
        yield group


def _ends_chunk(group: list[Unit], unit: Unit, is_long: bool) -> bool:
    """Return True if a unit belongs to another chunk although there is room for it.

    It is a heading after a long group, has other cells of a long row, or is not below the headings
    or column heads that only the header of the group names.
    """
    first = group[0]
    if unit.is_heading:
        outer = first.headings[:-1] if first.is_heading else first.headings
        has_text = not all(entry.is_heading for entry in group)
        is_below = unit.headings[: len(outer)] == outer
        return has_text and (not is_below or (is_long and not group[-1].is_heading))
    if unit.columns in ((), group[-1].columns):
        return False
    return not unit.opens_table or bool(first.columns and not first.opens_table)


def _find_lead(group: list[Unit], unit: Unit) -> list[Unit]:
    """Return the end of a full chunk that belongs to the next unit: headings, and its head rows."""
    rows = 0
    if unit.opens_table:
        is_head = [entry.block.kind is BlockKind.ROW and not entry.columns for entry in group[::-1]]
        rows = len(list(takewhile(bool, is_head[:_MAX_HEAD_ROWS])))
    rest = group[: len(group) - rows]
    headings = len(list(takewhile(lambda entry: entry.is_heading, rest[::-1])))
    lead = group[len(rest) - headings :]
    return lead if len(lead) < len(group) else []


def _fit_groups(
    page: Page, groups: list[list[Unit]], headers: _Headers, count: TokenCounter, limit: int
) -> Iterator[tuple[list[Unit], str]]:
    """Yield groups with their headers, none longer than `limit` tokens.

    The counts of parts need not add up to the count of the whole, so this counts the whole. A
    group that is too long gets a shorter header, or is cut in two.
    """
    texts = [page.text[group[0].start : group[-1].end] for group in groups]
    choices = [headers.choices(group) for group in groups]
    named = [headers.choose(*pair, limit) for pair in zip(choices, groups, strict=True)]
    sizes = count([embedding_text(*pair) for pair in zip(named, texts, strict=True)])
    for group, text, header, size, others in zip(groups, texts, named, sizes, choices, strict=True):
        if size <= limit:
            yield group, header
            continue
        counts = count([embedding_text(other, text) for other in others])
        shorter = [other for other, n in zip(others, counts, strict=True) if n <= limit]
        if shorter:
            yield group, shorter[0]
        else:
            yield from _fit_groups(page, _halve(page.text, group, count), headers, count, limit)


def _halve(text: str, group: list[Unit], count: TokenCounter) -> list[list[Unit]]:
    if len(group) > 1:
        middle = len(group) // 2
        return [group[:middle], group[middle:]]
    (unit,) = group
    limit = max(1, count([embedding_text("", text[unit.start : unit.end])])[0] * 2 // 3)
    return [[part] for part in split_unit(text, unit, count, limit)]


def _find_sections(group: list[Unit]) -> tuple[Section, ...]:
    """Return the heading paths of a group; headings with no text between them open one section."""
    sections: list[Section] = []
    is_open = False  # whether the last section has only headings yet
    for unit in group:
        if not sections or unit.headings != sections[-1].headings:
            start = sections.pop().start if is_open else unit.start
            sections.append(Section(start, unit.headings))
            is_open = True
        is_open = is_open and unit.is_heading
    return tuple(sections)


def _find_rows(group: list[Unit]) -> tuple[TableRow, ...]:
    """Return the rows of a group's tables, and other blocks of cells, each one once."""
    blocks = dict.fromkeys(unit.block for unit in group)
    return tuple(
        TableRow(block.start, block.end, block.columns, block.label, block.unit, block.ref)
        for block in blocks
        if block.columns or block.label or block.unit or block.ref
    )


def _make_chunk(ordinal: int, index: int, group: list[Unit], header: str) -> Chunk:
    return Chunk(
        ordinal=ordinal,
        page=index,
        start=group[0].start,
        end=group[-1].end,
        header=header,
        sections=_find_sections(group),
        rows=_find_rows(group),
    )
