"""Numbers are found and compared in any spelling."""

from __future__ import annotations

import pytest

from ragkit.text.dates import find_dates
from ragkit.text.numbers import Number, NumberIndex, find_numbers, find_scales


def supports(text: str, stated: str) -> bool:
    (number,) = find_numbers(stated)
    return NumberIndex(find_numbers(text), find_scales(text)).supports(number)


def test_a_number_is_read_with_its_scale_and_unit() -> None:
    assert find_numbers("about $4.2 million") == [
        Number("$4.2 million", 6, 18, ((4.2, 1),), 1e6, "$", is_approximate=True)
    ]
    assert find_numbers("1.577 km") == [
        Number("1.577 km", 0, 8, ((1.577, 3), (1577.0, 0)), 1, "kilometre")
    ]


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("1,250.50 EUR", "1.250,50 €"),
        ("1250 Euro", "€1,250"),
        ("28 days", "twenty-eight days"),
        ("$4,203,500", "$4.2 million"),
        ("in thousands: 4,203", "$4.203 million"),
        ("12.54 %", "12.5 percent"),
        ("85 °C", "85 degrees Celsius"),
        ("压力为40巴", "40"),
        ("5km", "5 kilometres"),
        ("1,240 people", "about 1,200"),
    ],
)
def test_a_number_supports_another_spelling_of_it(text: str, stated: str) -> None:
    assert supports(text, stated)


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("28 days", "28 weeks"),
        ("85 °C", "85 °F"),
        ("12.5 kg", "12.5 g"),
        ("4.2 million", "4.3 million"),
        ("4.2 million", "4 million"),
        ("1,240", "1,250"),
        ("123456789012", "123456789013"),
    ],
)
def test_another_number_does_not(text: str, stated: str) -> None:
    assert not supports(text, stated)


@pytest.mark.parametrize("text", ["sıx", "5 mıllion", "in mıllions", "9" * 400, "1e999", "Aprıl 5"])
def test_odd_letters_and_huge_numbers_are_no_error(text: str) -> None:
    find_numbers(text), find_scales(text), find_dates(text)
