"""What a question waits for, on the terminal: the stage and its seconds."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ragkit_apps.answer_parts import describe_found

if TYPE_CHECKING:
    from ragkit import Hit

_INTERVAL = 0.25  # seconds between two drawings
_ERASE_LINE = "\r\x1b[K"


class Waiting:
    """A line on stderr that names a stage and counts seconds until it is erased."""

    def __init__(self) -> None:
        self._stage = "Searching"
        self._began = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._draw, daemon=True, name="ragkit-waiting")

    def start(self) -> None:
        """Draw the line, on a terminal only."""
        if sys.stderr.isatty():
            self._thread.start()

    def show(self, stage: str) -> None:
        """Change the stage."""
        self._stage = stage

    def show_found(self, hits: Sequence[Hit]) -> None:
        """Show how many passages the search found."""
        self.show(describe_found(hits))

    def stop(self) -> None:
        """Erase the line."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
            click.echo(_ERASE_LINE, nl=False, err=True)

    def _draw(self) -> None:
        before, is_done = "", False
        while not is_done:
            seconds = int(time.monotonic() - self._began)
            text = f"{self._stage}, {seconds} s" if seconds else self._stage
            if text != before:
                click.echo(f"{_ERASE_LINE}{text}", nl=False, err=True)
            before, is_done = text, self._stopped.wait(_INTERVAL)


@contextmanager
def show_waiting() -> Iterator[Waiting]:
    """Show on a terminal what the block waits for; nothing where stderr is not a terminal."""
    waiting = Waiting()
    waiting.start()
    try:
        yield waiting
    finally:
        waiting.stop()
