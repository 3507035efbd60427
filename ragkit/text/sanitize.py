"""Sanitizes a model's text: a document may have made it draw, link or hide something."""

from __future__ import annotations

import re

# Control characters except tab and newline, marks that turn the writing direction, characters
# without width (joiners stay: scripts and emoji need them), tag characters and lone surrogates.
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
# What turns plain text into Markdown or HTML: links and their definitions, images, addresses, tags.
_MARKUP = re.compile(r"\](?=[(:])|!(?=\[)|:(?=//)|www\.(?=\S)|<(?=[A-Za-z/!?])", re.IGNORECASE)
_MARKUP_STARTS = "]!<:/wW."  # what these begin with; a full stop only after a w


class Sanitizer:
    """Sanitizes a text that arrives in pieces, however it is divided.

    Inserts a space where Markdown or HTML would begin: "](", "![", "://" and "<img" stay readable
    but are not links, images or tags. Removes characters that cannot be seen.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """Add a piece and return the text that is final by now.

        The end is held back while it could be the first half of Markdown or HTML.
        """
        text = self._held + HIDDEN.sub("", piece)
        self._held = _find_undecided_end(text)
        return _MARKUP.sub(r"\g<0> ", text[: len(text) - len(self._held)])

    def flush(self) -> str:
        """Return the end that was held back."""
        held, self._held = self._held, ""
        return _MARKUP.sub(r"\g<0> ", held)


def sanitize(text: str) -> str:
    """Sanitize a whole text."""
    sanitizer = Sanitizer()
    return sanitizer.feed(text) + sanitizer.flush()


def _find_undecided_end(text: str) -> str:
    """Return the end of a text that may be the first half of Markdown or HTML."""
    if text.endswith(".") and text[-2:-1] not in ("w", "W"):
        return ""
    return text[len(text.rstrip(_MARKUP_STARTS)) :].lstrip(".")
