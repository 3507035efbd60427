"""The word index in many small parts."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ragkit.index import tantivy_index, tantivy_parts
from ragkit.index.bm25_search import BM25Search
from ragkit.index.tantivy_index import TantivyIndex
from ragkit.index.tantivy_parts import index_folder, open_index
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from tests.support.stored import pairs, put, remove

PART = 4
WORDS = ["ash", "birch", "cedar", "doum", "elm", "fir", "gum", "hazel"]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tantivy_index, "PART_CHUNKS", PART)


def write(store: Store, sources: dict[str, list[str]], *, sync: bool = True) -> None:
    with store.writer() as writer:
        for source, texts in sources.items():
            put(writer, source, texts)
        if sync:
            TantivyIndex(store.layout).sync(writer)


def drop(store: Store, *sources: str, erase: bool = False) -> None:
    with store.writer() as writer:
        documents = {d.source: d.id for d in Snapshot(writer.connection).documents.all()}
        for source in sources:
            remove(writer, documents[source], source)
        gone = [documents[source] for source in sources]
        index = TantivyIndex(store.layout)
        if erase:
            index.drop(writer, gone)
        else:
            index.sync(writer)


def sizes(store: Store) -> list[int]:
    found = open_index(store.layout)
    assert found
    return [part.searcher.num_docs for part in found.parts]


def sources(store: Store, query: str) -> set[str]:
    index = BM25Search(store.layout)
    with store.snapshot() as snapshot:
        found = pairs(index.search(snapshot, query, 100))
        ids = [chunk for chunk, _ in found]
        assert len(ids) == len(set(ids))
        return {chunk.source for chunk in snapshot.chunks.get(ids).values()}


def flaw(store: Store) -> str:
    with store.snapshot() as snapshot:
        return TantivyIndex(store.layout).verify(snapshot)


def files(store: Store) -> dict[str, set[bytes]]:
    """The content of the files of each part."""
    parts = (path for path in index_folder(store.layout).iterdir() if path.is_dir())
    return {part.name: {path.read_bytes() for path in part.glob("*.*")} for part in parts}


def left(store: Store) -> set[str]:
    """The letters of which six in a row are on disk, of removed documents, too."""
    found = open_index(store.layout)
    assert found
    return {
        letter
        for letter in "abcdefghijkl"
        if any(part.searcher.doc_freq("stemmed", letter * 6) for part in found.parts)
    }


def test_documents_are_put_into_a_part_until_it_is_full(store: Store) -> None:
    write(store, {f"{n}.txt": ["ash", "birch"] for n in range(7)})
    assert sizes(store) == [4, 4, 4, 2]
    write(store, {"7.txt": ["ash", "birch"], "8.txt": ["cedar"]})
    assert sizes(store) == [4, 4, 4, 4, 1]
    write(store, {"long.txt": ["ash"] * 10, "short.txt": ["elm"]})
    assert sizes(store) == [4, 4, 4, 4, 11, 1]
    assert sources(store, "cedar elm") == {"8.txt", "short.txt"}


def test_a_large_base_has_larger_parts_not_more_of_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tantivy_index, "MAX_PARTS", 2)
    write(store, {f"{n}.txt": ["ash", "birch"] for n in range(20)})
    assert sizes(store) == [20, 20]


def test_a_part_that_became_small_is_joined_to_its_neighbour(store: Store) -> None:
    write(store, {f"{n}.txt": ["ash"] for n in range(12)})
    assert sizes(store) == [4, 4, 4]
    drop(store, "0.txt", "1.txt")
    assert sizes(store) == [2, 4, 4]
    drop(store, "4.txt", "5.txt")
    assert sizes(store) == [4, 4]
    drop(store, *(f"{n}.txt" for n in range(8, 12)))
    assert sizes(store) == [4]
    assert flaw(store) == ""


def test_an_erased_documents_part_is_made_anew_and_no_other(store: Store) -> None:
    write(store, {f"{n}.txt": [f"secret {letter * 6}"] for n, letter in enumerate("abcdefghijkl")})
    before = files(store)
    drop(store, "5.txt", erase=True)
    after = files(store)
    assert sizes(store) == [4, 3, 4]
    assert (before["1"], before["3"]) == (after["1"], after["3"])
    assert set(after) == {"1", "3", "4"}
    drop(store, "11.txt", "0.txt", erase=True)
    assert left(store) == set("bcdeghijk")
    assert flaw(store) == ""


def test_a_removed_document_is_only_marked_until_it_is_erased(store: Store) -> None:
    write(store, {"a.txt": ["aaaaaa"], "b.txt": ["bbbbbb"]})
    drop(store, "a.txt")
    assert left(store) == {"a", "b"}
    with store.writer() as writer:
        TantivyIndex(store.layout).drop(writer, [1])
    assert left(store) == {"b"}


def test_a_c_library_that_cannot_give_memory_back_writes_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tantivy_index.ctypes, "CDLL", lambda name: object())
    write(store, {"a.txt": ["ash"], "b.txt": ["birch"]})
    assert sources(store, "ash birch") == {"a.txt", "b.txt"}
    assert flaw(store) == ""


def test_a_term_is_as_rare_as_it_is_in_all_parts(store: Store) -> None:
    """Whatever part a chunk came to be in, and also in what is searched in memory."""
    write(store, {f"{n}.txt": ["ash birch cedar"] for n in range(4)})
    write(store, {f"x{n}.txt": ["ash fir cedar"] for n in range(3)} | {"y.txt": ["elm fir cedar"]})
    write(store, {"z.txt": ["ash elm cedar"]}, sync=False)
    index = BM25Search(store.layout)
    with store.snapshot() as snapshot:
        ranking = index.search(snapshot, "ash", 100)
        found = pairs(ranking)
    assert len(found) == 8
    scores = [score for _, score in found]
    assert scores == pytest.approx([scores[0]] * 8, rel=1e-5)
    assert scores[0] < ranking.bound


def test_the_best_are_the_best_of_all_parts(store: Store) -> None:
    """Also where most of them are in one part, which is asked for a few at first."""
    chance = random.Random(7)
    for n in range(16):
        texts = [" ".join(chance.choices(WORDS[: 3 + n % 4], k=9)) for _ in range(4)]
        write(store, {f"{n}.txt": texts if n != 9 else ["fir gum"] * 30})
    index = BM25Search(store.layout)
    with store.snapshot() as snapshot:
        for query in ("ash", "fir", "gum", "fir gum ash", "doum elm"):
            ranking = pairs(index.search(snapshot, query, 1000))
            assert ranking
            for k in (1, 3, 8, 20, 50):
                assert pairs(index.search(snapshot, query, k)) == ranking[:k]


@pytest.mark.parametrize("seed", range(8))
def test_what_was_written_is_found_whatever_came_before(
    store: Store, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Documents come, change and go, and writers are killed before they can note what they did."""
    chance = random.Random(seed)
    content: dict[str, list[str]] = {}
    write_list = tantivy_parts.write_list

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    for _ in range(25):
        monkeypatch.setattr(
            tantivy_parts, "write_list", killed if chance.random() < 0.3 else write_list
        )
        try:
            if content and chance.random() < 0.4:
                gone = chance.sample(sorted(content), chance.randint(1, min(4, len(content))))
                for source in gone:
                    del content[source]
                drop(store, *gone, erase=chance.random() < 0.5)
            else:
                new = {
                    f"{chance.randrange(12)}.txt": chance.choices(WORDS, k=chance.randint(1, 6))
                    for _ in range(chance.randint(1, 4))
                }
                content |= new
                write(store, new, sync=chance.random() < 0.7)
        except KeyboardInterrupt:
            pass
        for word in chance.sample(WORDS, 2):
            expected = {source for source, texts in content.items() if word in texts}
            assert sources(store, word) == expected
        assert flaw(store) == ""
    monkeypatch.setattr(tantivy_parts, "write_list", write_list)
    write(store, {})
    assert flaw(store) == ""
    assert sum(sizes(store)) == sum(map(len, content.values()))
    assert len(sizes(store)) <= 2 * sum(sizes(store)) // PART + 2
