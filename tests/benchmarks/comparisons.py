"""How often a question about several documents finds passages of each, split and whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from ragkit import KnowledgeBase
from ragkit.retrieval import retriever
from tests.benchmarks.common import prepared_base, rows

QUESTIONS = Path(__file__).with_suffix(".jsonl")
HITS = 8


@dataclass(frozen=True)
class Comparison:
    """A question, and for each side what the names of its documents hold."""

    set: str
    part: str
    question: str
    sides: tuple[str, ...]

    def count(self, kb: KnowledgeBase) -> list[int]:
        """The passages of each side among the first hits."""
        sources = [hit.source for hit in kb.search(self.question, HITS)]
        return [sum(side in source for source in sources) for side in self.sides]


def comparisons(name: str) -> Iterator[Comparison]:
    for line in QUESTIONS.read_text().splitlines():
        row = json.loads(line)
        if row["set"] == name:
            yield Comparison(name, row["part"], row["question"], tuple(row["sides"]))


def measure(kb: KnowledgeBase, asked: list[Comparison]) -> tuple[int, int]:
    """How many questions have passages of all sides, and how many at least two of each."""
    found = [min(comparison.count(kb)) for comparison in asked]
    return sum(count > 0 for count in found), sum(count > 1 for count in found)


def count_split(kb: KnowledgeBase, name: str) -> tuple[int, int]:
    """How many questions of a set are split, and how many there are."""
    asked = [row["question"] for row in rows(name)]
    return sum(bool(kb.explain(question, 1).sides) for question in asked), len(asked)


def main(names: list[str], workdir: Path) -> None:
    print(f"{'set':9} {'part':11} {'questions':>9}  all sides whole/split  two of each whole/split")
    for name in names or ["finance", "handbook"]:
        with prepared_base(name, workdir) as kb:
            for part in ("development", "held out"):
                asked = [comparison for comparison in comparisons(name) if comparison.part == part]
                with patch.object(retriever, "split_comparison", lambda *_: ()):
                    whole = measure(kb, asked)
                split = measure(kb, asked)
                both = f"{whole[0]:9} {split[0]:9} {whole[1]:14} {split[1]:9}"
                print(f"{name:9} {part:11} {len(asked):9} {both}", flush=True)
            count, total = count_split(kb, name)
            print(f"{name:9} ordinary questions split: {count} of {total}")
