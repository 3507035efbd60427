"""How often the relevant page or file is found: vectors alone, words alone, and fused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ragkit import Hit, KnowledgeBase
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


def measure(kb: KnowledgeBase, asked: list[Question], weight: float | None) -> dict[str, float]:
    """Search with this weight of words for every question, or with the product's if it is None."""
    own = weights.LEXICAL_WEIGHT, weights.FOREIGN_LEXICAL_WEIGHT
    if weight is not None:
        weights.LEXICAL_WEIGHT = weights.FOREIGN_LEXICAL_WEIGHT = weight
    ranks = [first_rank(kb.search(q.text, 20), q.relevant) or 1000 for q in asked]
    weights.LEXICAL_WEIGHT, weights.FOREIGN_LEXICAL_WEIGHT = own
    n = len(ranks)
    return {
        "hit@5": sum(rank <= 5 for rank in ranks) / n,
        "hit@10": sum(rank <= 10 for rank in ranks) / n,
        "hit@20": sum(rank <= 20 for rank in ranks) / n,
        "MRR@10": sum(1 / rank for rank in ranks if rank <= 10) / n,
    }


def main(names: list[str], workdir: Path) -> None:
    print(f"{'set':9} {'questions':>9} {'ranking':14} hit@5  hit@10 hit@20 MRR@10")
    for name in names or DEFAULT_SETS:
        asked = list(questions(name))
        with prepared_base(name, workdir) as kb:
            for label, weight in (
                ("vectors alone", 0.0),
                ("words alone", 1.0),
                ("fused", None),
            ):
                found = measure(kb, asked, weight)
                row = "  ".join(f"{value:.3f}" for value in found.values())
                print(f"{name:9} {len(asked):9} {label:14} {row}", flush=True)
