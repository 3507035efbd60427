"""Compares two embedders of a knowledge base by questions whose documents are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragkit.errors import SourceError
from ragkit.retrieval.hits import Hit
from ragkit.retrieval.retriever import Retriever
from ragkit.store.snapshot import Snapshot

_DEPTH = 10  # hits of each question that are looked at


@dataclass(frozen=True, slots=True)
class TestQuestion:
    """A question, and the documents that answer it, each with a page or None for any page."""

    __test__ = False  # pytest collects classes of such a name

    text: str
    relevant: frozenset[tuple[str, int | None]]

    def find_rank(self, hits: Sequence[Hit]) -> int:
        """Return the rank of the first hit in a relevant document, from 1; 0 if there is none."""
        for rank, hit in enumerate(hits, 1):
            for document, page in self.relevant:
                if is_source(hit.source, document) and page in (None, hit.page):
                    return rank
        return 0


@dataclass(frozen=True, slots=True)
class RetrievalScores:
    """How well passages are found, each from 0 to 1.

    `hit_at_1` and `hit_at_5` are the shares of questions with a relevant passage among the first
    hits. `mrr` is the mean of 1 / rank of the first relevant passage among ten.
    """

    hit_at_1: float
    hit_at_5: float
    mrr: float


@dataclass(frozen=True, slots=True)
class EmbedderComparison:
    """Two embedders on the same questions: the one `before` a change, and the one `after` it.

    `better` and `worse` count the questions whose relevant passage has a higher or lower rank after
    it. `skipped` questions name no document, or belong to a conversation.
    """

    questions: int
    skipped: int
    before: RetrievalScores
    after: RetrievalScores
    better: int
    worse: int

    @property
    def is_loss(self) -> bool:
        """Whether the new embedder finds less: its MRR, rounded to three places, is lower."""
        return round(self.after.mrr, 3) < round(self.before.mrr, 3)


def read_questions(path: Path) -> tuple[list[TestQuestion], int]:
    """Read questions with their documents from a JSON lines file, one object a line.

    An object has "question" and "relevant", a list of {"doc", "page"}; "doc" is a source path or
    its end, and "page" can be left out. Returns the questions, and how many were skipped because
    they name no document or have a "history". Raises SourceError for another file.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"the questions in {path} cannot be read ({error}); expected a file of JSON lines"
        ) from error
    found, skipped = [], 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        question = _parse_question(line, f"line {number} of {path}")
        if question is None:
            skipped += 1
        else:
            found.append(question)
    if not found:
        raise SourceError(f"{path} has no question that names a document; see docs/embedders.md")
    return found, skipped


def _parse_question(line: str, place: str) -> TestQuestion | None:
    try:
        content = json.loads(line)
        text, relevant = str(content["question"]), content.get("relevant") or ()
        named = frozenset((str(one["doc"]), one.get("page")) for one in relevant)
        if any(not isinstance(page, int | None) for _, page in named):
            raise TypeError("a page is not a number")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SourceError(
            f'{place} is not a question ({error}); expected {{"question": "...", "relevant": '
            '[{"doc": "folder/file.pdf", "page": 1}]}'
        ) from error
    return TestQuestion(text, named) if named and not content.get("history") else None


def check_documents(snapshot: Snapshot, questions: Sequence[TestQuestion]) -> None:
    """Raise SourceError unless the knowledge base has a document that the questions name."""
    sources = [document.source for document in snapshot.documents.all()]
    named = sorted({document for question in questions for document, _ in question.relevant})
    if not any(is_source(source, document) for document in named for source in sources):
        raise SourceError(
            f"none of the {len(named)} documents of the questions is in the knowledge base, such "
            f"as {named[0]!r}; list the documents with: ragkit status --documents"
        )


def is_source(source: str, document: str) -> bool:
    """Return True if a document of a question is the one with this source path."""
    return source == document or source.endswith(f"/{document}")


def compare_retrievers(
    snapshot: Snapshot,
    before: Retriever,
    after: Retriever,
    questions: Sequence[TestQuestion],
    skipped: int,
    report_progress: Callable[[int], None],
) -> EmbedderComparison:
    """Ask two retrievers the same questions; `report_progress` is told how many are done."""
    ranks = []
    for done, question in enumerate(questions, 1):
        ranks.append(
            tuple(
                question.find_rank(retriever.search(snapshot, question.text, _DEPTH))
                for retriever in (before, after)
            )
        )
        report_progress(done)
    changes = [_reciprocal(new) - _reciprocal(old) for old, new in ranks]
    return EmbedderComparison(
        questions=len(questions),
        skipped=skipped,
        before=_score([old for old, _ in ranks]),
        after=_score([new for _, new in ranks]),
        better=sum(change > 0 for change in changes),
        worse=sum(change < 0 for change in changes),
    )


def _reciprocal(rank: int) -> float:
    return 1 / rank if rank else 0.0


def _score(ranks: Sequence[int]) -> RetrievalScores:
    return RetrievalScores(
        hit_at_1=sum(rank == 1 for rank in ranks) / len(ranks),
        hit_at_5=sum(1 <= rank <= 5 for rank in ranks) / len(ranks),
        mrr=sum(map(_reciprocal, ranks)) / len(ranks),
    )
