from __future__ import annotations

from pathlib import Path

from ragkit import AskOptions, Citation, Config, Hit, KnowledgeBase, Quote
from ragkit.answers import Abstention, Answer
from tests.generation.test_citations import hit
from tests.support.hashing import HashingEmbedder

ROW = Quote(2, "a | b", (("Price EUR", "64.80"), ("Part", "VX-1"), ("Note", "")), "Seals", "net")


def cite(number: int) -> Citation:
    return Citation.from_hit(number, hit(number))


def test_a_printed_answer_is_its_text_with_its_sources() -> None:
    answer = Answer("?", "It is 28 [1].", (cite(1),), (), model="tiny", notice="Incomplete: x")
    assert str(answer) == "It is 28 [1].\n\nSources\n[1] 1.txt\n\nIncomplete: x"


def test_a_printed_extractive_answer_is_its_quotes() -> None:
    quotes = (Quote(1, "It is 28."), ROW)
    answer = Answer("?", "as stored", (cite(1), cite(2)), (), quotes=quotes)
    assert str(answer) == (
        "“It is 28.” [1]\nSeals; Price EUR: 64.80; Part: VX-1 (net) [2]"
        "\n\nSources\n[1] 1.txt\n[2] 2.txt"
    )


def test_the_label_of_a_row_comes_first_and_once() -> None:
    cells = (("Days", "32"), ("Years of service", "from the 15th"), ("", "x"))
    assert str(Quote(1, "", cells, "from the 15th")) == "from the 15th; Days: 32; x"


def test_a_printed_answer_that_nothing_supports_says_so() -> None:
    answer = Answer("?", "It is 30.", (cite(1),), (), model="tiny", quotes=(Quote(1, "28."),))
    assert str(answer) == (
        "“28.” [1]\n\nThe model wrote this, and the passages do not support it:\nIt is 30."
        "\n\nSources\n[1] 1.txt"
    )


def test_a_printed_abstention_says_why() -> None:
    nothing = "I found nothing about this in your documents."
    assert str(Answer.abstain("?", (), Abstention.FAR)) == nothing
    assert (
        str(Answer.abstain("?", (), Abstention.SILENT)) == "No answer.\n\nThe model wrote nothing."
    )


def test_the_passages_found_are_handed_out_before_the_answer(tmp_path: Path) -> None:
    found: list[Hit] = []
    (tmp_path / "a.txt").write_text("The blue pump runs at nine bar.")
    with KnowledgeBase(tmp_path / "a.kb", embedder=HashingEmbedder(), config=Config()) as kb:
        kb.ingest(tmp_path / "a.txt")
        answer = kb.ask("How does the blue pump run?", AskOptions(on_found=found.extend))
    assert found == list(answer.passages) != []
