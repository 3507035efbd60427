"""Published index versions: when they are due, what they hold, and damage."""

from __future__ import annotations

import logging
import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from ragkit.index.base import Query
from ragkit.index.faiss_index import FaissIndex
from ragkit.index.indexes import sync_indexes
from ragkit.store.database import connect
from ragkit.store.layout import Layout
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from tests.index.vectors import check, drop, fill, index_versions
from tests.support import damage
from tests.support.stored import DIMENSION, put, unit_vectors


def test_an_empty_base_has_no_index_version_and_no_hits(store: Store) -> None:
    fill(store, 0, 0)
    assert index_versions(store) == []
    assert check(store) == []


def test_an_index_version_gives_what_numpy_gives(store: Store) -> None:
    fill(store, 30, 10)
    assert len(index_versions(store)) == 1
    assert len(check(store)) == 300


def test_an_index_version_and_what_came_after_it_are_one(store: Store) -> None:
    fill(store, 30, 10)
    built = index_versions(store)
    fill(store, 2, 10, at=30)
    assert index_versions(store) == built
    assert len(check(store)) == 320


def test_a_base_that_was_emptied_finds_nothing(store: Store) -> None:
    fill(store, 30, 10)
    drop(store, {f"{number}.txt" for number in range(30)})
    assert check(store) == []
    fill(store, 1, 3)
    assert len(check(store)) == 3


def test_tombstones_are_gone_once_a_index_version_is_built(store: Store) -> None:
    fill(store, 30, 10)
    drop(store, {f"{number}.txt" for number in range(15)})
    with store.snapshot() as snapshot:
        assert snapshot.vectors.tombstones(10**9) == []
    assert len(check(store)) == 150


@pytest.mark.parametrize("kind", ["flat", "inverted"])
def test_an_index_version_is_checked_against_the_base(
    store: Store, big: Store, tmp_path: Path, kind: str
) -> None:
    if kind == "flat":
        fill(store, 30, 10)
        drop(store, {"3.txt"})
        path = store.layout.root
    else:
        path = tmp_path / "copy.kb"
        shutil.copytree(big.layout.root, path)
    layout = Layout(path)
    changes = {
        "SELECT 1": "",
        "UPDATE index_version SET count = count + 1": "in order",
        "UPDATE vector SET chunk = 1 WHERE chunk = 3": "it lacks chunks",
        "DELETE FROM vector WHERE chunk = 3": "not in the knowledge base",
    }
    if kind == "flat":
        changes["UPDATE vector SET data = zeroblob(128) WHERE chunk = 3"] = "its vectors differ"
    for change, what in changes.items():
        with closing(connect(layout.database)) as database:
            database.execute(f"BEGIN; {change}")
            found = FaissIndex(layout).verify(Snapshot(database))
            assert what in found if what else not found


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def replace_by_same_size(path: Path) -> None:
    other = path.with_suffix(".other")
    other.write_bytes(b"x" * path.stat().st_size)
    other.rename(path)


def flip_unseen(path: Path) -> None:
    damage.flip(path, -7)


def replace_by_a_link(path: Path) -> None:
    """Nothing is followed out of the base."""
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


DAMAGES = [
    flip,
    flip_unseen,
    truncate,
    grow,
    empty,
    replace_by_same_size,
    replace_by_a_link,
    Path.unlink,
]


@pytest.mark.parametrize("damaging", DAMAGES)
def test_a_damaged_index_version_is_not_loaded_and_built_again(
    store: Store, caplog: pytest.LogCaptureFixture, damaging: object
) -> None:
    fill(store, 30, 10)
    (name,) = index_versions(store)
    damaging(store.layout.index / name)  # type: ignore[operator]
    with caplog.at_level(logging.WARNING):
        assert len(check(store)) == 300
    assert "missing or damaged" in caplog.text
    fill(store, 0, 0)  # an ingest with nothing to do
    (rebuilt,) = index_versions(store)
    assert rebuilt != name
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert len(check(store)) == 300
    assert caplog.text == ""


def test_the_index_version_of_another_base_is_not_loaded(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "b.kb")
    fill(store, 30, 10)
    fill(other, 30, 10, at=100)
    ((mine,), (theirs,)) = index_versions(store), index_versions(other)
    data = (other.layout.index / theirs).read_bytes()
    (store.layout.index / mine).write_bytes(data)
    assert len(check(store)) == 300
    other.close()


def test_a_copied_base_reads_its_index_version(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(store, 30, 10)
    store.close()
    moved = tmp_path / "b.kb"
    moved.mkdir(mode=0o700)
    for path in sorted(store.layout.root.rglob("*")):
        target = moved / path.relative_to(store.layout.root)
        if path.is_dir():
            target.mkdir()
        else:
            target.write_bytes(path.read_bytes())
    copied = Store(moved)
    with caplog.at_level(logging.WARNING):
        assert len(check(copied)) == 300
        with copied.snapshot() as snapshot:
            before = snapshot.vectors.index_version()
        fill(copied, 0, 0)
        with copied.snapshot() as snapshot:
            after = snapshot.vectors.index_version()
    assert caplog.text == ""
    assert before is not None
    assert after is not None
    assert after.name == before.name
    assert after.signature != before.signature  # from now on it is not read at every start
    copied.close()


def test_what_a_killed_publication_left_is_swept(store: Store) -> None:
    fill(store, 30, 10)
    built = index_versions(store)
    (store.layout.index / "dense-000002-0badc0de.faiss").write_bytes(b"orphan")
    (store.layout.tmp / "dense-000002").write_bytes(b"half")
    fill(store, 0, 0)
    assert index_versions(store) == built
    assert list(store.layout.tmp.iterdir()) == []


def test_the_spare_index_searches_the_second_set_alone(store: Store) -> None:
    """Its vectors may have another length: those of the first set would not fit the query."""
    with store.writer() as writer:
        chunks = put(writer, "a.txt", ["one", "two", "three"]) + 1
        sync_indexes(writer, store.layout)
        writer.spare_vectors.begin("it", {})
        rows = np.eye(3, DIMENSION + 8, dtype=np.float16)
        writer.spare_vectors.add("it", [(chunks + n, row.tobytes()) for n, row in enumerate(rows)])
    query = Query("two", np.eye(3, DIMENSION + 8, dtype=np.float32)[1])
    for published in (False, True):
        index = FaissIndex(store.layout, spare=True)
        if published:
            with store.writer() as writer:
                index.publish(writer)
        with store.snapshot() as snapshot:
            assert (index.path(snapshot) is not None) == published
            assert index.verify(snapshot) == ""
            for found in (
                index.search(snapshot, query, 1),
                index.search_runs(snapshot, query, 1, [(chunks, chunks + 2)]),
                index.cosines(snapshot, query, np.array([chunks + 1])),
            ):
                assert (found[0].tolist(), found[1].tolist()) == ([chunks + 1], [1.0])
            assert FaissIndex(store.layout).search(
                snapshot, Query("x", unit_vectors(1, 0)[0].astype(np.float32)), 3
            ).ids.shape == (3,)
