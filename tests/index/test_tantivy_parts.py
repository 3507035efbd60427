"""Which index on disk belongs to which database."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from ragkit.index.bm25_search import BM25Search
from ragkit.store.layout import Layout
from ragkit.store.store import Store
from tests.index.words import TEXTS, best, delete, search, write


@pytest.fixture
def store(store: Store) -> Store:
    """A store of TEXTS."""
    write(store, TEXTS)
    return store


def test_a_copied_index_is_used_as_it_is(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.close()
    shutil.copytree(store.layout.root, tmp_path / "b.kb")
    copied = Store(tmp_path / "b.kb")
    with caplog.at_level(logging.WARNING):
        assert search(copied, "seal") == ["pump.txt"]
        with copied.snapshot() as snapshot:
            index = BM25Search(copied.layout)
            best(index, snapshot, "seal", 1)
    assert caplog.text == ""
    copied.close()


def test_the_index_of_another_base_is_not_used(store: Store, tmp_path: Path) -> None:
    """Ids of one base mean other chunks in another, and the other may be as many commits old."""
    other = Store(tmp_path / "b.kb")
    write(other, dict.fromkeys(TEXTS, "Something else about zebras."))
    delete(store.layout.lexical)
    shutil.copytree(other.layout.lexical, store.layout.lexical)
    assert search(store, "zebra") == []
    assert search(store, "seal") == ["pump.txt"]
    write(store, {"late.txt": "A late word."})
    assert search(store, "zebra") == []
    other.close()


@pytest.mark.parametrize("more", [0, 3])
def test_the_index_of_a_base_with_more_commits_is_not_used(
    store: Store, tmp_path: Path, more: int
) -> None:
    """It looks as if somebody had committed since the snapshot."""
    other = Store(tmp_path / "b.kb")
    names = [*TEXTS, *map(str, range(more))]
    write(other, dict.fromkeys(names, "Something else about zebras."))
    other.close()
    delete(store.layout.lexical)
    shutil.copytree(other.layout.lexical, store.layout.lexical)
    assert search(store, "zebra") == []
    assert search(store, "seal") == ["pump.txt"]


def test_an_index_newer_than_a_snapshot_is_used_where_the_base_went_on(store: Store) -> None:
    index = BM25Search(store.layout)
    with store.snapshot() as old:
        write(store, {"late.txt": "A late seal."})
        assert [chunk for chunk, _ in best(index, old, "pump", 10)]
        assert index._view is not None
        assert index._view.disk


def test_an_index_newer_than_a_restored_database_is_not_believed(
    store: Store, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    store.close()
    shutil.copytree(store.layout.root, backup)
    newer = Store(store.layout.root)
    write(newer, {"late.txt": "A late zebra."})
    newer.close()
    shutil.copytree(newer.layout.lexical, Layout(backup).lexical, dirs_exist_ok=True)
    restored = Store(backup)
    assert search(restored, "zebra") == []
    assert search(restored, "pump") != []
    write(restored, {"new.txt": "A bearing.", "newer.txt": "A wheel.", "newest.txt": "A belt."})
    assert search(restored, "zebra") == []
    for source, word in (("new.txt", "bearing"), ("newer.txt", "wheel"), ("newest.txt", "belt")):
        assert search(restored, word) == [source]
    restored.close()
