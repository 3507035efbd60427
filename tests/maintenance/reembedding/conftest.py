"""A base of the first embedder, and its documents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ragkit import KnowledgeBase
from tests.maintenance.reembedding.base import (
    TOPICS,
    open_kb,
    write,
)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    write(folder, *TOPICS)
    return folder


@pytest.fixture
def path(tmp_path: Path, docs: Path) -> Path:
    with open_kb(tmp_path / "a.kb") as kb:
        kb.ingest(docs, workers=1)
    return tmp_path / "a.kb"


@pytest.fixture
def kb(path: Path) -> Iterator[KnowledgeBase]:
    with open_kb(path) as kb:
        yield kb
