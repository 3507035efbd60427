"""Tables of merged cells: what each row says, and what names it."""

from __future__ import annotations

import pytest

from ragkit_ingest.model import Block, BlockKind, PageBuilder
from ragkit_ingest.readers.grid import Cell, TableRow, arrange_rows
from ragkit_ingest.readers.table import add_table


def arrange(*rows: list[str | Cell], caption: str = "") -> list[TableRow]:
    cells = [[Cell(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    return arrange_rows(cells, caption=caption)


def head(text: str, columns: int = 1, rows: int = 1) -> Cell:
    return Cell(text, is_head=True, columns=columns, rows=rows)


def test_a_value_merged_downwards_is_in_each_row_it_covers() -> None:
    rows = arrange(
        [head("Plant"), head("Shift"), head("Bonus")],
        [Cell("Tromso", rows=2), "early", "12 %"],
        ["night", "31 %"],
        ["Molde", "night", "24 %"],
    )
    assert [(row.texts, row.label) for row in rows[1:]] == [
        (["Tromso", "early", "12 %"], "Tromso, early"),
        (["Tromso", "night", "31 %"], "Tromso, night"),
        (["Molde", "night", "24 %"], "Molde, night"),
    ]
    assert {row.columns for row in rows[1:]} == {("Plant", "Shift", "Bonus")}


def test_several_head_rows_are_joined_for_each_column() -> None:
    rows = arrange(
        [Cell("Region", rows=2), Cell("2024", columns=2), Cell("2025", columns=2)],
        ["Q1", "Q2", "Q1", "Q2"],
        ["Oslo", "5", "6", "7", "8"],
    )
    assert rows[0].texts == ["Region", "2024", "2024", "2025", "2025"]
    assert rows[2].columns == ("Region", "2024 Q1", "2024 Q2", "2025 Q1", "2025 Q2")
    assert rows[2].label == "Oslo"


def test_heads_with_gaps_are_above_the_columns_to_their_right() -> None:
    rows = arrange(["", "2024", "", "2025"], ["", "Q1", "Q2", "Q1"], ["Oslo", "5", "6", "7"])
    assert rows[2].columns == ("", "2024 Q1", "2024 Q2", "2025 Q1")


def test_years_and_an_empty_corner_head_columns_of_values() -> None:
    rows = arrange(["", "2021", "2022"], ["Alta", "343", "706"], ["Bodo", "478", "718"])
    assert [row.columns for row in rows] == [(), ("", "2021", "2022"), ("", "2021", "2022")]


def test_years_that_go_on_head_values_that_look_like_years() -> None:
    rows = arrange(["Region", "2023", "2024"], ["Oslo", "1950", "2010"], ["Bergen", "1980", "1975"])
    assert rows[2].columns == ("Region", "2023", "2024")


def test_a_number_at_the_left_is_no_name() -> None:
    rows = arrange(["No.", "Part", "Price"], ["1", "Bolt", "5.20"], ["2", "Nut", "1.10"])
    assert [row.label for row in rows] == ["", "Bolt", "Nut"]


def test_values_head_nothing() -> None:
    for first in (["Bolt", "12"], ["1998", "2003"], ["Anna", "2003"]):
        below = [["Nut", "14"], ["Cap", "15"]] if first[0] == "Bolt" else [["1999", "2004"]]
        assert not any(row.columns for row in arrange(first, *below))


def test_a_list_of_names_and_values_has_labels_and_no_heads() -> None:
    marked = arrange([head("Load"), "5 t"], [head("Colour"), "red"])
    told = arrange(["Name", "Anna"], ["Born", "12.03.1990"], ["Town", "Oslo"])
    assert [(row.label, row.columns) for row in marked] == [("Load", ()), ("Colour", ())]
    assert [(row.label, row.columns) for row in told] == [("Name", ()), ("Born", ()), ("Town", ())]


def test_a_row_of_one_cell_names_the_rows_below_it() -> None:
    rows = arrange(
        [head("Country"), head("Weeks")],
        [Cell("Europe", columns=2)],
        ["Germany", "4"],
        [Cell("Asia", columns=2)],
        ["Japan", "3"],
        [Cell("Source: the works council", columns=2)],
    )
    assert [row.label for row in rows[:5]] == ["", "", "Europe, Germany", "", "Asia, Japan"]
    assert rows[5] == TableRow(5, ["Source: the works council"])


def test_a_title_row_is_a_caption_and_may_state_the_unit() -> None:
    rows = arrange(
        [Cell("Sales (in thousands of euros)", columns=3)],
        ["Region", "2023", "2024"],
        ["Oslo", "5", "6"],
    )
    assert rows[0].is_caption
    assert (rows[2].label, rows[2].unit) == (
        "Sales (in thousands of euros), Oslo",
        "in thousands of euros",
    )


@pytest.mark.parametrize("unit", ["in kEUR", "in TEUR", "in T€", "in mUSD", "in NOK million"])
def test_a_corner_states_thousands_of_a_currency(unit: str) -> None:
    assert arrange([unit, "2023", "2024"], ["Sales", "5", "6"])[1].unit == unit


def test_a_corner_or_a_row_below_the_heads_states_the_unit() -> None:
    corner = arrange(["in EUR million", "2023", "2024"], ["Sales", "5", "6"])
    row = arrange(["", "2023", "2024"], [Cell("(in thousands)", columns=3)], ["Sales", "5", "6"])
    signs = arrange(["Crane", "Load", "Reach"], ["", "kg", "m"], ["K 7", "500", "12"])
    assert (corner[1].unit, row[2].unit) == ("in EUR million", "in thousands")
    assert signs[2].columns == ("Crane", "Load kg", "Reach m")


def test_columns_that_only_spans_cover_are_none() -> None:
    rows = arrange(
        [Cell("Part", columns=3), Cell("Price", columns=2)],
        [Cell("Bolt", columns=3), Cell("2", columns=2)],
    )
    assert [row.texts for row in rows] == [["Part", "Price"], ["Bolt", "2"]]


def test_a_short_value_merged_sideways_is_in_each_column_it_covers() -> None:
    rows = arrange(
        ["Gate", "Mon", "Tue", "Wed"],
        ["North", Cell("closed", columns=2), "9:00"],
        [Cell("Total", columns=3), "5"],
        ["South", "8:00", "8:00", "9:00"],
    )
    assert [row.texts for row in rows[1:3]] == [
        ["North", "closed", "closed", "9:00"],
        ["Total", "", "", "5"],
    ]


def test_hostile_spans_end_soon() -> None:
    wide = [[Cell("x" * 150, columns=10_000, rows=10_000)] * 3] * 500
    texts = [text for row in arrange_rows(wide) for text in row.texts]
    assert sum(map(len, texts)) < 3_000_000


def test_a_table_on_a_page_has_heads_label_and_unit_in_its_blocks() -> None:
    builder = PageBuilder()
    add_table(builder, [[Cell("Part"), Cell("Price")], [Cell("Bolt"), Cell("2")]], caption="in €")
    page = builder.build()
    assert page.text == "Part | Price\nBolt | 2"
    assert page.blocks[1] == Block(
        BlockKind.ROW, 13, 21, columns=("Part", "Price"), label="in €, Bolt", unit="in €"
    )


def test_long_words_after_a_digit_are_compared_soon() -> None:
    word = "1" + "a" * 2000 + "!" + " " * 2000 + "in " * 500
    assert len(arrange(["x", word], [word, "5"], [word, "6"])) == 3


def test_signs_in_columns_of_their_own_join_their_numbers() -> None:
    rows = arrange(
        ["", head("2023", columns=3), head("2022", columns=3), head("Change", columns=2)],
        ["Sales", "$", "1,200", "", "$", "980", "", "22", "%"],
        ["Loss", "", "(40", ")", "", "—", "", "5", "%"],
    )
    assert [row.texts for row in rows] == [
        ["", "2023", "2022", "Change"],
        ["Sales", "$1,200", "$980", "22%"],
        ["Loss", "(40)", "—", "5%"],
    ]
    assert rows[1].columns == ("", "2023", "2022", "Change")


def test_a_column_of_signs_beside_words_stays() -> None:
    rows = arrange(["Rate", "Unit"], ["VAT", "%"], ["Fee", "€"])
    assert [row.texts for row in rows] == [["Rate", "Unit"], ["VAT", "%"], ["Fee", "€"]]
