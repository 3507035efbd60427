"""Reasoning that a model writes into its answer, between tags such as <think> and </think>."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable

from ragkit.llms.base import Event, Reasoning

_NAMES = ("think", "thinking", "thought", "reasoning")
_OPENING = re.compile(rf"\s*<({'|'.join(_NAMES)})>", re.IGNORECASE)
_MAX_TAG_LENGTH = max(map(len, _NAMES)) + 3  # characters of "</reasoning>"


def separate_reasoning(events: Iterable[Event]) -> Generator[Event]:
    """Yield a model's events with the reasoning at the beginning of its text as `Reasoning`.

    Servers without a parser for reasoning send it as text. Text is held back while it can still be
    an opening tag.
    """
    splitter = _ReasoningSplitter()
    try:
        for event in events:
            if isinstance(event, str):
                yield from splitter.feed(event)
            else:
                yield from splitter.flush()
                yield event
        yield from splitter.flush()
    finally:
        getattr(events, "close", lambda: None)()  # ends the server's work


class _ReasoningSplitter:
    """Divides a text that arrives in pieces into reasoning and answer."""

    def __init__(self) -> None:
        self._held = ""
        self._closing = ""  # the tag that ends the reasoning, while it lasts
        self._is_start = True
        self._is_behind_tag = False

    def feed(self, piece: str) -> Generator[Event]:
        """Take a piece of text; yields the parts that are decided."""
        self._held += piece
        if self._is_start:
            if self._may_open():
                return
            self._is_start = False
            if opened := _OPENING.match(self._held):
                self._closing = f"</{opened[1].casefold()}>"
                self._held = self._held[opened.end() :]
        if self._closing:
            yield from self._take_reasoning()
        if not self._closing:
            if self._is_behind_tag:
                self._held = self._held.lstrip()
                self._is_behind_tag = not self._held
            yield from self.flush()

    def flush(self) -> Generator[Event]:
        """Yield what was held back."""
        held, self._held = self._held, ""
        if held:
            yield Reasoning(held) if self._closing else held

    def _may_open(self) -> bool:
        """Return True while the text can become an opening tag."""
        begun = self._held.lstrip().casefold()
        return any(f"<{name}>".startswith(begun) and begun != f"<{name}>" for name in _NAMES)

    def _take_reasoning(self) -> Generator[Event]:
        end = self._held.casefold().find(self._closing)
        is_closed = end >= 0
        if not is_closed:  # the last characters may begin the closing tag
            end = max(0, len(self._held) - _MAX_TAG_LENGTH)
        if end:
            yield Reasoning(self._held[:end])
        self._held = self._held[end:]
        if is_closed:
            self._held = self._held[len(self._closing) :]
            self._closing = ""
            self._is_behind_tag = True
