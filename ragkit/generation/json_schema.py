"""JSON schemas of answers: looked at, put into what a server is sent, and held against what comes.

References stay inside the schema, so nothing is ever fetched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from ragkit.errors import SchemaError
from ragkit.llms.transport import one_line
from ragkit.text.sanitize import sanitize

_LITERAL = ("enum", "const", "default", "examples")  # hold values and not schemas
_BY_NAME = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_SHAPES = ("type", "properties", "items", "prefixItems", "enum", "const", "anyOf", "oneOf",
           "allOf", "$ref")  # fmt: skip
# Engines look definitions up by path, and older ones name grammar rules by its last part alone.
_HOME = "#/$defs/answer-schema"
_DEEPEST = 64  # levels of a value


@dataclass(frozen=True, slots=True)
class AnswerSchema:
    """What an answer's data is to be.

    `own` are the strings that stand in the schema itself: names of properties, and values to
    choose from. `made` turns a valid JSON value into what the caller wants.
    """

    schema: dict[str, Any]
    own: frozenset[str]
    made: Callable[[Any], Any]

    @property
    def text(self) -> str:
        return json.dumps(self.schema, ensure_ascii=False, separators=(",", ":"))


def parse_schema(given: Mapping[str, Any] | type[Any]) -> AnswerSchema:
    """A schema from a mapping, or from a class that has model_json_schema and model_validate.

    Raises SchemaError for what is no JSON schema, or refers to another place.
    """
    if isinstance(given, Mapping):
        return _looked_at(dict(given), lambda value: value)
    if hasattr(given, "model_json_schema") and hasattr(given, "model_validate"):
        return _looked_at(given.model_json_schema(), given.model_validate)
    raise SchemaError(
        f"{given!r} is no schema; give a JSON schema as a mapping, or a class with "
        "model_json_schema and model_validate, such as a pydantic model"
    )


def build_reply_schema(schema: AnswerSchema, passages: int) -> dict[str, Any]:
    """The schema of a whole reply: whether there is an answer, which passages hold it, and it.

    `found` comes first, so that a model which found nothing may write null. The references of
    the schema lead to its new place.
    """
    inner = json.loads(schema.text)
    for node in _nodes(inner):
        if isinstance(node.get("$ref"), str):
            node["$ref"] = _HOME + node["$ref"].removeprefix("#")
    numbers = {"type": "integer", "minimum": 1, "maximum": passages}
    properties = {
        "found": {"type": "boolean"},
        "citations": {"type": "array", "items": numbers, "maxItems": passages},
        "answer": {"anyOf": [{"$ref": _HOME}, {"type": "null"}]},
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        "$defs": {_HOME.rpartition("/")[2]: inner},
    }


def cleaned(value: Any, schema: AnswerSchema, depth: int = 0) -> Any:
    """A model's value with every string and key made inert, but for the schema's own.

    Those are the caller's words, of which the model only chose one. Raises ValueError for a value
    that is nested too deeply.
    """
    if depth > _DEEPEST:
        raise ValueError(f"it is nested deeper than {_DEEPEST} levels")
    if isinstance(value, str):
        return value if value in schema.own else sanitize(value)
    if isinstance(value, list):
        return [cleaned(each, schema, depth + 1) for each in value]
    if isinstance(value, dict):
        return {
            cleaned(key, schema): cleaned(each, schema, depth + 1) for key, each in value.items()
        }
    return value


def find_schema_error(value: Any, schema: AnswerSchema) -> str:
    """Where a value breaks the schema and how, such as "$.price: 'x' is not of type 'number'"."""
    from jsonschema.exceptions import best_match
    from referencing import Registry

    kind = _validator_class(schema.schema)
    registry: Registry[Any] = Registry()  # one that fetches nothing, as the default would
    validator = kind(schema.schema, registry=registry, format_checker=kind.FORMAT_CHECKER)
    try:
        error = best_match(validator.iter_errors(value))
    except RecursionError:
        return "$: the schema refers to itself without end"
    return f"{error.json_path}: {one_line(error.message)}" if error else ""


def _looked_at(given: object, made: Callable[[Any], Any]) -> AnswerSchema:
    from jsonschema.exceptions import SchemaError as Misshapen

    try:
        schema = json.loads(json.dumps(given, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise SchemaError(f"the schema cannot be written as JSON: {error}") from error
    if not (isinstance(schema, dict) and any(key in schema for key in _SHAPES)):
        raise SchemaError(
            "the schema does not say what the answer is; write it like "
            '{"type": "object", "properties": {"price": {"type": "number"}}}'
        )
    try:
        _validator_class(schema).check_schema(schema)
    except Misshapen as error:
        raise SchemaError(
            f"the schema is no JSON schema at {error.json_path}: {one_line(error.message)}"
        ) from error
    schema.pop("$id", None)  # a base for references, all of which stay inside
    for node in _nodes(schema):
        _check_references(node, schema)
    own = frozenset(text for node in _nodes(schema) for text in _own_strings(node))
    return AnswerSchema(schema, own, made)


def _validator_class(schema: dict[str, Any]) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for

    return validator_for(schema, default=Draft202012Validator)


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """The schema and all schemas in it."""
    if isinstance(schema, list):
        for each in schema:
            yield from _nodes(each)
    if not isinstance(schema, dict):
        return
    yield schema
    for key, value in schema.items():
        if key in _BY_NAME and isinstance(value, dict):
            yield from _nodes(list(value.values()))
        elif key not in _LITERAL:
            yield from _nodes(value)


def _check_references(node: dict[str, Any], schema: dict[str, Any]) -> None:
    for key in ("$dynamicRef", "$recursiveRef", "$id", "id"):
        if isinstance(node.get(key), str):
            raise SchemaError(f"the schema uses {key} ({node[key]}); write it with $ref alone")
    ref = node.get("$ref")
    if isinstance(ref, str) and not _leads_somewhere(ref, schema):
        raise SchemaError(
            f"the schema refers to {ref}, which is not in it; references begin with #/ and "
            "nothing is fetched"
        )


def _leads_somewhere(ref: str, schema: dict[str, Any]) -> bool:
    """Whether a reference is a pointer to a part of the schema, like "#" or "#/$defs/Price"."""
    part: Any = schema
    if ref != "#" and not ref.startswith("#/"):
        return False
    for step in unquote(ref).split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(part, list) and key.isdecimal() and int(key) < len(part):
            part = part[int(key)]
        elif isinstance(part, dict) and key in part:
            part = part[key]
        else:
            return False
    return isinstance(part, dict | bool)


def _own_strings(node: dict[str, Any]) -> Iterator[str]:
    """The names of properties, and what there is to choose from."""
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
