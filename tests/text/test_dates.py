"""Dates are found and compared in any spelling."""

from __future__ import annotations

import pytest

from ragkit.text.dates import DateIndex, find_dates


@pytest.mark.parametrize(
    ("text", "stated", "holds"),
    [
        ("on 5 May 2021", "2021-05-05", True),
        ("on 5 May 2021", "May 5th, 2021", True),
        ("on 5 May 2021", "May 2021", True),
        ("In 2021 it was built on 5 May.", "5 May 2021", True),
        ("am 1. Oktober 2023", "01.10.2023", True),
        ("03/04/2024", "4 March 2024", True),
        ("03/04/2024", "3 April 2024", True),
        ("on 5 May 2021", "6 May 2021", False),
        ("on 5 May 2021", "5 May 2022", False),
        ("in May 2021", "5 May 2021", False),
    ],
)
def test_dates_are_compared_by_what_they_say(text: str, stated: str, holds: bool) -> None:
    (date,) = find_dates(stated)
    assert DateIndex(text).supports(date) is holds


def test_impossible_dates_are_none() -> None:
    assert find_dates("99/99/9999, 00.00.2020, 2020-13-01, 32 May") == []
