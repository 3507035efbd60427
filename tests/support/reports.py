"""Annual and quarterly reports of companies that do not exist, as PDFs with many pages alike."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.pdf_maker import Line, Sheet, make_pdf

STATEMENTS = {
    "CONSOLIDATED STATEMENTS OF EARNINGS": ("Net sales", "Cost of sales", "Net earnings"),
    "CONSOLIDATED BALANCE SHEETS": ("Total current assets", "Inventories", "Accounts payable"),
    "CONSOLIDATED STATEMENTS OF CASH FLOWS": ("Operations", "Capital expenditures", "Dividends"),
}
TOPICS = ("leases", "pensions", "weather", "suppliers", "lawsuits", "taxes", "brands", "data")
NARRATIVE_PAGES = 62  # each at least one chunk


def narrative(number: int, name: str) -> Sheet:
    """A page of text that every company's report has, too."""
    topic = TOPICS[number % len(TOPICS)]
    return Sheet(
        [
            f"Discussion of {topic}, part {number}, by {name}.",
            f"The results and the plans of the company depend on {topic}, and",
            f"management reviews the risks of {topic} every quarter with the board.",
            f"Changes of {topic} may have a material effect on results of part {number}.",
        ]
    )


def statement(title: str, name: str, seed: int, above: Sequence[str | Line] = ()) -> Sheet:
    """A page with the figures of a statement for three years."""
    rows = [*STATEMENTS.get(title, ("Items",)), *(f"Position {n}" for n in range(11))]
    figures = [f"{row} {seed + 7 * n} {seed + 5 * n} {seed + 3 * n}" for n, row in enumerate(rows)]
    return Sheet([*above, f"{name}", title, "(dollars in millions)", *figures])


def make_report(
    name: str,
    seed: int,
    titles: Sequence[str] = tuple(STATEMENTS),
    pages: int = NARRATIVE_PAGES,
) -> bytes:
    """A report: a cover, pages of text, and then a page for each title.

    Its first page of figures is page `pages` + 2.
    """
    cover = Sheet([Line("ANNUAL REPORT", size=24), name])
    texts = [narrative(number, name) for number in range(pages)]
    return make_pdf([cover, *texts, *(statement(title, name, seed) for title in titles)])
