"""Lines of PDF pages that pdfium gives in the wrong order, or letter by letter."""

from __future__ import annotations

import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.readers.pdf_image import draw_page
from tests.support.pdf_maker import Line, Sheet, make_pdf

TEXT = ["The committee met in Kranzmoor.", "It went through the list.", "Pumps had worn seals."]
COLUMNS = ["東京の会社は", "毎年の報告を", "出す。"]  # from right to left


def read(sheet: Sheet) -> str:
    return read_document(make_pdf([sheet]), "a.pdf").pages[0].text


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_lines_of_turned_pages_are_in_order(rotate: int) -> None:
    assert read(Sheet(TEXT, rotate=rotate)).splitlines() == TEXT


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize(
    ("matrix", "step"),
    [("0 1 -1 0", (14, 0)), ("0 -1 1 0", (-14, 0)), ("-1 0 0 -1", (0, 14))],
    ids=["left", "right", "upside down"],
)
def test_turned_lines_are_in_order(matrix: str, step: tuple[int, int], rotate: int) -> None:
    lines = [
        Line(text, x=300 + step[0] * row, y=400 + step[1] * row, matrix=matrix)
        for row, text in enumerate(TEXT)
    ]
    assert read(Sheet(lines, rotate=rotate)).splitlines() == TEXT


@pytest.mark.parametrize("step", [20, -20], ids=["drawn from the left", "drawn from the right"])
def test_vertical_japanese_is_read_from_right_to_left(step: int) -> None:
    lines = [
        Line(sign, size=12, x=500 - 20 * column, y=700 - 13 * row)
        for column, signs in list(enumerate(COLUMNS))[:: -step // 20]
        for row, sign in enumerate(signs)
    ]
    data = make_pdf([Sheet([Line("Report", x=72, y=780), *lines])])
    text = read_document(data, "a.pdf").pages[0].text
    assert text.splitlines() == ["Report", *COLUMNS]
    start = text.index("報告")
    boxes = draw_page(data, 0, start, start + 2, "報告", 1190).boxes
    assert len(boxes) == 2
    assert all(470 < box.left * 595 < box.right * 595 < 500 for box in boxes)


@pytest.mark.parametrize(
    ("spaced", "expected"),
    [
        ("R e p o r t", "Report"),
        ("R E P O R T  O F  2 0 2 4", "REPORT OF 2024"),
        ("J a h r e s b e r i c h t  2 0 2 4", "Jahresbericht 2024"),
    ],
)
def test_spaced_letters_are_words(spaced: str, expected: str) -> None:
    data = make_pdf([Sheet([Line(spaced, size=20), *TEXT])])
    text = read_document(data, "a.pdf").pages[0].text
    assert text.splitlines() == [expected, *TEXT]
    (box,) = draw_page(data, 0, 0, len(expected), expected, 1190).boxes
    assert box.right - box.left > 0.15


@pytest.mark.parametrize(
    "line", ["A B C D E F G", "1 2 3 4 5 6 7", "x x x x x x x", "- - - - - - -"]
)
def test_other_single_signs_stay_apart(line: str) -> None:
    assert read(Sheet([line, *TEXT])).splitlines() == [line, *TEXT]


def test_text_drawn_twice_to_look_bold_is_read_once() -> None:
    lines = [Line("Safety first", x=72 + shift, y=700) for shift in (0, 0.3, 0.6)]
    assert read(Sheet([*lines, Line(TEXT[0], y=650)])).splitlines() == ["Safety first", TEXT[0]]


def test_ligatures_are_letters() -> None:
    assert "office" in read(Sheet(["The o\ufb03ce is o\ufb00ering \ufb01ve \ufb02oors."]))
