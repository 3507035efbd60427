"""Hits: candidate chunks joined into passages, with the place of each for people."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ragkit.store.chunks import Place
from ragkit.store.records import StoredChunk
from ragkit.store.snapshot import Snapshot
from ragkit_ingest.places import (
    Section,
    TableRow,
    common_headings,
    joined_ref,
    select_rows,
    select_sections,
)

MAX_JOINED_CHUNKS = 3  # in one passage
SCORED_CHUNKS = 3  # of a group that contribute to its score
EXTRA_WEIGHT = 0.05  # of the second and third best chunk


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that answers a query: characters [start, end) of one page's text.

    `source` is the document's path relative to its source folder, with the end of the folder's path
    in front if another readable document has the same. `path` is where the file was
    when it was ingested, "" for documents without a file or in the folder of uploads. `document`
    is the document's id. `page` counts from 1 and is None for formats without pages. `page_label`
    is the printed page label, sheet, slide title or mail part.

    `headings` is the heading path above all of the passage, `sections` are the heading paths in it,
    and `rows` its table rows with their column heads; `ref` is its cells in a spreadsheet.

    `score` ranks the hits of one query. `similarity` is the cosine of the best chunk in [-1, 1] and
    can be compared between queries. `lexical` is its BM25 score, or the most that it can be if
    many other chunks score higher. `chunks` are the ids of the joined chunks, the best one first.
    `reranker_score` is what a reranker gave, None without one; it compares hits of one query only.
    """

    source: str
    page: int | None
    text: str
    start: int
    end: int
    score: float
    document: int
    title: str
    kind: str
    headings: tuple[str, ...]
    page_label: str
    ref: str
    similarity: float
    lexical: float
    path: str
    page_ordinal: int
    chunks: tuple[int, ...]
    reranker_score: float | None = None
    sections: tuple[Section, ...] = ()
    rows: tuple[TableRow, ...] = ()

    @property
    def place(self) -> str:
        """Where in the document, for people: "page 7 (printed iv)", "sheet Prices, A2:C9", ..."""
        return self.describe_place((self.start, self.end))

    @property
    def inner_headings(self) -> tuple[str, ...]:
        """The headings in the passage and above parts of it, each once."""
        return tuple(dict.fromkeys(name for section in self.sections for name in section.headings))

    def headings_at(self, offset: int) -> tuple[str, ...]:
        """Return the heading path above a character of the page."""
        return common_headings(select_sections(self.sections, offset, offset + 1))

    def row_at(self, offset: int) -> TableRow | None:
        """Return the table row with a character of the page; None outside of tables."""
        return next(iter(select_rows(self.rows, offset, offset + 1)), None)

    def describe_place(self, *ranges: tuple[int, int]) -> str:
        """Return where ranges [start, end) of the page's text are, for people, like `place`.

        That is "" for a text without pages and headings.
        """
        if self.page is not None:
            unit = "slide" if self.kind == "pptx" else "page"
            is_printed = unit == "page" and self.page_label not in ("", str(self.page))
            return f"{unit} {self.page}" + (f" (printed {self.page_label})" if is_printed else "")
        if ref := joined_ref(row.ref for each in ranges for row in select_rows(self.rows, *each)):
            cells = ref.replace(":", " to ")
            return f"sheet {self.page_label}, {ref}" if self.page_label else cells
        sections = [one for each in ranges for one in select_sections(self.sections, *each)]
        names = [self.page_label, *common_headings(sections)[-1:]]
        return ", ".join(dict.fromkeys(filter(None, names)))


class HitScores(NamedTuple):
    """The score of a hit, the cosine and BM25 score of its best chunk, and more; see Hit."""

    score: float
    similarity: float
    lexical: float
    reranker_score: float | None = None


class ScoredChunk(NamedTuple):
    """A candidate chunk with its place and scores."""

    chunk: int
    place: Place
    similarity: float
    lexical: float
    fused: float


@dataclass(slots=True)
class ChunkGroup:
    """Candidates that become one hit: those of one page, or neighbours in a text without pages.

    Its score is that of the best chunk, plus a little for each of the next two, until it is
    reranked.
    """

    members: list[ScoredChunk] = field(default_factory=list)
    score: float = 0.0
    reranker_score: float | None = None

    def add(self, member: ScoredChunk) -> None:
        """Add the next best chunk."""
        if len(self.members) < SCORED_CHUNKS:
            self.score += member.fused * (EXTRA_WEIGHT if self.members else 1)
        self.members.append(member)

    def passage(self) -> list[ScoredChunk]:
        """Return the best chunk and members near it that span at most MAX_JOINED_CHUNKS chunks."""
        ordinals = [member.place.ordinal for member in self.members]
        first = last = ordinals[0]
        for ordinal in ordinals[1:]:
            low, high = min(first, ordinal), max(last, ordinal)
            is_near = low >= first - 2 and high <= last + 2
            if is_near and high - low < MAX_JOINED_CHUNKS:
                first, last = low, high
        return [member for member in self.members if first <= member.place.ordinal <= last]


