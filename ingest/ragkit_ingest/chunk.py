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
_LINK = re.compile(r"(!?)\[([^\]\n]*)\]\((?:[^()\s]|\([^()\s]*\))+(?:\s+\"[^\"]*\")?\)")
_SENTENCE = re.compile(
    r"(?<=[.!?;:])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9ÄÖÜ•*-])|\n\s*\n|(?<=[。！？])"
)
_HEADINGS = 3  # innermost headings that a header names


@dataclass(frozen=True, slots=True)
class ChunkSettings:
    """Facts of a base. `max_tokens` counts header and text, special tokens not counted.

    `header_tokens` is the most a header may take; `overlap_tokens` of whole sentences are
    repeated where prose is cut (never at a heading or inside a table).
    """

    max_tokens: int = 254
    header_tokens: int = 64
    overlap_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Characters [start, end) of the page at index `page` in `Document.pages`.

    `header` (title, heading path, column heads) is embedded and searched with the text and is
    never part of a citation. `ref` names the cells of a spreadsheet ("A7:D19"). `tokens` counts
    what is embedded, without special tokens.
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
            path = list(enumerate(page.headings, -len(page.headings)))
        units = _units(page, path, count, settings)
        for group in _groups(units, settings):
            chunks.append(_chunk(len(chunks), index, page, group, top, count, settings))
    return chunks


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
    """What is embedded for a chunk: header line, then the text without leaders and link targets."""
    text = _LINK.sub(r"\2", text)
    text = _SPACES.sub(" ", _LEADERS.sub(" ", text))
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
        if tokens <= limit:
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
        stop = end
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


def _groups(units: list[_Unit], settings: ChunkSettings) -> Iterator[list[_Unit]]:
    """Pack units into chunks: full ones, but a heading begins a new one where there is enough."""
    limit = settings.max_tokens - settings.header_tokens
    group: list[_Unit] = []
    size = 0
    for unit in units:
        section = (
            unit.block.kind is BlockKind.HEADING
            and size >= limit // 3
            and group[-1].block.kind is not BlockKind.HEADING
        )
        if group and (section or size + unit.tokens > limit):
            carried = [] if section else _carried(group, unit, limit, settings.overlap_tokens)
            repeated = bool(carried) and carried[0].block.kind is not BlockKind.HEADING
            yield group if repeated else group[: len(group) - len(carried)]
            group, size = carried, sum(entry.tokens for entry in carried)
        group.append(unit)
        size += unit.tokens
    if group:
        yield group


def _carried(group: list[_Unit], unit: _Unit, limit: int, overlap: int) -> list[_Unit]:
    """What goes on into the next chunk: headings that stand last, else some last sentences."""
    headings = list(takewhile(lambda entry: entry.block.kind is BlockKind.HEADING, group[::-1]))
    if headings:
        fits = len(headings) < len(group) and sum(h.tokens for h in headings) + unit.tokens <= limit
        return headings[::-1] if fits else []
    room = min(overlap, limit - unit.tokens)
    kept: list[_Unit] = []
    prose = (BlockKind.PARAGRAPH, BlockKind.ITEM)
    if unit.block.kind in prose:
        for entry in reversed(group):
            room -= entry.tokens
            if room < 0 or entry.block.kind not in prose:
                break
            kept.append(entry)
    return kept[::-1]


def _chunk(
    ordinal: int,
    index: int,
    page: Page,
    group: list[_Unit],
    top: str,
    count: TokenCounter,
    settings: ChunkSettings,
) -> Chunk:
    start, end = group[0].start, group[-1].end
    text = page.text[start:end]
    headings = group[-1].headings if group[0].block.kind is BlockKind.HEADING else group[0].headings
    columns = next((unit.block.header for unit in group if unit.block.header), "")
    if columns and columns in text:
        columns = ""
    place = page.label if page.kind in (PageKind.SHEET, PageKind.PART) else ""
    inner = [heading for heading in headings if heading not in text]
    header = _fit_header(top, place, inner, columns, count, settings.header_tokens)
    refs = [unit.block.ref for unit in group if unit.block.ref]
    ref = f"{refs[0].split(':')[0]}:{refs[-1].split(':')[-1]}" if refs else ""
    return Chunk(ordinal, index, start, end, header, headings, ref)


def _fit_header(
    top: str,
    place: str,
    headings: list[str],
    columns: str,
    count: TokenCounter,
    limit: int,
) -> str:
    """The longest header of at most `limit` tokens.

    Least wanted parts go first: outer headings, then the column heads, then the place.
    """
    headings = headings[-_HEADINGS:]
    choices = [[top, place, *headings[drop:], columns] for drop in range(len(headings) + 1)]
    choices += [[top, place], [top]]
    headers = [" | ".join(part for part in parts if part) for parts in choices]
    counts = count(headers[:1])
    if counts[0] <= limit:
        return headers[0]
    return next(
        (h for h, tokens in zip(headers, count(headers), strict=True) if tokens <= limit), ""
    )
