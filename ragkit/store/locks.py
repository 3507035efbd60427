"""Advisory locks on a knowledge base, which the system releases when their process ends."""

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

_LOCK_TIMEOUT = 10.0  # seconds


class WriterLock:
    """The lock of the single writer: flock on a file that names its holder.

    Not lockf: a POSIX lock is lost when any descriptor of the file is closed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def __enter__(self) -> WriterLock:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 1000).decode(errors="replace").partition("\n")[0]
            os.close(descriptor)
            raise StoreLocked(
                f"{self._path.parent} is being written by {holder or 'another process'}; "
                "wait until it has finished, or stop it"
            ) from None
        command = Path(sys.argv[0]).name  # no arguments: they may name what is erased
        started = datetime.now(UTC).isoformat(timespec="seconds")
        text = f"process {os.getpid()} on {socket.gethostname()} since {started} ({command})\n"
        content = text.encode(errors="replace")
        try:
            os.pwrite(descriptor, content, 0)  # first: others may read it at any time
            os.ftruncate(descriptor, len(content))
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


def is_locked(path: Path) -> bool:
    """Return True if a process holds the writer lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def hold_commit_lock(path: Path) -> Iterator[int]:
    """Hold the lock for one transaction or checkpoint; yield the descriptor of its file.

    SQLite 3.7.0 to 3.51.2 can damage the database if two connections do so at the same time
    (sqlite.org/wal.html, the WAL-reset bug). Raises StoreLocked after ten seconds.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with _hold_lock(descriptor, path, fcntl.LOCK_EX):
        yield descriptor


@contextmanager
def block_commits(path: Path) -> Iterator[None]:
    """Keep all processes from committing. Raises StoreLocked after ten seconds."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # there was no commit yet
        yield
        return
    with _hold_lock(descriptor, path, fcntl.LOCK_SH):
        yield


@contextmanager
def _hold_lock(descriptor: int, path: Path, kind: int) -> Iterator[None]:
    try:
        until = time.monotonic() + _LOCK_TIMEOUT
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise StoreLocked(
                        f"{path.parent} is locked by another process that does not finish its "
                        "commit; check whether a ragkit process is stopped"
                    ) from None
                time.sleep(0.005)
        yield
    finally:
        os.close(descriptor)


def lock_shared(root: Path) -> int:
    """Mark the knowledge base in `root` as open until the returned descriptor is closed.

    Raises StoreLocked while it is being replaced by another one.
    """
    while True:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(root)):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise StoreLocked(f"{root} is being replaced; try again in a moment") from None
        except OSError:  # a file system without such locks
            return descriptor
        os.close(descriptor)  # it was replaced since


@contextmanager
def lock_exclusive(root: Path) -> Iterator[None]:
    """Keep the knowledge base in `root` from being opened. Raises StoreLocked if it is open."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreLocked(
                f"{root} is open elsewhere (a page, a chat, an ingest); close it and try again"
            ) from None
        yield
    finally:
        os.close(descriptor)
