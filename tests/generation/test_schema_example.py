from __future__ import annotations

import json
from typing import Any

import pytest

from ragkit.generation.json_schema import find_schema_error, parse_schema
from ragkit.generation.schema_example import build_example

PRICE = {"type": "object", "properties": {"euros": {"type": "number", "minimum": 5}}}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "example"),
        ({"type": ["integer", "null"]}, 1),
        ({"enum": ["red", "blue"]}, "red"),
        ({"const": 4}, 4),
        ({"type": "boolean"}, True),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"$ref": "#/$defs/p", "$defs": {"p": PRICE}}, {"euros": 5}),
        ({"type": "array", "items": PRICE, "minItems": 2}, [{"euros": 5}, {"euros": 5}]),
    ],
)
def test_example_is_compact_json_of_the_schema(schema: dict[str, Any], value: object) -> None:
    parsed = parse_schema(schema)
    asked, answered = build_example(parsed)
    assert (asked.role, answered.role) == ("user", "assistant")
    assert asked.content.endswith("\n\nQuestion: What does the example say?")
    found = json.dumps({"found": True, "citations": [1], "answer": value}, separators=(",", ":"))
    assert answered.content == found
    assert not find_schema_error(value, parsed)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^[A-Z]{3}$"},
        {"$ref": "#"},
        {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]},
        {"type": "array", "items": {"type": "integer"}, "uniqueItems": True, "minItems": 2},
    ],
)
def test_a_schema_without_a_simple_value_has_no_example(schema: dict[str, Any]) -> None:
    assert build_example(parse_schema(schema)) == []
