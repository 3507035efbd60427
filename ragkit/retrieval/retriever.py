"""The one retrieval path: dense and lexical candidates, fused scores, passages, re-check."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ragkit.embedders.base import Embedder, checked
from ragkit.hardware import cores
from ragkit.index.base import Ids, Scores, best_of
from ragkit.index.bm25_search import LexicalIndex
from ragkit.index.faiss_index import DenseIndex
from ragkit.store.records import StoredChunk
from ragkit.store.snapshot import Place, Snapshot
from ragkit_ingest.chunk import joined_ref

LEXICAL_WEIGHT = 0.46
CANDIDATES = 200  # by their vectors, and half as many by their words
LEXICAL_DEPTH = 1000  # chunks whose BM25 score is known
_PLACES_KEPT = 200_000  # some 40 MB
MOST = 10_000  # hits of one query
PAGE_WEIGHT = 0.05  # of a page's second and third best chunk
_SPEAKING = 3  # chunks that make a page's score
MAX_JOINED = 3  # chunks in one passage


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that answers a query: characters [start, end) of one page's text.

    `source` is the document's path relative to its source folder and `path` where
    that file was ("" for what was no file or lies in the base); `document` is the document's id;
    `page` counts from 1 and is None for formats without pages; `page_label` is the printed page
    label, sheet, slide title or mail part and `ref` the cells. `score` ranks the hits of one query;
    `similarity` is the cosine of the best chunk in [-1, 1] and can be compared between queries;
    `lexical` is its BM25 score, or the most that it can have, where many others have more.
    `chunks` are the ids of the chunks that were joined, the best one first.
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

    @property
    def place(self) -> str:
        """Where in the document, for people: "page 7 (iv)", "sheet Prices, A2:C9", ..."""
        return describe_place(self)


def describe_place(hit: Hit) -> str:
    if hit.page is not None:
        unit = "slide" if hit.kind == "pptx" else "page"
        printed = (
            hit.page_label if unit == "page" and hit.page_label not in ("", str(hit.page)) else ""
        )
        return f"{unit} {hit.page}" + (f" (printed {printed})" if printed else "")
    if hit.ref:
        return (
            f"sheet {hit.page_label}, {hit.ref}" if hit.page_label else hit.ref.replace(":", " to ")
        )
    if hit.page_label:
        return hit.page_label
    return hit.headings[-1] if hit.headings else ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What each stage said of one chunk; `rank` is its hit's rank from 1, 0 if it made none.

    `fused` is the sum of `dense_part` and `lexical_part`, the two scores made comparable and
    weighted; `adds` is what the chunk gives to its hit's score: the best one all of it, two more of
    the same page a little. `text` is the chunk's own.
    """

    chunk: int
    source: str
    page: int | None
    similarity: float
    lexical: float
    fused: float
    from_dense: bool
    from_lexical: bool
    rank: int
    note: str
    document: int
    text: str
    dense_part: float
    lexical_part: float
    adds: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every stage of one search: all candidates, best first, and the hits made of them."""

    query: str
    candidates: tuple[Candidate, ...]
    hits: tuple[Hit, ...]


class HitScores(NamedTuple):
    """A hit's score, and those of its best chunk; see Hit."""

    score: float
    similarity: float
    lexical: float


class _Scored(NamedTuple):
    """A candidate chunk with its scores and its place."""

    chunk: int
    place: Place
    similarity: float
    lexical: float
    fused: float


