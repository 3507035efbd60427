"""What all visitors of the page share."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

from ragkit import Config, KnowledgeBase, Principal
from ragkit.errors import StoreMissing
from ragkit_apps.ui.state.answering import PendingAnswer
from ragkit_apps.ui.state.ingesting import IngestQueue


@dataclass
class Service:
    """What all visitors share: settings, knowledge base, ingests and pending answers.

    `pending_answers` are by principal, so that a reloaded page finds its own. With a `principal`,
    every visitor acts as this principal; without, each browser is its own.
    """

    config: Config
    ingests: IngestQueue = field(default_factory=IngestQueue)
    pending_answers: dict[str, PendingAnswer] = field(default_factory=dict)
    kb: KnowledgeBase | None = None
    principal: Principal | None = None
    _database: tuple[int, int] | None = field(init=False)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._database = _identify_database(self.path)

    @property
    def path(self) -> Path:
        """The directory of the knowledge base."""
        return Path(self.config.kb)

    @property
    def folders(self) -> list[Path]:
        """The folders of this machine that the settings allow to ingest from the page."""
        names = self.config.folders.split(os.pathsep)
        return [Path(name).absolute() for name in names if name]

    def open_kb(self, *, create: bool = False) -> KnowledgeBase | None:
        """Return the knowledge base in the directory, None if there is none.

        Opens it again if it was moved, removed or replaced since the last call.
        """
        with self._guard:
            if self.kb is not None and self._database != _identify_database(self.path):
                self.kb.close()
                self.kb = None
            if self.kb is None:
                try:
                    self.kb = KnowledgeBase(self.path, config=self.config, create=create)
                except StoreMissing:
                    return None
                self._database = _identify_database(self.path)
            return self.kb

    def add_answer(self, name: str, pending: PendingAnswer) -> None:
        """Store the pending answer of a principal, and drop all that are done."""
        with self._guard:
            done = [key for key, other in self.pending_answers.items() if other.is_done]
            for key in done:
                del self.pending_answers[key]
            self.pending_answers[name] = pending


def _identify_database(kb_path: Path) -> tuple[int, int] | None:
    """Return device and inode of the database file, which change if another one replaces it."""
    try:
        found = os.stat(kb_path / "ragkit.db")
    except OSError:
        return None
    return found.st_dev, found.st_ino


_services: list[Service] = []


def set_service(service: Service) -> None:
    """Set the service of the page. It is global: Streamlit passes no arguments to its script."""
    _services[:] = [service]


def get_service() -> Service:
    """Return the service of the page."""
    return _services[0]
