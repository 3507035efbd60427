"""What every index of a knowledge base guarantees."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from ragkit.index.base import Index, Query
from ragkit.index.indexes import open_indexes, sync_indexes
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from tests.support.stored import put, remove, unit_vectors

NAMES = ("vector", "word")
QUERY = Query("pump", unit_vectors(1, 0)[0].astype(np.float32))


@pytest.fixture(params=NAMES)
def index(store: Store, request: pytest.FixtureRequest) -> Index:
    with store.writer() as writer:
        for number in range(3):
            put(writer, f"{number}.txt", [f"The pump {number}.", f"The seal {number}."])
        sync_indexes(writer, store.layout)
    (found,) = (one for one in open_indexes(store.layout) if one.name == request.param)
    return found


def find(store: Store, index: Index) -> set[int]:
    with store.snapshot() as snapshot:
        return set(index.search(snapshot, QUERY, 100).ids.tolist())


def delete_files(store: Store) -> None:
    for path in store.layout.index.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_every_index_is_listed_once(store: Store) -> None:
    assert tuple(index.name for index in open_indexes(store.layout)) == NAMES


def test_a_synced_index_holds_every_chunk(store: Store, index: Index) -> None:
    with store.snapshot() as snapshot:
        path = index.path(snapshot)
        assert path is not None
        assert path.exists()
        assert path.parent == store.layout.index
        assert (index.count(snapshot), index.verify(snapshot)) == (6, "")
        assert index.leftovers(snapshot) == []


def test_no_score_exceeds_the_bound(store: Store, index: Index) -> None:
    with store.snapshot() as snapshot:
        ranking = index.search(snapshot, QUERY, 3)
    assert len(ranking.ids) == len(ranking.scores) == 3
    assert ranking.scores.tolist() == sorted(ranking.scores.tolist(), reverse=True)
    assert (
        ranking.scores.max() <= ranking.bound + 1e-3
    )  # float16 vectors are not exactly of length 1


def test_an_index_without_files_finds_the_same(store: Store, index: Index) -> None:
    found = find(store, index)
    delete_files(store)
    (again,) = (one for one in open_indexes(store.layout) if one.name == index.name)
    assert find(store, again) == found


def test_a_rebuilt_index_is_another_version_of_the_same_content(store: Store, index: Index) -> None:
    found = find(store, index)
    with store.snapshot() as snapshot:
        before = index.version(snapshot)
    with store.writer() as writer:
        index.rebuild(writer)
    with store.snapshot() as snapshot:
        assert index.version(snapshot) != before
        assert (index.count(snapshot), index.verify(snapshot)) == (6, "")
    assert find(store, index) == found


def test_deleted_files_are_written_again_by_a_sync(store: Store, index: Index) -> None:
    delete_files(store)
    with store.writer() as writer:
        index.sync(writer)
    with store.snapshot() as snapshot:
        assert (index.count(snapshot), index.verify(snapshot)) == (6, "")


def test_a_dropped_document_is_in_no_file(store: Store, index: Index) -> None:
    with store.writer() as writer:
        snapshot = Snapshot(writer.connection)
        document = next(one for one in snapshot.documents.all() if one.source == "1.txt")
        remove(writer, document.id, document.source)
        index.drop(writer, [document.id])
    with store.snapshot() as snapshot:
        assert (index.count(snapshot), index.verify(snapshot)) == (4, "")


def test_an_empty_store_needs_no_index(store: Store) -> None:
    with store.writer() as writer:
        for index in open_indexes(store.layout):
            index.rebuild(writer)
            index.drop(writer, [1])
        snapshot = Snapshot(writer.connection)
        for index in open_indexes(store.layout):
            assert (index.count(snapshot), index.verify(snapshot)) == (0, "")
            assert index.search(snapshot, QUERY, 10).ids.tolist() == []
