"""JSON values of a schema, filled from one sentence: what the double writes where one is asked for.

Known are the parts that the usual schemas use: types and unions of them, properties, items, enum,
const, limits of numbers and lengths, and `$ref` within the schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

_DEEPEST = 6  # levels, after which a schema that contains itself is filled no further
_ALONE = re.compile(r"(?<![\w.-])-?\d+(?:\.\d+)?(?![\w-])")  # 84, but neither VX-4420 nor 15th
_ANY = re.compile(r"\d+(?:\.\d+)?")
_DENIAL = re.compile(r"\b(?:not?|never|none)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """The sentence that fits a question best, and the number of its passage; "" and 0 if none."""

    question: str
    sentence: str = ""
    number: int = 0


def filled(schema: Schema, found: Found) -> Any:
    """A value of the schema."""
    return _Filling(schema, found).value(schema)


def mistaken(value: Any) -> Any:
    """The value with other types than its schema asks for."""
    return {key: [each] for key, each in value.items()} if isinstance(value, dict) else {"x": value}


def unresolved(schema: Schema) -> str:
    """The first `$ref` that leads nowhere, "" if all are fine."""
    for target in _refs(schema):
        try:
            _target(schema, target)
        except (KeyError, TypeError):
            return target
    return ""


def _refs(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from _refs(each)


def _target(schema: Schema, ref: str) -> Schema:
    """What a pointer like "#/$defs/Price" leads to."""
    part = schema
    for key in ref.removeprefix("#").split("/")[1:]:
        part = part[key.replace("~1", "/").replace("~0", "~")]
    return part


@dataclass(frozen=True, slots=True)
class _Filling:
    root: Schema
    found: Found

    def value(self, schema: Schema, name: str = "", depth: int = 0) -> Any:
        schema = self._plain(schema, depth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._one_of(schema["enum"])
        kind = self._kind(schema)
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        if kind == "boolean":
            said = bool(self.found.sentence)
            return said if name == "found" else said and not _DENIAL.search(self.found.sentence)
        if kind in ("number", "integer"):
            return self._number(schema, whole=kind == "integer")
        return None if kind == "null" else self.found.sentence[: schema.get("maxLength")]

    def _plain(self, schema: Schema | bool, depth: int) -> Schema:
        """The schema without references, and with one branch of each union."""
        if isinstance(schema, bool):
            return {}
        if "$ref" in schema:
            return self._plain(_target(self.root, schema["$ref"]), depth)
        for union in ("anyOf", "oneOf"):
            if union in schema:
                branches = [self._plain(branch, depth) for branch in schema[union]]
                empty = [branch for branch in branches if branch.get("type") == "null"]
                full = [branch for branch in branches if branch not in empty]
                return (full + empty if self._says_more(depth) else empty + full)[0]
        for part in schema.get("allOf", []):
            schema = {**schema, **self._plain(part, depth)}
        return schema

    def _says_more(self, depth: int) -> bool:
        return bool(self.found.sentence) and depth < _DEEPEST

    def _kind(self, schema: Schema) -> str:
        kind = schema.get("type") or ("object" if "properties" in schema else "string")
        if isinstance(kind, str):
            return kind
        return "null" if "null" in kind and not self.found.sentence else kind[0]

    def _one_of(self, values: list[Any]) -> Any:
        """The first value that the sentence names, else null if it may be, else the first."""
        sentence = self.found.sentence.casefold()
        named = (v for v in values if isinstance(v, str) and v.casefold() in sentence)
        return next(named, None if None in values else values[0])

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        parts = schema.get("properties", {})
        wanted = parts if depth < _DEEPEST else schema.get("required", [])
        return {key: self.value(parts[key], key, depth + 1) for key in wanted if key in parts}

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        items = self._plain(schema.get("items", {}), depth)
        if name == "citations" and items.get("type") == "integer" and self.found.number:
            return [self.found.number]
        if "prefixItems" in schema:
            return [self.value(item, "", depth + 1) for item in schema["prefixItems"]]
        some = self._says_more(depth) and schema.get("maxItems") != 0
        count = max(schema.get("minItems", 0), int(some))
        return [self.value(items, "", depth + 1) for _ in range(count)]

    def _number(self, schema: Schema, *, whole: bool) -> float:
        """The first number of the sentence that the question does not hold."""
        sentence, asked = self.found.sentence, _ANY.findall(self.found.question)
        numbers = _ALONE.findall(sentence) or _ANY.findall(sentence) or ["0"]
        new = [number for number in numbers if number not in asked] or numbers
        value = float(new[0])
        value = min(max(value, schema.get("minimum", value)), schema.get("maximum", value))
        return int(value) if whole or value.is_integer() else value
