"""Who may write to a base: advisory locks that die with their process."""

from __future__ import annotations

import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from ragkit.errors import StoreLocked

_PATIENCE = 10.0  # seconds


class WriterLock:
    """flock on a file that says who holds it. Not lockf: POSIX locks vanish on any close."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def __enter__(self) -> WriterLock:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 1000).decode(errors="replace").strip()
            os.close(descriptor)
            raise StoreLocked(
                f"{self._path.parent} is being written by {holder or 'another process'}; "
                "wait until it has finished, or stop it"
            ) from None
        command = " ".join(Path(part).name for part in sys.argv[:2])
        started = datetime.now(UTC).isoformat(timespec="seconds")
        text = f"process {os.getpid()} on {socket.gethostname()} since {started} ({command})\n"
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, text.encode(errors="replace"), 0)
        except OSError:  # a full disk
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def commit_lock(path: Path) -> Iterator[None]:
    """Held for one transaction: no two connections write, or move the log, at the same time.

    SQLite 3.7.0 to 3.51.2 can damage a file where they do (sqlite.org/wal.html, the WAL-reset bug).
    Raises StoreLocked after ten seconds.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise StoreLocked(
                        f"{path.parent} is being written without end by another process; "
                        "is one of them stopped?"
                    ) from None
                time.sleep(0.005)
        yield
    finally:
        os.close(descriptor)
