"""Reads files in a reader process, and says what of the promises to their owner was broken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ragkit_ingest.model import Reason
from ragkit_ingest.process.limits import FileLimits
from ragkit_ingest.process.pool import ReaderProcess, ReadFile

LIMITS = FileLimits(seconds=30, memory=1_000_000_000)
_EXCEPTION = re.compile(r"\b[A-Z]\w*(?:Error|Exception|Warning)\b|Traceback|\bat 0x[0-9a-f]{6}")
_LOST = (Reason.CRASHED, Reason.TIMED_OUT)


def find_faults(files: Iterable[tuple[str, bytes]], folder: Path) -> Iterator[str]:
    """Read files, given as names and bytes, and yield a line for each broken promise.

    Every reader ends by itself, within its limits of time and memory, and what people read about
    a file names no exception. The bytes of a file with a fault stay in the folder.
    """
    reader = ReaderProcess(LIMITS)
    for name, data in files:
        path = folder / name
        path.write_bytes(data)
        outcome = reader.read(str(path), name)
        if isinstance(outcome, ReadFile):
            told, lost = list(outcome.document.warnings), False
        else:
            told, lost = [outcome.detail], outcome.reason in _LOST
            if not outcome.detail:
                yield f"{name}: refused as {outcome.reason} without a word"
        named = [text for text in told if _EXCEPTION.search(text)]
        if lost:
            yield f"{name}: {outcome.reason}: {told[0]}"
        elif named:
            yield f"{name}: names an exception: {named[0]}"
        else:
            path.unlink()
    reader.close()
