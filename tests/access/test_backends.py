"""Whatever searches the vectors: nothing but what may be read, and all of it, however rare."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragkit import Config, Filter, KnowledgeBase
from ragkit.errors import StoreError
from ragkit.index import faiss_index, vector_search
from ragkit.index.base import Ids, Query, Ranking, Scores
from ragkit.index.faiss_files import InnerIndex, import_faiss
from ragkit.index.faiss_index import FaissIndex
from ragkit.index.tantivy_index import TantivyIndex
from ragkit.index.vector_search import VectorSearch
from ragkit.manifest import new_identity
from ragkit.retrieval.retriever import Retriever
from ragkit.store.layout import Layout
from ragkit.store.records import NewDocument
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from ragkit_ingest.chunk import Chunk
from ragkit_ingest.model import Document, Page, PageKind
from tests.access.worlds import ANA
from tests.support.hashing import HashingEmbedder
from tests.support.stored import DIMENSION, MODIFIED_AT, pairs, unit_vectors

KINDS = ("flat", "ivf", "delta")
RARE = {"one": 1, "seven": 7, "fifty": 50}
"""Labels of few pages, each of one document among many others."""


def paged(source_folder: int, source: str, label: str, count: int, seed: int) -> NewDocument:
    """A document of so many pages with one chunk on each."""
    texts = [f"Page {number} of the plant's pump {source}" for number in range(count)]
    return NewDocument(
        source_folder=source_folder,
        source=source,
        digest=source.encode(),
        size=count,
        label=label,
        document=Document(
            "page", tuple(Page(t, (), PageKind.PAGE, n) for n, t in enumerate(texts, 1))
        ),
        chunks=[Chunk(n, n, 0, len(text), "") for n, text in enumerate(texts)],
        digests=[f"{source}:{n}".encode() for n in range(count)],
        vectors=unit_vectors(count, seed),
        modified_at=MODIFIED_AT,
    )


def build(path: Path, kind: str, documents: int, pages: int) -> None:
    """A governed base of synthetic vectors, of which ana may read none yet.

    One whose kind is "delta" has no index of vectors, and is searched all the same.
    """
    store = Store(path)
    with store.writer() as writer:
        writer.set_identity(new_identity(HashingEmbedder()).to_json())
        source_folder = writer.source_folders.add("/synthetic", whole=True)
        for number in range(documents):
            writer.documents.put(paged(source_folder, f"{number}.page", "other", pages, number))
            if number == documents // 2:
                for label, count in RARE.items():
                    writer.documents.put(
                        paged(source_folder, f"{label}.page", label, count, 10_000 + count)
                    )
        TantivyIndex(store.layout).sync(writer)
        if kind != "delta":
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(faiss_index, "FLAT_LIMIT", 1000 if kind == "ivf" else 10**9)
                FaissIndex(store.layout).rebuild(writer)
        index_version = Snapshot(writer.connection).vectors.index_version()
        assert (index_version.kind if index_version else "delta") == kind
    store.close()
    with opened(path) as kb:
        kb.access.set_mode("enforced")


def opened(path: Path) -> KnowledgeBase:
    config = Config(labels={f"{label}/": label for label in RARE})
    return KnowledgeBase(path, embedder=HashingEmbedder(), config=config)


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same 3,000 pages and some, in each kind of index."""
    folder = tmp_path_factory.mktemp("backends")
    for kind in KINDS:
        build(folder / f"{kind}.kb", kind, 30, 100)
    return {kind: folder / f"{kind}.kb" for kind in KINDS}


@pytest.fixture(params=KINDS)
def kb(bases: dict[str, Path], request: pytest.FixtureRequest) -> Iterator[KnowledgeBase]:
    with opened(bases[request.param]) as kb:
        yield kb


def allowed(snapshot: Snapshot) -> set[int]:
    return {chunk.id for id in snapshot.documents.ids() for chunk in snapshot.chunks.of(id)}


def oracle(snapshot: Snapshot, query: Scores, k: int) -> list[int]:
    """The nearest of all that may be read, compared one by one; the older of equal ones."""
    ids, vectors = snapshot.vectors.get(sorted(allowed(snapshot)), DIMENSION)
    scores = vectors.astype(np.float32) @ query
    ranked = sorted(zip(-scores, ids, strict=True))
    return [id for _, id in ranked[:k]]


# -- the same guarantee --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "labels", [["one"], ["seven"], ["fifty"], ["one", "fifty"], ["other"], ["other", "seven"], []]
)
def test_every_index_gives_what_is_allowed_and_as_much_as_there_is(
    bases: dict[str, Path], kind: str, labels: list[str]
) -> None:
    store = Store(bases[kind], create=False)
    index = VectorSearch(store.layout)
    with store.snapshot() as everything:
        snapshot = everything.narrow(Filter(label=labels))
        may = allowed(snapshot)
        for seed in range(4):
            query = unit_vectors(1, 50_000 + seed)[0].astype(np.float32)
            for k in (1, 20, 100):
                found = [chunk for chunk, _ in pairs(index.search(snapshot, query, k))]
                assert set(found) <= may
                assert len(set(found)) == len(found) == min(k, len(may))
                if kind != "ivf":  # that one is not exact
                    assert found == oracle(snapshot, query, k)
    store.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("labels", [None, ["seven", "fifty"], ["other"], []])
