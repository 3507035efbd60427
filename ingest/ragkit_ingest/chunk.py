"""The chunker: cuts documents into chunks that fit the embedder, at sentence and row ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from ragkit_ingest.model import Block, BlockKind, Document, Page, PageKind
from ragkit_ingest.text.cleaning import one_line

_Path = list[tuple[int, str]]  # (level, heading), outermost first
_Span = tuple[Block, int, int, tuple[str, ...]]  # a unit to be: its block, place and headings
TokenCounter = Callable[[Sequence[str]], list[int]]
"""Returns the token counts of several texts, without special tokens."""

_LEADERS = re.compile(r"(?:[.·_=*-][ \t]?){4,}")
_SPACES = re.compile(r"[ \t\u00a0\u2000-\u200a\u3000]+")
_LINK = re.compile(
    r"!?\[([^\]\[\n]{0,300})\]\((?:[^()\s]|\([^()\s]{0,200}\)){1,2000}(?:\s+\"[^\"\n]{0,300}\")?\)"
)
_MARKUP = re.compile(
    r"\*\*|~~|`+|^#{1,6} |^\|?[ :|-]{5,}\|?$|<!--.*?-->|</?[a-zA-Z][^<>\n]*>", re.M
)
_MARKED = re.compile(r"[\[*~`#<]|[ :|-]{5}|(?:[.·_=*-][ \t]?){4}")  # where the above may be found
_SENTENCE = re.compile(
    r"(?<=[.!?;:])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9ÄÖÜ•*-])|\n\s*\n|(?<=[。！？])"
)
_MAX_TOKEN_CHARACTERS = 12  # a longer text is cut, whatever its token count: it is one long word
_MAX_COLUMN_HEADS = 300  # characters of a table's column heads in a header
_MAX_HEADINGS = 3  # innermost headings in a header
_MAX_PAGE_TOP = 120  # characters above the first heading of a page that belong to it


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

    `ordinal` counts the chunks of the document from 0. `header` (title, heading path, column
    heads) is embedded and searched with the text but never part of a citation. `headings` is the
    heading path where the chunk begins; words above the first heading of a page belong to it.
    `ref` is its cells in a spreadsheet ("A7:D19").
    """

    ordinal: int
    page: int
    start: int
    end: int
    header: str
    headings: tuple[str, ...]
    ref: str


@dataclass(frozen=True, slots=True)
class _Unit:
    """The smallest piece, which is not cut further: a sentence, a row, a heading."""

    block: Block
    start: int
    end: int
    tokens: int
    headings: tuple[str, ...]


def chunk_document(
    document: Document, source: str, count: TokenCounter, settings: ChunkSettings
) -> list[Chunk]:
    """Cut a document into chunks, in reading order.

    `source` is its source path; headers contain its words, which helps the search. No chunk has
    more than `settings.max_tokens` tokens by `count`.
    """
    top = document_header(document.title, source)
    chunks: list[Chunk] = []
    path: _Path = []
    for index, page in enumerate(document.pages):
        if page.headings:
            path = list(enumerate(page.headings, 1))
        units = _find_units(page, path, count, settings)
        headers = _Headers(page, top, count, settings)
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

    def room(self, unit: _Unit) -> int:
        """Return the tokens left for text, at least, in a chunk that begins with a unit."""
        columns = unit.block.header[:_MAX_COLUMN_HEADS]
        header = _join([*self._outer, *self._inner_headings(unit.headings), columns])
        return self._total - min(self._limit, self.size(header))

    def choices(self, group: list[_Unit]) -> list[str]:
        """Return possible headers, longest first, [""] if none is short enough.

        They do not repeat what the text says. Outer headings are dropped first, then the column
        heads, then the page label.
        """
        text = self._text[group[0].start : group[-1].end]
        columns = next((unit.block.header for unit in group if unit.block.header), "")
        columns = "" if columns in text else columns[:_MAX_COLUMN_HEADS]
        inner = self._inner_headings([name for name in _heading_path(group) if name not in text])
        choices = [[*self._outer, *inner[drop:], columns] for drop in range(len(inner) + 1)]
        choices += [self._outer, self._outer[:1]]
        headers = dict.fromkeys(map(_join, choices))
        return [header for header in headers if self.size(header) <= self._limit] or [""]

    def _inner_headings(self, headings: Sequence[str]) -> Sequence[str]:
        return [name for name in headings if name not in self._outer[0]][-_MAX_HEADINGS:]

    def size(self, header: str) -> int:
        """Return the tokens of a header, from a cache: the same headers come often."""
        if header not in self._sizes:
            self._sizes[header] = self._count([header])[0]
        return self._sizes[header]

    def choose(self, choices: list[str], group: list[_Unit], limit: int) -> str:
        """Return the longest choice that leaves room for the text, by the counts of its units."""
        room = limit - sum(unit.tokens for unit in group)
        return next((header for header in choices if self.size(header) <= room), choices[-1])


