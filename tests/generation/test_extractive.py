from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ragkit import AskOptions, KnowledgeBase
from tests.support.hashing import HashingEmbedder


@pytest.fixture
def kb(tmp_path: Path) -> KnowledgeBase:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "pumps.txt").write_text(
        "The red pump runs at 40 bar. The blue pump runs at 20 bar. Oil is changed in May."
    )
    kb = KnowledgeBase(tmp_path / "x.kb", embedder=HashingEmbedder())
    kb.ingest(docs)
    return kb


def test_an_extract_quotes_the_sentence_that_answers(kb: KnowledgeBase) -> None:
    answer = kb.ask("At how many bar does the blue pump run?", AskOptions(model="auto"))
    assert answer.is_extractive
    assert answer.model is None
    first = answer.citations[0]
    assert first.quote == "The blue pump runs at 20 bar."
    assert answer.text.startswith("“The blue pump runs at 20 bar.” [1]")
    assert (first.source, first.start, first.end) == ("pumps.txt", 29, 58)


def test_a_question_about_something_else_is_abstained_from(kb: KnowledgeBase) -> None:
    answer = kb.ask("xylophone quartet")
    assert answer.abstained
    assert answer.citations == ()
    assert answer.text == "I found nothing about this in your documents."


def test_a_heading_that_repeats_the_question_is_not_quoted(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# Pump pressure\n\nThe limit for every pump is 40 bar.\n")
    with KnowledgeBase(tmp_path / "x.kb", embedder=HashingEmbedder()) as kb:
        kb.ingest(docs)
        answer = kb.ask("pump pressure")
    assert [citation.quote for citation in answer.citations] == [
        "The limit for every pump is 40 bar."
    ]


def test_rows_of_other_values_are_not_quoted(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    rows = ("Customer,Discount", "Brekke,7.5%", "Dahl,12.5 %", "Lund,60.0%")
    (docs / "discounts.csv").write_text("\n".join(rows))
    with KnowledgeBase(tmp_path / "x.kb", embedder=HashingEmbedder()) as kb:
        kb.ingest(docs)
        answer = kb.ask("Which customer has a discount of 12.5%?")
    assert [citation.quote for citation in answer.citations] == ["Dahl | 12.5 %"]


def test_the_text_is_the_best_quote_and_the_others_are_data(kb: KnowledgeBase) -> None:
    answer = kb.ask("At how many bar does the blue pump run?")
    assert answer.is_extractive
    assert answer.text == "“The blue pump runs at 20 bar.” [1]"
    (statement,) = answer.statements
    assert answer.text[statement.start : statement.end] == statement.text == answer.text
    assert (statement.citations, statement.verdict) == ((1,), "supported")
    assert [quote.citation for quote in answer.quotes] == [each.number for each in answer.citations]
    assert answer.quotes[1].text == "The red pump runs at 40 bar."


def ingest_text(tmp_path: Path, name: str, text: str) -> KnowledgeBase:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / name).write_text(text)
    kb = KnowledgeBase(tmp_path / "x.kb", embedder=HashingEmbedder())
    kb.ingest(docs)
    return kb


PRICES = """Part,Weight kg,Price EUR,Lead time days
AX-100,12,410,7
AX-200,15,525,9
"""


def test_a_row_is_a_table_of_its_label_and_first_the_column_asked_for(tmp_path: Path) -> None:
    with ingest_text(tmp_path, "parts.csv", PRICES) as kb:
        answer = kb.ask("What is the price of AX-200?")
    assert answer.text == (
        "| Part | Price EUR | Weight kg | Lead time days |\n"
        "| --- | --- | --- | --- |\n"
        "| AX-200 | 525 | 15 | 9 |\n\n"
        "[1]"
    )
    quote = answer.quotes[0]
    assert quote.cells[0] == ("Price EUR", "525")
    assert (quote.text, quote.label) == ("AX-200 · 15 · 525 · 9", "AX-200")


def test_the_column_of_the_year_comes_first(tmp_path: Path) -> None:
    table = "Item,2022,2023,2024\nRevenue,310,325,340\nCost,200,210,220\n"
    with ingest_text(tmp_path, "results.csv", table) as kb:
        answer = kb.ask("How high was the revenue in 2023?")
    assert answer.quotes[0].cells[0] == ("2023", "325")


def test_markup_is_not_shown(tmp_path: Path) -> None:
    text = "# Fees\n\n- Members pay **12 euros** for a [day ticket](tickets.md#day).\n"
    with ingest_text(tmp_path, "fees.md", text) as kb:
        answer = kb.ask("What do members pay for a ticket?")
    assert answer.text == "“Members pay 12 euros for a day ticket.” [1]"
    assert answer.citations[0].quote == (
        "- Members pay **12 euros** for a [day ticket](tickets.md#day)."
    )


def test_a_list_is_quoted_with_the_line_before_it(tmp_path: Path) -> None:
    text = "# Start\n\nThe welcome kit has:\n\n- a hoodie\n- socks\n\nThe office opens at eight.\n"
    with ingest_text(tmp_path, "start.md", text) as kb:
        answer = kb.ask("What is in the welcome kit?")
    assert answer.text == "“The welcome kit has: • a hoodie • socks” [1]"


@pytest.mark.parametrize(
    "line",
    [
        "## Canteen hours",
        "Canteen hours and prices ............ 7",
        "The canteen hours are as follows:",
        "[Canteen hours of all sites](canteen.md)",
        "Table 3: Canteen hours by site",
    ],
)
def test_what_only_announces_an_answer_is_not_quoted(tmp_path: Path, line: str) -> None:
    text = f"# Sites\n\n{line}\n\nGuests can eat here from 11:30 on.\n"
    with ingest_text(tmp_path, "sites.md", text) as kb:
        answer = kb.ask("canteen hours for guests")
    assert [quote.text for quote in answer.quotes] == ["Guests can eat here from 11:30 on."]


def test_the_heading_above_a_sentence_tells_which_one_is_meant(tmp_path: Path) -> None:
    text = "# Notice\n\n## France\n\nIt is three months.\n\n## Poland\n\nIt is one month.\n"
    with ingest_text(tmp_path, "notice.md", text) as kb:
        answer = kb.ask("notice in Poland")
    assert answer.text == "“It is one month.” [1]"


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        ("At how many bar does the blue pump of Tesla run?", "Tesla"),
        ("At how many bar did the blue pump run in 2030?", "2030"),
    ],
)
def test_a_name_or_year_that_the_passage_lacks_is_declined(
    kb: KnowledgeBase, question: str, missing: str
) -> None:
    answer = kb.ask(question)
    assert answer.abstained
    assert answer.notice.startswith(f"The nearest passage does not mention “{missing}”.")


