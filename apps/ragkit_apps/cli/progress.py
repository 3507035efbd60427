"""The live display of an ingest on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from ragkit import Progress
from ragkit_apps.cli.render import escape_name, progress_line, shorten

_SHAPE = "|{bar:24}| {percentage:3.0f}%  {elapsed}  {desc}"


@contextmanager
def live_progress() -> Iterator[Callable[[Progress], None]]:
    """A bar over the bytes to read, with counts, the rate and an estimate of what is left."""
    with tqdm(
        desc="looking at the files",
        total=1,
        bar_format=_SHAPE,
        file=sys.stderr,
        leave=False,
        dynamic_ncols=True,
    ) as bar:

        def show(progress: Progress) -> None:
            if progress.stage == "scan":
                return
            source = shorten(escape_name(progress.source), 40)
            bar.total = progress.bytes_total or 1
            bar.set_description_str(f"{progress_line(progress)}  {source}", refresh=False)
            bar.update(progress.bytes_done - bar.n)

        yield show
