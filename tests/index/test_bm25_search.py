"""Searches of words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit import Filter
from ragkit.index.bm25_search import BM25Search
from ragkit.store.store import Store
from tests.index.words import TEXTS, best, drop, search, write

Damage = Callable[[Store], None]


@pytest.fixture
def store(store: Store) -> Store:
    """A store of TEXTS."""
    write(store, TEXTS)
    return store


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("VX-4410-31", "pump.txt"),
        ("vx-4410-32", "other.txt"),
        ("seals", "pump.txt"),
        ("run", "other.txt"),
        ("geschaftsfuhrer", "de.txt"),
        ("GESCHÄFTSFÜHRER", "de.txt"),
        ("Grossen", "de.txt"),
        ("anna.schmidt@example.org", "mail.txt"),
    ],
)
def test_words_codes_stems_and_folded_letters_are_found(
    store: Store, query: str, first: str
) -> None:
    assert search(store, query)[0] == first


@pytest.mark.parametrize("query", ["", " ", "zebra", "?!", "the" * 100, "\x00"])
def test_what_is_not_there_is_not_found(store: Store, query: str) -> None:
    assert search(store, query) == []


def test_a_label_hides_what_it_covers(store: Store) -> None:
    write(store, {"secret.txt": "The pump VX-4410-31 failed."}, label="board")
    assert set(search(store, "VX-4410-31", where=Filter(label=["board"]))) == {"secret.txt"}
    assert "secret.txt" not in search(store, "VX-4410-31 failed", where=Filter(label=["default"]))
    assert search(store, "VX-4410-31", where=Filter(label=[])) == []
    assert search(store, "VX-4410-31", where=Filter(label=["no such label"])) == []


@pytest.mark.parametrize("sync", [True, False])
def test_changed_and_removed_documents_are_never_stale(store: Store, sync: bool) -> None:
    index = BM25Search(store.layout)
    assert search(store, "seal", index=index) == ["pump.txt"]
    write(store, {"pump.txt": "Now about bearings."}, sync=sync)
    assert search(store, "seal", index=index) == []
    assert search(store, "bearing", index=index) == ["pump.txt"]
    drop(store, "pump.txt", sync=sync)
    assert search(store, "bearing", index=index) == []
    write(store, {"pump.txt": "A seal again."}, sync=sync)
    assert search(store, "seal", index=index) == ["pump.txt"]


def test_the_index_on_disk_holds_each_chunk_once_and_no_removed_one(store: Store) -> None:
    for text in ("One.", "Two.", "Three."):
        write(store, {"pump.txt": text, "other.txt": f"Other {text}"}, sync=True)
    drop(store, "other.txt", sync=True)
    index = BM25Search(store.layout)
    with store.snapshot() as snapshot:
        view = index._view_of(snapshot)
        chunks = [c.id for d in snapshot.documents.all() for c in snapshot.chunks.of(d.id)]
    assert view.delta is None
    assert [part.searcher.num_docs for part in view.disk] == [len(chunks)]


def test_no_chunk_scores_more_than_is_possible(store: Store) -> None:
    index = BM25Search(store.layout)
    with store.snapshot() as snapshot:
        for query in ("seal", "pump seal VX-4410-31", "nothing of this"):
            bound = index.search(snapshot, query, 10).bound
            assert all(score <= bound for _, score in best(index, snapshot, query, 10))


def test_an_old_snapshot_never_gives_what_came_later(store: Store) -> None:
    index = BM25Search(store.layout)
    with store.snapshot() as old:
        write(store, {"pump.txt": "Now about bearings.", "late.txt": "A late bearing."})
        found = old.chunks.get([chunk for chunk, _ in best(index, old, "bearing seal", 10)])
        assert {chunk.source for chunk in found.values()} <= {"pump.txt"}
        assert all("bearing" not in chunk.text for chunk in found.values())


@pytest.mark.parametrize(
    "query",
    [
        'seal AND (pump OR "x',
        "field:value +must -not ^2 ~3",
        "seal* ?eal /se.l/ [a TO z] {a TO z}",
        "label:board chunk:1",
        "kind:1",
        '\\"\\\\ seal \\',
        "IN [seal pump]",
        "seal\udc80",
    ],
)
def test_query_syntax_is_text(store: Store, query: str) -> None:
    expected = {"pump.txt"} if "seal" in query else set()
    found = set(search(store, query))
    assert expected <= found <= set(TEXTS)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = Store(tmp_path_factory.mktemp("lexical") / "a.kb")
    write(opened, TEXTS)
    yield opened
    opened.close()


@settings(deadline=None)
@given(st.text(st.characters(), max_size=300) | st.text('+-:"()[]{}^~*?\\/ ANDORT', max_size=80))
def test_no_query_raises(shared: Store, query: str) -> None:
    assert set(search(shared, query)) <= set(TEXTS)


def test_a_very_long_query_is_cut(store: Store) -> None:
    assert search(store, "seal " + "word " * 20_000) == ["pump.txt"]
    assert search(store, " ".join(f"w{n}" for n in range(5000)) + " seal") == []
