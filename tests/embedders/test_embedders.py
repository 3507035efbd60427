"""Embedders against sentence-transformers itself, on a small model made here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragkit import KnowledgeBase
from ragkit.embedders import quantize
from ragkit.embedders.discovery import find_model
from ragkit.embedders.openvino import (
    MODEL,
    QUANTIZED,
    OpenVINOEmbedder,
    _Schedule,
    pad_batch,
    split_batches,
)
from ragkit.errors import EmbedderError, EmbedderMissing, StoreMismatch

WORDS = ("the", "pump", "seal", "valve", "leave", "price", "of", "and", "how", "many", "days")
TEXTS = ["the pump", "how many days of leave", "price of the seal and the valve " * 5]
LIMIT = 32


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers model with prompts, CLS pooling and a projection."""
    pytest.importorskip("sentence_transformers", reason="needs ragkit[torch]")
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ":", "query", "passage", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    torch.manual_seed(7)
    bert = BertModel(
        BertConfig(
            vocab_size=len(vocabulary),
            hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=96,
            max_position_embeddings=64,
        )
    )
    bert.save_pretrained(folder / "bert")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder / "bert")
    transformer = modules.Transformer(str(folder / "bert"), max_seq_length=LIMIT)
    pooling = modules.Pooling(64, pooling_mode="cls")
    dense = modules.Dense(64, 24)
    model = SentenceTransformer(
        modules=[transformer, pooling, dense],
        prompts={"query": "query : ", "document": "passage : "},
        device="cpu",
    )
    model.save_pretrained(str(folder / "tiny-model"))
    return folder / "tiny-model"


@pytest.fixture(scope="module")
def original(model_folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(model_folder), device="cpu", local_files_only=True)


