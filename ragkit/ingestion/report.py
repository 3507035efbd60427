"""What an ingest tells its caller: progress while it runs, and a report at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ragkit_ingest.model import FileError
from ragkit_ingest.scan import FoundFile

__all__ = ["FileError", "IngestReport", "Progress", "ProgressCallback", "ProgressMeter"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest is.

    `stage` is "scan" or "read". Files and bytes count only what the ingest has to read; `pages`
    and `chunks` count what it has stored. `source` is the file that was just done.
    """

    stage: str
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    pages: int
    chunks: int
    seconds: float
    source: str = ""

    @property
    def remaining(self) -> float | None:
        """Estimate the seconds left from the rate so far; None in the first 2 s or 5 %."""
        if self.bytes_done < self.bytes_total * 0.05 or self.seconds < 2 or not self.bytes_done:
            return None
        return self.seconds * (self.bytes_total - self.bytes_done) / self.bytes_done


ProgressCallback = Callable[[Progress], None]


@dataclass(slots=True)
class IngestReport:
    """What one ingest did, as lists of source paths.

    `renamed` holds (old, new) pairs. `failed` names the files that are not in the knowledge base,
    and why. `warnings` holds (source, text) pairs for documents that were stored incompletely.
    `language_warning` says in one line if many passages of the knowledge base are in a language
    that the embedder does not know, and what to do; "" if not.
    """

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    renamed: list[tuple[str, str]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: list[FileError] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    pages: int = 0
    chunks: int = 0
    seconds: float = 0.0
    dry_run: bool = False
    language_warning: str = ""

    def merge(self, other: IngestReport) -> IngestReport:
        """Return one report of both runs."""
        return IngestReport(
            added=self.added + other.added,
            updated=self.updated + other.updated,
            unchanged=self.unchanged + other.unchanged,
            renamed=self.renamed + other.renamed,
            removed=self.removed + other.removed,
            failed=self.failed + other.failed,
            warnings=self.warnings + other.warnings,
            pages=self.pages + other.pages,
            chunks=self.chunks + other.chunks,
            seconds=self.seconds + other.seconds,
            dry_run=self.dry_run,
            language_warning=other.language_warning or self.language_warning,
        )


class ProgressMeter:
    """Counts what an ingest has done and tells the caller's callback."""

    def __init__(self, callback: ProgressCallback | None, report: IngestReport) -> None:
        self._callback = callback
        self._report = report
        self._started = time.monotonic()
        self._files_done = self._files_total = 0
        self._bytes_done = self._bytes_total = 0

    @property
    def seconds(self) -> float:
        """Return the seconds since the ingest began."""
        return time.monotonic() - self._started

    def expect(self, files: Sequence[FoundFile]) -> None:
        """Set the totals: these files are to be read."""
        self._files_total = len(files)
        self._bytes_total = sum(file.size for file in files)

    def count(self, file: FoundFile) -> None:
        """Count one file as done and tell the callback."""
        self._files_done += 1
        self._bytes_done += file.size
        self.tell("read", file.source)

    def tell(self, stage: str, source: str = "") -> None:
        """Call the callback with the counts so far."""
        if self._callback is None:
            return
        self._callback(
            Progress(
                stage=stage,
                files_done=self._files_done,
                files_total=self._files_total,
                bytes_done=self._bytes_done,
                bytes_total=self._bytes_total,
                pages=self._report.pages,
                chunks=self._report.chunks,
                seconds=self.seconds,
                source=source,
            )
        )
