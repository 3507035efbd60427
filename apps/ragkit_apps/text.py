"""Text that the command line and the web page share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ragkit import Progress
    from ragkit.maintenance import ReembedProgress


def format_seconds(seconds: float) -> str:
    """Return a duration such as "2.5 s", "40 s" or "3 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def format_progress(progress: Progress) -> str:
    """Return one line about a running ingest: counts, rate and time left, as far as known."""
    line = (
        f"{progress.files_done}/{progress.files_total} files, {progress.pages} pages, "
        f"{progress.chunks} chunks"
    )
    if progress.seconds >= 1 and progress.chunks:
        line += f", {progress.chunks / progress.seconds:.0f} chunks/s"
    if progress.remaining is not None and progress.remaining >= 1:
        line += f", about {format_seconds(progress.remaining)} left"
    return line


_REEMBED_STAGES = {
    "check": "checking the length of chunks",
    "embed": "embedding chunks",
    "wait": "waiting for another process that writes",
    "index": "writing the index",
    "compare": "comparing questions",
}


def format_reembed_progress(progress: ReembedProgress) -> str:
    """Return one line about a change of the embedder: its stage, counts, and time left."""
    line = _REEMBED_STAGES[progress.stage]
    if progress.total:
        line += f": {progress.done:,} of {progress.total:,}"
    if progress.remaining is not None and progress.remaining >= 1:
        line += f", about {format_seconds(progress.remaining)} left"
    return line
