"""Searches, questions and conversations that a filter restricts before anything is ranked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit import Abstention, AskOptions, Config, Filter, KnowledgeBase, View
from ragkit.index import bm25_search, faiss_index, tantivy_selection
from ragkit.index.indexes import sync_indexes
from ragkit.index.vector_search import VectorSearch
from ragkit.store.store import Store
from tests.support.hashing import HashingEmbedder
from tests.support.stored import new_document, pairs, unit_vectors

NOBODY = "127.0.0.1:9"  # the discard port, where no model server listens
WORDS = ["pump", "seal", "valve", "motor"]


def open_kb(path: Path) -> KnowledgeBase:
    return KnowledgeBase(path, embedder=HashingEmbedder(), config=Config(ollama_host=NOBODY))


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ninety files in three folders, of two kinds; each third one is old."""
    folder = tmp_path_factory.mktemp("filtered") / "docs"
    for number in range(90):
        suffix = "md" if number % 2 else "txt"
        path = folder / ("finance", "hr", "it")[number % 3] / f"{number:02}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"The {WORDS[number % 4]} number {number} has a {WORDS[number % 3]}.")
        if number % 5 == 0:
            os.utime(path, (0, 1_500_000_000))
    return folder


@pytest.fixture(scope="module", params=["disk", "delta"])
def kb(
    request: pytest.FixtureRequest, docs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KnowledgeBase]:
    """A knowledge base whose indexes know all documents, or none of them."""
    with open_kb(tmp_path_factory.mktemp(request.param) / "a.kb") as kb:
        kb.ingest(docs, workers=1)
        kb.access.label("finance", "board")
        for number in range(0, 90, 10):
            kb.access.label(f"{('finance', 'hr', 'it')[number % 3]}/{number:02}.*", "rare")
        if request.param == "delta":
            for path in (kb.path / "index").rglob("*"):
                if path.is_file():
                    path.unlink()
    with open_kb(kb.path) as again:
        yield again


FILTERS = [
    Filter(folder="finance"),
    Filter(folder=["hr", "it"], kind="markdown"),
    Filter(kind="text", modified_after="2018-01-01"),
    Filter(path="*/*7.*"),
    Filter(label="rare"),
    Filter(label=["rare", "board"], kind="text", path="f*"),
    Filter(folder="it", label="default"),
]


def matching(kb: KnowledgeBase | View, where: Filter) -> set[str]:
    return {document.source for document in kb.documents(where=where)}


@pytest.mark.parametrize("where", FILTERS, ids=str)
def test_a_filtered_search_finds_what_is_left_of_a_search_for_everything(
    kb: KnowledgeBase, where: Filter
) -> None:
    allowed = matching(kb, where)
    assert 0 < len(allowed) < 90
    for query in ("pump number", "the seal 27", "motor"):
        everything = {hit.source for hit in kb.search(query, 1000)}
        found = [hit.source for hit in kb.search(query, 1000, where=where)]
        assert set(found) == everything & allowed == allowed
        assert len(kb.search(query, 3, where=where)) == min(3, len(allowed))
        explained = kb.explain(query, 1000, where=where)
        assert {candidate.source for candidate in explained.candidates} == allowed
        assert (explained.notice, [hit.source for hit in explained.hits]) == ("", found)


@pytest.mark.parametrize("mode", ["enforced", "strict"])
@pytest.mark.parametrize("where", FILTERS, ids=str)
def test_a_filter_narrows_what_somebody_may_read(
    kb: KnowledgeBase, mode: str, where: Filter
) -> None:
    allowed = matching(kb, where)
    kb.access.grant("default", "user:ana")
    kb.access.set_mode(mode)
    try:
        view = kb.as_principal("user:ana")
        readable = {document.source for document in view.documents()}
        assert matching(view, where) == allowed & readable
        assert {hit.source for hit in view.search("pump seal", 1000, where=where)} == (
            allowed & readable
        )
        assert len(view.search("pump", 2, where=where)) == min(2, len(allowed & readable))
    finally:
        kb.access.set_mode("off")


