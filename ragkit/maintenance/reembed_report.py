"""What a change of the embedder tells its caller: progress, and a report at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ragkit.maintenance.embedder_comparison import EmbedderComparison


@dataclass(frozen=True, slots=True)
class ReembedProgress:
    """How far a change of the embedder is.

    `stage` is "check", "embed", "wait" (another process writes), "index" or "compare". `done` and
    `total` count chunks; in the stage "compare" they count questions.
    """

    stage: str
    done: int
    total: int
    seconds: float

    @property
    def remaining(self) -> float | None:
        """Estimate the seconds left of this stage; None in its first 2 s or 5 %."""
        if self.done < self.total * 0.05 or self.seconds < 2 or not self.done:
            return None
        return self.seconds * (self.total - self.done) / self.done


@dataclass(frozen=True, slots=True)
class ReembedReport:
    """What a change of the embedder did.

    `embedder` serves if `swapped`, otherwise `previous` does. `chunks` were embedded in this run.
    `comparison` is None if nothing was compared.
    """

    embedder: str
    previous: str
    swapped: bool
    chunks: int
    comparison: EmbedderComparison | None
    seconds: float


ReembedProgressCallback = Callable[[ReembedProgress], None]
Decide = Callable[[EmbedderComparison], bool]


class ProgressMeter:
    """Tells a callback how far the work is; each stage has its own time."""

    def __init__(self, callback: ReembedProgressCallback | None) -> None:
        self._callback = callback
        self._started = self._stage_started = time.monotonic()
        self._stage = ""

    @property
    def seconds(self) -> float:
        """Return the seconds since the work began."""
        return time.monotonic() - self._started

    def tell(self, stage: str, done: int, total: int) -> None:
        """Call the callback."""
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._stage_started = stage, now
        if self._callback is not None:
            self._callback(ReembedProgress(stage, done, total, now - self._stage_started))