def _join(parts: Sequence[str]) -> str:
    return " | ".join(dict.fromkeys(part for part in parts if part))


def document_header(title: str, source: str) -> str:
    """Return the words of a document's path, and its title unless the path contains it."""
    words = path_words(source)
    if not title or title.casefold() in words.casefold():
        return words
    return f"{words} | {title}"


def path_words(source: str) -> str:
    """Return the words of a path, without its suffix: "hr/pay_2024.pdf" gives "hr pay 2024"."""
    stem = re.sub(r"\.[A-Za-z0-9]{1,8}$", "", one_line(source))
    return " ".join(re.sub(r"[\W_]+", " ", stem).split())


def embedding_text(header: str, text: str) -> str:
    """Return what is embedded for a chunk: its header, then its text without leaders and markup."""
    if _MARKED.search(text):
        text = _MARKUP.sub("", _LINK.sub(r"\1", text))
        text = _LEADERS.sub(" ", text)
    text = _SPACES.sub(" ", text)
    return f"{header}\n{text}" if header else text


def _find_units(
    page: Page, path: _Path, count: TokenCounter, settings: ChunkSettings
) -> list[_Unit]:
    """Return a page's units with their token counts; update `path` to the end of the page."""
    spans: list[_Span] = []
    names = _heading_names(path)
    for block in page.blocks:
        if block.kind is BlockKind.HEADING:
            title = " ".join(page.text[block.start : block.end].strip("#=-* \n").split())
            path[:] = [entry for entry in path if entry[0] < block.level]
            path.append((block.level, title[:120]))
            names = _heading_names(path)
        spans += [(block, start, end, names) for start, end in _find_sentences(page.text, block)]
    if page.kind is PageKind.PAGE:
        _scope_page_top(spans)
    counts = count([embedding_text("", page.text[start:end]) for _, start, end, _ in spans])
    limit = settings.max_tokens - settings.header_tokens
    units: list[_Unit] = []
    for (block, start, end, names), tokens in zip(spans, counts, strict=True):
        if tokens <= limit and end - start <= limit * _MAX_TOKEN_CHARACTERS:
            units.append(_Unit(block, start, end, tokens, names))
        else:
            units += _split_long(page.text, block, start, end, names, count, limit)
    return units


def _scope_page_top(spans: list[_Span]) -> None:
    """Give the few words above a page's first heading its heading path.

    A company's name or a running head stands there. It does not belong to the section before.
    """
    kinds = [block.kind for block, *_ in spans]
    if BlockKind.HEADING not in kinds:
        return
    first = kinds.index(BlockKind.HEADING)
    if first > 0 and spans[first][1] - spans[0][1] <= _MAX_PAGE_TOP:
        opening = list(takewhile(lambda kind: kind is BlockKind.HEADING, kinds[first:]))
        names = spans[first + len(opening) - 1][3]
        spans[:first] = [(block, start, end, names) for block, start, end, _ in spans[:first]]


def _heading_names(path: _Path) -> tuple[str, ...]:
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


