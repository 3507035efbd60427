"""Searches of a small knowledge base, from the query to its hits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ragkit import Filter, KnowledgeBase
from ragkit.index.base import Ranking
from ragkit.retrieval.fusion import LEXICAL_WEIGHT
from ragkit.retrieval.hits import EXTRA_WEIGHT
from tests.support.hashing import HashingEmbedder


@pytest.fixture
def handbook(tmp_path: Path) -> KnowledgeBase:
    docs = tmp_path / "docs"
    docs.mkdir()
    parts = [f"Section {n}. " + f"Valve {n} is checked every {n} weeks. " * 8 for n in range(6)]
    (docs / "handbook.txt").write_text("\n\n".join(parts))
    (docs / "codes.txt").write_text("Part VX-4410-31 is a seal. Part VX-4410-40 is a gasket.")
    kb = KnowledgeBase(tmp_path / "x.kb", embedder=HashingEmbedder())
    kb.ingest(docs)
    return kb


def test_neighbouring_chunks_become_one_passage_without_a_gap(handbook: KnowledgeBase) -> None:
    hits = handbook.search("valve checked every weeks", 10)
    joined = [hit for hit in hits if len(hit.chunks) > 1]
    assert joined
    with handbook._store.snapshot() as snapshot:
        for hit in hits:
            page = snapshot.pages.text(hit.document, hit.page_ordinal)
            assert hit.text == page[hit.start : hit.end]


def test_no_chunk_stands_in_two_hits(handbook: KnowledgeBase) -> None:
    chunks = [chunk for hit in handbook.search("valve checked", 20) for chunk in hit.chunks]
    assert len(chunks) == len(set(chunks))


def test_a_code_is_found_whole(handbook: KnowledgeBase) -> None:
    assert handbook.search("VX-4410-31", 1)[0].source == "codes.txt"


def test_explain_shows_what_search_returns(handbook: KnowledgeBase) -> None:
    explanation = handbook.explain("valve 3 weeks", 3)
    assert list(explanation.hits) == handbook.search("valve 3 weeks", 3)
    ranked = [entry for entry in explanation.candidates if entry.rank]
    assert {entry.rank for entry in ranked} == set(range(1, len(explanation.hits) + 1))
    shown = {entry.chunk for entry in ranked if entry.note == "in the passage"}
    assert shown <= {chunk for hit in explanation.hits for chunk in hit.chunks}
    fused = [entry.fused for entry in explanation.candidates]
    assert fused == sorted(fused, reverse=True)


def test_explain_says_what_every_score_is_made_of(handbook: KnowledgeBase, tmp_path: Path) -> None:
    rows = [{"part": f"VX-{n}", "price": n, "valve": "checked every week"} for n in range(60)]
    (tmp_path / "docs" / "parts.json").write_text(json.dumps(rows))
    handbook.ingest(tmp_path / "docs")
    explanation = handbook.explain("valve checked every 3 weeks", 3)
    assert len(explanation.candidates) > 10
    for entry in explanation.candidates:
        parts = (entry.dense_part, entry.lexical_part, entry.verbatim_part, entry.prior_part)
        assert sum(parts) == pytest.approx(entry.fused, abs=1e-6)
        assert 0 <= entry.dense_part <= 1 - LEXICAL_WEIGHT + 1e-6
        (chunk,) = [c for c in handbook.chunks(entry.document) if c.id == entry.chunk]
        assert (entry.text, entry.source) == (chunk.text, chunk.source)
    assert {entry.adds for entry in explanation.candidates if not entry.rank} == {0.0}
    for rank, hit in enumerate(explanation.hits, 1):
        best, *others = [entry for entry in explanation.candidates if entry.rank == rank]
        assert best.adds == best.fused
        assert [entry.adds for entry in others[:2]] == [EXTRA_WEIGHT * e.fused for e in others[:2]]
        assert sum([best.adds, *(e.adds for e in others)]) == pytest.approx(hit.score, abs=1e-6)
    assert any(0 < entry.adds < entry.fused for entry in explanation.candidates)


@pytest.mark.parametrize("query", ["valve", "valve checked every 3 weeks", "seal VX-4410-31"])
def test_fewer_hits_are_the_first_of_more(handbook: KnowledgeBase, query: str) -> None:
    many = handbook.search(query, 50)
    assert [handbook.search(query, k) for k in (1, 2, 3)] == [many[:k] for k in (1, 2, 3)]


def test_searching_twice_gives_the_same(handbook: KnowledgeBase) -> None:
    assert handbook.search("valve", 5) == handbook.search("valve", 5)


@pytest.mark.parametrize("query", ["", "   ", "\n"])
def test_an_empty_query_finds_nothing(handbook: KnowledgeBase, query: str) -> None:
    assert handbook.search(query) == []


def test_what_one_reader_made_known_is_not_shown_to_another(
    handbook: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if an index let a chunk through that its reader may not see."""
    assert "codes.txt" in {hit.source for hit in handbook.search("VX-4410-31", 5)}
    everything = handbook.explain("VX-4410-31", 5).candidates
    (retriever,) = handbook._resources.components._retrievers.values()
    ids = np.array([entry.chunk for entry in everything])
    found = Ranking(ids, np.linspace(0.9, 0.1, len(ids), dtype=np.float32), 1.0)
    monkeypatch.setattr(retriever._vectors, "search", lambda *_: found)
    assert handbook.search("VX-4410-31", 5, where=Filter(label=["elsewhere"])) == []
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "note.txt").write_text("Open to all.")
    handbook.ingest(tmp_path / "open", label="open")
    assert handbook.explain("VX-4410-31", 5, where=Filter(label=["open"])).hits == ()
