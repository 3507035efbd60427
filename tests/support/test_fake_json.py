"""The double's JSON has to be of the schema, or tests of answers in JSON test nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.fake_json import Found, filled, unresolved

FOUND = Found(
    "What does the VX-4420 cost after 15 days?",
    "After 15 days the VX-4420 costs 1280.5 euros, not in Basel.",
    3,
)
NOTHING = Found("What does it cost?")
TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "value", "without"),
    [
        (TEXT, FOUND.sentence, ""),
        ({"type": "string", "maxLength": 5}, "After", ""),
        ({}, FOUND.sentence, ""),
        ({"type": "number"}, 1280.5, 0),
        ({"type": "integer"}, 1280, 0),
        ({"type": "integer", "minimum": 1, "maximum": 9}, 9, 1),
        ({"type": "boolean"}, False, False),
        ({"type": "null"}, None, None),
        ({"const": 7}, 7, 7),
        ({"enum": ["Bern", "basel"]}, "basel", "Bern"),
        ({"enum": ["Bern", None]}, None, None),
        ({"type": ["integer", "null"]}, 1280, None),
        ({"anyOf": [{"type": "null"}, TEXT]}, FOUND.sentence, None),
        ({"allOf": [{"type": "integer"}]}, 1280, 0),
        ({"type": "array", "items": {"type": "integer"}}, [1280], []),
        ({"type": "array", "items": TEXT, "minItems": 2}, [FOUND.sentence] * 2, ["", ""]),
        ({"type": "array", "prefixItems": [{"const": 1}, {"const": 2}]}, [1, 2], [1, 2]),
        ({"type": "array", "items": TEXT, "maxItems": 0}, [], []),
        ({"properties": {"a": TEXT}}, {"a": FOUND.sentence}, {"a": ""}),
        (
            {
                "properties": {
                    "found": {"type": "boolean"},
                    "citations": {"type": "array", "items": {"type": "integer"}},
                }
            },
            {"found": True, "citations": [3]},
            {"found": False, "citations": []},
        ),
        (
            {"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "integer"}}},
            1280,
            0,
        ),
    ],
)
def test_value_is_of_the_schema(schema: dict[str, Any], value: Any, without: Any) -> None:
    assert filled(schema, FOUND) == value
    assert filled(schema, NOTHING) == without


def test_schema_that_contains_itself_ends() -> None:
    node: dict[str, Any] = {
        "type": "object",
        "properties": {
            "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
            "more": {"type": "array", "items": {"$ref": "#"}},
        },
        "required": ["next", "more"],
    }
    value, depth = filled(node, FOUND), 0
    while value:
        value, depth = value["next"], depth + 1
    assert 1 < depth < 10


def test_reference_that_leads_nowhere_is_told() -> None:
    assert unresolved({"$ref": "#/$defs/a", "$defs": {"a": TEXT}}) == ""
    assert unresolved({"anyOf": [TEXT, {"items": {"$ref": "#/$defs/b"}}]}) == "#/$defs/b"
