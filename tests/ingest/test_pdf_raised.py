"""Raised digits on PDF pages, which are not digits of the number before them."""

from __future__ import annotations

import pytest

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.readers.pdf_image import draw_page
from tests.support.pdf_maker import Line, Sheet, make_pdf

DIGIT = 0.556  # of the size: the width of Helvetica's digits
ABOVE = Line("The rates of the table hold for each worker.", y=740)


def write(before: str, mark: str, after: str, rise: float = 4, size: float = 6.5) -> list[Line]:
    """A line that begins with a number, then a mark in another type, then other words."""
    x = 72 + 11 * sum(0.278 if sign in ",." else DIGIT for sign in before)
    parts = [Line(before, y=700), Line(mark, size=size, x=x, y=700 + rise)]
    return [ABOVE, *parts, Line(after, x=x + size * DIGIT * len(mark) + 3, y=700)]


def read(lines: list[Line]) -> str:
    return read_document(make_pdf([Sheet(lines)]), "a.pdf").pages[0].text.splitlines()[-1]


@pytest.mark.parametrize(
    ("before", "mark", "expected"),
    [
        ("30", "2", "30² days"),
        ("1,200", "3", "1,200³ days"),
        ("12.5", "1", "12.5¹ days"),
        ("2024", "12", "2024¹² days"),
        ("10", "-6", "10⁻⁶ days"),
    ],
)
def test_a_raised_digit_is_not_part_of_the_number(before: str, mark: str, expected: str) -> None:
    assert read(write(before, mark, "days")) == expected


@pytest.mark.parametrize(("rise", "size"), [(0, 11), (0, 6.5), (-3, 6.5), (1, 11)])
def test_other_digits_are_part_of_it(rise: float, size: float) -> None:
    assert read(write("30", "2", "days", rise, size)) == "302 days"


def test_marks_in_brackets_and_raised_letters_stay_as_they_are() -> None:
    assert read(write("30", "(2)", "days")) == "30(2) days"
    assert read(write("15", "th", "day of leave")) == "15th day of leave"


def test_a_raised_digit_is_highlighted_with_its_number() -> None:
    data = make_pdf([Sheet(write("30", "2", "days"))])
    text = read_document(data, "a.pdf").pages[0].text
    start = text.index("30²")
    (number,) = draw_page(data, 0, start, start + 2, "30", 1190).boxes
    (both,) = draw_page(data, 0, start, start + 3, "30²", 1190).boxes
    assert number.right < both.right < number.right + 6.5 / 595


@pytest.mark.parametrize(("matrix", "way"), [("0 1 -1 0", 1), ("0 -1 1 0", -1)])
def test_raised_digits_of_turned_type_are_found(matrix: str, way: int) -> None:
    parts = [("30", 11, 0, 0), ("2", 6.5, 4, 22 * DIGIT), ("days", 11, 0, 22 * DIGIT + 7)]
    lines = [
        Line(text, size=size, x=300 - way * rise, y=400 + way * along, matrix=matrix)
        for text, size, rise, along in parts
    ]
    assert read(lines) == "30² days"
