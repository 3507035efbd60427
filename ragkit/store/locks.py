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

_LOCK_TIMEOUT = 10.0  # seconds


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
            holder = os.read(descriptor, 1000).decode(errors="replace").partition("\n")[0]
            os.close(descriptor)
            raise StoreLocked(
                f"{self._path.parent} is being written by {holder or 'another process'}; "
                "wait until it has finished, or stop it"
            ) from None
        command = Path(sys.argv[0]).name  # what follows may name what is to be erased
        started = datetime.now(UTC).isoformat(timespec="seconds")
        text = f"process {os.getpid()} on {socket.gethostname()} since {started} ({command})\n"
        content = text.encode(errors="replace")
        try:
            os.pwrite(descriptor, content, 0)  # first: the line must always be there to be read
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
    """Whether somebody holds the writer lock now."""
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
    """Held for one transaction: no two connections write, or move the log, at the same time.

    Yields the descriptor of the lock's file.

    SQLite 3.7.0 to 3.51.2 can damage a file where they do (sqlite.org/wal.html, the WAL-reset bug).
    Raises StoreLocked after ten seconds.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with _hold_lock(descriptor, path, fcntl.LOCK_EX):
        yield descriptor


@contextmanager
def block_commits(path: Path) -> Iterator[None]:
    """Held while nobody may commit, by one who cannot do so either. Raises StoreLocked as above."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # nobody ever has
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
                        f"{path.parent} is being written without end by another process; "
                        "is one of them stopped?"
                    ) from None
                time.sleep(0.005)
        yield
    finally:
        os.close(descriptor)


def lock_shared(root: Path) -> int:
    """A descriptor that shows, until it is closed, that somebody has the base in `root` open.

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
        os.close(descriptor)  # it was replaced in this very moment


@contextmanager
def lock_exclusive(root: Path) -> Iterator[None]:
    """Held while nobody has the base in `root` open. Raises StoreLocked if somebody has."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreLocked(
                f"{root} is open elsewhere (a page, a chat, an ingest); end that, and try again"
            ) from None
        yield
    finally:
        os.close(descriptor)
