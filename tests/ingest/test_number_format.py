"""Number formats: what a cell shows (ECMA-376 part 1, 18.8.31)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit_ingest.readers.number_format import (
    BUILT_IN_FORMATS,
    compile_format,
    compile_text_format,
    format_general,
)

_ACCOUNTING = '_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)'


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("0.0%", 0.175, "17.5%"),
        ("0%", -0.031, "-3%"),
        ("+0.0%;-0.0%;0.0%", 0.031, "+3.1%"),
        ('#,##0 "€"', 25000, "25,000 €"),
        ("[$€-407] #,##0.00", -5.5, "-€ 5.50"),
        ("#,##0.00\\ [$kr-414]", 12, "12.00 kr"),
        (_ACCOUNTING, 1234.5, "$1,234.50"),
        (_ACCOUNTING, -1234.5, "$(1,234.50)"),
        (_ACCOUNTING, 0, "$-"),
        ("#,##0.00;[Red](#,##0.00)", -12, "(12.00)"),
        ("00000000", 815, "00000815"),
        ("000-000-0000", 5551234567, "555-123-4567"),
        ("0.00", 0.125, "0.13"),  # away from zero, as 0.125 is shown, not as it is stored
        ("0.00", 1.005, "1.01"),
        ("0.0##", 1.5, "1.5"),
        ("#.##", 0.5, ".5"),
        ("# ##0", 12345, "12 345"),
        ("##\\,##\\,##0", 1234567, "12,34,567"),
        ("#,##0,", 1234567, "1,235"),
        ('0.0,,"M"', 1234567, "1.2M"),
        ('0.00" kg"', 7.25, "7.25 kg"),
        ('"NOK" 0.00', 7.25, "NOK 7.25"),
        ('General" pcs"', 12.5, "12.5 pcs"),
        ("0.00E+00", 12345, "1.23E+04"),
        ("0.00E+00", 9.999, "1.00E+01"),
        ("0.00E-00", 0.00012345, "1.23E-04"),
        ("##0.0E+0", 12345, "12.3E+3"),
        ("# ?/?", 2.5, "2 1/2"),
        ("# ??/??", 3.14159, "3 14/99"),
        ("?/?", 2.5, "5/2"),
        ("# ?/8", 2.5, "2 4/8"),
        (";;;", 5, ""),
        ("0;-0;;@", 0, ""),
        ("0;-0;;@", -4, "-4"),
        ('[<1000]0;[>=1000]0.0,"k"', 1500, "1.5k"),
        ('[=1]"yes";[=0]"no";General', 0, "no"),
        ('[=1]"yes";[=0]"no";General', 7.5, "7.5"),
        ("@", 12.5, "12.5"),
        ("0", 1e20, "100000000000000000000"),
    ],
)
def test_numbers_are_shown_by_their_format(code: str, value: float, shown: str) -> None:
    assert compile_format(code)(value).strip() == shown


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("yyyy-mm-dd", 45000, "2023-03-15"),
        ("d/m/yy", 45000, "2023-03-15"),
        ("[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", 45000, "2023-03-15"),
        ('yyyy"年"m"月"d"日"', 45000, "2023-03-15"),
        ("dd.mm.yyyy hh:mm", 45000.75, "2023-03-15 18:00"),
        ("m/d/yyyy h:mm:ss", 45000.750011574, "2023-03-15 18:00:01"),
        ("mmm yyyy", 45000, "Mar 2023"),
        ("mmmm\\-yy", 45000, "March-23"),
        ("dd.mm.", 45000, "15.03."),
        ("dddd", 45000, "Wednesday"),
        ("yyyy", 45000, "2023"),
        ("h:mm", 0.75, "18:00"),
        ("h:mm AM/PM", 0.75, "6:00 PM"),
        ("h:mm AM/PM", 0.02, "12:28 AM"),
        ("mm:ss.0", 0.001, "01:26.4"),
        ("[h]:mm", 1.3125, "31:30"),
        ("[h]:mm", 0.99999999, "24:00"),
        ("[h]:mm", -0.5, "-12:00"),
        ("[mm]:ss", 0.1, "144:00"),
        ("yyyy-mm-dd", 60, "1900-02-29"),  # a day of the 1900 system only
        ("yyyy-mm-dd", 59, "1900-02-28"),
        ("yyyy-mm-dd", -3, "-3"),
    ],
)
def test_dates_and_durations_are_shown_by_their_format(code: str, value: float, shown: str) -> None:
    assert compile_format(code)(value) == shown


def test_dates_of_the_1904_system_are_four_years_later() -> None:
    assert compile_format("yyyy-mm-dd", 1462)(43538) == "2023-03-15"
    assert compile_format("[h]:mm", 1462)(1.3125) == "31:30"


def test_texts_are_shown_by_the_last_section() -> None:
    assert compile_text_format('@" (net)"')("price") == "price (net)"
    assert compile_text_format("0;0;0;")("price") == ""
    assert compile_text_format("0.00")("price") == "price"
    assert compile_text_format(BUILT_IN_FORMATS[44])("price").strip() == "price"


def test_numbers_without_a_format_keep_15_digits() -> None:
    assert [format_general(value) for value in (3, 0.1 + 0.2, 1e20)] == ["3", "0.3", "1E+20"]


@given(st.text('0#?.,%/E+-eymdhsag"\\[]<>=;@*_ $', max_size=12), st.floats(-1e12, 1e12))
def test_any_code_shows_something(code: str, value: float) -> None:
    assert isinstance(compile_format(code)(value), str)
    assert isinstance(compile_text_format(code)("a"), str)
