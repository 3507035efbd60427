"""The cells of table rows, and the heads that a PDF has in one text."""

from __future__ import annotations

import pytest

from ragkit.generation.row_cells import split_heads, split_row


@pytest.mark.parametrize(
    ("text", "count", "heads"),
    [
        ("Total 2023 2022", 2, ["Total", "2023", "2022"]),
        ("2023 2022 Change", 3, ["", "2023", "2022", "Change"]),
        ("(in thousands) 2023 2022", 2, ["", "2023", "2022"]),
        ("Years ended December 31, 2023 2022", 2, ["Years ended", "December 31, 2023", "2022"]),
        ("2017 2016 2015 2017 vs. 2016", 2, None),  # which years are shown is not clear
        ("in millions", 2, None),
        ("", 2, None),
    ],
)
def test_heads_in_one_text_are_split_where_that_is_clear(
    text: str, count: int, heads: list[str] | None
) -> None:
    assert split_heads(text, count) == heads


def test_a_row_whose_heads_are_not_clear_keeps_them_in_one() -> None:
    row = split_row("Merchandise inventories 5,140 5,965", ["in millions"])
    assert row is not None
    assert (row.label, row.cells) == (
        ("", "Merchandise inventories"),
        (("in millions", "5,140  5,965"),),
    )
