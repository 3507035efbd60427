"""Running heads of PDFs: indexed once, unless they carry data."""

from __future__ import annotations

import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import Document
from tests.support.pdf_maker import Line, Sheet, make_pdf

HEAD = "Vexhöfer maintenance handbook"
SUBJECTS = ("seals", "pumps", "valves", "motors", "rotors", "pipes")
ROWS = {  # of an account, per page
    "March": ("02.03. Rent 1,200.00 4,310.55", "05.03. Salary 3,871.62 8,182.17"),
    "April": ("02.04. Rent 1,200.00 6,982.17", "06.04. Fuel 71.30 6,910.87"),
    "May": ("02.05. Rent 1,200.00 5,710.87", "09.05. Books 18.90 5,691.97"),
}


def read(*sheets: list[str | Line]) -> Document:
    return read_document(make_pdf([Sheet(lines) for lines in sheets]), "a.pdf")


def bodies(document: Document) -> list[str]:
    """The text of each page that is indexed."""
    return [
        "\n".join(page.text[block.start : block.end] for block in page.blocks)
        for page in document.pages
    ]


def chapters(
    head: str = HEAD, foot: str = "Page {} of 6", y: float = 800
) -> list[list[str | Line]]:
    return [
        [
            Line(head.format(number), y=y),
            f"Chapter text of its own about {name}.",
            f"It says how {name} are repaired,",
            f"and who repairs {name}.",
            Line(foot.format(number), y=40),
        ]
        for number, name in enumerate(SUBJECTS, 1)
    ]


def test_running_heads_are_indexed_once_and_stay_in_the_text() -> None:
    document = read(*chapters())
    found = bodies(document)
    assert [HEAD in body for body in found] == [True] + 5 * [False]
    assert not any("of 6" in body for body in found)
    assert all(f"about {name}." in body for body, name in zip(found, SUBJECTS, strict=True))
    assert all(HEAD in page.text and "of 6" in page.text for page in document.pages)
    assert document.warnings == (f'the running head "{HEAD}" (6 pages) is indexed once',)


@pytest.mark.parametrize(
    "foot", ["{}", "- {} -", "Seite {} von 6", "{} / 6", "p. {}", "Página {} de 6"]
)
def test_page_numbers_are_not_indexed_wherever_the_text_ends(foot: str) -> None:
    sheets = chapters("", foot)
    for number, lines in enumerate(sheets):
        lines[-1] = Line(foot.format(number + 1), y=40 + 50 * number)
    found = bodies(read(*sheets))
    assert [body.count("\n") for body in found] == 6 * [2]


@pytest.mark.parametrize("head", ["Annual report 2024 | {}", "{} Annual report", "Report, page {}"])
def test_a_head_with_the_page_number_is_one_head(head: str) -> None:
    found = bodies(read(*chapters(head)))
    assert [body.count("eport") for body in found] == [1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    "head", ["Invoice no. {}", "Employee number: {}", "Auftrag Nr. {}", "Beleg # {}"]
)
def test_numbers_with_a_label_are_data_though_they_grow_as_pages_do(head: str) -> None:
    found = bodies(read(*chapters(head)))
    assert all(head.format(number) in body for number, body in enumerate(found, 1))


def test_a_head_on_half_of_the_pages_is_kept() -> None:
    sheets = chapters()
    for lines in sheets[::2]:
        del lines[0]
    assert sum(HEAD in body for body in bodies(read(*sheets))) == 3


def test_a_line_at_changing_heights_is_text() -> None:
    sheets = [
        [Line("The seal must be replaced.", y=800 - 30 * number), *lines[1:]]
        for number, lines in enumerate(chapters())
    ]
    assert all("The seal must be replaced." in body for body in bodies(read(*sheets)))


def test_a_series_of_forms_keeps_every_line() -> None:
    """Such as payslips; also a number that happens to grow by one with each page is data there."""
    pay = [(10452, "4,310.55"), (10517, "5,120.00"), (10633, "3,980.40"), (10748, "6,015.25")]
    forms: list[list[str | Line]] = [
        ["Payslip March 2026", f"Sheet {at}", f"Employee no. {number}", f"Gross pay {gross} EUR"]
        for at, (number, gross) in enumerate(pay, 301)
    ]
    document = read(*forms)
    assert bodies(document) == ["\n".join(map(str, lines)) for lines in forms]
    assert document.warnings == ()


def test_the_head_of_a_table_that_goes_on_is_kept_on_each_page() -> None:
    sheets: list[list[str | Line]] = [
        ["Kranzmoor savings bank", "Day Purpose Amount Balance", *rows, f"End of {month}"]
        for month, rows in ROWS.items()
    ]
    found = bodies(read(*sheets))
    assert all("Day Purpose Amount Balance" in body for body in found)
    assert all(row in body for rows, body in zip(ROWS.values(), found, strict=True) for row in rows)


def test_totals_at_the_foot_are_data() -> None:
    sheets = chapters("", "{0}17.20 {0}31.90")
    assert [body.splitlines()[-1] for body in bodies(read(*sheets))] == [
        f"{number}17.20 {number}31.90" for number in range(1, 7)
    ]


def test_several_running_heads_are_named_in_one_warning() -> None:
    sheets = [[Line("Kranzmoor waterworks", y=815), *lines] for lines in chapters()]
    (warning,) = read(*sheets).warnings
    assert warning == (
        f'running heads are indexed once each: "Kranzmoor waterworks" (6 pages), "{HEAD}" (6 pages)'
    )
