"""Citations in the shapes that models write them."""

from __future__ import annotations

import pytest

from ragkit.generation.citations import parse_citations
from ragkit.retrieval.hits import Hit
from ragkit.text.sanitize import sanitize


def hit(number: int) -> Hit:
    return Hit(
        source=f"{number}.txt",
        page=None,
        text="Text.",
        start=0,
        end=5,
        score=1.0,
        document=number,
        title="",
        kind="text",
        headings=(),
        page_label="",
        ref="",
        similarity=0.5,
        lexical=1.0,
        path="",
        page_ordinal=0,
        chunks=(number,),
    )


PASSAGES = [hit(number) for number in range(1, 7)]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Yes [1].", "Yes [1]."),
        ("Yes [1][2].", "Yes [1][2]."),
        ("Yes [1, 2].", "Yes [1][2]."),
        ("Yes [ 1;2 ].", "Yes [1][2]."),
        ("Yes [1 and 3].", "Yes [1][3]."),
        ("Yes [2-4].", "Yes [2][3][4]."),
        ("Yes [2\u20134, 6].", "Yes [2][3][4][6]."),
        ("Yes [1 to 3].", "Yes [1][2][3]."),
        ("Yes [^1].", "Yes [1]."),
        ("Yes [#1].", "Yes [1]."),
        ("Yes [Passage 1].", "Yes [1]."),
        ("Yes [passages 1 and 2].", "Yes [1][2]."),
        ("Yes [Passage 1, Passage 2].", "Yes [1][2]."),
        ("Yes [source: 2].", "Yes [2]."),
        ("Yes (Source 2).", "Yes [2]."),
        ("Yes (passages 1-2).", "Yes [1][2]."),
        ("Yes [1\u2020source].", "Yes [1]."),
        ("Yes \u30101\u3011.", "Yes [1]."),
        ("Yes [2, 2].", "Yes [2]."),
    ],
)
def test_shapes_of_citations(written: str, shown: str) -> None:
    text, citations, invalid_citations = parse_citations(written, PASSAGES)
    assert text == shown
    assert all(f"[{citation.number}]" in shown for citation in citations)
    assert len(citations) == shown.count("[")
    assert invalid_citations == ()


@pytest.mark.parametrize(
    "text",
    ["A loss of (12) million.", "See [2019].", "In [a] and [1a].", "(1) First.", "x[i] and []"],
)
def test_other_brackets_are_no_citations(text: str) -> None:
    assert parse_citations(text, PASSAGES) == (text, (), ())


def test_invented_numbers_are_taken_out_and_told() -> None:
    text, citations, invalid_citations = parse_citations(
        "Yes [1, 9]. No [Passage 0]. Well [5-8].", PASSAGES
    )
    assert text == "Yes [1]. No . Well [5][6]."
    assert [citation.number for citation in citations] == [1, 5, 6]
    assert invalid_citations == (0, 7, 8, 9)


def test_endless_range_is_two_numbers() -> None:
    assert parse_citations("[1-999]", PASSAGES)[2] == (999,)
    assert parse_citations("[4-2]", PASSAGES)[0] == "[4][2]"


@pytest.mark.parametrize("begun", ["[passage", "[1", "(source 1 and"])
def test_citation_that_never_ends_takes_no_time(begun: str) -> None:
    text = begun + " " * 100_000 + "x"
    assert parse_citations(text, PASSAGES)[0] == text


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<[99]img src=x>", "< img src=x>"),
        ("<(source 99)script>", "< script>"),
        ("see:[99]//example.org", "see: //example.org"),
        ("!\u30101\u3011(/x.png)", "! [1] (/x.png)"),
        ("(Source 1)(javascript:alert(1))", "[1] (javascript:alert(1))"),
        ("www.[99]example.org", "www. example.org"),
    ],
)
def test_citations_put_together_no_link_image_or_tag(written: str, shown: str) -> None:
    assert parse_citations(sanitize(written), [hit(1)])[0] == shown
