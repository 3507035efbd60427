from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from ragkit.index import faiss_index
from ragkit.index.faiss_index import FaissIndex
from ragkit.index.indexes import sync_indexes
from ragkit.index.vector_search import VectorSearch
from ragkit.store.access import Principal
from ragkit.store.database import connect
from ragkit.store.layout import Layout
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from tests.support import damage
from tests.support.stored import DIMENSION, new_document, pairs, put, remove, unit_vectors

Found = list[tuple[int, float]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "a.kb")
    yield opened
    opened.close()


def fill(store: Store, documents: int, chunks: int, *, label: str = "default", at: int = 0) -> None:
    """Documents "0.txt", "1.txt", ... with random vectors, then an end of ingest."""
    with store.writer() as writer:
        source_folder = writer.source_folders.add("/docs", whole=True)
        for number in range(at, at + documents):
            texts = [f"text {number} {n}" for n in range(chunks)]
            new = new_document(
                f"{number}.txt", texts, source_folder=source_folder, label=label, seed=number
            )
            writer.documents.put(new)
        sync_indexes(writer, store.layout)


def drop(store: Store, sources: set[str], *, tidy: bool = True) -> None:
    with store.writer() as writer:
        for document in list(Snapshot(writer.connection).documents.all()):
            if document.source in sources:
                remove(writer, document.id, document.source)
        if tidy:
            sync_indexes(writer, store.layout)


def query(seed: int) -> np.ndarray:
    return unit_vectors(1, seed)[0].astype(np.float32)


def oracle(snapshot: Snapshot, wanted: np.ndarray, k: int) -> Found:
    """All vectors of all chunks that may be read, compared one by one."""
    readable = [c.id for d in snapshot.documents.all() for c in snapshot.chunks.of(d.id)]
    ids, vectors = snapshot.vectors.get(readable, DIMENSION)
    scores = vectors.astype(np.float32) @ wanted
    ranked = sorted(zip(ids, scores.tolist(), strict=True), key=lambda hit: (-hit[1], hit[0]))
    return ranked[:k]


def assert_same(found: Found, expected: Found) -> None:
    assert [chunk for chunk, _ in found] == [chunk for chunk, _ in expected]
    scores = [score for _, score in expected]
    assert [score for _, score in found] == pytest.approx(scores, abs=1e-5)


def check(
    store: Store, index: VectorSearch | None = None, labels: list[str] | None = None
) -> Found:
    """Compare with the oracle for several queries and k; returns what was found last."""
    index = index or VectorSearch(store.layout)
    found: Found = []
    with store.view(Principal.owner(), labels) as snapshot:
        for seed in range(5):
            for k in (1, 7, 2000):
                found = pairs(index.search(snapshot, query(1000 + seed), k))
                assert_same(found, oracle(snapshot, query(1000 + seed), k))
    return found


def index_versions(store: Store) -> list[str]:
    return sorted(path.name for path in store.layout.index.glob("dense-*"))


def test_an_empty_base_has_no_index_version_and_no_hits(store: Store) -> None:
    fill(store, 0, 0)
    assert index_versions(store) == []
    assert check(store) == []


def test_an_index_version_gives_what_numpy_gives(store: Store) -> None:
    fill(store, 30, 10)
    assert len(index_versions(store)) == 1
    assert len(check(store)) == 300


def test_without_a_index_version_the_scan_is_exact(store: Store) -> None:
    with store.writer() as writer:
        put(writer, "a.txt", ["one", "two"], seed=1)
    assert len(check(store)) == 2


def test_an_index_version_and_what_came_after_it_are_one(store: Store) -> None:
    fill(store, 30, 10)
    built = index_versions(store)
    fill(store, 2, 10, at=30)
    assert index_versions(store) == built
    assert len(check(store)) == 320


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
    assert len(check(store, labels=["board"])) == 10
    fill(store, 15, 10, at=30)  # another index version, with the labelled document in it
    assert len(index_versions(store)) == 1
    assert len(check(store, labels=["board"])) == 10
    assert len(check(store, labels=["default"])) == 440
    assert len(check(store, labels=["default", "board"])) == 450


@pytest.mark.parametrize("labels", [[], ["no such label"]])
def test_no_allowed_label_means_nothing(store: Store, labels: list[str]) -> None:
    fill(store, 30, 10)
    fill(store, 1, 10, at=30)
    assert check(store, labels=labels) == []


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


# -- inverted file -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
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
    with big.view(Principal.owner(), labels) as snapshot:
        allowed = {c.id for d in snapshot.documents.all() for c in snapshot.chunks.of(d.id)}
        for seed in range(20):
            found = {chunk for chunk, _ in pairs(index.search(snapshot, query(seed), 20))}
            assert found <= allowed
            assert len(found) == min(20, len(allowed))


def test_an_inverted_file_finds_all_of_a_rare_label(big: Store) -> None:
    index = VectorSearch(big.layout)
    with big.view(Principal.owner(), ["board"]) as snapshot:
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


# -- damage ------------------------------------------------------------------------------------


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
    (mended,) = index_versions(store)
    assert mended != name
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
