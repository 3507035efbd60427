"""Cuts a document into chunks that fit the embedder, on sentence, row and block borders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from ragkit_ingest.model import Block, BlockKind, Document, Page, PageKind

_Path = list[tuple[int, str]]  # (level, heading), outermost first
TokenCounter = Callable[[Sequence[str]], list[int]]
"""Token counts of several texts, special tokens not counted."""

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
_CHARACTERS = 12  # of a token at the most; more is one long word, cut all the same
_COLUMNS = 300  # characters of a table's column heads that a header may hold
_HEADINGS = 3  # innermost headings that a header names


@dataclass(frozen=True, slots=True)
class ChunkSettings:
    """Facts of a base. `max_tokens` counts header and text, special tokens not counted.

    `header_tokens` is the most a header may take. Chunks do not overlap: on three sets it found
    nothing more, and it costs a fifth of the time.
    """

    max_tokens: int = 254
    header_tokens: int = 64


@dataclass(frozen=True, slots=True)
class Chunk:
    """Characters [start, end) of the page at index `page` in `Document.pages`.

    `header` (title, heading path, column heads) is embedded and searched with the text and is
    never part of a citation. `ref` names the cells of a spreadsheet ("A7:D19").
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
    """The smallest piece that is not cut further: a sentence, a row, a heading."""

    block: Block
    start: int
    end: int
    tokens: int
    headings: tuple[str, ...]


def chunk_document(
    document: Document, name: str, count: TokenCounter, settings: ChunkSettings
) -> list[Chunk]:
    """Chunk a document; `name` is its path relative to the root, words of which help the search."""
    top = document_header(document.title, name)
    chunks: list[Chunk] = []
    path: _Path = []
    for index, page in enumerate(document.pages):
        if page.headings:
            path = list(enumerate(page.headings, 1))
        units = _units(page, path, count, settings)
        headers = _Headers(page, top, count, settings)
        groups = list(_groups(units, headers.room))
        for group, header in _fitted(page, groups, headers, count, settings.max_tokens):
            chunks.append(_chunk(len(chunks), index, group, header))
    return chunks


class _Headers:
    """The headers of one page's chunks, and how many tokens they take."""

    def __init__(self, page: Page, top: str, count: TokenCounter, settings: ChunkSettings) -> None:
        self._text = page.text
        place = page.page_label if page.kind in (PageKind.SHEET, PageKind.PART) else ""
        self._outer = [top, place]
        self._count = count
        self._limit = settings.header_tokens
        self._total = settings.max_tokens
        self._sizes: dict[str, int] = {}

    def room(self, unit: _Unit) -> int:
        """Tokens that a chunk which begins with this unit has for its text, at the least."""
        columns = unit.block.header[:_COLUMNS]
        header = _joined([*self._outer, *self._inner(unit.headings), columns])
        return self._total - min(self._limit, self.size(header))

    def of(self, group: list[_Unit]) -> list[str]:
        """Headers, fullest first, [""] if none is short enough; none repeats what the text says.

        Least wanted parts go first: outer headings, then the column heads, then the place.
        """
        text = self._text[group[0].start : group[-1].end]
        columns = next((unit.block.header for unit in group if unit.block.header), "")
        columns = "" if columns in text else columns[:_COLUMNS]
        inner = self._inner([name for name in _headings(group) if name not in text])
        choices = [[*self._outer, *inner[drop:], columns] for drop in range(len(inner) + 1)]
        choices += [self._outer, self._outer[:1]]
        headers = dict.fromkeys(map(_joined, choices))
        return [header for header in headers if self.size(header) <= self._limit] or [""]

    def _inner(self, headings: Sequence[str]) -> Sequence[str]:
        return [name for name in headings if name not in self._outer[0]][-_HEADINGS:]

    def size(self, header: str) -> int:
        """Tokens of a header; the same ones come again and again."""
        if header not in self._sizes:
            self._sizes[header] = self._count([header])[0]
        return self._sizes[header]

    def fitting(self, choices: list[str], group: list[_Unit], limit: int) -> str:
        """The fullest that leaves room for the text, going by the counts of its units."""
        room = limit - sum(unit.tokens for unit in group)
        return next((header for header in choices if self.size(header) <= room), choices[-1])


def _joined(parts: Sequence[str]) -> str:
    return " | ".join(dict.fromkeys(part for part in parts if part))


def document_header(title: str, name: str) -> str:
    """What names a document: its path as words, and its own title unless the path says the same."""
    words = path_words(name)
    if not title or title.casefold() in words.casefold():
        return words
    return f"{words} | {title}"


def path_words(name: str) -> str:
    stem = re.sub(r"\.[A-Za-z0-9]{1,8}$", "", name)
    return " ".join(re.sub(r"[\W_]+", " ", stem).split())


def embedding_text(header: str, text: str) -> str:
    """What is embedded for a chunk: the header, then the text without leaders and mark-up."""
    if _MARKED.search(text):
        text = _MARKUP.sub("", _LINK.sub(r"\1", text))
        text = _LEADERS.sub(" ", text)
    text = _SPACES.sub(" ", text)
    return f"{header}\n{text}" if header else text


