"""JSON schemas of answers: parsed, extended to the schema of a reply, and used to validate it.

References must stay inside the schema, so nothing is fetched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from ragkit.errors import SchemaError
from ragkit.llms.transport import to_one_line
from ragkit.text.sanitize import sanitize

_VALUE_KEYS = ("enum", "const", "default", "examples")  # have values, not schemas
_NAMED_KEYS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_TYPE_KEYS = ("type", "properties", "items", "prefixItems", "enum", "const", "anyOf", "oneOf",
              "allOf", "$ref")  # fmt: skip
# Engines look definitions up by path, and older ones name grammar rules by its last part alone.
_ANSWER_PATH = "#/$defs/answer-schema"
_MAX_DEPTH = 64  # levels of a value


@dataclass(frozen=True, slots=True)
class AnswerSchema:
    """The JSON schema of an answer's data.

    `strings` are those of the schema itself: names of properties, and values to choose from.
    `convert` turns a valid JSON value into what the caller wants.
    """

    schema: dict[str, Any]
    strings: frozenset[str]
    convert: Callable[[Any], Any]

    @property
    def text(self) -> str:
        """The schema as JSON."""
        return json.dumps(self.schema, ensure_ascii=False, separators=(",", ":"))


def parse_schema(given: Mapping[str, Any] | type[Any]) -> AnswerSchema:
    """Parse a JSON schema: a mapping, or a class with model_json_schema and model_validate.

    Raises SchemaError if it is not a JSON schema, or refers to a place outside of itself.
    """
    if isinstance(given, Mapping):
        return _parse(dict(given), lambda value: value)
    if hasattr(given, "model_json_schema") and hasattr(given, "model_validate"):
        return _parse(given.model_json_schema(), given.model_validate)
    raise SchemaError(
        f"{given!r} is not a schema; pass a JSON schema as a mapping, or a class with "
        "model_json_schema and model_validate, such as a pydantic model"
    )


def build_reply_schema(schema: AnswerSchema, passages: int) -> dict[str, Any]:
    """Return the schema of a whole reply: `found`, `citations` and the `answer`.

    `found` comes first, so that a model that found nothing writes null after it. The references
    of the answer's schema are moved to its place in the reply's schema.
    """
    inner = json.loads(schema.text)
    for node in _nodes(inner):
        if isinstance(node.get("$ref"), str):
            node["$ref"] = _ANSWER_PATH + node["$ref"].removeprefix("#")
    numbers = {"type": "integer", "minimum": 1, "maximum": passages}
    properties = {
        "found": {"type": "boolean"},
        "citations": {"type": "array", "items": numbers, "maxItems": passages},
        "answer": {"anyOf": [{"$ref": _ANSWER_PATH}, {"type": "null"}]},
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        "$defs": {_ANSWER_PATH.rpartition("/")[2]: inner},
    }


def sanitize_value(value: Any, schema: AnswerSchema, depth: int = 0) -> Any:
    """Sanitize all strings and keys of a model's value, except those of the schema.

    The schema's strings are the caller's, and the model only chose among them. Raises ValueError
    for a value that is nested too deeply.
    """
    if depth > _MAX_DEPTH:
        raise ValueError(f"it is nested deeper than {_MAX_DEPTH} levels")
    if isinstance(value, str):
        return value if value in schema.strings else sanitize(value)
    if isinstance(value, list):
        return [sanitize_value(each, schema, depth + 1) for each in value]
    if isinstance(value, dict):
        return {
            sanitize_value(key, schema): sanitize_value(each, schema, depth + 1)
            for key, each in value.items()
        }
    return value


def find_schema_error(value: Any, schema: AnswerSchema) -> str:
    """Return where a value breaks the schema and how, or "" if it is valid.

    For example "$.price: 'x' is not of type 'number'".
    """
    from jsonschema.exceptions import best_match
    from referencing import Registry

    kind = _validator_class(schema.schema)
    registry: Registry[Any] = Registry()  # fetches nothing; the default one would
    validator = kind(schema.schema, registry=registry, format_checker=kind.FORMAT_CHECKER)
    try:
        error = best_match(validator.iter_errors(value))
    except RecursionError:
        return "$: the schema refers to itself without end"
    return f"{error.json_path}: {to_one_line(error.message)}" if error else ""


def _parse(given: object, convert: Callable[[Any], Any]) -> AnswerSchema:
    from jsonschema.exceptions import SchemaError as InvalidSchema

    try:
        schema = json.loads(json.dumps(given, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise SchemaError(f"the schema cannot be written as JSON: {error}") from error
    if not (isinstance(schema, dict) and any(key in schema for key in _TYPE_KEYS)):
        raise SchemaError(
            "the schema does not describe the answer; expected a key such as type; write it like "
            '{"type": "object", "properties": {"price": {"type": "number"}}}'
        )
    try:
        _validator_class(schema).check_schema(schema)
    except InvalidSchema as error:
        raise SchemaError(
            f"not a valid JSON schema at {error.json_path}: {to_one_line(error.message)}"
        ) from error
    schema.pop("$id", None)  # references are relative to it, but all stay inside
    for node in _nodes(schema):
        _check_references(node, schema)
    strings = frozenset(text for node in _nodes(schema) for text in _find_strings(node))
    return AnswerSchema(schema, strings, convert)


def _validator_class(schema: dict[str, Any]) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for

    return validator_for(schema, default=Draft202012Validator)


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield the schema and all schemas in it."""
    if isinstance(schema, list):
        for each in schema:
            yield from _nodes(each)
    if not isinstance(schema, dict):
        return
    yield schema
    for key, value in schema.items():
        if key in _NAMED_KEYS and isinstance(value, dict):
            yield from _nodes(list(value.values()))
        elif key not in _VALUE_KEYS:
            yield from _nodes(value)


def _check_references(node: dict[str, Any], schema: dict[str, Any]) -> None:
    for key in ("$dynamicRef", "$recursiveRef", "$id", "id"):
        if isinstance(node.get(key), str):
            raise SchemaError(f"the schema uses {key} ({node[key]}); refer to its parts with $ref")
    ref = node.get("$ref")
    if isinstance(ref, str) and resolve_reference(ref, schema) is None:
        raise SchemaError(
            f"the schema refers to {ref}, which is not in it; references begin with #/, and "
            "nothing is fetched"
        )


def resolve_reference(ref: str, schema: dict[str, Any]) -> Any:
    """Return the part of a schema that a reference such as "#/$defs/Price" points to, or None."""
    part: Any = schema
    if ref != "#" and not ref.startswith("#/"):
        return None
    for step in unquote(ref).split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(part, list) and key.isdecimal() and int(key) < len(part):
            part = part[int(key)]
        elif isinstance(part, dict) and key in part:
            part = part[key]
        else:
            return None
    return part if isinstance(part, dict | bool) else None


def _find_strings(node: dict[str, Any]) -> Iterator[str]:
    """Yield the names of properties, and the values to choose from."""
    properties = node.get("properties")
    if isinstance(properties, dict):
        yield from properties
    yield from _strings([node.get("enum"), node.get("const")])


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, dict):
        yield from _strings([*value, *value.values()])
