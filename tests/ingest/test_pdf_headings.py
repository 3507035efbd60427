"""Headings of PDFs: which ones hold for which pages, and what their chunks are headed with."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from ragkit_ingest.chunk import ChunkSettings, chunk_document
from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import BlockKind, Document
from tests.support.pdf_maker import Line, Sheet, make_pdf

PROSE = (
    "The committee met in Kranzmoor and went through the list of pumps that were",
    "repaired in the last year, and it found that most of them had worn seals.",
)
ROWS = [f"Position {number} 1,{number}00 2,{number}00 3,{number}00" for number in range(10, 22)]
COVER = "Yearly report of the waterworks"


def read(sheets: Sequence[Sheet], **options: object) -> Document:
    return read_document(make_pdf(sheets, **options), "a.pdf")  # type: ignore[arg-type]


def count_words(texts: Sequence[str]) -> list[int]:
    return [len(re.findall(r"\w+", text)) for text in texts]


def paths(document: Document) -> list[list[tuple[str, ...]]]:
    """The heading paths of the chunks of each page."""
    found: list[list[tuple[str, ...]]] = [[] for _ in document.pages]
    for chunk in chunk_document(document, "a.pdf", count_words, ChunkSettings(60, 20)):
        found[chunk.page].append(chunk.headings)
    return found


def headings(document: Document, page: int) -> list[str]:
    text, blocks = document.pages[page].text, document.pages[page].blocks
    return [text[each.start : each.end] for each in blocks if each.kind is BlockKind.HEADING]


def section(name: str, size: float = 16) -> Sheet:
    return Sheet([Line(name, size=size), *PROSE, *PROSE])


def sections(count: int) -> list[Sheet]:
    return [section(f"Sales in {chr(65 + number)}stadt") for number in range(count)]


# -- covers --------------------------------------------------------------------------------------


def test_a_cover_stands_above_nothing_until_its_type_comes_again() -> None:
    """The type of the cover comes again in an appendix, and then outranks sections."""
    cover = Sheet([Line(COVER, size=30), Line("Commission of the northern towns", size=30), *PROSE])
    appendix = [section(f"Appendix {letter} with contracts", 30) for letter in "XYZ"]
    found = paths(read([cover, *sections(24), *appendix, section("Contract with Kranzmoor")]))
    for page in range(1, 25):
        assert set(found[page]) == {(f"Sales in {chr(64 + page)}stadt",)}
    assert set(found[27]) == {("Appendix Z with contracts",)}
    assert set(found[28]) == {("Appendix Z with contracts", "Contract with Kranzmoor")}
    assert set(found[0]) == {("Commission of the northern towns",)}


def test_a_chapter_on_the_first_page_holds_for_its_sections() -> None:
    """Its type is that of all chapters."""
    chapters = [
        sheet
        for number in range(4)
        for sheet in (
            Sheet([Line(f"Chapter {number} about pumps", size=24), *PROSE]),
            *(section(f"Pump {number}{letter} and its seals") for letter in "ABC"),
        )
    ]
    found = paths(read(chapters))
    assert found[2] == [("Chapter 0 about pumps", "Pump 0B and its seals")]
    assert found[6] == [("Chapter 1 about pumps", "Pump 1B and its seals")]


def test_the_title_of_a_short_document_holds_for_all_of_it() -> None:
    found = paths(read([Sheet([Line(COVER, size=30), *PROSE]), *sections(4)]))
    assert found[3] == [(COVER, "Sales in Cstadt")]


@pytest.mark.parametrize("place", [2, 7, 11])
def test_large_type_on_a_single_page_stands_above_that_page_alone(place: int) -> None:
    sheets = sections(14)
    sheets[place] = section("Contents of the report", 30)
    document = read(sheets)
    found = paths(document)
    assert headings(document, place) == ["Contents of the report"]
    assert [page for page, each in enumerate(found) if "Contents of the report" in str(each)] == [
        place
    ]
    assert found[place + 1] == [(f"Sales in {chr(66 + place)}stadt",)]


def test_large_type_on_two_pages_is_a_level() -> None:
    sheets = sections(14)
    sheets[2], sheets[8] = section("First part", 30), section("Second part", 30)
    found = paths(read(sheets))
    assert found[5] == [("First part", "Sales in Fstadt")]
    assert found[12] == [("Second part", "Sales in Mstadt")]


# -- bookmarks -----------------------------------------------------------------------------------


BOOKMARKED = [Sheet([name, *PROSE]) for name in ("Cover", "Leave", "Travel")]
OUTLINE = [("Leave", 1), ("Travel", 2)]


def test_one_bookmark_above_all_others_is_the_title() -> None:
    document = read(BOOKMARKED, outline=OUTLINE, root="Rules of the company")
    assert document.title == "Rules of the company"
    assert paths(document) == [[()], [("Leave",)], [("Travel",)]]


def test_the_files_own_title_goes_before_a_bookmark() -> None:
    document = read(BOOKMARKED, outline=OUTLINE, root="Rules of the company", title="Staff book")
    assert document.title == "Staff book"
    assert paths(document)[2] == [("Travel",)]
    assert read(BOOKMARKED, outline=OUTLINE, root="rules.docx").title == ""


def test_bookmarks_side_by_side_stay_headings() -> None:
    document = read(BOOKMARKED, outline=[("Cover", 0), *OUTLINE])
    assert document.title == ""
    assert paths(document) == [[("Cover",)], [("Leave",)], [("Travel",)]]


# -- the top of a page -----------------------------------------------------------------------------


def test_a_few_words_above_a_pages_first_heading_belong_to_it() -> None:
    """Such as the name of the company above each statement."""
    sheets = [
        Sheet(["ACME", Line(f"Statement of {name}", size=16), *PROSE]) for name in ("cash", "debts")
    ]
    assert paths(read([section("Opening remarks"), *sheets]))[1:] == [
        [("Statement of cash",)],
        [("Statement of debts",)],
    ]


def test_the_end_of_a_section_stays_with_it_on_the_next_page() -> None:
    following = Sheet([*PROSE, *PROSE, Line("Statement of debts", size=16), *PROSE, *PROSE])
    found = paths(read([section("Statement of cash"), following]))
    assert list(dict.fromkeys(found[1])) == [("Statement of cash",), ("Statement of debts",)]


def statement(*top: str | Line) -> Sheet:
    return Sheet([*top, *ROWS])


def test_a_page_of_figures_has_the_title_at_its_top_whatever_its_type() -> None:
    """Else it would carry the name of the statement before it."""
    document = read(
        [
            section("Remarks of the auditor"),
            statement(
                "The Acme Company", "Statements of Income", "(in millions)", "2019 2018 2017"
            ),
            statement("The Acme Company", "Balance Sheets", "December 28, 2019 December 29, 2018"),
        ]
    )
    assert headings(document, 1) == ["Statements of Income"]
    assert headings(document, 2) == ["Balance Sheets"]
    found = paths(document)
    assert {each[-1] for each in found[1]} == {"Statements of Income"}
    assert {each[-1] for each in found[2]} == {"Balance Sheets"}


@pytest.mark.parametrize(
    "top",
    [
        ["included in the other income of the Acme Company"],  # the end of a sentence
        ["Other liabilities that are not current"],  # a table goes on, without column heads
        ["Total of all the regions in which the company sells pumps.", "(in millions)"],
        [],
    ],
)
def test_other_tops_of_pages_of_figures_are_not_titles(top: list[str]) -> None:
    document = read([section("Remarks of the auditor"), statement(*top)])
    assert headings(document, 1) == []
    assert set(paths(document)[1]) == {("Remarks of the auditor",)}


def test_a_page_of_text_gets_no_title() -> None:
    page = Sheet(
        ["The Acme Company", "Statements of Income", "(in millions)", *ROWS[:3], *PROSE * 4]
    )
    assert headings(read([section("Remarks"), page]), 1) == []


def test_a_label_between_rows_does_not_end_the_statement() -> None:
    page = Sheet(
        [
            Line("Statement of cash flows", bold=True),
            "2019 2018 2017",
            Line("Operating activities", bold=True),
            *ROWS,
            Line("Investing activities", bold=True),
            *ROWS,
        ]
    )
    document = read([Sheet(PROSE * 6), page])
    found = paths(document)[1]
    assert {each[0] for each in found} == {"Statement of cash flows"}
    assert found[-1] == ("Statement of cash flows", "Investing activities")
    rows = [each.header for each in document.pages[1].blocks if each.header]
    assert rows == ["2019 2018 2017"] * 2 * len(ROWS)


def test_a_heading_after_the_rows_ends_the_statement() -> None:
    note = Line("Notes about debts", bold=True)
    page = Sheet([Line("Statement of cash flows", bold=True), "2019 2018", *ROWS, note, *PROSE])
    assert paths(read([Sheet(PROSE * 6), page]))[1][-1] == ("Notes about debts",)


@pytest.mark.parametrize(
    "unit", ["$ in millions, except per share amounts", "€ in thousands of units"]
)
def test_the_unit_of_a_table_is_not_a_heading(unit: str) -> None:
    page = statement(Line("Balance sheets", bold=True), Line(unit, bold=True), "2019 2018")
    document = read([Sheet(PROSE * 6), page])
    assert headings(document, 1) == ["Balance sheets"]
