"""What a base holds and how it is used, in numbers: never anybody's text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ragkit.store.records import KindCounts
from ragkit.store.snapshot import Snapshot

__all__ = [
    "KindCounts",
    "Statistics",
    "statistics",
]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts of documents and of what became of the questions in all kept conversations.

    Days are ISO days in UTC, each with a count, in order. `abstained` counts by the value of
    `Abstention`; `answered` are all others, of which `extractive` were made without a model,
    `incomplete` broke off and `doubtful` have at least one statement that is not supported.
    `first_words` and `seconds` are those of `Turn`, without the turns that nobody measured.
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


def statistics(snapshot: Snapshot, who: str | None = None) -> Statistics:
    """Numbers of one snapshot: of the documents that it may read, and of one person's questions.

    Without `who` they are everybody's questions.
    """
    kinds = snapshot.kinds()
    outcomes = snapshot.outcomes(who)
    answered = [outcome for outcome in outcomes if not outcome.abstention]
    return Statistics(
        kinds=kinds,
        documents=sum(kind.documents for kind in kinds),
        pages=sum(kind.pages for kind in kinds),
        readable_pages=sum(kind.readable_pages for kind in kinds),
        chunks=sum(kind.chunks for kind in kinds),
        documents_per_day=snapshot.days_added(),
        questions=len(outcomes),
        answered=len(answered),
        abstained=dict(Counter(o.abstention for o in outcomes if o.abstention)),
        extractive=sum(not outcome.model for outcome in answered),
        incomplete=sum(outcome.incomplete for outcome in answered),
        doubtful=sum(outcome.doubtful for outcome in answered),
        thumbs_up=sum(outcome.up is True for outcome in outcomes),
        thumbs_down=sum(outcome.up is False for outcome in outcomes),
        first_words=_measured(outcome.first_word for outcome in outcomes),
        seconds=_measured(outcome.seconds for outcome in outcomes),
        questions_per_day=sorted(Counter(outcome.day for outcome in outcomes).items()),
    )


def _measured(times: Iterable[float]) -> list[float]:
    return [seconds for seconds in times if seconds]
