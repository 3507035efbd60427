"""The prior: raises the cosines of documents that a question names, and of pages that it needs.

Many documents alike, such as the reports of ten companies for ten years, fill the results with
passages of the wrong ones: their chunks hardly say which company and year they belong to. And a
page of figures says little in words. Both matter in long documents only. In a base of short ones
the prior is 0, and costs nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ragkit.index.base import Ids, Query, Ranking, Runs, Scores, best_of
from ragkit.index.faiss_index import FaissIndex
from ragkit.retrieval.document_names import NameCache
from ragkit.retrieval.page_rules import PageRule
from ragkit.store.recent_cache import RecentCache
from ragkit.store.snapshot import Snapshot
from ragkit.store.transaction import Scope

LONG_DOCUMENT = 60  # chunks
NAME_WEIGHT = 0.1  # of a document whose whole name is in the question
NAME_POWER = 3  # of the share of the name: half a name is worth little
_CANDIDATE_AMOUNT = 0.02  # of a document whose best chunks become candidates, too
_MAX_CACHED_DOCUMENTS = 20_000
_MAX_CACHED_SETS = 8  # of readable documents

_Run = tuple[int, int]
_PageRuns = Mapping[str, Sequence[_Run]]  # the chunks on a document's pages of each kind


class Boosts(NamedTuple):
    """Amounts that are added to the cosines of the chunks in runs, which are ascending.

    `runs` is of shape (n, 2), and `amounts` is float32 of shape (n,).
    """

    runs: Runs
    amounts: Scores

    def of(self, chunks: Ids) -> Scores:
        """Return the amount for each chunk, float32 of the same shape; 0 outside the runs."""
        if not len(self.amounts):
            return np.zeros(len(chunks), dtype=np.float32)
        at = np.maximum(np.searchsorted(self.runs[:, 0], chunks, side="right") - 1, 0)
        inside = (self.runs[at, 0] <= chunks) & (chunks <= self.runs[at, 1])
        amounts: Scores = np.where(inside, self.amounts[at], np.float32(0))
        return amounts


def make_boosts(amounts: Mapping[_Run, float]) -> Boosts:
    """Return the boosts of runs that do not overlap."""
    runs = sorted(amounts)
    values = np.array([amounts[run] for run in runs], dtype=np.float32)
    return Boosts(np.array(runs, dtype=np.int64).reshape(-1, 2), values)


class Prior(NamedTuple):
    """What one question raises: documents by their names, and pages by the rules."""

    names: Boosts
    pages: Boosts

    def of(self, chunks: Ids) -> Scores:
        """Return what is added to the cosine of each chunk, float32 of the same shape."""
        return self.names.of(chunks) + self.pages.of(chunks)

    def __bool__(self) -> bool:
        return bool(len(self.names.amounts) or len(self.pages.amounts))


NO_PRIOR = Prior(make_boosts({}), make_boosts({}))


class PriorSearch:
    """Finds the prior of questions to one knowledge base; safe from several threads."""

    def __init__(self, vectors: FaissIndex, names: NameCache, rules: Sequence[PageRule]) -> None:
        self._vectors = vectors
        self._names = names
        self._long = RecentCache[Scope, _LongDocuments](_MAX_CACHED_SETS)
        self._pages = [_RulePages(rule) for rule in rules]

    def find(self, snapshot: Snapshot, question: str, candidates: Ids) -> Prior:
        """Return the prior of a question whose candidates are these chunks.

        Documents that the snapshot may not read have no part in it.
        """
        with self._long.entry(snapshot.scope) as entry:
            if entry.value is None or entry.value.seq != snapshot.seq:
                runs = snapshot.documents.long_runs(LONG_DOCUMENT)
                entry.value = _LongDocuments(snapshot.seq, runs)
            long = entry.value
        if not long.runs:
            return NO_PRIOR
        match = self._names.names_of(snapshot).match(question)
        amounts = NAME_WEIGHT * match.shares**NAME_POWER
        pairs = zip(match.documents.tolist(), amounts.tolist(), strict=True)
        named = {document: amount for document, amount in pairs if document in long.runs}
        names = make_boosts({long.runs[document]: amount for document, amount in named.items()})
        raised = {document for document, amount in named.items() if amount >= _CANDIDATE_AMOUNT}
        documents = raised | long.documents_of(candidates)
        return Prior(names, self._find_pages(snapshot, question, documents))

    def _find_pages(self, snapshot: Snapshot, question: str, documents: Collection[int]) -> Boosts:
        amounts: dict[_Run, float] = {}
        for pages in self._pages:
            needed = pages.rule.kinds_needed(question)
            for document in documents if needed else ():
                runs = pages.runs_of(snapshot, document)
                for run in (run for kind in needed for run in runs.get(kind, ())):
                    amounts[run] = max(pages.rule.boost, amounts.get(run, 0.0))
        return make_boosts(amounts)

    def choose_candidates(
        self, snapshot: Snapshot, query: Query, prior: Prior, nearest: Ranking, k: int
    ) -> Ranking:
        """Return the k chunks with the highest sum of cosine and prior, and their cosines.

        They come from the nearest chunks, from named documents and from the pages that the
        question needs.
        """
        named = prior.names.runs[prior.names.amounts >= _CANDIDATE_AMOUNT]
        found = [(nearest.ids, nearest.scores)]
        for runs in (named, prior.pages.runs):
            if len(runs):
                ranking = self._vectors.search_runs(snapshot, query, k, runs)
                found.append((ranking.ids, ranking.scores))
        if len(found) == 1:
            return nearest
        ids, scores = best_of(found)
        ids, first = np.unique(ids, return_index=True)
        scores = scores[first]
        order = np.lexsort((ids, -(scores + prior.of(ids))))[:k]
        return Ranking(ids[order], scores[order], nearest.bound)


class _LongDocuments:
    """The long documents that a snapshot may read at one commit, with their chunks."""

    def __init__(self, seq: int, runs: Mapping[int, _Run]) -> None:
        self.seq = seq
        self.runs = runs
        self._documents = np.array(list(runs), dtype=np.int64)
        self._bounds = np.array(list(runs.values()), dtype=np.int64).reshape(-1, 2)

    def documents_of(self, chunks: Ids) -> set[int]:
        """Return the long documents of some chunks."""
        at = np.maximum(np.searchsorted(self._bounds[:, 0], chunks, side="right") - 1, 0)
        inside = (self._bounds[at, 0] <= chunks) & (chunks <= self._bounds[at, 1])
        return set(self._documents[at[inside]].tolist())


class _RulePages:
    """The pages of documents that a rule finds. Chunks never move, so they are found once."""

    def __init__(self, rule: PageRule) -> None:
        self.rule = rule
        self._known: dict[int, _PageRuns] = {}

    def runs_of(self, snapshot: Snapshot, document: int) -> _PageRuns:
        """Return the chunks on a readable document's pages of each kind; none for most documents.

        What is known is no permission: pass documents that the snapshot may read.
        """
        known = self._known.get(document)
        if known is None:
            if len(self._known) >= _MAX_CACHED_DOCUMENTS:
                self._known.clear()
            known = self._known[document] = self._find_runs(snapshot, document)
        return known

    def _find_runs(self, snapshot: Snapshot, document: int) -> _PageRuns:
        runs = snapshot.chunks.page_runs(document)
        found: dict[str, list[_Run]] = {}
        for page in snapshot.pages.of(document):
            for kind in self.rule.kinds_of_page(f"{page.page_label}\n{page.text}"):
                if page.ordinal in runs:
                    found.setdefault(kind, []).append(runs[page.ordinal])
        return found if len(found) >= self.rule.least_kinds else {}
