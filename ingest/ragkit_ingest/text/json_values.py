"""JSON values in a text, one for all of it or one per line."""

from __future__ import annotations

import json
from typing import Any


def parse_json(text: str) -> Any:
    """Return the value in `text`, or the list of its lines' values where each line is one.

    Raises ValueError (or RecursionError for thousands of brackets) when it is neither.
    """
    text = text.strip()
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        rows = [line for line in text.split("\n") if line.strip()]
        if len(rows) < 2 or not rows[0].lstrip().startswith(("{", "[")):
            raise
        return [json.loads(row) for row in rows]
