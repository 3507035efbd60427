"""Turns the bytes of a text file into the text that is stored."""

from __future__ import annotations

from typing import NamedTuple

from ragkit_ingest.text.cleaning import clean_text
from ragkit_ingest.text.encoded import describe_removed, remove_encoded
from ragkit_ingest.text.encoding import decode


class PlainText(NamedTuple):
    """A text to store, the number of invisible characters not in it, and warnings."""

    text: str
    hidden: int
    warnings: tuple[str, ...]


def load_text(data: bytes) -> PlainText:
    """Return the decoded and cleaned text of a file, without encoded data. Never raises."""
    text, warnings = decode(data)
    text, hidden = clean_text(text)
    text, removed = remove_encoded(text)
    return PlainText(text, hidden, (*warnings, *describe_removed(removed)))