class Retriever:
    """Searches one base; safe from several threads.

    As many go on at once as there are cores, embedding not counted: more would only take Python's
    lock, and each other's place in the processor's caches, from one another.
    """

    def __init__(self, embedder: Embedder, dense: DenseIndex, lexical: LexicalIndex) -> None:
        self._embedder = embedder
        self._dense = dense
        self._lexical = lexical
        self._places: dict[int, Place] = {}
        self._turns = threading.Semaphore(cores())

    def search(self, snapshot: Snapshot, query: str, k: int) -> list[Hit]:
        """The best `k` passages of what the snapshot may read, best first."""
        vector = self._embedded(snapshot, query, k)
        with self._turns:
            return _hits(snapshot, self._run(snapshot, query, vector, k).groups[: min(k, MOST)])

    def explain(self, snapshot: Snapshot, query: str, k: int) -> Explanation:
        """The same search with what each stage gave."""
        vector = self._embedded(snapshot, query, k)
        with self._turns:
            run = self._run(snapshot, query, vector, k)
            groups = run.groups[: min(k, MOST)]
            hits = tuple(_hits(snapshot, groups))
            return Explanation(query, _explained(snapshot, run, groups), hits)

    def _embedded(self, snapshot: Snapshot, query: str, k: int) -> Scores | None:
        """The query's vector; None if nothing can be found."""
        if not query.strip() or k <= 0 or snapshot.labels == frozenset():
            return None
        text = query.encode("utf-8", "replace").decode()  # a lone surrogate has no UTF-8
        vector: Scores = checked(self._embedder.encode_query([text]), 1, self._embedder)[0]
        return vector

    def _run(self, snapshot: Snapshot, query: str, vector: Scores | None, k: int) -> _Run:
        if vector is None:
            return _NOTHING
        wanted = max(CANDIDATES, 2 * min(k, MOST))
        dense = self._dense.search(snapshot, vector, wanted)
        words = self._lexical.words(snapshot, query)
        depth = max(LEXICAL_DEPTH, wanted)
        lexical = self._lexical.search(snapshot, words, depth) if words else best_of([])
        candidates = lexical[0][: wanted // 2].tolist()
        near, worded = frozenset(dense[0].tolist()), frozenset(candidates)
        others = np.array([chunk for chunk in candidates if chunk not in near], dtype=np.int64)
        ids, similarity = best_of([dense, self._dense.cosines(snapshot, vector, others)])
        if not len(ids):
            return _NOTHING
        bm25 = scores_of(ids, *lexical, depth)
        parts = fusion_parts(similarity, bm25 / words.best if words else bm25)
        fused = parts[0] + parts[1]
        order = np.lexsort((ids, -fused))
        chunks, *scores = (column[order].tolist() for column in (ids, similarity, bm25, fused))
        known = self._places_of(snapshot, chunks)
        places = [known.get(chunk) for chunk in chunks]
        rows = zip(chunks, places, *scores, strict=True)
        scored = [row for row in map(_Scored._make, rows) if row.place]
        return _Run(near, worded, scored, _groups(scored), ids, parts)

    def _places_of(self, snapshot: Snapshot, ids: list[int]) -> dict[int, Place]:
        """Where chunks are; of those alone that may be read.

        A chunk never moves, nor is its id used again: places are kept. But what is remembered is no
        permission: for a reader who may not see all, the documents are looked up.
        """
        known = self._places
        unknown = [chunk for chunk in ids if chunk not in known]
        if unknown:
            found = snapshot.restricted(None).places(unknown)
            if len(known) > _PLACES_KEPT:
                known = self._places = {chunk: known[chunk] for chunk in ids if chunk in known}
            known.update(found)
        if snapshot.labels is None:
            return known
        here = {chunk: known[chunk] for chunk in ids if chunk in known}
        readable = snapshot.readable({place.document for place in here.values()})
        return {chunk: place for chunk, place in here.items() if place.document in readable}


def scores_of(ids: Ids, scored: Ids, scores: Scores, depth: int) -> Scores:
    """The score of each id; one below the `depth` best is given the score of the last of these.

    That is the most it can have: as good, measured, as looking every one of them up.
    """
    if not len(scored):
        return np.zeros(len(ids), dtype=np.float32)
    order = np.argsort(scored)
    at = np.minimum(np.searchsorted(scored, ids, sorter=order), len(scored) - 1)
    absent = scores[-1] if len(scored) >= depth else np.float32(0)
    found: Scores = np.where(scored[order[at]] == ids, scores[order[at]], absent)
    return found


def fusion_parts(similarity: Scores, lexical: Scores) -> tuple[Scores, Scores]:
    """The parts of a convex sum of scores in [0, 1] (Bruch, Gai, Ingber 2022, arXiv 2210.11934).

    Cosines are stretched over the candidates; `lexical` is the share of the best BM25 score that
    the query could reach, so that words count less where no chunk holds many of them.
    """
    dense: Scores = (1 - LEXICAL_WEIGHT) * _normalised(similarity)
    return dense, LEXICAL_WEIGHT * lexical


def _normalised(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    low, high = scores.min(), scores.max()
    if high <= low:
        return np.zeros_like(scores)
    normalised: npt.NDArray[np.float32] = (scores - low) / (high - low)
    return normalised


@dataclass(slots=True)
class _Group:
    """Chunks that become one hit: those of one page, or neighbours in a text without pages."""

    members: list[_Scored] = field(default_factory=list)
    score: float = 0.0  # the best chunk's, and a little for each of two more that speak for it

    def add(self, member: _Scored) -> None:
        """Take the next best chunk in."""
        if len(self.members) < _SPEAKING:
            self.score += member.fused * (PAGE_WEIGHT if self.members else 1)
        self.members.append(member)

    def passage(self) -> list[_Scored]:
        """The best chunk with the members that touch it, at most MAX_JOINED chunks in all."""
        ordinals = [member.place.ordinal for member in self.members]
        first = last = ordinals[0]
        for ordinal in ordinals[1:]:
            low, high = min(first, ordinal), max(last, ordinal)
            near = low >= first - 2 and high <= last + 2
            if near and high - low < MAX_JOINED:
                first, last = low, high
        return [member for member in self.members if first <= member.place.ordinal <= last]


@dataclass(frozen=True, slots=True)
class _Run:
    """One search before its hits are fetched: each stage's chunks, and the groups, best first."""

    dense: frozenset[int]
    lexical: frozenset[int]
    scored: list[_Scored]
    groups: list[_Group]
    ids: Ids
    parts: tuple[Scores, Scores]  # of the fused score of each id


_NONE = np.zeros(0, dtype=np.float32)
_NOTHING = _Run(frozenset(), frozenset(), [], [], _NONE.astype(np.int64), (_NONE, _NONE))


def _groups(scored: Sequence[_Scored]) -> list[_Group]:
    """Gather candidates, best first, into passages; sorted by the passages' scores."""
    groups: list[_Group] = []
    by_page: dict[tuple[int, int], _Group] = {}
    by_place: dict[tuple[int, int, int], _Group] = {}
    for entry in scored:
        document, ordinal, page, number = entry.place
        if number is not None:
            group = by_page.get((document, page))
        else:
            group = _touching(by_place, entry.place)
        if group is None:
            group = by_page[document, page] = _Group()
            groups.append(group)
        group.add(entry)
        if number is None:
            by_place[document, page, ordinal] = group
    groups.sort(key=lambda group: (-group.score, group.members[0].chunk))
    return groups


def _touching(by_place: dict[tuple[int, int, int], _Group], place: Place) -> _Group | None:
    """The passage that a neighbouring chunk has begun, while there is room in it."""
    document, ordinal, page, _ = place
    for step in (-1, 1):
        group = by_place.get((document, page, ordinal + step))
        if group is not None and len(group.members) < MAX_JOINED:
            return group
    return None


def _hits(snapshot: Snapshot, groups: Sequence[_Group]) -> list[Hit]:
    passages = [group.passage() for group in groups]
    best = snapshot.chunks([entry.chunk for passage in passages for entry in passage])
    hits = []
    for group, passage in zip(groups, passages, strict=True):
        chunks = [best[entry.chunk] for entry in passage if entry.chunk in best]
        if chunks:
            top = group.members[0]
            scores = HitScores(group.score, top.similarity, top.lexical)
            hits.append(_hit(snapshot, chunks, top.chunk, scores))
    return hits


def hit_again(snapshot: Snapshot, chunks: Sequence[int], scores: HitScores) -> Hit | None:
    """A hit of an earlier search, made of the same chunks; None unless all are still there."""
    found = snapshot.chunks(chunks)
    if not chunks or len(found) < len(chunks):
        return None
    return _hit(snapshot, list(found.values()), chunks[0], scores)


def _hit(snapshot: Snapshot, chunks: list[StoredChunk], top: int, scores: HitScores) -> Hit:
    """The passage of these chunks, of which `top` is the best."""
    chunks = sorted(chunks, key=lambda chunk: chunk.ordinal)
    first, last = chunks[0], chunks[-1]
    if last.ordinal - first.ordinal >= len(chunks):  # a gap between two hits: fill it
        chunks = snapshot.neighbours(first.document, first.ordinal, last.ordinal)
    best = next((chunk for chunk in chunks if chunk.id == top), first)
    return Hit(
        source=best.source,
        page=best.page,
        text=_joined_text(snapshot, chunks),
        start=first.start,
        end=last.end,
        score=scores.score,
        document=best.document,
        title=best.title,
        kind=best.kind,
        headings=_common(chunks) or best.headings,
        page_label=best.page_label,
        ref=joined_ref([chunk.ref for chunk in chunks if chunk.ref]),
        similarity=scores.similarity,
        lexical=scores.lexical,
        path=os.path.join(best.folder, best.source) if best.folder[:1] == os.sep else "",
        page_ordinal=best.page_ordinal,
        chunks=(best.id, *(chunk.id for chunk in chunks if chunk.id != best.id)),
    )


def _common(chunks: list[StoredChunk]) -> tuple[str, ...]:
    """The heading path that all chunks of a passage share."""
    levels = zip(*(chunk.headings for chunk in chunks), strict=False)
    return tuple(names[0] for names in takewhile(lambda names: len(set(names)) == 1, levels))


def _joined_text(snapshot: Snapshot, chunks: list[StoredChunk]) -> str:
    if len(chunks) == 1:
        return chunks[0].text
    page = snapshot.page_text(chunks[0].document, chunks[0].page_ordinal)
    return page[chunks[0].start : chunks[-1].end]


def _explained(snapshot: Snapshot, run: _Run, groups: Sequence[_Group]) -> tuple[Candidate, ...]:
    ranks = {member.chunk: rank for rank, group in enumerate(groups, 1) for member in group.members}
    shown = {member.chunk for group in groups for member in group.passage()}
    stored = snapshot.chunks([entry.chunk for entry in run.scored])
    columns = (column.tolist() for column in (run.ids, *run.parts))
    parts = {chunk: weighted for chunk, *weighted in zip(*columns, strict=True)}
    adds = {
        member.chunk: member.fused * (1 if n == 0 else PAGE_WEIGHT)
        for group in groups
        for n, member in enumerate(group.members[:_SPEAKING])
    }
    return tuple(
        Candidate(
            chunk=entry.chunk,
            source=stored[entry.chunk].source,
            page=entry.place.number,
            similarity=entry.similarity,
            lexical=entry.lexical,
            fused=entry.fused,
            from_dense=entry.chunk in run.dense,
            from_lexical=entry.chunk in run.lexical,
            rank=ranks.get(entry.chunk, 0),
            note=_note(entry.chunk, ranks, shown),
            document=entry.place.document,
            text=stored[entry.chunk].text,
            dense_part=parts[entry.chunk][0],
            lexical_part=parts[entry.chunk][1],
            adds=adds.get(entry.chunk, 0.0),
        )
        for entry in run.scored
    )


def _note(chunk: int, ranks: dict[int, int], shown: set[int]) -> str:
    if chunk in shown:
        return "in the passage"
    return "speaks for its page" if chunk in ranks else "ranked below k"
