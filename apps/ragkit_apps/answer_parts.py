"""The parts of an answer that the command line, the web page and the export show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ragkit import Answer, Citation, Hit, Quote, Statement

QUOTED_NOTE = "Quoted from your documents (no AI model running)"

MAX_COLUMNS = 8  # of a quoted table row


@dataclass(frozen=True, slots=True)
class QuoteTable:
    """A table row as a table of its own: the unit, column heads, and a value for each.

    The row's label comes first, then the columns that the question asks for.
    """

    unit: str
    columns: tuple[str, ...]
    values: tuple[str, ...]


def tabulate_quote(quote: Quote) -> QuoteTable | None:
    """Return a quoted table row as a table without its empty cells; None for other quotes."""
    cells = quote.cells_by_label[:MAX_COLUMNS]
    if not cells:
        return None
    columns, values = zip(*cells, strict=True)
    return QuoteTable(quote.unit, columns, values)


def split_quotes(answer: Answer) -> tuple[Sequence[Quote], Sequence[Quote]]:
    """Return the quotes that answer, one for each side of a comparison, and the further places."""
    cited = {number for statement in answer.statements for number in statement.citations}
    count = sum(quote.citation in cited for quote in answer.quotes) if answer.is_extractive else 1
    return answer.quotes[: max(1, count)], answer.quotes[max(1, count) :]


def name_place(citation: Citation) -> str:
    """Return the document and the place in it: "Employee handbook, page 5 (printed 2)"."""
    return ", ".join(dict.fromkeys(filter(None, (citation.name, citation.place))))


def describe_found(hits: Sequence[Hit]) -> str:
    """Return what a question waits for after its search: "Found 8 passages in 3 documents; ..."."""
    passages, documents = len(hits), len({hit.document for hit in hits})
    found = f"{passages} passage{'' if passages == 1 else 's'}"
    return f"Found {found} in {documents} document{'' if documents == 1 else 's'}; reading"


def find_citation(answer: Answer, number: int) -> Citation | None:
    """Return the citation of this number; None if its passage has been removed."""
    return next((each for each in answer.citations if each.number == number), None)


def is_unverified(statement: Statement) -> bool:
    """Return True if neither what a sentence cites nor another passage supports it."""
    return statement.verdict != "supported"


def count_unverified(answer: Answer) -> list[tuple[Statement, int]]:
    """Return the sentences that nothing supports; equal ones once, with their number."""
    counts: dict[tuple[str, tuple[str, ...]], int] = {}
    first: dict[tuple[str, tuple[str, ...]], Statement] = {}
    for statement in filter(is_unverified, answer.statements):
        key = (" ".join(statement.text.split()).casefold(), statement.reasons)
        counts[key] = counts.get(key, 0) + 1
        first.setdefault(key, statement)
    return [(first[key], count) for key, count in counts.items()]


def format_verified(answer: Answer) -> str:
    """Return how many sentences were verified: "3 sentences verified"."""
    return f"{_count_parts(answer, len(answer.statements))} verified"


def format_unverified(answer: Answer) -> str:
    """Return how many sentences could not be verified: "1 sentence could not be verified"."""
    count = sum(map(is_unverified, answer.statements))
    return f"{_count_parts(answer, count)} could not be verified"


def _count_parts(answer: Answer, count: int) -> str:
    part = "sentence" if answer.data is None else "value"
    return f"{count} {part}{'' if count == 1 else 's'}"


def explain_verdict(statement: Statement, count: int = 1) -> str:
    """Return why a sentence could not be verified, and how often it occurs."""
    parts = ["" if statement.citations else "no source given"]
    parts += statement.reasons
    parts += [f"{count} times"] if count > 1 else []
    return "; ".join(filter(None, parts)) or "not supported by its source"


def select_new_notices(answer: Answer, before: Answer | None) -> list[str]:
    """Return the lines of an answer's notice, without those that the answer before it had."""
    known = before.notice.splitlines() if before else []
    return [line for line in answer.notice.splitlines() if line.strip() and line not in known]


def count_places(count: int) -> str:
    """Return the heading of further quotes: "2 more places"."""
    return f"{count} more place{'' if count == 1 else 's'}"