def test_a_search_of_some_documents_finds_their_allowed_chunks_alone(
    bases: dict[str, Path], kind: str, labels: list[str] | None
) -> None:
    store = Store(bases[kind], create=False)
    index = FaissIndex(store.layout)
    with store.snapshot() as everything:
        snapshot = everything.narrow(Filter(label=labels))
        long = everything.documents.long_runs(50)
        assert len(long) == 31
        assert snapshot.documents.long_runs(50).keys() == long.keys() & snapshot.documents.ids()
        runs = np.array([long[each] for each in [*sorted(long)[:3], *sorted(long)[-2:]]])
        inside = {chunk for first, last in runs for chunk in range(first, last + 1)}
        query = Query("", unit_vectors(1, 50_000)[0].astype(np.float32))
        found = index.search_runs(snapshot, query, 1000, runs).ids.tolist()
        assert sorted(found) == sorted(inside & allowed(snapshot))
        nearest = [chunk for chunk in oracle(snapshot, query.vector, 5000) if chunk in inside]
        if kind != "ivf":
            assert found == nearest
            assert index.search_runs(snapshot, query, 7, runs).ids.tolist() == nearest[:7]
        assert len(index.search_runs(snapshot, query, 5, runs[:0]).ids) == 0
    store.close()


def test_of_equal_vectors_every_exact_index_finds_the_older_ones(tmp_path: Path) -> None:
    """Of 75 equals 25 are among the best fifty, wherever they and the better ones lie."""
    equal, best = unit_vectors(2, 7)
    for published in (0, 5, 12, 20):
        store = Store(tmp_path / f"{published}.kb")
        with store.writer() as writer:
            source_folder = writer.source_folders.add("/synthetic", whole=True)
            for number in range(20):
                new = paged(source_folder, f"{number}.page", "other", 5, seed=number)
                new.vectors[:] = equal if number < 15 else best
                writer.documents.put(new)
                if number + 1 == published:
                    FaissIndex(store.layout).rebuild(writer)
        index, query = VectorSearch(store.layout), best.astype(np.float32)
        with store.snapshot() as snapshot:
            found = pairs(index.search(snapshot, query, 50))
            chunks = sorted(allowed(snapshot))
        assert [chunk for chunk, _ in found] == [*chunks[-25:], *chunks[:25]]
        assert len({score for _, score in found}) == 2
        store.close()


# -- completeness --------------------------------------------------------------------------------


def complete(kb: KnowledgeBase, k: int) -> None:
    """Exactly `k` hits for whoever may read as many pages, and all of fewer."""
    view, may = kb.as_principal(ANA), 0
    for label in RARE:
        kb.access.revoke(label, ANA)
    for label, count in RARE.items():
        kb.access.grant(label, ANA)
        may += count
        assert view.status().pages == may
        for question in ("the plant's pump", f"Page 3 of {label}", "nothing of the kind"):
            hits = view.search(question, k)
            assert len({(hit.document, hit.page) for hit in hits}) == len(hits) == min(k, may)
        # Thousands of others hold the same words.
        candidates = view.explain("the plant's pump", k).candidates
        assert [each.from_lexical for each in candidates] == [True] * may


@pytest.mark.parametrize("k", [1, 7, 10, 58, 100])
def test_whoever_may_read_k_pages_finds_k_however_rare_they_are(kb: KnowledgeBase, k: int) -> None:
    complete(kb, k)


def test_a_strict_base_is_searched_exactly_and_finds_as_many(
    bases: dict[str, Path], tmp_path: Path
) -> None:
    build(tmp_path / "strict.kb", "ivf", 12, 100)
    with opened(tmp_path / "strict.kb") as kb:
        kb.access.set_mode("strict")
        with kb._store.snapshot() as snapshot:
            index_version = snapshot.vectors.index_version()
        assert index_version is not None
        assert index_version.kind == "flat"
        complete(kb, 10)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_one_page_among_a_hundred_thousand_is_found(tmp_path: Path, kind: str) -> None:
    build(tmp_path / "a.kb", kind, 1000, 100)
    with opened(tmp_path / "a.kb") as kb:
        assert kb.status().pages > 100_000
        complete(kb, 10)
        if kind != "delta":
            kb.access.set_mode("strict")
            complete(kb, 10)


# -- an index that does not listen ---------------------------------------------------------------


