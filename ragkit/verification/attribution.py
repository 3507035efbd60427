"""Attribution: the passages that support what a model wrote without citing them.

Passages have the numbers of the citations that quote them. Those that no citation quotes get the
numbers after these, in the order of their ranks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ragkit.answers import Citation, Statement
from ragkit.retrieval.hits import Hit
from ragkit.verification.highlights import add_highlights


def number_passages(citations: Sequence[Citation], passages: Sequence[Hit]) -> dict[int, Hit]:
    """Return the passages by number: those cited in order of number, then the others by rank."""
    cited = {each.number: hit for each in citations for hit in passages if _quotes(each, hit)}
    others = [hit for hit in passages if hit not in cited.values()]
    start = max((each.number for each in citations), default=0) + 1
    return {**dict(sorted(cited.items())), **dict(enumerate(others, start))}


def cite_statements(
    citations: Sequence[Citation],
    statements: Sequence[Statement],
    passages: Mapping[int, Hit],
    query: str,
) -> tuple[tuple[Citation, ...], tuple[Statement, ...]]:
    """Return an answer's citations with highlights, and its statements.

    `citations` are those of the model. A citation of each passage that was found to support a
    statement is added, numbered in the order in which the statements need them.
    """
    cited = {each.number: each.number for each in citations}
    found = dict.fromkeys(number for each in statements for number in each.found_in)
    added = [number for number in found if number not in cited]
    numbers = {**cited, **{old: new for new, old in enumerate(added, max(cited, default=0) + 1)}}
    renumbered = tuple(
        replace(each, found_in=tuple(numbers[number] for number in each.found_in))
        for each in statements
    )
    hits = {new: passages[old] for old, new in numbers.items()}
    new = (Citation.from_hit(numbers[number], passages[number]) for number in added)
    return add_highlights((*citations, *new), renumbered, hits, query), renumbered


def _quotes(citation: Citation, hit: Hit) -> bool:
    place = (citation.document, citation.page_ordinal, citation.start, citation.end)
    return place == (hit.document, hit.page_ordinal, hit.start, hit.end)
