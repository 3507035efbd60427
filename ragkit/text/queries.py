"""Queries as people type or paste them, made fit to be searched for."""

from __future__ import annotations

import re
import unicodedata

from ragkit.text.lexicon import any_of, load_lexicon
from ragkit.text.sanitize import HIDDEN

MAX_QUERY_LENGTH = 20_000  # characters; no more of a query is searched for
# Control characters, and what a terminal takes for a colour: they separate words.
_CONTROL = re.compile("\x1b\\[[0-9;]*[A-Za-z]|[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffd]")
_MEANINGFUL = ("L", "N", "So")  # Unicode categories: letters, digits, and symbols such as emoji

_NEXT_QUESTION = re.compile(
    rf"[?!]\s+|[,;]?\s+(?:{any_of(load_lexicon().addition_joins)})\s+"
    rf"(?=(?:{any_of(load_lexicon().question_words)})\b)",
    re.IGNORECASE,
)


def clean_query(query: str) -> str:
    """Return the text of a query that can be searched for, "" if there is none.

    Characters that cannot be seen and lone surrogates are left out, and what is beyond
    MAX_QUERY_LENGTH. A query without a letter, digit or symbol, such as "?!", means nothing.
    """
    text = HIDDEN.sub("", _CONTROL.sub(" ", query[:MAX_QUERY_LENGTH])).strip()
    has_meaning = any(unicodedata.category(char).startswith(_MEANINGFUL) for char in text)
    return text if has_meaning else ""


def split_questions(query: str) -> list[str]:
    """Return the questions in a text: "How high is the fee, and who pays it?" has two."""
    return [part for part in _NEXT_QUESTION.split(query) if part.strip()]