def test_filters_are_not_mixed_up_by_what_is_cached(docs: Path, tmp_path: Path) -> None:
    own = tmp_path / "docs" / "new"
    own.mkdir(parents=True)
    (own / "a.txt").write_text("A pump for the garden.")
    where, other = Filter(folder="new"), Filter(folder="old")
    with open_kb(tmp_path / "a.kb") as kb:
        kb.ingest(docs, own.parent, workers=1)
        for _ in range(2):
            assert {hit.source for hit in kb.search("pump", 100, where=where)} == {"new/a.txt"}
            assert kb.search("pump", 100, where=other) == []
            assert len(kb.search("pump", 1000)) == 91
        own.rename(own.parent / "old")
        kb.ingest(own.parent, workers=1)
        assert kb.search("pump", 100, where=where) == []
        assert {hit.source for hit in kb.search("pump", 100, where=other)} == {"old/a.txt"}
        os.utime(own.parent / "old" / "a.txt", (0, 1_500_000_000))
        late = Filter(folder="old", modified_after="2020-01-01")
        assert len(kb.search("pump", where=late)) == 1
        kb.ingest(own.parent, workers=1)
        assert kb.search("pump", where=late) == []
        kb.remove("old/a.txt")
        assert kb.search("pump", 100, where=other) == []


# -- when nothing is left ------------------------------------------------------------------------


def test_a_filter_that_leaves_nothing_is_told_from_nothing_found(kb: KnowledgeBase) -> None:
    nowhere, somewhere = Filter(folder="nowhere"), Filter(folder="hr")
    answer = kb.ask("What of the pump?", AskOptions(where=nowhere))
    assert (answer.abstention, answer.notice) == (Abstention.FILTERED, "Filter: folder nowhere")
    assert answer.abstention.sentence.startswith("No document matches the filter; list")
    assert kb.ask("??", AskOptions(where=somewhere)).abstention != Abstention.FILTERED
    explanation = kb.explain("pump", where=nowhere)
    assert (explanation.hits, explanation.notice) == ((), nowhere.no_match)
    assert kb.explain("??", where=somewhere).notice == ""
    assert kb.has_documents(where=somewhere)
    assert not kb.has_documents(where=nowhere)


@pytest.mark.parametrize(
    "where", [Filter(folder="finance"), Filter(label="board"), Filter(label="none")]
)
def test_hidden_documents_and_absent_ones_are_not_told_apart(
    kb: KnowledgeBase, where: Filter
) -> None:
    kb.access.grant("default", "user:ana")
    kb.access.set_mode("enforced")
    try:
        view = kb.as_principal("user:ana")
        narrowed = Filter(folder=where.folder, label=where.label or "board")
        answer = view.ask("What of the pump?", AskOptions(where=narrowed))
        assert (answer.abstention, answer.notice) == (Abstention.FILTERED, f"Filter: {narrowed}")
        assert view.explain("pump", where=narrowed).notice == narrowed.no_match
    finally:
        kb.access.set_mode("off")


def test_each_turn_of_a_conversation_keeps_to_its_filter(kb: KnowledgeBase) -> None:
    talk = kb.conversation()
    for folder in ("hr", "finance", "hr"):
        answer = talk.ask("Which pump is there?", AskOptions(where=Filter(folder=folder)))
        assert answer.passages
        assert {hit.source.split("/")[0] for hit in answer.passages} == {folder}
    hidden = [turn.withheld for turn in talk.turns(where=Filter(folder="hr"))]
    assert hidden[1] is True


