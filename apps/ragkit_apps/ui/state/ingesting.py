"""Ingests that visitors start from the page: one runs at a time, and all visitors see it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ragkit import IngestReport, KnowledgeBase, Progress, RagkitError

logger = logging.getLogger(__name__)


class IngestStopped(RagkitError):
    """A visitor stopped the ingest."""


@dataclass(slots=True)
class IngestRun:
    """An ingest: its title, its progress, and its report or error once it has ended."""

    title: str
    progress: Progress | None = None
    report: IngestReport | None = None
    error: RagkitError | OSError | None = None
    is_stopping: bool = False
    ended_at: float | None = None  # of the monotonic clock

    @property
    def is_running(self) -> bool:
        """Whether it waits or runs."""
        return self.ended_at is None

    def stop(self) -> None:
        """Stop after the current document; finished documents are kept."""
        self.is_stopping = True

    def update(self, progress: Progress) -> None:
        """Store the progress. Raises IngestStopped if a visitor has stopped the ingest."""
        self.progress = progress
        if self.is_stopping:
            raise IngestStopped("stopped; finished documents are kept, ingest again to continue")


class IngestQueue:
    """Runs ingests one after the other; `latest` is the running one, or the one before."""

    def __init__(self) -> None:
        self.latest: IngestRun | None = None
        self._waiting: list[tuple[KnowledgeBase, list[Path], IngestRun]] = []
        self._is_working = False
        self._guard = threading.Lock()

    @property
    def waiting(self) -> list[str]:
        """The titles of the ingests that have not started."""
        with self._guard:
            return [run.title for _, _, run in self._waiting]

    def start(self, kb: KnowledgeBase, paths: Sequence[Path], title: str) -> None:
        """Ingest the paths, after the ingests that were started before."""
        run = IngestRun(title)
        with self._guard:
            self._waiting.append((kb, list(paths), run))
            if self._is_working:
                return
            self._is_working = True
            self.latest = run
        threading.Thread(target=self._work, daemon=True, name="ragkit-ingest").start()

    def _work(self) -> None:
        while True:
            with self._guard:
                if not self._waiting:
                    self._is_working = False
                    return
                kb, paths, run = self._waiting.pop(0)
                self.latest = run
            _ingest(kb, paths, run)


def _ingest(kb: KnowledgeBase, paths: list[Path], run: IngestRun) -> None:
    try:
        run.report = kb.ingest(*paths, progress=run.update)
    except (RagkitError, OSError) as error:
        run.error = error
    except Exception as error:  # without an error the page would wait forever
        logger.exception("the ingest of %s failed", run.title)
        run.error = RagkitError(f"{type(error).__name__}: {error}")
    finally:
        run.ended_at = time.monotonic()
