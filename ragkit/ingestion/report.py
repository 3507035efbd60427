"""What an ingest tells: its progress while it runs, and a report at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ragkit_ingest.model import FileError

__all__ = ["FileError", "IngestReport", "Progress", "ProgressCallback"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest is. Bytes are those of files that have to be read."""

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
        """Seconds still to go at the rate so far; None while too little is known to say."""
        if self.bytes_done < self.bytes_total * 0.05 or self.seconds < 2 or not self.bytes_done:
            return None
        return self.seconds * (self.bytes_total - self.bytes_done) / self.bytes_done


ProgressCallback = Callable[[Progress], None]


@dataclass(slots=True)
class IngestReport:
    """What one ingest did, by source; `renamed` are (old, new) pairs.

    `warnings` are (source, text) of documents that are in the base with something missing.
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

    def joined(self, other: IngestReport) -> IngestReport:
        """The report of both runs together."""
        return IngestReport(
            **{
                name: getattr(self, name) + getattr(other, name)
                for name in (
                    "added",
                    "updated",
                    "unchanged",
                    "renamed",
                    "removed",
                    "failed",
                    "warnings",
                    "pages",
                    "chunks",
                    "seconds",
                )
            },
            dry_run=self.dry_run,
        )