def _split_long(
    text: str,
    block: Block,
    start: int,
    end: int,
    headings: tuple[str, ...],
    count: TokenCounter,
    limit: int,
) -> Iterator[_Unit]:
    """Cut a giant row or line that has no sentence end: between words, or else anywhere."""
    while start < end:
        stop = min(end, start + limit * _MAX_TOKEN_CHARACTERS)
        while True:
            tokens = count([embedding_text("", text[start:stop])])[0]
            if tokens <= limit:
                break
            guess = start + max(1, int((stop - start) * limit / tokens * 0.95))
            stop = _find_word_end(text, start, guess)
        yield _Unit(block, start, stop, tokens, headings)
        start = stop
        while start < end and text[start].isspace():
            start += 1


def _find_word_end(text: str, start: int, stop: int) -> int:
    for at in range(stop, max(start + 1, stop - 80), -1):
        if text[at - 1].isspace():
            return at - 1 if at - 1 > start else at
    return stop


def _group_units(units: list[_Unit], room: Callable[[_Unit], int]) -> Iterator[list[_Unit]]:
    """Group units into full chunks; a heading begins a new one if the last is a third full.

    `room` returns the tokens for text in a chunk that begins with a unit.
    """
    group: list[_Unit] = []
    size = limit = 0
    for unit in units:
        section = (
            bool(group)
            and unit.block.kind is BlockKind.HEADING
            and size >= limit // 3
            and group[-1].block.kind is not BlockKind.HEADING
        )
        if group and (section or size + unit.tokens > limit):
            carried = [] if section else _last_headings(group)
            yield group[: len(group) - len(carried)]
            group, size = carried, sum(entry.tokens for entry in carried)
        if not group:
            limit = room(unit)
        group.append(unit)
        size += unit.tokens
    if group:
        yield group


def _last_headings(group: list[_Unit]) -> list[_Unit]:
    """Return the headings at the end of a full chunk, which belong to the next one."""
    headings = list(takewhile(lambda entry: entry.block.kind is BlockKind.HEADING, group[::-1]))
    return headings[::-1] if len(headings) < len(group) else []


def _fit_groups(
    page: Page, groups: list[list[_Unit]], headers: _Headers, count: TokenCounter, limit: int
) -> Iterator[tuple[list[_Unit], str]]:
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


def _halve(text: str, group: list[_Unit], count: TokenCounter) -> list[list[_Unit]]:
    if len(group) > 1:
        middle = len(group) // 2
        return [group[:middle], group[middle:]]
    (unit,) = group
    limit = max(1, count([embedding_text("", text[unit.start : unit.end])])[0] * 2 // 3)
    parts = _split_long(text, unit.block, unit.start, unit.end, unit.headings, count, limit)
    return [[part] for part in parts]


def _heading_path(group: list[_Unit]) -> tuple[str, ...]:
    """Return the heading path where a group begins, with the headings that open the group."""
    opening = takewhile(lambda unit: unit.block.kind is BlockKind.HEADING, group)
    return (list(opening) or group)[-1 if group[0].block.kind is BlockKind.HEADING else 0].headings


def _make_chunk(ordinal: int, index: int, group: list[_Unit], header: str) -> Chunk:
    refs = [unit.block.ref for unit in group if unit.block.ref]
    return Chunk(
        ordinal=ordinal,
        page=index,
        start=group[0].start,
        end=group[-1].end,
        header=header,
        headings=_heading_path(group),
        ref=joined_ref(refs),
    )


def joined_ref(refs: Sequence[str]) -> str:
    """Return the cell range that spans several: "A1:D1" and "A2:F2" give "A1:F2"."""
    if not refs:
        return ""
    cells = [cell for ref in refs for cell in (ref.split(":") if ":" in ref else [ref, ref])]
    matches = [re.fullmatch(r"([A-Z]+)(\d+)", cell) for cell in cells]
    found = [(match.group(1), int(match.group(2))) for match in matches if match]
    if len(found) != len(cells):
        return refs[0]
    columns = sorted((column for column, _ in found), key=lambda name: (len(name), name))
    rows = sorted(row for _, row in found)
    return f"{columns[0]}{rows[0]}:{columns[-1]}{rows[-1]}"
