from __future__ import annotations

import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import Document
from ragkit_ingest.readers.pdf_image import draw_page
from tests.support.pdf_maker import Line, Mark, Sheet, make_pdf

SHOWN = ["The committee met in Kranzmoor", "and went through the list of pumps."]
SECRET = "Severance of 415000 euro"
LINES = [*SHOWN, Line(SECRET, y=600), Line("The case is closed.", y=560)]
WARNING = "22 characters on page 1 cannot be seen and are not searched"


def read(after: str = "", lines: list[Line | str] = LINES, **options: object) -> Document:
    data = make_pdf([Sheet(lines, after=after, **options)])  # type: ignore[arg-type]
    return read_document(data, "a.pdf")


def searched(document: Document) -> str:
    page = document.pages[0]
    return "\n".join(page.text[block.start : block.end] for block in page.blocks)


def over(grey: float, left: float = 60, wide: float = 300) -> str:
    return f"{grey} g {left} 592 {wide} 20 re f"


@pytest.mark.parametrize(
    "after",
    [
        over(0),
        over(1),
        "0 1 1 0 k 60 592 300 20 re f*",
        "q 300 0 0 20 60 592 cm /I0 Do Q",
        f"{over(0)} 1 g BT /F0 9 Tf 65 597 Td (b6) Tj ET",
    ],
    ids=["black", "white", "colour", "picture", "label on the box"],
)
def test_text_below_a_box_is_not_searched_and_reported(after: str) -> None:
    document = read(after)
    assert "415000" not in document.pages[0].text
    assert "The case is closed." in searched(document)
    hidden = len(SECRET.replace(" ", ""))
    assert document.pages[0].hidden >= hidden
    assert document.warnings[0].endswith(" on page 1 cannot be seen and are not searched")


def test_words_of_a_line_that_are_covered_are_left_out() -> None:
    line = [Line("Paid:", y=600), Line("415000", x=110, y=600), Line("euro in March", x=160, y=600)]
    document = read("0 g 106 596 45 14 re f", [*SHOWN, *line])
    assert "Paid: euro in March" in " ".join(searched(document).split())
    assert document.warnings == ("6 characters on page 1 cannot be seen and are not searched",)


@pytest.mark.parametrize(
    "after",
    [
        "0 G 60 592 300 20 re S",
        "0 g 60 576 300 18 re f 0 g 60 620 300 20 re f",
        "0 g 60 590 300 1 re f",
        "0.9 g 300 592 100 20 re f",
    ],
    ids=["frame", "above and below", "underline", "beside"],
)
def test_what_is_near_text_does_not_hide_it(after: str) -> None:
    document = read(after)
    assert SECRET in searched(document)
    assert document.warnings == ()


def test_background_of_a_row_does_not_hide_it() -> None:
    rows = "".join(
        f"0.9 g 60 {y - 4} 400 14 re f 0 g BT /F0 10 Tf 72 {y} Td (Row {y} of pumps) Tj ET "
        for y in range(500, 300, -14)
    )
    document = read(rows)
    assert all(f"Row {y} of pumps" in searched(document) for y in range(500, 300, -14))
    assert document.warnings == ()


def test_box_is_found_on_a_page_of_single_letters() -> None:
    letters = [
        Line(char, x=72 + 7 * at, y=500 - 14 * row)
        for row in range(6)
        for at, char in enumerate("It weighs 7350 kilograms")
    ]
    document = read("0 g 60 494 300 14 re f", [*SHOWN, *letters])
    text = searched(document).replace(" ", "")
    assert text.count("Itweighs7350kilograms") == 5


def test_text_in_a_form_below_a_box_in_a_form_is_left_out() -> None:
    secret = f"BT /F0 11 Tf 0 0 Td ({SECRET}) Tj ET 0 g -5 -4 300 20 re f"
    document = read(lines=SHOWN, form=(secret, "1 0 0 1 72 600"))
    assert "415000" not in document.pages[0].text
    shown = f"0.9 g -5 -4 300 20 re f 0 g BT /F0 11 Tf 0 0 Td ({SECRET}) Tj ET"
    document = read(lines=SHOWN, form=(shown, "1 0 0 1 72 600"))
    assert SECRET in searched(document)


INVISIBLE = f"BT 3 Tr /F0 11 Tf 72 600 Td ({SECRET}) Tj ET"


def test_invisible_text_is_left_out_unless_it_is_that_of_a_scan() -> None:
    document = read(INVISIBLE, SHOWN)
    assert searched(document).split() == " ".join(SHOWN).split()
    assert document.pages[0].hidden == len(SECRET)
    scan = "q 595 0 0 842 0 0 cm /I0 Do Q "
    assert SECRET in searched(read(scan + INVISIBLE, []))
    assert SECRET in searched(read(INVISIBLE + scan, []))
    half = "q 595 0 0 300 0 450 cm /I0 Do Q "
    assert SECRET in searched(read(half + INVISIBLE, []))


def test_text_below_a_scan_of_it_is_that_of_the_scan() -> None:
    scan = "q 595 0 0 842 0 0 cm /I0 Do Q"
    document = read(scan, [*SHOWN * 5, SECRET])
    assert SECRET in searched(document)
    assert document.warnings == ()


LAYERS = {
    "off": ("<</Type/OCG/Name(Internal)>>", "/D<</OFF[{0} 0 R]>>", False),
    "on": ("<</Type/OCG/Name(Internal)>>", "/D<</ON[{0} 0 R]>>", True),
    "off by default": ("<</Type/OCG/Name(Internal)>>", "/D<</BaseState/OFF>>", False),
}


@pytest.mark.parametrize(("layer", "state", "is_shown"), LAYERS.values(), ids=LAYERS)
def test_layer_is_searched_if_it_is_shown(layer: str, state: str, is_shown: bool) -> None:
    content = f"/OC /L0 BDC BT /F0 11 Tf 72 600 Td ({SECRET}) Tj ET EMC"
    data = make_pdf([Sheet(SHOWN, after=content)], layer=(layer, state))
    document = read_document(data, "a.pdf")
    assert (SECRET in searched(document)) is is_shown
    assert bool(document.warnings) is not is_shown
    assert SHOWN[0] in searched(document)


def test_marks_and_pictures_do_not_change_what_is_hidden() -> None:
    data = make_pdf(
        [Sheet(LINES, after=over(0), marks=[Mark("Text", (400, 590, 420, 610), "/Contents(Why?)")])]
    )
    text = read_document(data, "a.pdf").pages[0].text
    for quote in ("The case is closed.", "Why?", SHOWN[0]):
        at = text.index(quote)
        assert len(draw_page(data, 0, at, at + len(quote), quote, 400).boxes) == 1


@pytest.mark.parametrize("rotate", [90, 180, 270])
def test_covered_text_is_found_on_turned_pages(rotate: int) -> None:
    document = read(over(0), rotate=rotate, crop=(20, 100, 560, 800))
    assert "415000" not in document.pages[0].text
    assert "The case is closed." in searched(document)


def test_white_tiny_and_outer_lines_are_in_no_block() -> None:
    for line in (
        Line(SECRET, grey=1, y=600),
        Line(SECRET, size=0.5, y=600),
        Line(SECRET, y=-200),
        Line(SECRET, x=2000),
    ):
        assert "415000" not in searched(read(lines=[*SHOWN, line]))
