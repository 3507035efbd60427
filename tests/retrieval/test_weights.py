"""The weight of words, by the languages of the question and of the passages."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from ragkit import Abstention, Config, Filter, KnowledgeBase
from ragkit.index.bm25_search import BM25Search
from ragkit.retrieval.fusion import LEXICAL_WEIGHT
from ragkit.retrieval.weights import FOREIGN_LEXICAL_WEIGHT, LexicalWeights, climb
from ragkit.store.access import Principal
from tests.support.hashing import HashingEmbedder, Vectors

ENGLISH = {
    "leave.txt": "Staff may take leave after they have asked for it in the office.",
    "keys.txt": "The keys of the store are in the safe of the office.",
}
RUSSIAN = {
    "otpusk.txt": "Сотрудники берут отпуск после согласования с руководителем отдела.",
    "klyuchi.txt": "Ключи от склада хранятся в сейфе руководителя.",
}


class EnglishEmbedder(HashingEmbedder):
    """Knows words of plain letters whole, and others by the letter."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [sum(1 if word.isascii() else len(word) for word in text.split()) for text in texts]


class EstimatingEmbedder(EnglishEmbedder):
    estimates_tokens = True


class NoisyEmbedder(EnglishEmbedder):
    """Its cosines of foreign texts are high whatever they say."""

    def _encode(self, texts: Sequence[str]) -> Vectors:
        vectors = super()._encode(texts)
        for row, text in enumerate(texts):
            if not text.isascii():
                vectors[row] += 4
        return vectors


def fill(folder: Path, texts: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


def weight(kb: KnowledgeBase, embedder: HashingEmbedder, question: str) -> float:
    """Return the weight of words for a question."""
    with kb._store.view(Principal.owner(), None) as snapshot:
        by_words = BM25Search(kb._store.layout).search(snapshot, question, 100).ids.tolist()
        return LexicalWeights(embedder).choose(snapshot, question, by_words)


@pytest.mark.parametrize(
    ("texts", "question", "expected"),
    [
        (ENGLISH, "Where are the keys of the store?", LEXICAL_WEIGHT),
        (RUSSIAN, "Где хранятся ключи от склада?", FOREIGN_LEXICAL_WEIGHT),
        (ENGLISH | RUSSIAN, "Где хранятся ключи от склада?", FOREIGN_LEXICAL_WEIGHT),
        (ENGLISH | RUSSIAN, "Where are the keys of the store?", LEXICAL_WEIGHT),
        (ENGLISH, "Где ключи, the keys?", LEXICAL_WEIGHT),
        (ENGLISH, "Где хранятся ключи от склада?", LEXICAL_WEIGHT),
        (RUSSIAN, "Where are the keys of the store?", LEXICAL_WEIGHT),
        (RUSSIAN, "4100", LEXICAL_WEIGHT),
    ],
)
def test_words_weigh_more_where_question_and_passages_are_foreign(
    tmp_path: Path, texts: dict[str, str], question: str, expected: float
) -> None:
    with KnowledgeBase(tmp_path / "x.kb", embedder=EnglishEmbedder()) as kb:
        kb.ingest(fill(tmp_path / "docs", texts))
        assert weight(kb, EnglishEmbedder(), question) == pytest.approx(expected)


def test_an_embedder_that_estimates_tokens_keeps_the_weight(tmp_path: Path) -> None:
    with KnowledgeBase(tmp_path / "x.kb", embedder=EstimatingEmbedder()) as kb:
        kb.ingest(fill(tmp_path / "docs", RUSSIAN))
        assert weight(kb, EstimatingEmbedder(), "Где хранятся ключи от склада?") == LEXICAL_WEIGHT


def test_hidden_passages_decide_nothing(tmp_path: Path) -> None:
    with KnowledgeBase(tmp_path / "x.kb", embedder=EnglishEmbedder()) as kb:
        kb.ingest(fill(tmp_path / "docs", ENGLISH))
        kb.ingest(fill(tmp_path / "secret", RUSSIAN), label="board")
        weights = LexicalWeights(EnglishEmbedder())
        question = "Где хранятся ключи, keys?"
        with kb._store.view(Principal.owner(), None) as everything:
            chunks = [c.id for d in kb.documents() for c in everything.chunks.of(d.id)]
            foreign = [c for c in chunks if "склада" in everything.chunks.get([c])[c].text]
        with kb._store.view(Principal.owner(), Filter(label="default")) as limited:
            assert weights.choose(limited, question, foreign) == LEXICAL_WEIGHT


def test_the_weight_climbs_along_the_ramp() -> None:
    assert [climb(pieces, (1.2, 1.6)) for pieces in (0, 1.2, 1.6, 5)] == [0, 0, 1, 1]
    assert climb(1.3, (1.2, 1.6)) == pytest.approx(0.25)


def test_a_foreign_question_finds_its_passage(tmp_path: Path) -> None:
    with KnowledgeBase(tmp_path / "x.kb", embedder=EnglishEmbedder()) as kb:
        kb.ingest(fill(tmp_path / "docs", ENGLISH | RUSSIAN))
        assert kb.search("хранение ключей склада", 1)[0].source == "klyuchi.txt"


CHINESE = {
    "card.txt": "门禁卡的编号为4100，由行政部负责，每年检查一次。",
    "leave.txt": "请假应提前三天向部门经理申请，并填写表格。",
    "hat.txt": "进入工地必须戴安全帽，违者罚款五十元。",
}


@pytest.mark.parametrize(
    ("texts", "question", "is_answered"),
    [
        (CHINESE, "门禁卡的编号是多少？", True),
        (CHINESE, "请假要提前几天申请？", True),
        (CHINESE, "火星上有没有液态水海洋？", False),
        (RUSSIAN, "Где хранить ключи склада?", True),
        (RUSSIAN, "Сколько спутников у планеты Юпитер?", False),
        ({"a.txt": "يجب حفظ المفاتيح في خزنة المدير."}, "أين تحفظ المفاتيح؟", True),
        ({"a.txt": "يجب حفظ المفاتيح في خزنة المدير."}, "كم عدد أقمار كوكب المشتري؟", False),
    ],
)
def test_words_decide_whether_a_foreign_question_is_answered(
    tmp_path: Path, texts: dict[str, str], question: str, is_answered: bool
) -> None:
    config = Config(ollama_host="http://127.0.0.1:9")
    with KnowledgeBase(tmp_path / "x.kb", embedder=NoisyEmbedder(), config=config) as kb:
        kb.ingest(fill(tmp_path / "docs", texts))
        answer = kb.ask(question)
        assert answer.abstention is (None if is_answered else Abstention.FAR)


@pytest.mark.parametrize("letters", [1, 100_000])
def test_a_long_foreign_question_is_judged_quickly(tmp_path: Path, letters: int) -> None:
    config = Config(ollama_host="http://127.0.0.1:9")
    with KnowledgeBase(tmp_path / "x.kb", embedder=NoisyEmbedder(), config=config) as kb:
        kb.ingest(fill(tmp_path / "docs", CHINESE))
        started = time.process_time()
        kb.ask("编" * letters)
        assert time.process_time() - started < 5