def group_chunks(scored: Sequence[ScoredChunk]) -> list[ChunkGroup]:
    """Group candidates, given best first, by page or neighbourhood; the best group comes first."""
    groups: list[ChunkGroup] = []
    by_page: dict[tuple[int, int], ChunkGroup] = {}
    by_place: dict[tuple[int, int, int], ChunkGroup] = {}
    for entry in scored:
        document, ordinal, page, number = entry.place
        if number is not None:
            group = by_page.get((document, page))
        else:
            group = _find_neighbour(by_place, entry.place)
        if group is None:
            group = by_page[document, page] = ChunkGroup()
            groups.append(group)
        group.add(entry)
        if number is None:
            by_place[document, page, ordinal] = group
    groups.sort(key=lambda group: (-group.score, group.members[0].chunk))
    return groups


def _find_neighbour(
    by_place: dict[tuple[int, int, int], ChunkGroup], place: Place
) -> ChunkGroup | None:
    """Return the group of the chunk before or after this one, if it has room for another."""
    document, ordinal, page, _ = place
    for step in (-1, 1):
        group = by_place.get((document, page, ordinal + step))
        if group is not None and len(group.members) < MAX_JOINED_CHUNKS:
            return group
    return None


def fetch_hits(snapshot: Snapshot, groups: Sequence[ChunkGroup]) -> list[Hit]:
    """Read the passages of groups from the database.

    A chunk that the snapshot may not read is left out, and a group of such chunks, too.
    """
    passages = [group.passage() for group in groups]
    stored = snapshot.chunks.get([entry.chunk for passage in passages for entry in passage])
    hits = []
    for group, passage in zip(groups, passages, strict=True):
        chunks = [stored[entry.chunk] for entry in passage if entry.chunk in stored]
        if chunks:
            best = group.members[0]
            scores = HitScores(group.score, best.similarity, best.lexical, group.reranker_score)
            hits.append(_make_hit(snapshot, chunks, best.chunk, scores))
    return hits


def restore_hit(snapshot: Snapshot, chunks: Sequence[int], scores: HitScores) -> Hit | None:
    """Make a hit of an earlier search again, from the ids of its chunks, the best one first.

    Returns None unless the snapshot may read all of them.
    """
    found = snapshot.chunks.get(chunks)
    if not chunks or len(found) < len(chunks):
        return None
    return _make_hit(snapshot, list(found.values()), chunks[0], scores)


def _make_hit(snapshot: Snapshot, chunks: list[StoredChunk], top: int, scores: HitScores) -> Hit:
    """Make a hit of chunks of one page; `top` is the id of the best one."""
    chunks = sorted(chunks, key=lambda chunk: chunk.ordinal)
    first, last = chunks[0], chunks[-1]
    if last.ordinal - first.ordinal >= len(chunks):  # include the chunks between
        chunks = snapshot.chunks.neighbours(first.document, first.ordinal, last.ordinal)
    best = next((chunk for chunk in chunks if chunk.id == top), first)
    sections = tuple(section for chunk in chunks for section in chunk.sections)
    rows = tuple(dict.fromkeys(row for chunk in chunks for row in chunk.rows))
    return Hit(
        source=snapshot.documents.display_source(best.folder, best.source),
        page=best.page,
        text=_join_text(snapshot, chunks),
        start=first.start,
        end=last.end,
        score=scores.score,
        document=best.document,
        title=best.title,
        kind=best.kind,
        headings=common_headings(sections),
        page_label=best.page_label,
        ref=joined_ref(row.ref for row in rows),
        similarity=scores.similarity,
        lexical=scores.lexical,
        path=os.path.join(best.folder, best.source) if best.folder[:1] == os.sep else "",
        page_ordinal=best.page_ordinal,
        chunks=(best.id, *(chunk.id for chunk in chunks if chunk.id != best.id)),
        reranker_score=scores.reranker_score,
        sections=sections,
        rows=rows,
    )


def _join_text(snapshot: Snapshot, chunks: list[StoredChunk]) -> str:
    if len(chunks) == 1:
        return chunks[0].text
    page = snapshot.pages.text(chunks[0].document, chunks[0].page_ordinal)
    return page[chunks[0].start : chunks[-1].end]