def test_the_audit_log_holds_no_name_of_a_filter(kb: KnowledgeBase) -> None:
    where = Filter("finance", "text", "board", "2018-01-01", "secret-plan*")
    kb.search("pump", where=where)
    record = list(kb.audit.records())[-1]
    assert record.detail["filter"]["kind"] == ["text"]
    assert record.detail["filter"]["modified_after"] == "2018-01-01T00:00:00+00:00"
    assert record.detail["filter"].keys() == {"kind", "modified_after", "folder", "label", "path"}
    assert not any(name in str(record) for name in ("finance", "board", "secret-plan"))
    kb.search("pump")
    assert "filter" not in list(kb.audit.records())[-1].detail


# -- every way through the indexes ---------------------------------------------------------------


@pytest.mark.parametrize("way", ["ranges", "list", "fetch"])
def test_every_way_through_the_word_index_finds_the_same(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(tantivy_selection, "_MAX_RANGES", 1000 if way == "ranges" else 0)
    monkeypatch.setattr(tantivy_selection, "_MIN_FETCHED_SHARE", 2 if way == "list" else 0)
    with open_kb(tmp_path / "a.kb") as kb:
        kb.ingest(docs, workers=1)
        for where in FILTERS[:4]:
            with kb._store.snapshot() as snapshot:
                narrow = snapshot.narrow(where)
                search = bm25_search.BM25Search(kb._store.layout)
                wanted = {
                    chunk.id for id in narrow.documents.ids() for chunk in narrow.chunks.of(id)
                }
                found = search.search(narrow, "number pump seal valve motor", 1000)
                assert set(found.ids.tolist()) == wanted
                best = search.search(narrow, "number pump seal valve motor", 5)
                assert best.ids.tolist() == found.ids.tolist()[:5]


@pytest.mark.parametrize("kind", ["flat", "ivf", "delta"])
def test_every_kind_of_vector_index_gives_as_many_as_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "ivf":
        monkeypatch.setattr(faiss_index, "FLAT_LIMIT", 100)
    store = Store(tmp_path / "a.kb")
    with store.writer() as writer:
        folder = writer.source_folders.add("/docs", whole=True)
        for number in range(150):
            place = "rare" if number % 50 == 0 else "many"
            new = new_document(
                f"{place}/{number}.txt", ["a", "b", "c", "d"], source_folder=folder, seed=number
            )
            writer.documents.put(new)
        if kind != "delta":
            sync_indexes(writer, store.layout)
    index = VectorSearch(store.layout)
    with store.snapshot() as snapshot:
        version = snapshot.vectors.index_version()
        assert (version.kind if version else "delta") == kind
        for where, count in ((Filter(folder="rare"), 12), (Filter(path="many/*"), 588)):
            narrow = snapshot.narrow(where)
            allowed = {chunk.id for id in narrow.documents.ids() for chunk in narrow.chunks.of(id)}
            query = unit_vectors(1, 9)[0].astype(np.float32)
            found = [chunk for chunk, _ in pairs(index.search(narrow, query, 1000))]
            assert len(found) == count
            assert set(found) == allowed
    store.close()


@settings(deadline=None, derandomize=True, database=None, max_examples=40)
@given(
    st.sampled_from([None, "hr", "it", ["finance", "it"], []]),
    st.sampled_from([None, "text", ["text", "markdown"], "pdf"]),
    st.sampled_from([None, "*1*", "**/[0-4]?.md", "hr/*"]),
    st.sampled_from([None, "2018-01-01"]),
    st.sampled_from(["pump", "seal number 3", "valve motor"]),
)
def test_filtering_first_and_filtering_afterwards_give_the_same(
    kb: KnowledgeBase,
    folder: str | list[str] | None,
    kind: str | list[str] | None,
    path: str | None,
    after: str | None,
    query: str,
) -> None:
    where = Filter(folder=folder, kind=kind, path=path, modified_after=after)
    allowed = matching(kb, where)
    everything = {hit.source for hit in kb.search(query, 1000)}
    assert {hit.source for hit in kb.search(query, 1000, where=where)} == everything & allowed
