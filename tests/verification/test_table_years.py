from __future__ import annotations

import pytest

from ragkit.verification.table_years import read_year_columns
from tests.support.checked import check_texts

TABLE = """Consolidated statements (in millions)
Years ended December 31, 2017 2016 2015
Total revenue $ 36,248 $ 36,365 $ 36,055
Net operating income 240 (12) 30
Employees at the end of the year 1,200 1,100
Segments 2017 2016
Total revenue abroad 11 12"""


def by_year(text: str) -> dict[str, dict[int, str]]:
    return {
        line: {year: figure.text.strip("$ ") for year, figure in row.items()}
        for line, row in read_year_columns(text).items()
    }


def test_figures_of_a_row_belong_to_the_years_above_them() -> None:
    assert by_year(TABLE) == {
        "Total revenue $ 36,248 $ 36,365 $ 36,055": {
            2017: "36,248",
            2016: "36,365",
            2015: "36,055",
        },
        "Net operating income 240 (12) 30": {2017: "240", 2016: "12", 2015: "30"},
        "Total revenue abroad 11 12": {2017: "11", 2016: "12"},
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Total revenue 1 2",
        "Between 2015 and 2016 it grew.\nTotal revenue 1 2",
        "2017 2017\nTotal revenue 1 2",
        "2017 2016\nSum 1 2\n2015 2014\nSum 1 2",
        "2017 2016\nTotal revenue 1 2 3",
    ],
    ids=["nothing", "no head", "prose", "one year twice", "two tables", "more figures than years"],
)
def test_what_is_not_certain_is_left_out(text: str) -> None:
    assert by_year(text) == {}


@pytest.mark.parametrize(
    ("said", "reasons"),
    [
        ("Total revenue in 2016 was $36,365 million [1].", ()),
        ("Total revenue rose to 36.2 billion in 2017 [1].", ()),
        (
            "Total revenue in 2016 was $36,248 million [1].",
            ("“$36,248 million” is not under 2016 in [1]",),
        ),
        ("Total revenue was 36,248 in 2017 and 36,365 in 2016 [1].", ()),
    ],
)
def test_number_of_another_years_column_is_told(said: str, reasons: tuple[str, ...]) -> None:
    (statement,) = check_texts(said, [TABLE])
    assert statement.reasons == reasons


LEAVE = """Years of service Days of leave Since edition
up to 4 years 28 5
from the 5th year 30 5
from the 15th year 32 7
It is counted in working days of a five-day week. Revenue rose by 7.5 percent."""
PRICES = "Part | Name | Price\nVX-4410-31 | Seal | 186.40\nVX-4420-31 | Ring | 238.90"


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("From the 15th year of service you get 32 days of leave [1].", "supported"),
        ("From the 15th year of service you get 30 days of leave [1].", "unsupported"),
        ("You get **32** working days [1].", "supported"),
        ("Revenue rose by 7.5 percent [1].", "supported"),
        ("Revenue fell by 7.5 percent [1].", "unsupported"),
        ("VX-4410-31 costs 186.40 EUR [2].", "supported"),
        ("VX-4410-31 costs 238.90 EUR [2].", "unsupported"),
    ],
)
def test_number_has_to_stand_in_the_row_that_is_named(said: str, verdict: str) -> None:
    (statement,) = check_texts(said, [LEAVE, PRICES])
    assert statement.verdict == verdict
