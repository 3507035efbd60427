"""An ingest that the page has begun: one at a time, seen by everybody, whoever reloads."""

from __future__ import annotations

import logging
import os
import re
import tempfile
import threading
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ragkit import IngestReport, KnowledgeBase, Progress, RagkitError

logger = logging.getLogger(__name__)

_LONGEST_NAME = 200  # bytes; most file systems take 255
_LONGEST_SUFFIX = 16


# Names that an ingest passes over, or takes for a base.
_PASSED_OVER = {"ragkit.db", "thumbs.db", "desktop.ini", "__pycache__", "node_modules"}


class Stopped(RagkitError):
    """Somebody stopped the ingest."""


@dataclass(slots=True)
class Ingesting:
    """The ingest that runs, or the last one: what it was given, how far it is, how it ended."""

    what: str
    progress: Progress | None = None
    report: IngestReport | None = None
    error: RagkitError | OSError | None = None
    wants_stop: bool = False
    ended: float | None = None  # of the monotonic clock

    @property
    def running(self) -> bool:
        return self.ended is None

    def stop(self) -> None:
        """End it soon; every document that is done stays."""
        self.wants_stop = True

    def note(self, progress: Progress) -> None:
        """What an ingest calls with its progress; here it ends if it is to stop."""
        self.progress = progress
        if self.wants_stop:
            raise Stopped("stopped; everything read so far is in the base, ingest again to go on")


class Ingests:
    """Ingests one after the other; `last` is the one that runs, or the one before."""

    def __init__(self) -> None:
        self.last: Ingesting | None = None
        self._waiting: list[tuple[KnowledgeBase, list[Path], Ingesting]] = []
        self._working = False
        self._guard = threading.Lock()

    @property
    def waiting(self) -> list[str]:
        """What will be ingested next."""
        with self._guard:
            return [state.what for _, _, state in self._waiting]

    def begin(self, kb: KnowledgeBase, paths: Sequence[Path], what: str) -> None:
        """Ingest this, as soon as what was begun before has ended."""
        state = Ingesting(what)
        with self._guard:
            self._waiting.append((kb, list(paths), state))
            if self._working:
                return
            self._working = True
            self.last = state
        threading.Thread(target=self._work, daemon=True, name="ragkit-ingest").start()

    def _work(self) -> None:
        while True:
            with self._guard:
                if not self._waiting:
                    self._working = False
                    return
                kb, paths, state = self._waiting.pop(0)
                self.last = state
            _ingest(kb, paths, state)


def _ingest(kb: KnowledgeBase, paths: list[Path], state: Ingesting) -> None:
    try:
        state.report = kb.ingest(*paths, progress=state.note)
    except (RagkitError, OSError) as error:
        state.error = error
    except Exception as error:  # the page must not wait for ever
        logger.exception("the ingest of %s failed", state.what)
        state.error = RagkitError(f"{type(error).__name__}: {error}")
    finally:
        state.ended = time.monotonic()


def save_upload(folder: Path, name: str, content: BinaryIO, *, replace: bool = False) -> Path:
    """Put an uploaded file into a folder, whole or not at all; returns where it is.

    One of that name with other content stays, and the new one gets a number, unless it is to
    `replace` it.
    """
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".upload-", delete=False) as file:
        try:
            while block := content.read(1 << 20):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
            wanted = folder / safe_name(name)
            path = wanted if replace else _free(wanted, Path(file.name))
            os.replace(file.name, path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    return path


def _free(wanted: Path, new: Path) -> Path:
    """The first of "a.pdf", "a (2).pdf", ... that is free or holds the same bytes."""
    path, number = wanted, 1
    while path.exists() and not _same(path, new):
        number += 1
        path = wanted.with_name(f"{wanted.stem} ({number}){wanted.suffix}")
    return path


def _same(one: Path, other: Path) -> bool:
    return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()


def safe_name(name: str) -> str:
    """A file's name alone, without what a file system or a scan would stumble over."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2])
    name = "".join(c if c.isprintable() else "_" for c in name)
    name = re.sub(r"^[.~$\s]+", "", name).strip()
    if name.lower() in _PASSED_OVER:
        name = f"_{name}"
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix) > _LONGEST_SUFFIX:
        stem, dot, suffix = name, "", ""
    room = _LONGEST_NAME - len(f"{dot}{suffix}".encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + suffix or "file"


def allowed_folder(folder: Path, roots: Sequence[Path]) -> bool:
    """Whether a folder is one of the roots or lies in one, links followed."""
    real = os.path.realpath(folder)
    return any(Path(real).is_relative_to(os.path.realpath(root)) for root in roots)
