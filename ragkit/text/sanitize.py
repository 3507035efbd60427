"""Makes a model's text inert: it may have been told by a document to draw, link or hide things."""

from __future__ import annotations

import re

# Controls but tab and newline, marks that turn the direction of writing, characters without width
# (joiners stay: scripts and emoji need them), tags, and halves of characters.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
# What makes Markdown and HTML of plain text: links and their definitions, images, addresses, tags.
_LIVE = re.compile(r"\](?=[(:])|!(?=\[)|:(?=//)|www\.(?=\S)|<(?=[A-Za-z/!?])", re.IGNORECASE)
_SIGNS = "]!<:/wW."  # what these begin with; a full stop only after a w


class Sanitizer:
    """Takes a text in pieces and gives it back without life, however it was divided.

    A space is put where Markdown or HTML would begin: "](", "![", "://", "<img" stay readable and
    are no longer links, images or tags; what cannot be seen is left out.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """All that is certain by now; the end is held back while it could be the half of a sign."""
        text = self._held + _HIDDEN.sub("", piece)
        self._held = _undecided(text)
        return _LIVE.sub(r"\g<0> ", text[: len(text) - len(self._held)])

    def rest(self) -> str:
        """What was still held back."""
        held, self._held = self._held, ""
        return _LIVE.sub(r"\g<0> ", held)


def sanitize(text: str) -> str:
    """A whole text without life."""
    cleaner = Sanitizer()
    return cleaner.feed(text) + cleaner.rest()


def _undecided(text: str) -> str:
    """The end of a text that may be the first half of a sign."""
    if text.endswith(".") and text[-2:-1] not in ("w", "W"):
        return ""
    return text[len(text.rstrip(_SIGNS)) :].lstrip(".")
