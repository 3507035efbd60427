"""Rows become records by the names of their fields."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ragkit.errors import StoreDamaged
from ragkit.store.rows import RowMapper, batches, check_text, placeholders


@dataclass(frozen=True)
class Point:
    x: int
    y: int
    names: tuple[str, ...]


def test_columns_are_listed_in_the_order_of_the_fields() -> None:
    mapper = RowMapper(Point, names="p.names", y="max(p.y)", x="p.x")
    assert mapper.columns == "p.x, max(p.y), p.names"
    assert mapper((1, 2, ("a",))) == Point(1, 2, ("a",))


def test_values_are_converted_by_the_name_of_their_field() -> None:
    mapper = RowMapper(
        Point, {"names": lambda stored: tuple(stored.split())}, x="x", y="y", names="n"
    )
    assert mapper((1, 2, "a b")) == Point(1, 2, ("a", "b"))


@pytest.mark.parametrize(
    "columns", [{"x": "x", "y": "y"}, {"x": "", "y": "", "names": "", "z": ""}]
)
def test_each_field_needs_a_column_and_each_column_a_field(columns: dict[str, str]) -> None:
    with pytest.raises(TypeError, match="has the fields"):
        RowMapper(Point, **columns)


def test_values_are_bound_in_batches() -> None:
    assert [len(batch) for batch in batches(range(1001))] == [500, 500, 1]
    assert placeholders([1, 2, 3]) == "?,?,?"


def test_a_text_that_lost_its_end_is_an_error() -> None:
    assert check_text("whole") == "whole"
    with pytest.raises(StoreDamaged, match="end of a stored text is missing"):
        check_text("who\0\0")
