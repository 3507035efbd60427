"""JSON and JSON Lines: one page with lines "path.to.key: value", and rows for lists of objects."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from ragkit_ingest.model import BlockKind, Document, PageBuilder
from ragkit_ingest.readers.notebook import is_notebook, read_notebook
from ragkit_ingest.readers.text import read_text
from ragkit_ingest.text.cleaning import one_line
from ragkit_ingest.text.encoded import describe_removed, remove_encoded
from ragkit_ingest.text.encoding import decode
from ragkit_ingest.text.json_values import parse_json

_MAX_DEPTH = 20  # levels written as paths; deeper values are JSON on one line
_MAX_COLUMNS = 40  # keys of a list of objects that is written as a table
# The keys of a message in the exports of chat programs: who wrote it, and what.
_AUTHOR = re.compile(
    r"(?:user|author|from|sender|speaker|role)(?:[._]?(?:real_?)?name)?|username|name"
)
_MESSAGE = re.compile(r"text|message|content|body|msg")


def read_json(data: bytes, source: str) -> Document:
    """Read JSON, JSON Lines or a Jupyter notebook.

    Invalid JSON is read as plain text, with a warning.
    """
    text, warnings = decode(data)
    try:
        value = parse_json(text)
    except (ValueError, RecursionError):
        plain = read_text(data, source)
        return replace(plain, warnings=(*plain.warnings, "not valid JSON; read as text"))
    if is_notebook(value):
        return read_notebook(value)
    writer = _Writer()
    writer.write(value, "", 0)
    title = value.get("title") if isinstance(value, dict) else None
    title = one_line(title) if isinstance(title, str) else ""
    warnings = (*warnings, *describe_removed(writer.removed))
    return Document("json", (writer.builder.build(),), title=title, warnings=warnings)


class _Writer:
    """Writes values as blocks; `removed` counts the encoded data that is left out."""

    def __init__(self) -> None:
        self.builder = PageBuilder()
        self.removed = 0

    def write(self, value: Any, path: str, depth: int) -> None:
        """Write a list of objects as a table, any other value as lines with its path."""
        if isinstance(value, list):
            rows = [_flatten(row) for row in value]
            if _is_table(rows):
                keys = _find_message_keys(rows)
                if keys:
                    self._write_messages(rows, *keys)
                else:
                    self._write_table(rows, path)
                return
        plain: list[str] = []
        nested: list[tuple[str, Any]] = []
        for below, inner in _children(value, path):
            if depth < _MAX_DEPTH and _is_nested(inner):
                nested.append((below, inner))
            elif text := self._format(inner):
                plain.append(f"{below}: {text}" if below else text)
        self.builder.add(BlockKind.PARAGRAPH, "\n".join(plain))
        for below, inner in nested:
            self.write(inner, below, depth + 1)

    def _write_table(self, rows: list[dict[str, Any]], path: str) -> None:
        keys = list(dict.fromkeys(key for row in rows for key in row))
        heads = [one_line(key) for key in keys]
        if path:
            self.builder.add(BlockKind.PARAGRAPH, f"{path}:")
        self.builder.add(BlockKind.ROW, " | ".join(heads))
        for row in rows:
            cells = (one_line(self._format(row[key])) if key in row else "" for key in keys)
            self.builder.add(BlockKind.ROW, " | ".join(cells), columns=heads)

    def _write_messages(self, rows: list[dict[str, Any]], author: str, message: str) -> None:
        """Write the messages of a chat as people show them: "Ida (time: 9:40): Thanks"."""
        for row in rows:
            others = [f"{key}: {self._format(row[key])}" for key in row.keys() - {author, message}]
            name = one_line(self._format(row.get(author, "")))
            about = f" ({', '.join(sorted(others))})" if others else ""
            text = self._format(row.get(message, ""))
            self.builder.add(BlockKind.PARAGRAPH, f"{name}{about}: {text}".lstrip(": "))

    def _format(self, value: Any) -> str:
        text, removed = remove_encoded(_format_value(value))
        self.removed += removed
        return text


def _flatten(row: Any) -> Any:
    """Return an object with the keys of its inner objects beside its own: "thread.id"."""
    if not isinstance(row, dict) or not any(isinstance(inner, dict) for inner in row.values()):
        return row
    flat: dict[str, Any] = {}
    for key, inner in row.items():
        flat.update(_children(inner, str(key)) if isinstance(inner, dict) else {key: inner})
    return flat


def _find_message_keys(rows: list[dict[str, Any]]) -> tuple[str, str] | None:
    """Return the keys of author and text if the objects are messages of a chat, else None."""
    keys = [key for key in rows[0] if isinstance(rows[0][key], str)]
    author = next((key for key in keys if _AUTHOR.fullmatch(key.lower())), None)
    message = next((key for key in keys if _MESSAGE.fullmatch(key.lower())), None)
    if author is None or message is None:
        return None
    filled = sum(bool(row.get(author) and row.get(message)) for row in rows)
    return (author, message) if filled > len(rows) / 2 else None


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


def _format_value(value: Any) -> str:
    """Return a value as text: strings as they are, plain arrays with commas, others as JSON."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list) and value and not _is_nested(value):
        return ", ".join(_format_value(inner) for inner in value)
    return json.dumps(value, ensure_ascii=False)
