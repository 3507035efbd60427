"""Statistics of a knowledge base: counts of documents, questions and answers, never text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ragkit.store.records import KindCounts
from ragkit.store.snapshot import Snapshot

__all__ = [
    "KindCounts",
    "Statistics",
    "collect_statistics",
]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts of documents, and of the questions and answers in all kept conversations.

    Days are ISO dates in UTC, each with a count, oldest first. `abstained` counts by the value of
    `Abstention`; `answered` are all others. Of those, `extractive` were made without a model,
    `incomplete` broke off and `doubtful` have at least one statement that is not supported.
    `first_words` and `seconds` are the times of `Turn`, in seconds, where they were measured.
    """

    kinds: list[KindCounts]
    documents: int
    pages: int
    readable_pages: int
    chunks: int
    documents_per_day: list[tuple[str, int]]
    questions: int
    answered: int
    abstained: dict[str, int]
    extractive: int
    incomplete: int
    doubtful: int
    thumbs_up: int
    thumbs_down: int
    first_words: list[float]
    seconds: list[float]
    questions_per_day: list[tuple[str, int]]


def collect_statistics(snapshot: Snapshot, who: str | None = None) -> Statistics:
    """Count the documents that a snapshot can access and the questions of one person.

    Without `who` the questions of everybody are counted.
    """
    kinds = snapshot.documents.counts_by_kind()
    outcomes = snapshot.conversations.outcomes(who)
    answered = [outcome for outcome in outcomes if not outcome.abstention]
    return Statistics(
        kinds=kinds,
        documents=sum(kind.documents for kind in kinds),
        pages=sum(kind.pages for kind in kinds),
        readable_pages=sum(kind.readable_pages for kind in kinds),
        chunks=sum(kind.chunks for kind in kinds),
        documents_per_day=snapshot.documents.counts_by_day(),
        questions=len(outcomes),
        answered=len(answered),
        abstained=dict(Counter(o.abstention for o in outcomes if o.abstention)),
        extractive=sum(not outcome.model for outcome in answered),
        incomplete=sum(outcome.incomplete for outcome in answered),
        doubtful=sum(outcome.doubtful for outcome in answered),
        thumbs_up=sum(outcome.up is True for outcome in outcomes),
        thumbs_down=sum(outcome.up is False for outcome in outcomes),
        first_words=_drop_unmeasured(outcome.first_word for outcome in outcomes),
        seconds=_drop_unmeasured(outcome.seconds for outcome in outcomes),
        questions_per_day=sorted(Counter(outcome.day for outcome in outcomes).items()),
    )


def _drop_unmeasured(times: Iterable[float]) -> list[float]:
    return [seconds for seconds in times if seconds]
