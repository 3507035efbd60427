"""The progress of an ingest, or of a change of the embedder, on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

import click

from ragkit_apps.cli.render import escape_name, shorten
from ragkit_apps.text import format_progress, format_reembed_progress

if TYPE_CHECKING:
    from ragkit import Progress
    from ragkit.maintenance import ReembedProgress

_BAR = "|{bar:24}| {percentage:3.0f}%  {elapsed}  {desc}"
LINE_INTERVAL = 5.0  # seconds


def show_progress(*, quiet: bool) -> AbstractContextManager[Callable[[Progress], None] | None]:
    """Return a context with a progress callback: a live bar on a terminal, else plain lines."""
    if quiet:
        return nullcontext(None)
    return _show_bar() if sys.stderr.isatty() else nullcontext(print_progress())


def print_progress(interval: float = LINE_INTERVAL) -> Callable[[Progress], None]:
    """Return a callback that prints a line to stderr at most every `interval` seconds."""
    last = time.monotonic()

    def show(progress: Progress) -> None:
        nonlocal last
        if time.monotonic() - last >= interval:
            last = time.monotonic()
            click.echo(format_progress(progress), err=True)

    return show


@contextmanager
def _show_bar() -> Iterator[Callable[[Progress], None]]:
    """Show a bar over the bytes to read, with counts, rate and time left; erase it at the end."""
    from tqdm import tqdm

    with tqdm(
        desc="scanning files",
        total=1,
        bar_format=_BAR,
        file=sys.stderr,
        leave=False,
        dynamic_ncols=True,
    ) as bar:

        def show(progress: Progress) -> None:
            if progress.stage == "scan":
                return
            source = shorten(escape_name(progress.source), 40)
            bar.total = progress.bytes_total or 1
            bar.set_description_str(f"{format_progress(progress)}  {source}", refresh=False)
            bar.update(progress.bytes_done - bar.n)

        yield show


def show_reembed_progress(
    *, quiet: bool
) -> AbstractContextManager[Callable[[ReembedProgress], None] | None]:
    """Return a context with a callback for a change of the embedder: a live bar, or lines."""
    if quiet:
        return nullcontext(None)
    return _show_steps() if sys.stderr.isatty() else nullcontext(_print_steps())


def _print_steps() -> Callable[[ReembedProgress], None]:
    last = time.monotonic()

    def show(progress: ReembedProgress) -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_INTERVAL:
            last = time.monotonic()
            click.echo(format_reembed_progress(progress), err=True)

    return show


@contextmanager
def _show_steps() -> Iterator[Callable[[ReembedProgress], None]]:
    from tqdm import tqdm

    with tqdm(total=1, bar_format=_BAR, file=sys.stderr, leave=False, dynamic_ncols=True) as bar:

        def show(progress: ReembedProgress) -> None:
            bar.total = progress.total or 1
            bar.set_description_str(format_reembed_progress(progress), refresh=False)
            bar.update(progress.done - bar.n)
            if progress.stage == "compare" and progress.done == progress.total:
                bar.clear()  # the comparison is printed now

        yield show
