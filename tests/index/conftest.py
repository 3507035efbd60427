"""Stores to index: an empty one, and one that is large enough for an inverted file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ragkit.index import faiss_index
from ragkit.store.store import Store
from tests.index.vectors import fill


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "a.kb")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """3,000 chunks, as many as an inverted file is made for here; one document is labelled."""
    store = Store(tmp_path_factory.mktemp("big") / "a.kb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faiss_index, "FLAT_LIMIT", 1000)
        fill(store, 1, 10, label="board")
        fill(store, 30, 100, at=1)
        with store.snapshot() as snapshot:
            index_version = snapshot.vectors.index_version()
    assert index_version is not None
    assert index_version.kind == "ivf"
    yield store
    store.close()
