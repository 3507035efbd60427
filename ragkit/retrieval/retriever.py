"""The retriever: candidates by vectors and by words, fused scores, passages."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ragkit.embedders.base import Embedder, normalize
from ragkit.hardware import count_cores
from ragkit.index.base import Query, best_of
from ragkit.index.faiss_index import FaissIndex
from ragkit.index.tantivy_index import TantivyIndex
from ragkit.rerankers.base import Reranker
from ragkit.retrieval.comparison import Half, find_document_words, split_comparison
from ragkit.retrieval.document_names import NameCache
from ragkit.retrieval.fusion import ScoreParts, look_up_scores, weigh_scores
from ragkit.retrieval.hits import (
    EXTRA_WEIGHT,
    SCORED_CHUNKS,
    ChunkGroup,
    Hit,
    ScoredChunk,
    fetch_hits,
    group_chunks,
)
from ragkit.retrieval.missing_terms import MissingTerms, find_missing_terms
from ragkit.retrieval.page_rules import PageRule
from ragkit.retrieval.prior import PriorSearch
from ragkit.retrieval.reranking import RERANKED_PASSAGES, rerank_run
from ragkit.retrieval.runs import NO_RUN, Run, Side, merge_sides
from ragkit.retrieval.verbatim import NO_HOLDERS, Holders, find_holders
from ragkit.retrieval.weights import LexicalWeights, choose_min_coverage
from ragkit.store.chunks import Place
from ragkit.store.snapshot import Snapshot
from ragkit.text.queries import clean_query, split_questions
from ragkit.text.verbatim import parse_question

MAX_HITS = 10_000  # of one query
_CANDIDATES = 200  # by their vectors, and half as many by their words
_MIN_FOREIGNNESS = 0.5  # from which cosines do not tell whether a hit answers a question
_JUDGED_HITS = 3
_COVERING_HITS = 5  # of which one may have the words of a query
_LEXICAL_DEPTH = 1000  # chunks whose BM25 score is known
_MAX_CACHED_PLACES = 200_000  # about 40 MB


@dataclass(frozen=True, slots=True)
class Candidate:
    """What each stage of a search found out about one chunk.

    `rank` is the rank of its hit, from 1; 0 if it is in none. `fused` is the sum of
    `dense_part` and `lexical_part`, the two scores made comparable and weighted, `verbatim_part`
    for exact terms of the query, and `prior_part` for documents that it names; see ScoreParts.
    `adds` is what the chunk contributes to the score of its hit: the best chunk all of `fused`,
    two more of the same page a little. `text` is that of the chunk alone. `reranker_score` is what
    a reranker gave to its hit, which then ranks by that more than by `fused`.
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
    verbatim_part: float
    prior_part: float
    adds: float
    reranker_score: float | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every stage of one search: all candidates, best first, and the hits made of them.

    `sides` are what was searched for each side of a query that compares. `notice` is one line that
    users should see, or "": that no document matches the filter. `missing_terms` are the exact
    terms of the query that occur in no document, or in none that matches the filter;
    `missing_notice` says so to users, in a line for each.
    """

    query: str
    candidates: tuple[Candidate, ...]
    hits: tuple[Hit, ...]
    sides: tuple[str, ...] = ()
    notice: str = ""
    missing_terms: tuple[str, ...] = ()
    missing_notice: str = ""


class Retriever:
    """Searches one knowledge base; safe from several threads.

    As many searches run at the same time as there are cores; only embedding is not limited. More
    would compete for Python's lock and the processor's caches. `embedder` and `reranker` are those
    that it searches with.
    """

    def __init__(
        self,
        embedder: Embedder,
        vectors: FaissIndex,
        words: TantivyIndex,
        page_rules: Sequence[PageRule] = (),
        reranker: Reranker | None = None,
    ) -> None:
        self.embedder = embedder
        self._vectors = vectors
        self._words = words
        self._weights = LexicalWeights(embedder)
        self.reranker = reranker
        self._names = NameCache()
        self._prior = PriorSearch(vectors, self._names, page_rules)
        self._places: dict[int, Place] = {}
        self._slots = threading.Semaphore(count_cores())

    def search(self, snapshot: Snapshot, query: str, k: int) -> list[Hit]:
        """Return the k best passages that the snapshot may read, best first.

        There are at most MAX_HITS, and none for a query without letters and digits. Raises
        EmbedderError if the embedder returns unusable vectors, and RerankerError if a reranker
        returns unusable scores.
        """
        return self.find(snapshot, query, k)[0]

    def find(self, snapshot: Snapshot, query: str, k: int) -> tuple[list[Hit], tuple[Side, ...]]:
        """Search as `search` does, and return the hits and the sides of a query that compares.

        Each side is searched on its own, and the hits of all sides take turns.
        """
        embedded = self._embed(snapshot, query, k)
        with self._slots:
            run = self._run_all(snapshot, *embedded, k)
            return fetch_hits(snapshot, run.groups[: min(k, MAX_HITS)]), run.sides

    def judge_words(self, snapshot: Snapshot, query: str, hits: Sequence[Hit]) -> bool | None:
        """Return whether one of the best hits has enough of a query's words to answer it.

        Returns None where the cosines tell it better: in the languages that the embedder knows.
        """
        chunks = [hit.chunks[0] for hit in hits]
        text = clean_query(query)
        if self._weights.measure_foreignness(snapshot, text, chunks) < _MIN_FOREIGNNESS:
            return None
        texts = [hit.text for hit in hits[:_JUDGED_HITS]]
        coverage = self._words.words.measure_coverage(snapshot, text, texts)
        return coverage >= choose_min_coverage(text)

    def measure_coverage(self, snapshot: Snapshot, query: str, hits: Sequence[Hit]) -> float:
        """Return the largest share of a question's words in one of the best hits, in [0, 1].

        Rare words count more. A hit has the words of its title, headings and path, too. Of several
        questions in the query, the share of the one with most counts.
        """
        texts = [
            "\n".join((hit.title, hit.source, *hit.headings, *hit.inner_headings, hit.text))
            for hit in hits[:_COVERING_HITS]
        ]
        measure = self._words.words.measure_coverage
        parts = split_questions(clean_query(query))
        return max((measure(snapshot, part, texts) for part in parts), default=0.0)

    def explain(self, snapshot: Snapshot, query: str, k: int) -> Explanation:
        """Run the same search as `search`, and return what each stage found."""
        embedded = self._embed(snapshot, query, k)
        with self._slots:
            run = self._run_all(snapshot, *embedded, k)
            groups = run.groups[: min(k, MAX_HITS)]
            hits = tuple(fetch_hits(snapshot, groups))
            candidates = _describe_candidates(snapshot, run, groups)
            sides = tuple(side.query for side in run.sides)
            missing = find_missing_terms(snapshot, self._words.words, query)
            return Explanation(query, candidates, hits, sides, "", missing.terms, missing.notice)

    def find_missing(self, snapshot: Snapshot, query: str) -> MissingTerms:
        """Return the exact terms of a query that occur in no document of the snapshot."""
        with self._slots:
            return find_missing_terms(snapshot, self._words.words, query)

    def _embed(self, snapshot: Snapshot, query: str, k: int) -> tuple[list[Query], list[Half]]:
        """Return the query and each of its sides with their vectors, and the sides.

        There are none if no search can find anything.
        """
        text = clean_query(query)
        if not text or k <= 0 or snapshot.readable_labels == frozenset():
            return [], []
        halves = split_comparison(
            text, lambda: find_document_words(self._names.names_of(snapshot), text)
        )
        texts = [text, *[half.query for half in halves]]
        vectors = normalize(self.embedder.encode_query(texts), len(texts), self.embedder)
        return [Query(*pair) for pair in zip(texts, vectors, strict=True)], list(halves)

    def _run_all(
        self, snapshot: Snapshot, queries: Sequence[Query], halves: Sequence[Half], k: int
    ) -> Run:
        """Search for a query, and for each of its sides."""
        if not queries:
            return NO_RUN
        runs = [self._run(snapshot, query, k) for query in queries]
        if self.reranker is not None:
            depth = RERANKED_PASSAGES // len(runs)
            runs = [
                rerank_run(snapshot, run, query.text, self.reranker, depth)
                for run, query in zip(runs, queries, strict=True)
            ]
        return merge_sides(runs[0], runs[1:], halves) if halves else runs[0]

    def _run(self, snapshot: Snapshot, query: Query, k: int) -> Run:
        wanted = max(_CANDIDATES, 2 * min(k, MAX_HITS))
        depth = max(_LEXICAL_DEPTH, wanted)
        dense = self._vectors.search(snapshot, query, wanted)
        lexical = self._words.search(snapshot, query, depth)
        by_words = lexical.ids[: wanted // 2]
        holders = self._find_holders(snapshot, query.text)
        found = np.concatenate([dense.ids, by_words, holders.ids])
        prior = self._prior.find(snapshot, query.text, found)
        if prior:
            dense = self._prior.choose_candidates(snapshot, query, prior, dense, wanted)
        near, worded = frozenset(dense.ids.tolist()), frozenset(by_words.tolist())
        others = np.setdiff1d(np.append(by_words, holders.ids), dense.ids)
        exact = self._vectors.cosines(snapshot, query, others)
        ids, similarity = best_of([(dense.ids, dense.scores), exact])
        if not len(ids):
            return NO_RUN
        bm25 = look_up_scores(ids, lexical.ids, lexical.scores, depth)
        weight = self._weights.choose(snapshot, query.text, by_words.tolist())
        share = bm25 / lexical.bound if lexical.bound else bm25
        parts = weigh_scores(similarity, share, prior.of(ids), weight)
        parts = parts._replace(verbatim=holders.boosts_of(ids))
        fused = parts.total
        order = np.lexsort((ids, -fused))
        chunks, *scores = (column[order].tolist() for column in (ids, similarity, bm25, fused))
        known = self._places_of(snapshot, chunks)
        places = [known.get(chunk) for chunk in chunks]
        rows = zip(chunks, places, *scores, strict=True)
        scored = [row for row in map(ScoredChunk._make, rows) if row.place]
        return Run(near, worded, scored, group_chunks(scored), ids, parts)

    def _find_holders(self, snapshot: Snapshot, text: str) -> Holders:
        question = parse_question(text)
        if not question.terms:
            return NO_HOLDERS
        return find_holders(snapshot, self._words.words, question)

    def _places_of(self, snapshot: Snapshot, ids: list[int]) -> dict[int, Place]:
        """Return the places of those chunks that the snapshot may read, and maybe of others.

        A chunk never moves and its id is never reused, so places are cached for all readers. A
        cached place is no permission: with limited access or a filter the documents are checked.
        """
        known = self._places
        unknown = [chunk for chunk in ids if chunk not in known]
        if unknown:
            found = snapshot.restrict(None).chunks.places(unknown)
            if len(known) > _MAX_CACHED_PLACES:
                known = self._places = {chunk: known[chunk] for chunk in ids if chunk in known}
            known.update(found)
        if snapshot.sees_all:
            return known
        here = {chunk: known[chunk] for chunk in ids if chunk in known}
        readable = snapshot.documents.readable({place.document for place in here.values()})
        return {chunk: place for chunk, place in here.items() if place.document in readable}


def _describe_candidates(
    snapshot: Snapshot, run: Run, groups: Sequence[ChunkGroup]
) -> tuple[Candidate, ...]:
    ranks = {member.chunk: rank for rank, group in enumerate(groups, 1) for member in group.members}
    shown = {member.chunk for group in groups for member in group.passage()}
    reranked = {entry.chunk: group.reranker_score for group in groups for entry in group.members}
    stored = snapshot.chunks.get([entry.chunk for entry in run.scored])
    names = [f"{name}_part" for name in ScoreParts._fields]
    columns = [column.tolist() for column in run.parts]
    weighted = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    parts = dict(zip(run.ids.tolist(), weighted, strict=True))
    adds = {
        member.chunk: member.fused * (1 if at == 0 else EXTRA_WEIGHT)
        for group in groups
        for at, member in enumerate(group.members[:SCORED_CHUNKS])
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
            note=_describe_use(entry.chunk, ranks, shown),
            document=entry.place.document,
            text=stored[entry.chunk].text,
            adds=adds.get(entry.chunk, 0.0),
            reranker_score=reranked.get(entry.chunk),
            **parts[entry.chunk],
        )
        for entry in run.scored
    )


def _describe_use(chunk: int, ranks: dict[int, int], shown: set[int]) -> str:
    """Return what became of a candidate, for people."""
    if chunk in shown:
        return "in the passage"
    return "raises its page's score" if chunk in ranks else "ranked below k"
