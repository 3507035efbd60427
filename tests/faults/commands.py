"""The command line in this process, with a small embedder and an acknowledgement of each step.

`python -m tests.faults.commands` is `ragkit` with that embedder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ragkit
import ragkit_apps.cli.main
from ragkit.embedders.base import Embedder
from ragkit.ingestion.report import IngestReport, Progress
from ragkit.ingestion.workers import Reader
from ragkit.maintenance import Reembedding, ReembedReport
from ragkit_ingest.model import Document, ReadError, Reason
from ragkit_ingest.readers.text import read_text
from tests.support.hashing import HashingEmbedder

Acknowledge = Callable[[str], None]
OTHER, OTHER_DIMENSION = "hashing-2", 96
"""The embedder that a knowledge base can change to."""


def refuse(data: bytes, source: str) -> Document:
    raise ReadError(Reason.CORRUPT, "as it should be")


READERS: Mapping[str, Reader] = {".txt": read_text, ".bad": refuse}
"""Readers that run in this process: starting a reader process would dominate the run time."""


class NamedEmbedders(Reembedding):
    """Changes to another small embedder, by its name."""

    def run(self, embedder: str | Embedder, **options: Any) -> ReembedReport:
        if isinstance(embedder, str):
            embedder = HashingEmbedder(embedder, OTHER_DIMENSION)
        return super().run(embedder, **options)


class Base(ragkit.KnowledgeBase):
    """A knowledge base with the small embedder and the fast readers."""

    acknowledge: Acknowledge | None = None
    readers = READERS

    def __init__(self, path: str | os.PathLike[str], **options: Any) -> None:
        super().__init__(path, embedder=HashingEmbedder(), readers=self.readers, **options)
        components = self._resources.components
        components.add(HashingEmbedder(OTHER, OTHER_DIMENSION))
        self.reembedding = NamedEmbedders(self._store, components)

    def ingest(self, *paths: str | os.PathLike[str], **options: Any) -> IngestReport:
        if self.acknowledge is not None:
            options["progress"] = self._note
        return super().ingest(*paths, **options)

    def _note(self, progress: Progress) -> None:
        assert self.acknowledge is not None
        if progress.source:
            self.acknowledge(progress.source)


def ragkit_command(
    *arguments: str, acknowledge: Acknowledge | None = None, real_readers: bool = False
) -> None:
    """Run `ragkit ARGUMENTS` in this process, then exit."""

    class Told(Base):
        readers: Mapping[str, Reader] = {} if real_readers else READERS

        def __init__(self, path: str | os.PathLike[str], **options: Any) -> None:
            super().__init__(path, **options)
            self.acknowledge = acknowledge

    vars(ragkit)["KnowledgeBase"] = Told  # where the command line gets it
    sys.argv = ["ragkit", *arguments]
    ragkit_apps.cli.main.main()


def settle(work: Path) -> None:
    """Ignore the settings of this machine."""
    for name in list(os.environ):
        if name.startswith("RAGKIT_"):
            del os.environ[name]
    os.environ.update(HOME=str(work), XDG_CONFIG_HOME=str(work), OLLAMA_HOST="127.0.0.1:9")
    work.chmod(0o755)
    os.chdir(work)


if __name__ == "__main__":
    ragkit_command(*sys.argv[1:])