@pytest.fixture(scope="module")
def compiled(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> OpenVINOEmbedder:
    from ragkit.embedders.compile import compile_model

    folder = tmp_path_factory.mktemp("compiled") / "model"
    compile_model(find_model(str(model_folder)), folder)
    return OpenVINOEmbedder(folder)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_vectors_prompts_and_limits_are_the_models_own(
    compiled: OpenVINOEmbedder, original: Any
) -> None:
    assert (compiled.dimension, compiled.facts.query_prompt) == (24, "query : ")
    assert compiled.max_tokens == LIMIT - 2 - 2  # two special tokens, two of the prompt
    for ours, theirs in (
        (compiled.encode_query(TEXTS[:2]), original.encode_query(TEXTS[:2])),
        (compiled.encode_document(TEXTS[:2]), original.encode_document(TEXTS[:2])),
    ):
        assert cosines(ours, theirs).min() > 0.995
        assert np.linalg.norm(ours, axis=1) == pytest.approx(1, abs=1e-3)


def test_a_long_question_is_cut_as_the_model_cuts_it_and_a_long_text_refused(
    compiled: OpenVINOEmbedder, original: Any
) -> None:
    assert cosines(compiled.encode_query(TEXTS[2:]), original.encode_query(TEXTS[2:])).min() > 0.995
    with pytest.raises(EmbedderError, match="reads 32 tokens, a text has"):
        compiled.encode_document(TEXTS[2:])


def test_a_vector_does_not_depend_on_what_is_embedded_beside_it(compiled: OpenVINOEmbedder) -> None:
    together = compiled.encode_document([*TEXTS[:2], *(["the pump of the valve"] * 9)])
    alone = np.concatenate([compiled.encode_document([text]) for text in TEXTS[:2]])
    assert cosines(together[:2], alone).min() > 0.999


def test_a_base_remembers_its_model_and_needs_it_no_more_once_compiled(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.txt").write_text("The price of the seal.")
    with KnowledgeBase(tmp_path / "a.kb", embedder=str(model_folder)) as kb:
        assert kb.ingest(docs).added == ["a.txt"]
    hidden = model_folder.rename(model_folder.with_name("hidden"))
    try:
        with KnowledgeBase(tmp_path / "a.kb") as kb:
            assert kb.search("price")[0].source == "a.txt"
            assert kb.status().embedder == "tiny-model"
        with (
            KnowledgeBase(tmp_path / "a.kb", embedder=str(model_folder)) as kb,
            pytest.raises(EmbedderMissing, match="never downloads models by itself"),
        ):
            kb.ingest(docs)
    finally:
        hidden.rename(model_folder)


def test_a_model_is_compiled_once_by_several_processes_also_after_one_that_was_killed(
    model_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "embedders" / "model"
    code = (
        "import sys; from pathlib import Path; from ragkit.embedders.discovery import find_model; "
        "from ragkit.embedders import compile; write = compile._write\n"
        "def noted(*given): print('compiling', flush=True); write(*given)\n"
        "compile._write = noted; compile.compile_model(find_model(sys.argv[1]), Path(sys.argv[2]))"
    )

    def started() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, str(model_folder), str(folder)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    with started() as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "compiling\n"
        killed.kill()
    assert not folder.exists()
    assert list(folder.parent.glob(".compiling-*"))
    both = [started(), started()]
    assert sorted(process.communicate()[0] for process in both) == ["", "compiling\n"]
    assert [process.returncode for process in both] == [0, 0]
    assert OpenVINOEmbedder(folder).dimension == 24
    assert not list(folder.parent.glob(".compiling-*"))


def test_a_cache_that_cannot_be_written_to_is_named(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ragkit").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "a.txt").write_text("The price of the seal.")
    with (
        KnowledgeBase(tmp_path / "a.kb", embedder=str(model_folder)) as kb,
        pytest.raises(EmbedderError, match=r"written to .*ragkit.*Not a directory.*XDG_CACHE_HOME"),
    ):
        kb.ingest(tmp_path / "a.txt")


def test_changed_weights_are_another_model(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from safetensors.numpy import load_file, save_file

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    other = tmp_path / "other" / "tiny-model"
    shutil.copytree(model_folder, other)
    weights = load_file(other / "model.safetensors")
    name = next(iter(weights))
    save_file({**weights, name: weights[name] + 0.5}, other / "model.safetensors", {"format": "pt"})
    (tmp_path / "a.txt").write_text("The seal.")
    with KnowledgeBase(tmp_path / "a.kb", embedder=str(model_folder)) as kb:
        kb.ingest(tmp_path / "a.txt")
    with (
        KnowledgeBase(tmp_path / "a.kb", embedder=str(other)) as kb,
        pytest.raises(StoreMismatch, match="built with the embedder tiny-model with weights"),
    ):
        kb.ingest(tmp_path / "a.txt")


def test_a_compiled_file_that_was_changed_is_refused(
    compiled: OpenVINOEmbedder, tmp_path: Path
) -> None:
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(compiled.tokenizer_file.parent, folder)
    OpenVINOEmbedder(folder)
    data = bytearray((folder / "model.bin").read_bytes())
    data[100] ^= 1
    (folder / "model.bin").write_bytes(data)
    with pytest.raises(EmbedderError, match="not the file that was compiled"):
        OpenVINOEmbedder(folder)
    (folder / "ragkit.json").write_text("{}")
    with pytest.raises(EmbedderError, match="is damaged"):
        OpenVINOEmbedder(folder)


def run_in_full_precision(model: Any, texts: list[str], compiled: OpenVINOEmbedder) -> np.ndarray:
    from ragkit.embedders.openvino import import_openvino

    request = (
        import_openvino().Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    )
    tokens = compiled._tokenizer.ids(texts)
    return np.concatenate([request(pad_batch([ids], len(ids)))[0].copy() for ids in tokens])


def test_products_of_integers_give_the_models_vectors(compiled: OpenVINOEmbedder) -> None:
    folder = compiled.tokenizer_file.parent
    whole, integers = (
        run_in_full_precision(str(folder / name), TEXTS[:2], compiled)
        for name in (MODEL, QUANTIZED)
    )
    assert cosines(whole, integers).min() > 0.995
    assert (whole != integers).any()
    assert (folder / QUANTIZED).with_suffix(".bin").stat().st_size < (
        (folder / MODEL).with_suffix(".bin").stat().st_size
    )


def test_products_that_would_lose_too_much_stay_as_they_are(
    compiled: OpenVINOEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = compiled.tokenizer_file.parent
    texts = compiled._tokenizer.ids(TEXTS[:2])
    monkeypatch.setattr(quantize, "_ERROR_LIMITS", (1e-9,))
    assert not quantize.quantize(folder / MODEL, texts, tmp_path / QUANTIZED)
    monkeypatch.undo()
    monkeypatch.setattr(quantize, "_MIN_COSINE", 1.1)
    assert not quantize.quantize(folder / MODEL, texts, tmp_path / QUANTIZED)
    assert list(tmp_path.iterdir()) == []


def test_a_large_channel_costs_the_others_nothing() -> None:
    generator = np.random.default_rng(3)
    rows = generator.normal(size=(500, 32)).astype(np.float32)
    rows[:, 7] *= 100
    weights = generator.normal(size=(16, 32)).astype(np.float32)
    weights[:, 7] /= 100
    activation = quantize._Activation(rows.min(axis=0), rows.max(axis=0), rows)
    _, error = quantize._choose_rounding(activation, weights)
    alike = quantize._Rounding(np.ones(32, np.float32), float(rows.min()), float(rows.max()))
    integers, steps = quantize._quantize_weights(weights)
    product = rows @ weights.T
    without = quantize._round_rows(rows, alike) @ (integers * steps).T - product
    assert error < 5e-4 < 0.05 < np.square(without).mean() / np.square(product).mean()


def test_a_few_texts_of_a_long_ingest_are_embedded_by_what_is_compiled_already(
    compiled: OpenVINOEmbedder,
) -> None:
    other = OpenVINOEmbedder(compiled.tokenizer_file.parent)
    other.encode_document(["A short one."] * 400)
    few = other.encode_document(TEXTS[:2])
    assert list(other._models) == [_Schedule.DOCUMENTS]
    assert cosines(few, compiled.encode_document(TEXTS[:2])).min() > 0.999


def test_an_activation_that_is_always_zero_is_rounded_to_zero() -> None:
    zeros = np.zeros((9, 8), dtype=np.float32)
    weights = np.ones((4, 8), dtype=np.float32)
    activation = quantize._Activation(zeros[0], zeros[0], zeros)
    rounding, error = quantize._choose_rounding(activation, weights)
    assert (error, np.abs(quantize._round_rows(zeros, rounding)).max()) == (0, 0)


def test_integers_are_used_where_they_were_compiled_and_only_then(
    compiled: OpenVINOEmbedder, tmp_path: Path
) -> None:
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(compiled.tokenizer_file.parent, folder)
    content = json.loads((folder / "ragkit.json").read_text())
    content["files"] = {name: d for name, d in content["files"].items() if "int8" not in name}
    (folder / "ragkit.json").write_text(json.dumps(content))
    other = OpenVINOEmbedder(folder)
    assert other.precision in ("bf16", "f32")
    assert compiled.precision == ("int8" if other.precision == "bf16" else "f32")
    assert cosines(other.encode_query(TEXTS), compiled.encode_query(TEXTS)).min() > 0.995


def test_pickled_weights_are_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(EmbedderError, match="loads no pickled weights"):
        find_model(str(tmp_path))


def test_a_missing_model_names_the_command_and_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EmbedderMissing, match="hf download BAAI/bge-small") as caught:
        find_model("BAAI/bge-small-en-v1.5")
    assert "--embedder FOLDER" in str(caught.value)


def test_a_downloaded_model_is_found_in_the_hub_cache(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    home = tmp_path / "models--acme--tiny"
    shutil.copytree(model_folder, home / "snapshots" / "abc")
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("abc\n")
    assert find_model("acme/tiny").folder == home / "snapshots" / "abc"


def test_the_gpu_path_gives_the_same_vectors(
    compiled: OpenVINOEmbedder, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run on the processor: what differs on a GPU is the device alone."""
    from ragkit.embedders import sentence_transformers

    source = find_model(str(model_folder))
    monkeypatch.setattr(sentence_transformers, "find_model", lambda name: source)
    embedder = sentence_transformers.SentenceTransformersEmbedder(compiled, device="cpu")
    ours, theirs = embedder.encode_document(TEXTS[:2]), compiled.encode_document(TEXTS[:2])
    assert cosines(ours, theirs).min() > 0.995
    assert embedder.count_tokens(TEXTS) == compiled.count_tokens(TEXTS)


def test_batches_hold_each_text_once_and_few_shapes() -> None:
    lengths = [5, 300, 17, 256, 2, 90, 90, 90, 31]
    found = list(split_batches(lengths, 512))
    assert sorted(row for rows, _ in found for row in rows) == list(range(len(lengths)))
    assert all(lengths[row] <= length for rows, length in found for row in rows)
    assert {length for _, length in found} == {8, 96, 256, 304}


def test_facts_are_readable_json(compiled: OpenVINOEmbedder) -> None:
    content = json.loads((compiled.tokenizer_file.parent / "ragkit.json").read_text())
    assert content["facts"]["name"] == "tiny-model"


def test_threads_that_ask_together_each_get_their_own_vectors(compiled: OpenVINOEmbedder) -> None:
    from concurrent.futures import ThreadPoolExecutor

    asked = [[word] for word in WORDS] * 8
    expected = {word: compiled.encode_query([word])[0] for word in WORDS}
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(compiled.encode_query, asked))
    assert all(
        cosines(vectors, expected[text[0]][None]).min() > 0.999
        for text, vectors in zip(asked, found, strict=True)
    )


def test_half_a_character_in_a_question_is_no_error(
    compiled: OpenVINOEmbedder, tmp_path: Path
) -> None:
    with KnowledgeBase(tmp_path / "a.kb", embedder=compiled) as kb:
        (tmp_path / "docs").mkdir()
        (tmp_path / "docs" / "a.txt").write_text("The seal of the pump.")
        kb.ingest(tmp_path / "docs")
        assert kb.search("the pump \ud800")[0].source == "a.txt"
        assert kb.explain("\udcff pump").hits


def test_who_was_interrupted_can_ask_again(
    compiled: OpenVINOEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C comes just after the computing has begun."""
    expected = compiled.encode_query(WORDS[:1])
    request = compiled._request

    class Interrupted:
        def __init__(self, model: object) -> None:
            self._real = request(model)

        def start_async(self, *arguments: object, **options: object) -> None:
            self._real.start_async(*arguments, **options)
            raise KeyboardInterrupt

        def wait(self) -> None:
            self._real.wait()

    with monkeypatch.context() as patch:
        patch.setattr(compiled, "_request", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            compiled.encode_query(WORDS[1:2])
    assert (compiled.encode_query(WORDS[:1]) == expected).all()


def test_openvino_that_does_not_know_the_internal_setting_embeds_the_same(
    compiled: OpenVINOEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = OpenVINOEmbedder(compiled.tokenizer_file.parent)
    refused: list[str] = []

    class Older:
        core = other._core

        def compile_model(self, file: str, device: str, config: dict[str, Any]) -> Any:
            if "SNIPPETS_MODE" in config:
                refused.append(file)
                raise RuntimeError("Unsupported property SNIPPETS_MODE")
            return self.core.compile_model(file, device, config)

    monkeypatch.setattr(other, "_core", Older())
    many = ["A short one."] * 400
    assert cosines(other.encode_document(many), compiled.encode_document(many)).min() > 0.999
    assert len(refused) == 1
