"""Searches of vectors, compared with numpy."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from ragkit import Filter
from ragkit.index.vector_search import VectorSearch
from ragkit.store.access import Principal
from ragkit.store.store import Store
from tests.index.vectors import (
    assert_same,
    check,
    drop,
    fill,
    index_versions,
    oracle,
    query,
)
from tests.support.stored import pairs, put


def test_without_a_index_version_the_scan_is_exact(store: Store) -> None:
    with store.writer() as writer:
        put(writer, "a.txt", ["one", "two"], seed=1)
    assert len(check(store)) == 2


def test_the_dead_are_left_out(store: Store) -> None:
    fill(store, 30, 10)
    built = index_versions(store)
    drop(store, {"3.txt", "29.txt"})
    fill(store, 1, 4, at=5)  # replaces 5.txt
    assert index_versions(store) == built
    assert len(check(store)) == 274


def test_one_index_follows_the_commits(store: Store) -> None:
    index = VectorSearch(store.layout)
    assert check(store, index) == []
    fill(store, 30, 10)
    assert len(check(store, index)) == 300
    drop(store, {"3.txt"})
    assert len(check(store, index)) == 290
    fill(store, 30, 10, at=30)
    assert len(index_versions(store)) == 1
    assert len(check(store, index)) == 590


def test_an_old_snapshot_finds_what_it_saw(store: Store) -> None:
    fill(store, 30, 10)
    with store.snapshot() as old:
        expected = oracle(old, query(1), 20)
        drop(store, {f"{number}.txt" for number in range(25)})
        fill(store, 40, 10, at=30)
        index = VectorSearch(store.layout)
        with store.snapshot() as new:
            assert_same(pairs(index.search(new, query(1), 20)), oracle(new, query(1), 20))
        assert_same(pairs(index.search(old, query(1), 20)), expected)


def test_labels_restrict_to_one_document_of_many(store: Store) -> None:
    fill(store, 30, 10)
    fill(store, 1, 10, at=20, label="board")  # replaces 20.txt: lies after the index version
    assert len(check(store, where=Filter(label=["board"]))) == 10
    fill(store, 15, 10, at=30)  # another index version, with the labelled document in it
    assert len(index_versions(store)) == 1
    assert len(check(store, where=Filter(label=["board"]))) == 10
    assert len(check(store, where=Filter(label=["default"]))) == 440
    assert len(check(store, where=Filter(label=["default", "board"]))) == 450


@pytest.mark.parametrize("labels", [[], ["no such label"]])
def test_no_allowed_label_means_nothing(store: Store, labels: list[str]) -> None:
    fill(store, 30, 10)
    fill(store, 1, 10, at=30)
    assert check(store, where=Filter(label=labels)) == []


def test_cosines_of_given_chunks_are_exact_wherever_their_vectors_lie(store: Store) -> None:
    fill(store, 2, 60)
    fill(store, 1, 5, at=2)  # too few for another index version
    index = VectorSearch(store.layout)
    with store.snapshot() as snapshot:
        expected = oracle(snapshot, query(1), 1000)
        assert len(expected) == 125
        chunks = np.array([chunk for chunk, _ in expected[::3]])
        assert_same(pairs(index.cosines(snapshot, query(1), chunks)), expected[::3])


def test_cosines_beside_an_inverted_file_are_exact(big: Store) -> None:
    index = VectorSearch(big.layout)
    with big.snapshot() as snapshot:
        expected = oracle(snapshot, query(1), 10)
        chunks = np.array([chunk for chunk, _ in expected])
        assert_same(pairs(index.cosines(snapshot, query(1), chunks)), expected)


def test_an_inverted_file_finds_most_of_the_nearest(big: Store) -> None:
    """Vectors at random are the worst case: nothing clusters."""
    index = VectorSearch(big.layout)
    with big.snapshot() as snapshot:
        hits = 0
        for seed in range(20):
            found = {chunk for chunk, _ in pairs(index.search(snapshot, query(seed), 10))}
            hits += len(found & {chunk for chunk, _ in oracle(snapshot, query(seed), 10)})
    assert hits / 200 > 0.4


@pytest.mark.parametrize("labels", [["board"], ["default"], ["board", "default"], []])
def test_an_inverted_file_gives_allowed_chunks_only(big: Store, labels: list[str]) -> None:
    index = VectorSearch(big.layout)
    with big.view(Principal.owner(), Filter(label=labels)) as snapshot:
        allowed = {c.id for d in snapshot.documents.all() for c in snapshot.chunks.of(d.id)}
        for seed in range(20):
            found = {chunk for chunk, _ in pairs(index.search(snapshot, query(seed), 20))}
            assert found <= allowed
            assert len(found) == min(20, len(allowed))


def test_an_inverted_file_finds_all_of_a_rare_label(big: Store) -> None:
    index = VectorSearch(big.layout)
    with big.view(Principal.owner(), Filter(label="board")) as snapshot:
        found = {chunk for chunk, _ in pairs(index.search(snapshot, query(1), 100))}
        assert found == {chunk for chunk, _ in oracle(snapshot, query(1), 100)}


def test_an_inverted_file_leaves_the_dead_out(big: Store, tmp_path: Path) -> None:
    shutil.copytree(big.layout.root, tmp_path / "copy.kb")
    copied = Store(tmp_path / "copy.kb")
    drop(copied, {"0.txt", "7.txt", "30.txt"}, tidy=False)
    index = VectorSearch(copied.layout)
    with copied.snapshot() as snapshot:
        alive = {c.id for d in snapshot.documents.all() for c in snapshot.chunks.of(d.id)}
        for seed in range(20):
            found = {chunk for chunk, _ in pairs(index.search(snapshot, query(seed), 50))}
            assert len(found) == 50
            assert found <= alive
    copied.close()