def _units(page: Page, path: _Path, count: TokenCounter, settings: ChunkSettings) -> list[_Unit]:
    """A page's units with their token counts; `path` is brought to the page's end."""
    spans: list[tuple[Block, int, int, tuple[str, ...]]] = []
    names = _names(path)
    for block in page.blocks:
        if block.kind is BlockKind.HEADING:
            title = " ".join(page.text[block.start : block.end].strip("#=-* \n").split())
            path[:] = [entry for entry in path if entry[0] < block.level]
            path.append((block.level, title[:120]))
            names = _names(path)
        spans += [(block, start, end, names) for start, end in _sentences(page.text, block)]
    counts = count([embedding_text("", page.text[start:end]) for _, start, end, _ in spans])
    limit = settings.max_tokens - settings.header_tokens
    units: list[_Unit] = []
    for (block, start, end, names), tokens in zip(spans, counts, strict=True):
        if tokens <= limit and end - start <= limit * _CHARACTERS:
            units.append(_Unit(block, start, end, tokens, names))
        else:
            units += _split_long(page.text, block, start, end, names, count, limit)
    return units


def _names(path: _Path) -> tuple[str, ...]:
    return tuple(dict.fromkeys(heading for _, heading in path))


def _sentences(text: str, block: Block) -> Iterator[tuple[int, int]]:
    """Sentence spans of a paragraph or code block; rows, headings and items stay whole."""
    if block.kind in (BlockKind.ROW, BlockKind.HEADING):
        yield block.start, block.end
        return
    start = block.start
    for match in _SENTENCE.finditer(text, block.start, block.end):
        if match.start() - start >= 24 or "\n\n" in match.group():
            yield from _trimmed(text, start, match.start())
            start = match.end()
    yield from _trimmed(text, start, block.end)


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
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
    """Cut what no border divides (a giant row or line): at words, at last at characters."""
    while start < end:
        stop = min(end, start + limit * _CHARACTERS)
        while True:
            tokens = count([embedding_text("", text[start:stop])])[0]
            if tokens <= limit:
                break
            guess = start + max(1, int((stop - start) * limit / tokens * 0.95))
            stop = _word_border(text, start, guess)
        yield _Unit(block, start, stop, tokens, headings)
        start = stop
        while start < end and text[start].isspace():
            start += 1


def _word_border(text: str, start: int, stop: int) -> int:
    for at in range(stop, max(start + 1, stop - 80), -1):
        if text[at - 1].isspace():
            return at - 1 if at - 1 > start else at
    return stop


def _groups(units: list[_Unit], room: Callable[[_Unit], int]) -> Iterator[list[_Unit]]:
    """Pack units into chunks: full ones, but a heading begins a new one where there is enough.

    `room` gives the tokens that a chunk which begins with a unit has for its text.
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
    """Headings that stand last in a full chunk: they belong to the next one."""
    headings = list(takewhile(lambda entry: entry.block.kind is BlockKind.HEADING, group[::-1]))
    return headings[::-1] if len(headings) < len(group) else []


def _fitted(
    page: Page, groups: list[list[_Unit]], headers: _Headers, count: TokenCounter, limit: int
) -> Iterator[tuple[list[_Unit], str]]:
    """Groups with their headers, none longer than the embedder reads.

    Counts of parts need not add up to the count of the whole, so the whole is counted here; what
    is too long gets a shorter header, or is cut in two.
    """
    texts = [page.text[group[0].start : group[-1].end] for group in groups]
    choices = [headers.of(group) for group in groups]
    named = [headers.fitting(*pair, limit) for pair in zip(choices, groups, strict=True)]
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
            yield from _fitted(page, _halves(page.text, group, count), headers, count, limit)


def _halves(text: str, group: list[_Unit], count: TokenCounter) -> list[list[_Unit]]:
    if len(group) > 1:
        middle = len(group) // 2
        return [group[:middle], group[middle:]]
    (unit,) = group
    limit = max(1, count([embedding_text("", text[unit.start : unit.end])])[0] * 2 // 3)
    parts = _split_long(text, unit.block, unit.start, unit.end, unit.headings, count, limit)
    return [[part] for part in parts]


def _headings(group: list[_Unit]) -> tuple[str, ...]:
    """The heading path where a group begins; headings that open it count with the text."""
    opening = takewhile(lambda unit: unit.block.kind is BlockKind.HEADING, group)
    return (list(opening) or group)[-1 if group[0].block.kind is BlockKind.HEADING else 0].headings


def _chunk(ordinal: int, index: int, group: list[_Unit], header: str) -> Chunk:
    refs = [unit.block.ref for unit in group if unit.block.ref]
    return Chunk(
        ordinal=ordinal,
        page=index,
        start=group[0].start,
        end=group[-1].end,
        header=header,
        headings=_headings(group),
        ref=joined_ref(refs),
    )


def joined_ref(refs: Sequence[str]) -> str:
    """The cell range that spans several: "A1:D1" and "A2:F2" make "A1:F2"."""
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
