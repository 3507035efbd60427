"""JSON and JSON Lines: one page with lines "path.to.key: value", and rows for lists of objects."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from ragkit_ingest.model import BlockKind, Document, PageBuilder
from ragkit_ingest.readers.text import read_text
from ragkit_ingest.text.cleaning import one_line
from ragkit_ingest.text.encoding import decode
from ragkit_ingest.text.json_values import parse_json

_MAX_DEPTH = 20  # levels written as paths; deeper values are JSON on one line
_MAX_COLUMNS = 40  # keys of a list of objects that is written as a table


def read_json(data: bytes, source: str) -> Document:
    """Read JSON or JSON Lines. Invalid JSON is read as plain text, with a warning. Never raises."""
    text, warnings = decode(data)
    try:
        value = parse_json(text)
    except (ValueError, RecursionError) as exc:
        found = f"not valid JSON ({exc}); read as text"
        plain = read_text(data, source)
        return replace(plain, warnings=(*plain.warnings, found))
    builder = PageBuilder()
    _write_value(builder, value, "", 0)
    title = value.get("title") if isinstance(value, dict) else None
    title = one_line(title) if isinstance(title, str) else ""
    return Document("json", (builder.build(),), title=title, warnings=warnings)


def _write_value(builder: PageBuilder, value: Any, path: str, depth: int) -> None:
    if isinstance(value, list) and _is_table(value):
        _write_table(builder, value, path)
        return
    plain, nested = _split_nested(value, path, depth)
    builder.add(BlockKind.PARAGRAPH, "\n".join(plain))
    for below, inner in nested:
        _write_value(builder, inner, below, depth + 1)


def _split_nested(value: Any, path: str, depth: int) -> tuple[list[str], list[tuple[str, Any]]]:
    """Return the lines of a value, and the (path, value) pairs that get own paragraphs."""
    plain: list[str] = []
    nested: list[tuple[str, Any]] = []
    for below, inner in _children(value, path):
        if depth < _MAX_DEPTH and _is_nested(inner):
            nested.append((below, inner))
        else:
            plain.append(f"{below}: {_format_value(inner)}" if below else _format_value(inner))
    return plain, nested


def _children(value: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"{path}.{key}" if path else str(key), inner) for key, inner in value.items()]
    if isinstance(value, list) and _is_nested(value):
        return [(f"{path}[{number}]", inner) for number, inner in enumerate(value)]
    return [(path, value)]


def _is_nested(value: Any) -> bool:
    """Return True for a non-empty object, and for an array that holds objects or arrays."""
    if isinstance(value, list):
        return any(isinstance(inner, (dict, list)) for inner in value)
    return isinstance(value, dict) and bool(value)


def _is_table(value: list[Any]) -> bool:
    """Return True for a list of objects with plain values and few, mostly shared keys."""
    if len(value) < 2 or not all(isinstance(row, dict) and row for row in value):
        return False
    keys = {key for row in value for key in row}
    cells = sum(len(row) for row in value)
    if len(keys) > _MAX_COLUMNS or cells < len(keys) * len(value) / 2:
        return False
    return not any(_is_nested(cell) for row in value for cell in row.values())


def _write_table(builder: PageBuilder, rows: list[dict[str, Any]], path: str) -> None:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    heads = [one_line(key) for key in keys]
    if path:
        builder.add(BlockKind.PARAGRAPH, f"{path}:")
    builder.add(BlockKind.ROW, " | ".join(heads))
    for row in rows:
        cells = (one_line(_format_value(row[key])) if key in row else "" for key in keys)
        builder.add(BlockKind.ROW, " | ".join(cells), columns=heads)


def _format_value(value: Any) -> str:
    """Return a value as text: strings as they are, plain arrays with commas, others as JSON."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list) and value and not _is_nested(value):
        return ", ".join(_format_value(inner) for inner in value)
    return json.dumps(value, ensure_ascii=False)
