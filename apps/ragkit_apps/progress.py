"""The live display of an ingest on a terminal."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from ragkit import Progress
from ragkit_apps.terminal import name_of, one_line, progress_line


class LiveProgress:
    """A bar over the bytes to read, with counts, the rate and an estimate of what is left."""

    def __init__(self) -> None:
        self._bar = Bar(
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("looking at the files", total=None)

    def __enter__(self) -> Callable[[Progress], None]:
        self._bar.start()
        return self._show

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def _show(self, progress: Progress) -> None:
        if progress.stage == "scan":
            return
        self._bar.update(
            self._task,
            total=progress.bytes_total or 1,
            completed=progress.bytes_done,
            description=f"{progress_line(progress)}  {one_line(name_of(progress.source), 40)}",
        )
