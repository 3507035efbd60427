"""How often the relevant page or file is found: vectors alone, words alone, and fused.

With `--reranker FOLDER` it compares fused and reranked. SET:N takes the first N questions of a set.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragkit import Hit, KnowledgeBase, Reranker
from ragkit.rerankers.base import RerankerScores
from ragkit.rerankers.loading import load_reranker
from ragkit.retrieval import weights
from tests.benchmarks.common import prepared_base, question_of, rows

DEFAULT_SETS = [
    *("squad", "handbook", "finance"),
    *(f"xquad-{language}" for language in ("en", "de", "es", "ru", "zh", "ar")),
]


@dataclass(frozen=True)
class Question:
    text: str
    relevant: frozenset[tuple[str, int | None]]


def questions(name: str) -> Iterator[Question]:
    """Answerable questions of a set; a follow-up has its history put in front."""
    for row in rows(name):
        if row["answerable"]:
            relevant = frozenset((r["doc"], r.get("page")) for r in row["relevant"])
            yield Question(question_of(row), relevant)


def first_rank(hits: list[Hit], relevant: frozenset[tuple[str, int | None]]) -> int | None:
    """The rank from 1 of the first hit on a relevant page, or file where there are no pages."""
    for rank, hit in enumerate(hits, 1):
        if (hit.source, hit.page) in relevant or (hit.source, None) in relevant:
            return rank
    return None


def find_ranks(kb: KnowledgeBase, asked: list[Question]) -> list[int]:
    """The rank of the first relevant hit of each question, 1000 for none among 20."""
    return [first_rank(kb.search(q.text, 20), q.relevant) or 1000 for q in asked]


def measure(kb: KnowledgeBase, asked: list[Question], weight: float | None) -> dict[str, float]:
    """Search with this weight of words for every question, or with the product's if it is None."""
    own = weights.LEXICAL_WEIGHT, weights.FOREIGN_LEXICAL_WEIGHT
    if weight is not None:
        weights.LEXICAL_WEIGHT = weights.FOREIGN_LEXICAL_WEIGHT = weight
    ranks = find_ranks(kb, asked)
    weights.LEXICAL_WEIGHT, weights.FOREIGN_LEXICAL_WEIGHT = own
    return summarize(ranks)


def summarize(ranks: list[int]) -> dict[str, float]:
    """The usual figures of ranks."""
    n = len(ranks)
    return {
        "hit@5": sum(rank <= 5 for rank in ranks) / n,
        "hit@10": sum(rank <= 10 for rank in ranks) / n,
        "hit@20": sum(rank <= 20 for rank in ranks) / n,
        "MRR@10": sum(map(reciprocal, ranks)) / n,
    }


def reciprocal(rank: int) -> float:
    """What a question adds to the MRR@10."""
    return 1 / rank if rank <= 10 else 0.0


def main(arguments: list[str], workdir: Path) -> None:
    names, reranker = list(arguments), ""
    if "--reranker" in names:
        at = names.index("--reranker")
        reranker = names[at + 1]
        del names[at : at + 2]
    print(f"{'set':9} {'questions':>9} {'ranking':14} hit@5  hit@10 hit@20 MRR@10")
    for each in names or DEFAULT_SETS:
        name, _, limit = each.partition(":")
        asked = list(questions(name))[: int(limit) if limit else None]
        if reranker:
            compare_reranked(name, asked, reranker, workdir)
            continue
        with prepared_base(name, workdir) as kb:
            for label, weight in (
                ("vectors alone", 0.0),
                ("words alone", 1.0),
                ("fused", None),
            ):
                show(name, asked, label, measure(kb, asked, weight))


def show(name: str, asked: list[Question], label: str, found: dict[str, float]) -> None:
    row = "  ".join(f"{value:.3f}" for value in found.values())
    print(f"{name:9} {len(asked):9} {label:14} {row}", flush=True)


class TimedReranker:
    """Notes how long another reranker takes for each query."""

    def __init__(self, inner: Reranker) -> None:
        self.name = inner.name
        self.score_range = getattr(inner, "score_range", None)
        self.seconds: list[float] = []
        self._inner = inner

    def score(self, query: str, texts: Sequence[str]) -> RerankerScores:
        began = time.perf_counter()
        scores = self._inner.score(query, texts)
        self.seconds.append(time.perf_counter() - began)
        return scores


def compare_reranked(name: str, asked: list[Question], reranker: str, workdir: Path) -> None:
    """Ask with and without the reranker; the difference comes with its 95 % interval."""
    timed = TimedReranker(load_reranker(reranker))
    with prepared_base(name, workdir) as kb:
        path, fused = kb.path, find_ranks(kb, asked)
    with KnowledgeBase(path, reranker=timed) as kb:
        reranked = find_ranks(kb, asked)
    show(name, asked, "fused", summarize(fused))
    show(name, asked, "reranked", summarize(reranked))
    gains = [
        reciprocal(after) - reciprocal(before)
        for before, after in zip(fused, reranked, strict=True)
    ]
    chance = random.Random(5)
    means = sorted(statistics.fmean(chance.choices(gains, k=len(gains))) for _ in range(2000))
    print(
        f"{name:9} {'':9} MRR@10 {statistics.fmean(gains):+.3f} [{means[50]:+.3f}, "
        f"{means[-51]:+.3f}], reranking takes {statistics.median(timed.seconds):.2f} s (median)",
        flush=True,
    )
