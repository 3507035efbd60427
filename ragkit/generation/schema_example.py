"""An example of a question and its answer in JSON, which a model is shown before it writes its own.

Without one, small models write blanks without end, or "not found" beside an answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ragkit.generation.json_schema import AnswerSchema, find_schema_error, resolve_reference
from ragkit.llms.base import Message

_QUESTION = "What does the example say?"
_TEXT, _NUMBER = "example", 1
_MAX_DEPTH = 8  # levels of an example; a schema that refers to itself has no end


def build_example(schema: AnswerSchema) -> list[Message]:
    """Return a question and its answer, in compact JSON with a value of the schema.

    Returns no messages if a simple value does not match the schema.
    """
    value = _build_value(schema.schema, schema, 0)
    if find_schema_error(value, schema):
        return []
    facts = "; ".join(_list_facts(value, "")) or str(value)
    asked = f'Passages:\n\n[1] example.txt\n"""\n{facts}\n"""\n\nQuestion: {_QUESTION}'
    reply = {"found": True, "citations": [1], "answer": value}
    return [
        Message("user", asked),
        Message("assistant", json.dumps(reply, ensure_ascii=False, separators=(",", ":"))),
    ]


def _build_value(node: Any, schema: AnswerSchema, depth: int) -> Any:
    """Return a simple value for a part of the schema, which may not match all of it."""
    if not isinstance(node, dict) or depth > _MAX_DEPTH:
        return None
    if "$ref" in node:
        return _build_value(resolve_reference(node["$ref"], schema.schema), schema, depth + 1)
    for key in ("const", "default"):
        if key in node:
            return node[key]
    if node.get("enum"):
        return node["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if node.get(key):
            return _build_value(node[key][0], schema, depth + 1)
    return _build_typed(node, schema, depth)


def _build_typed(node: dict[str, Any], schema: AnswerSchema, depth: int) -> Any:
    kinds = node.get("type", "object" if "properties" in node else "string")
    kind = kinds[0] if isinstance(kinds, list) and kinds else kinds
    if kind == "object":
        parts = node.get("properties", {})
        return {name: _build_value(part, schema, depth + 1) for name, part in parts.items()}
    if kind == "array":
        count = max(1, node.get("minItems", 1))
        return [_build_value(node.get("items", {"type": "string"}), schema, depth + 1)] * count
    if kind in ("integer", "number"):
        return node.get("minimum", _NUMBER)
    return {"boolean": True, "null": None}.get(kind, _TEXT) if isinstance(kind, str) else None


def _list_facts(value: Any, path: str) -> Iterator[str]:
    """Yield the values of an example as "path: value"."""
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value, 1)
        for key, each in entries:
            yield from _list_facts(each, f"{path} {key}".strip())
    else:
        shown = value if isinstance(value, str) else json.dumps(value)
        yield f"{path}: {shown}" if path else shown
