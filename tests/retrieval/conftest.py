"""A knowledge base of a few files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ragkit import KnowledgeBase
from tests.support.hashing import HashingEmbedder

Fill = Callable[..., KnowledgeBase]


@pytest.fixture
def fill(tmp_path: Path) -> Fill:
    """Make a knowledge base of the given files."""
    docs, kb = tmp_path / "docs", KnowledgeBase(tmp_path / "x.kb", embedder=HashingEmbedder())

    def write(files: dict[str, str], label: str = "default") -> KnowledgeBase:
        for name, text in files.items():
            path = docs / label / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        kb.ingest(docs / label, label=label)
        return kb

    return write