class Deaf:
    """An index that takes a selector and searches everything all the same."""

    def __init__(self, index: Any) -> None:
        self.index = index
        self.d = index.d

    def search(self, query: Scores, k: int, params: Any) -> tuple[Scores, Ids]:
        found: tuple[Scores, Ids] = self.index.search(query, k)
        return found


class HardOfHearing(Deaf):
    """One that hears a selector only where that allows something."""

    def search(self, query: Scores, k: int, params: Any) -> tuple[Scores, Ids]:
        found: tuple[Scores, Ids] = self.index.search(query, k, params=params)
        return found if (found[1] >= 0).any() else super().search(query, k, params)


class Mishearing(Deaf):
    """One that gives the neighbours of what is allowed."""

    def search(self, query: Scores, k: int, params: Any) -> tuple[Scores, Ids]:
        scores, ids = self.index.search(query, k, params=params)
        return scores, np.where(ids >= 0, ids + 1, ids)


def flat(count: int) -> Any:
    return vector_search._build_exact(unit_vectors(count, 1)).inner


@pytest.mark.parametrize("liar", [Deaf, HardOfHearing, Mishearing])
@pytest.mark.parametrize("count", [1, 2, 1000])
def test_an_index_that_ignores_its_selector_is_refused(liar: type[Deaf], count: int) -> None:
    index = flat(count)
    assert vector_search.check_selector(InnerIndex(index, index), count).inner is index
    with pytest.raises(StoreError, match="ignores which documents a search may find"):
        vector_search.check_selector(InnerIndex(index, liar(index)), count)


def test_every_index_is_tested_before_it_is_searched(
    bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A FAISS is put in that does not listen: what was published, and what came after it."""
    faiss = import_faiss()
    downcast = faiss.downcast_index
    monkeypatch.setattr(faiss, "downcast_index", lambda index: Deaf(downcast(index)))
    for kind in ("flat", "ivf"):
        with opened(bases[kind]) as kb:
            kb.access.grant("one", ANA)
            with pytest.raises(StoreError, match="ignores which documents a search may find"):
                kb.as_principal(ANA).search("pump")
    monkeypatch.undo()

    quantizer: Any = faiss.IndexScalarQuantizer

    class DeafQuantizer(quantizer):  # type: ignore[misc]
        def search(self, query: Scores, k: int, params: Any = None) -> Any:
            return super().search(query, k)

    monkeypatch.setattr(faiss, "IndexScalarQuantizer", DeafQuantizer)
    with opened(bases["delta"]) as kb:
        kb.access.grant("one", ANA)
        with pytest.raises(StoreError, match="ignores which documents a search may find"):
            kb.as_principal(ANA).search("pump")


class BlindVectors(VectorSearch):
    """A vector search that gives everything there is."""

    def _masks(self, snapshot: Snapshot, view: Any) -> Any:
        return view.alive, None


class BlindFaiss(FaissIndex):
    """A vector index whose search gives everything there is."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        self._vectors = BlindVectors(layout)


class BlindTantivy(TantivyIndex):
    """A word index whose search gives everything there is."""

    def search(self, snapshot: Snapshot, query: Query, k: int) -> Ranking:
        return super().search(snapshot.restrict(None), query, k)


@pytest.mark.parametrize("kind", KINDS)
def test_what_searches_give_is_looked_up_once_more(bases: dict[str, Path], kind: str) -> None:
    """A second wall, should both of the first ones break."""
    store = Store(bases[kind], create=False)
    blind = BlindFaiss(store.layout), BlindTantivy(store.layout)
    retriever = Retriever(HashingEmbedder(), *blind)
    with store.snapshot() as everything:
        assert len(retriever.search(everything, "Page 3 of the plant's pump", 500)) == 500
        for labels in (["other"], ["seven"], []):
            snapshot = everything.narrow(Filter(label=labels))
            may = allowed(snapshot)
            explanation = retriever.explain(snapshot, "Page 3 of the plant's pump", 500)
            assert {each.chunk for each in explanation.candidates} <= may
            assert {chunk for hit in explanation.hits for chunk in hit.chunks} <= may
            assert explanation.hits or labels != ["other"]
    store.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_selector_that_allows_nothing_finds_nothing(bases: dict[str, Path], kind: str) -> None:
    store = Store(bases[kind], create=False)
    index = VectorSearch(store.layout)
    with store.snapshot() as everything:
        for snapshot in (everything.restrict(frozenset()), everything.narrow(Filter(label=[]))):
            query = unit_vectors(1, 1)[0].astype(np.float32)
            assert pairs(index.search(snapshot, query, 100)) == []
        view = index._view_of(everything)
        parts = [view.delta] if view.published is None else [view.published.index]
        for owned in parts:
            nothing = np.zeros(owned.inner.ntotal, dtype=np.bool_)
            positions, _ = vector_search.scan(owned.inner, query, 100, nothing, all_cells=True)
            assert len(positions) == 0
    store.close()
