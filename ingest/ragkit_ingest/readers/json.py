"""JSON and JSON Lines as lines a person can read: "path.to.key: value", and tables of objects."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from ragkit_ingest.model import BlockKind, Document, PageBuilder
from ragkit_ingest.readers.text import read_text
from ragkit_ingest.text.cleaning import one_line
from ragkit_ingest.text.encoding import decode
from ragkit_ingest.text.json_values import parse_json

_DEPTH = 20  # levels written out as paths; what lies deeper is written as JSON on one line
_COLUMNS = 40  # an array of objects with more keys is no table


def read_json(data: bytes, source: str) -> Document:
    """Read JSON or JSON Lines. What is neither is read as text, with a warning."""
    text, warnings = decode(data)
    try:
        value = parse_json(text)
    except (ValueError, RecursionError) as exc:
        found = f"not valid JSON ({exc}); read as text"
        plain = read_text(data, source)
        return replace(plain, warnings=(*plain.warnings, found))
    builder = PageBuilder()
    _write(builder, value, "", 0)
    title = value.get("title") if isinstance(value, dict) else None
    title = one_line(title) if isinstance(title, str) else ""
    return Document("json", (builder.build(),), title=title, warnings=warnings)


def _write(builder: PageBuilder, value: Any, path: str, depth: int) -> None:
    if isinstance(value, list) and _is_table(value):
        _write_table(builder, value, path)
        return
    plain, nested = _sorted_out(value, path, depth)
    builder.add(BlockKind.PARAGRAPH, "\n".join(plain))
    for below, inner in nested:
        _write(builder, inner, below, depth + 1)


def _sorted_out(value: Any, path: str, depth: int) -> tuple[list[str], list[tuple[str, Any]]]:
    """The lines that belong to `value` itself, and the (path, value) pairs that need their own."""
    plain: list[str] = []
    nested: list[tuple[str, Any]] = []
    for below, inner in _children(value, path):
        if depth < _DEPTH and _is_nested(inner):
            nested.append((below, inner))
        else:
            plain.append(f"{below}: {_one(inner)}" if below else _one(inner))
    return plain, nested


def _children(value: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"{path}.{key}" if path else str(key), inner) for key, inner in value.items()]
    if isinstance(value, list) and _is_nested(value):
        return [(f"{path}[{number}]", inner) for number, inner in enumerate(value)]
    return [(path, value)]


def _is_nested(value: Any) -> bool:
    """Whether a value needs more than its one line: objects, and arrays that hold any."""
    if isinstance(value, list):
        return any(isinstance(inner, (dict, list)) for inner in value)
    return isinstance(value, dict) and bool(value)


def _is_table(value: list[Any]) -> bool:
    """Whether an array is objects of plain values with few keys, most of them shared."""
    if len(value) < 2 or not all(isinstance(row, dict) and row for row in value):
        return False
    keys = {key for row in value for key in row}
    cells = sum(len(row) for row in value)
    if len(keys) > _COLUMNS or cells < len(keys) * len(value) / 2:
        return False
    return not any(_is_nested(cell) for row in value for cell in row.values())


def _write_table(builder: PageBuilder, rows: list[dict[str, Any]], path: str) -> None:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    header = " | ".join(one_line(key) for key in keys)
    if path:
        builder.add(BlockKind.PARAGRAPH, f"{path}:")
    builder.add(BlockKind.ROW, header)
    for row in rows:
        cells = (one_line(_one(row[key])) if key in row else "" for key in keys)
        builder.add(BlockKind.ROW, " | ".join(cells), header=header)


def _one(value: Any) -> str:
    """A value as text: strings as they are, plain arrays with commas, the rest as JSON."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list) and value and not _is_nested(value):
        return ", ".join(_one(inner) for inner in value)
    return json.dumps(value, ensure_ascii=False)
