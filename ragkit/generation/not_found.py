"""How a model says that the passages do not hold the answer."""

from __future__ import annotations

import re

from ragkit.generation.prompts import NOT_FOUND

_DECORATION = re.compile(r"^[\W\d_]+|[\W\d_]+$")  # quotes, stars, a full stop, [1]


def says_not_found(text: str) -> bool:
    """Return True if a text is "NOT IN THE DOCUMENTS", with any marks and citations around it."""
    return _strip(text) == NOT_FOUND


def may_say_not_found(text: str) -> bool:
    """Return True while a text that arrives in pieces may still become that."""
    return NOT_FOUND.startswith(_strip(text))


def _strip(text: str) -> str:
    return _DECORATION.sub("", " ".join(text.upper().split()))
