"""Citations in the shapes that models write them."""

from __future__ import annotations

import pytest

from ragkit.generation.citations import CitationStream, CitedText, parse_citations
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
        ("Yes [1 and 2].", "Yes [1][2]."),
        ("Yes [1-3].", "Yes [1][2][3]."),
        ("Yes [1\u20133, 4].", "Yes [1][2][3][4]."),
        ("Yes [1 to 3].", "Yes [1][2][3]."),
        ("Yes [^1].", "Yes [1]."),
        ("Yes [#1].", "Yes [1]."),
        ("Yes [Passage 1].", "Yes [1]."),
        ("Yes [passages 1 and 2].", "Yes [1][2]."),
        ("Yes [Passage 1, Passage 2].", "Yes [1][2]."),
        ("Yes [source: 1].", "Yes [1]."),
        ("Yes (Source 1).", "Yes [1]."),
        ("Yes (passages 1-2).", "Yes [1][2]."),
        ("Yes [1\u2020source].", "Yes [1]."),
        ("Yes \u30101\u3011.", "Yes [1]."),
        ("Yes [1, 1].", "Yes [1]."),
    ],
)
def test_shapes_of_citations(written: str, shown: str) -> None:
    cited = parse_citations(written, PASSAGES)
    assert cited.text == shown
    assert all(f"[{citation.number}]" in shown for citation in cited.citations)
    assert len(cited.citations) == shown.count("[")
    assert cited.invalid == ()


@pytest.mark.parametrize(
    ("written", "shown", "sources"),
    [
        ("Yes [5]. No [2].", "Yes [1]. No [2].", ["5.txt", "2.txt"]),
        ("Yes [3][6]. No [6].", "Yes [1][2]. No [2].", ["3.txt", "6.txt"]),
        (
            "Yes [4-6]. No [1, 4].",
            "Yes [1][2][3]. No [4][1].",
            ["4.txt", "5.txt", "6.txt", "1.txt"],
        ),
        ("Yes [Passage 6].", "Yes [1].", ["6.txt"]),
        ("Yes [9]. No [2].", "Yes . No [1].", ["2.txt"]),
    ],
)
def test_citations_are_numbered_from_1_in_order_of_appearance(
    written: str, shown: str, sources: list[str]
) -> None:
    cited = parse_citations(written, PASSAGES)
    assert cited.text == shown
    assert [(c.number, c.source) for c in cited.citations] == list(enumerate(sources, 1))
    assert [PASSAGES[place].source for place in cited.places] == sources


@pytest.mark.parametrize(
    "written",
    [
        "Yes [5]. No [2, 9] (source 5).",
        "A loss of (12) million [3].",
        "Begins [4",
        "【6】(/x.png) and <[99]img>",
        "x[i] and (a long aside, which " + "goes on and on and " * 8 + "on [2]",
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_stream_has_the_numbers_of_the_whole_text(written: str, size: int) -> None:
    stream = CitationStream(len(PASSAGES))
    pieces = [written[at : at + size] for at in range(0, len(written), size)]
    shown = "".join(map(stream.feed, pieces)) + stream.flush()
    assert shown == parse_citations(written, PASSAGES).text


@pytest.mark.parametrize(
    "text",
    ["A loss of (12) million.", "See [2019].", "In [a] and [1a].", "(1) First.", "x[i] and []"],
)
def test_other_brackets_are_no_citations(text: str) -> None:
    assert parse_citations(text, PASSAGES) == CitedText(text, (), (), ())


def test_invented_numbers_are_taken_out_and_told() -> None:
    cited = parse_citations("Yes [1, 9]. No [Passage 0]. Well [5-8].", PASSAGES)
    assert cited.text == "Yes [1]. No . Well [2][3]."
    assert [citation.source for citation in cited.citations] == ["1.txt", "5.txt", "6.txt"]
    assert cited.invalid == (0, 7, 8, 9)


def test_endless_range_is_two_numbers() -> None:
    assert parse_citations("[1-999]", PASSAGES).invalid == (999,)
    assert parse_citations("[4-2]", PASSAGES).places == (3, 1)


@pytest.mark.parametrize("begun", ["[passage", "[1", "(source 1 and"])
def test_citation_that_never_ends_takes_no_time(begun: str) -> None:
    text = begun + " " * 100_000 + "x"
    assert parse_citations(text, PASSAGES).text == text
    assert CitationStream(len(PASSAGES)).feed(text) == text


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
    assert parse_citations(sanitize(written), [hit(1)]).text == shown