def test_a_misspelt_name_is_not_missing(tmp_path: Path) -> None:
    with ingest_text(tmp_path, "a.txt", "In Brandenburg the pump runs at 20 bar.") as kb:
        answer = kb.ask("At how many bar does the pump run in Brandenberg?")
    assert answer.text == "“In Brandenburg the pump runs at 20 bar.” [1]"


def test_a_missing_common_word_is_no_reason_to_decline(kb: KnowledgeBase) -> None:
    answer = kb.ask("At how many bar does the blue pump operate?")
    assert answer.text == "“The blue pump runs at 20 bar.” [1]"


class YesReranker:
    """Finds one text right and all others wrong."""

    name = "yes-1"
    score_range = 16.0

    def __init__(self, right: str) -> None:
        self.right = right

    def score(self, query: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return np.array([8.0 if self.right in text else -8.0 for text in texts], dtype=np.float32)


@pytest.mark.parametrize("right", ["The red pump runs at 40 bar.", "The green pump"])
def test_a_reranker_chooses_and_declines(kb: KnowledgeBase, right: str) -> None:
    with KnowledgeBase(kb.path, embedder=HashingEmbedder(), reranker=YesReranker(right)) as read:
        answer = read.ask("At how many bar does the blue pump run?")
    assert answer.abstained == (right == "The green pump")
    assert answer.abstained or answer.quotes[0].text == right


TRAVEL = """# Travel

The travel policy covers all trips.

## Booking

Book trains first.

## Receipts

Hand them in within 30 days.
"""


@pytest.mark.parametrize("question", ["travel", "Summarize Travel", "Fasse Travel zusammen."])
def test_a_topic_is_quoted_from_its_beginning_with_its_outline(
    tmp_path: Path, question: str
) -> None:
    with ingest_text(tmp_path, "rules.md", TRAVEL) as kb:
        answer = kb.ask(question)
    assert answer.text == (
        "“The travel policy covers all trips.” [1]\n\n“• Booking • Receipts” [2]"
    )


def test_the_reply_to_a_question_in_a_document_is_quoted(tmp_path: Path) -> None:
    faq = (
        "Which oil goes into press 6?\nOnly HLP 46, the cap is blue.\n"
        "Who orders it?\nIda orders two drums in May.\n"
    )
    with ingest_text(tmp_path, "faq.txt", faq) as kb:
        assert kb.ask("Which oil goes into press 6?").quotes[0].text.startswith("Only HLP 46")
        assert kb.ask("Who orders the oil?").quotes[0].text == "Ida orders two drums in May."
