"""Titles of documents, as people would name them."""

from __future__ import annotations

import re

from ragkit.text.lexicon import any_of, load_lexicon

_LEXICON = load_lexicon()
_GENERIC = frozenset(_LEXICON.generic_headings)
_PLACEHOLDER = re.compile(
    rf"^(?:(?:{any_of(_LEXICON.placeholder_titles)})\s?\d*|Microsoft \w+ - .*|.*\.\w{{2,4}})$",
    re.IGNORECASE,
)
_REPLY_PREFIX = re.compile(rf"^(?:(?:{any_of(_LEXICON.reply_prefixes)})\s*:\s*)+", re.IGNORECASE)
_SITE_NAME = re.compile(r"\s+[|–—-]\s+.*")  # "Help desk - Intranet of the company"


def clean_title(title: str, kind: str) -> str:
    """Return the title of a document without markup and what programs add; "" if it says nothing.

    Placeholders such as "Untitled 1" and file names say nothing.
    """
    title = _REPLY_PREFIX.sub("", " ".join(title.split())).strip("#*_` ")
    if is_placeholder(title):
        return ""
    return _SITE_NAME.sub("", title) if kind == "html" else title


def is_placeholder(title: str) -> bool:
    """Return True for a title that a program gave: "Untitled 1", "Sheet1", "report.docx"."""
    return _PLACEHOLDER.match(title) is not None


def is_generic(title: str) -> bool:
    """Return True for a title or name that many documents have: "README", "Overview"."""
    return title.casefold() in _GENERIC
