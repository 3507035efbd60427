"""Searches whose first passages are reranked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ragkit import AskOptions, Config, Hit, KnowledgeBase, load_config
from ragkit.errors import RerankerError, RerankerMissing
from ragkit.retrieval.reranking import RERANKED_PASSAGES, blend_scores, weigh_reranker
from tests.support.hashing import HashingEmbedder
from tests.support.rerankers import BrokenReranker, CountingReranker

QUERY = "when is the valve checked"
NOBODY = "http://127.0.0.1:9"
Open = Callable[..., KnowledgeBase]


@pytest.fixture
def open_kb(tmp_path: Path) -> Iterator[Open]:
    """Opens a knowledge base of 40 short documents; each says "rare" as often as its number."""
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(40):
        text = f"# Valve {number}\n\nThe valve is checked every week. {'rare ' * number}"
        (docs / f"note{number:02}.md").write_text(text)
    opened: list[KnowledgeBase] = []

    def open_with(reranker: object = None, **settings: str) -> KnowledgeBase:
        config = Config(ollama_host=NOBODY, **settings)  # type: ignore[arg-type]
        path = tmp_path / "x.kb"
        embedder = HashingEmbedder()
        kb = KnowledgeBase(path, embedder=embedder, reranker=reranker, config=config)  # type: ignore[arg-type]
        kb.ingest(docs)
        opened.append(kb)
        return kb

    yield open_with
    for kb in opened:
        kb.close()


def places(hits: list[Hit]) -> list[tuple[str, int]]:
    return [(hit.source, hit.start) for hit in hits]


def test_the_blend_is_four_parts_reranker_and_one_part_fused_score() -> None:
    reranked = np.array([-10, 10, 0], dtype=np.float32)
    fused = np.array([0.9, 0.5, 0.4], dtype=np.float32)
    assert blend_scores(reranked, fused) == pytest.approx(np.array([0.2, 0.84, 0.4]), abs=1e-6)
    same = np.ones(3, dtype=np.float32)
    assert blend_scores(same, fused) == pytest.approx(np.array([0.2, 0.04, 0]), abs=1e-6)
    assert blend_scores(same, same).tolist() == [0, 0, 0]
    assert blend_scores(same[:1], same[:1]).tolist() == [0]


def test_the_first_passages_are_reranked_and_the_rest_follows(open_kb: Open) -> None:
    before = open_kb().search(QUERY, 40)
    reranker = CountingReranker("rare")
    after = open_kb(reranker).search(QUERY, 40)
    assert len(before) == len(after) == 40
    assert len(reranker.texts) == 1
    assert len(reranker.texts[0]) == RERANKED_PASSAGES
    first, rest = after[:RERANKED_PASSAGES], after[RERANKED_PASSAGES:]
    assert set(places(first)) == set(places(before[:RERANKED_PASSAGES]))
    assert places(rest) == places(before[RERANKED_PASSAGES:])
    assert first[0].reranker_score == max(hit.reranker_score or 0 for hit in first)
    assert {hit.reranker_score for hit in rest} == {None}
    assert places(first) != places(before[:RERANKED_PASSAGES])


def test_scores_rank_all_hits_and_stay_in_the_range_of_the_search(open_kb: Open) -> None:
    before = open_kb().search(QUERY, 40)
    after = open_kb(CountingReranker("rare")).search(QUERY, 40)
    scores = [hit.score for hit in after]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) == pytest.approx(min(hit.score for hit in before))
    low, high = before[RERANKED_PASSAGES - 1].score, before[0].score
    fused = {hit.source: hit.score for hit in before}
    head = after[:RERANKED_PASSAGES]
    most = max(hit.reranker_score or 0 for hit in head)
    least = min(hit.reranker_score or 0 for hit in head)
    for hit in head:
        ours = ((hit.reranker_score or 0) - least) / (most - least)
        theirs = (fused[hit.source] - low) / (high - low)
        assert hit.score == pytest.approx(low + (high - low) * (0.8 * ours + 0.2 * theirs))


def test_scores_that_differ_little_count_less_if_the_reranker_says_how_far_they_reach() -> None:
    reranker = CountingReranker("x")
    scores = np.array([0, 4, 1], dtype=np.float32)
    assert weigh_reranker(reranker, scores) == 0.8
    reranker.score_range = 16.0  # type: ignore[attr-defined]
    assert weigh_reranker(reranker, scores) == pytest.approx(0.2)
    assert weigh_reranker(reranker, 10 * scores) == 0.8
    assert weigh_reranker(reranker, 0 * scores) == 0
    fused = np.array([0.9, 0.5, 0.4], dtype=np.float32)
    assert blend_scores(scores, fused, 0.2) == pytest.approx(np.array([0.8, 0.36, 0.05]), abs=1e-6)


def test_a_passage_with_the_code_of_a_query_remains_first(open_kb: Open, tmp_path: Path) -> None:
    kb = open_kb(CountingReranker("rare"))
    (tmp_path / "part.md").write_text("# Parts\n\nThe seal VX-4410-31 costs 12 euros.")
    kb.ingest(tmp_path / "part.md")
    hits = kb.search("VX-4410-31 valve", 10)
    assert hits[0].source == "part.md"
    assert hits[0].reranker_score == 0
    assert hits[0].score > hits[1].score


def test_a_passage_below_k_can_rise_above_it(open_kb: Open) -> None:
    before = open_kb().search(QUERY, RERANKED_PASSAGES)
    (best,) = open_kb(CountingReranker("rare")).search(QUERY, 1)
    assert places([best])[0] in places(before)
    assert places([best]) != places(before[:1])


def test_the_reranker_reads_a_passage_as_the_embedder_does(open_kb: Open) -> None:
    reranker = CountingReranker("rare")
    kb = open_kb(reranker)
    hit = kb.search(QUERY, 1)[0]
    (chunk,) = [one for one in kb.chunks(hit.document) if one.id == hit.chunks[0]]
    assert chunk.header.startswith("note")
    assert f"{chunk.header}\n{' '.join(chunk.text.split())}" in [
        f"{text.partition(chr(10))[0]}\n{' '.join(text.partition(chr(10))[2].split())}"
        for text in reranker.texts[0]
    ]
    assert reranker.queries == [QUERY]


def test_explain_shows_what_search_returns_with_the_rerankers_score(open_kb: Open) -> None:
    kb = open_kb(CountingReranker("rare"))
    explanation = kb.explain(QUERY, 5)
    assert list(explanation.hits) == kb.search(QUERY, 5)
    for entry in explanation.candidates:
        if entry.rank:
            assert entry.reranker_score == explanation.hits[entry.rank - 1].reranker_score
        else:
            assert entry.reranker_score is None
    assert {entry.reranker_score for entry in open_kb().explain(QUERY, 5).candidates} == {None}


def test_answers_and_stored_turns_have_reranked_passages(open_kb: Open) -> None:
    kb = open_kb(CountingReranker("rare"))
    expected = kb.search(QUERY, 3)
    assert list(kb.ask(QUERY, AskOptions(k=3)).passages) == expected
    conversation = kb.conversation()
    conversation.ask(QUERY, AskOptions(k=3))
    (turn,) = kb.conversation(conversation.id).turns()
    assert list(turn.answer.passages) == expected


def test_only_what_a_user_can_read_reaches_the_reranker(open_kb: Open, tmp_path: Path) -> None:
    reranker = CountingReranker("rare")
    kb = open_kb(reranker)
    secret = tmp_path / "secret.md"
    secret.write_text(f"# Valve\n\nThe valve is checked when the secret rare {'rare ' * 60}")
    kb.ingest(secret, label="board")
    kb.access.grant("default", "user:ana")
    kb.access.set_mode("enforced")
    hits = kb.as_principal("user:ana").search(QUERY, 40)
    assert len(hits) == 40
    assert all("secret" not in text for texts in reranker.texts for text in texts)
    assert all("secret" not in hit.text for hit in hits)
    kb.access.grant("board", "user:ana")
    assert "secret" in kb.as_principal("user:ana").search(QUERY, 1)[0].text
    kb.access.revoke("board", "user:ana")
    assert "secret" not in kb.as_principal("user:ana").search(QUERY, 1)[0].text


def test_each_side_of_a_comparison_is_reranked_within_the_same_depth(
    open_kb: Open, tmp_path: Path
) -> None:
    reranker = CountingReranker("rare")
    kb = open_kb(reranker)
    for name in ("Ardent", "Borealis"):
        (tmp_path / f"{name}.md").write_text(f"# {name}\n\nThe valve weighs 3 kg. rare rare")
        kb.ingest(tmp_path / f"{name}.md")
    hits = kb.search("Which valve is heavier, that of Ardent or that of Borealis?", 10)
    assert sum(map(len, reranker.texts)) <= RERANKED_PASSAGES
    assert len(hits) == 10
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("query", ["", "   ", "?!", '"', "\x00", "valve " * 20_000])
def test_odd_queries_are_answered_with_a_reranker_too(open_kb: Open, query: str) -> None:
    plain, reranked = open_kb().search(query, 30), open_kb(CountingReranker("x")).search(query, 30)
    assert places(plain) == places(reranked)  # equal scores of the reranker change nothing


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda count: np.full(count, np.nan), "NaN or infinity"),
        (lambda count: np.zeros(count - 1), r"shape \(19,\) for 20 texts, expected \(20,\)"),
        (lambda count: np.zeros((count, 2)), r"shape \(20, 2\)"),
        (lambda count: "best first", "returned str as scores"),
    ],
)
def test_a_reranker_that_returns_no_scores_is_an_error(
    open_kb: Open, answer: Callable[[int], object], message: str
) -> None:
    kb = open_kb(BrokenReranker(answer))
    for call in (kb.search, kb.explain, kb.ask):
        with pytest.raises(RerankerError, match=f"broken-1 .*{message}"):
            call(QUERY)


def test_a_setting_turns_it_on_and_an_argument_off(
    open_kb: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("RAGKIT_RERANKER", "acme/reranker")
    assert load_config().reranker == "acme/reranker"
    (tmp_path / "ragkit.toml").write_text('reranker = "acme/other"\n')
    assert load_config(tmp_path / "ragkit.toml", environment={}).reranker == "acme/other"
    kb = open_kb(reranker="acme/reranker")
    for call in (kb.search, kb.ask):
        with pytest.raises(RerankerMissing, match="hf download acme/reranker"):
            call(QUERY)
    configured = open_kb(None)
    assert configured.search(QUERY, 1)
    config = Config(ollama_host=NOBODY, reranker="acme/reranker")
    with KnowledgeBase(kb.path, embedder=HashingEmbedder(), config=config) as named:
        assert named.documents()  # only a search needs it
        with pytest.raises(RerankerMissing):
            named.search(QUERY)
    with KnowledgeBase(kb.path, embedder=HashingEmbedder(), config=config, reranker="") as off:
        assert off.search(QUERY, 1)
