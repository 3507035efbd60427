"""The result of a sweep."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Score:
    """The number of points of a sweep, and those with violations.

    `notes` are its other figures. What was wrong is printed at once.
    """

    sweep: str
    points: int = 0
    violations: int = 0
    notes: list[str] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def add(self, point: str, wrong: Sequence[str]) -> None:
        self.points += 1
        self.violations += bool(wrong)
        for line in wrong:
            print(f"{self.sweep}: {point}: {line}", file=sys.stderr, flush=True)

    def __str__(self) -> str:
        seconds = time.monotonic() - self._began
        lines = [
            f"{self.sweep}: {self.points} points, {self.violations} violations, {seconds:.0f} s"
        ]
        return "\n".join(lines + [f"  {note}" for note in self.notes])
