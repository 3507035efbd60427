"""Which folders are cross-encoders, and what is said of the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ragkit.errors import RerankerError, RerankerMissing
from ragkit.rerankers.discovery import find_reranker
from ragkit.rerankers.loading import load_reranker
from tests.rerankers.conftest import copy_without, export_onnx, make_model
from tests.support.hub_cache import put_in_hub_cache


def write_folder(folder: Path, config: dict[str, Any] | None, *names: str) -> str:
    """Make a folder with a configuration and files that hold nothing useful."""
    folder.mkdir()
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    for name in names:
        (folder / name).write_text("[]")
    return str(folder)


def test_a_missing_model_names_the_command_and_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(RerankerMissing, match="hf download acme/reranker") as caught:
        find_reranker("acme/reranker")
    assert "--reranker FOLDER" in str(caught.value)
    with pytest.raises(RerankerMissing, match=r"is not a folder; expected .* correct the setting"):
        find_reranker(str(tmp_path / "none"))
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(RerankerMissing, match="file is not a folder"):
        find_reranker(str(file))


def test_a_downloaded_model_is_found_in_the_hub_cache(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    folder = put_in_hub_cache(tmp_path, "cross-encoder/tiny", model_folder)
    for name in ("cross-encoder/tiny", "tiny"):
        found = find_reranker(name)
        assert (found.folder, found.name) == (folder, name)


@pytest.mark.parametrize(
    ("config", "names", "message"),
    [
        (None, (), "holds no model; expected .* name another folder"),
        ({}, ("pytorch_model.bin", "tokenizer.json"), "pickled weights only.* expected model.saf"),
        ({}, ("model.pt",), "pickled weights only"),
        ({}, ("model-Q4.gguf",), r"holds a language model \(GGUF\); expected"),
        ({}, ("model.safetensors",), "has no tokenizer; expected .*copy or download"),
        ({}, ("model.onnx",), "has no tokenizer"),
        (
            {"architectures": ["BertModel"]},
            ("model.safetensors", "tokenizer.json", "modules.json"),
            r"is an embedding model \(BertModel\); expected .*ForSequenceClassification",
        ),
        (
            {"architectures": ["LlamaForCausalLM"]},
            ("model.safetensors", "tokenizer.json"),
            r"is a language model \(LlamaForCausalLM\)",
        ),
        (
            {"architectures": ["T5ForConditionalGeneration"]},
            ("model.onnx", "spiece.model"),
            "is a language model",
        ),
        (
            {"architectures": ["BertForTokenClassification"]},
            ("model.onnx", "vocab.txt"),
            "is not a cross-encoder",
        ),
    ],
)
def test_a_folder_of_another_kind_says_what_it_is(
    tmp_path: Path, config: dict[str, Any] | None, names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(RerankerError, match=message):
        load_reranker(write_folder(tmp_path / "model", config, *names))


def test_a_damaged_configuration_is_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model", None, "model.onnx", "tokenizer.json")
    (tmp_path / "model" / "config.json").write_text("{")
    with pytest.raises(RerankerError, match=r"config.json is damaged .*copy or download"):
        load_reranker(folder)


def test_an_embedder_of_sentence_transformers_is_refused(embedder_folder: Path) -> None:
    with pytest.raises(RerankerError, match="is an embedding model"):
        load_reranker(str(embedder_folder))


def test_a_compiled_embedder_is_refused(embedder_folder: Path, tmp_path: Path) -> None:
    from ragkit.embedders.compile import compile_model
    from ragkit.embedders.discovery import find_model

    compile_model(find_model(str(embedder_folder)), tmp_path / "compiled")
    with pytest.raises(RerankerError, match="is not a compiled reranker; expected"):
        load_reranker(str(tmp_path / "compiled"))


@pytest.mark.parametrize("kept", [0, 100, 5000])
def test_files_that_were_cut_are_named_when_the_model_is_loaded(
    model_folder: Path, onnx_folder: Path, tmp_path: Path, kept: int
) -> None:
    for at, (folder, name) in enumerate(
        [(model_folder, "model.safetensors"), (onnx_folder, "model.onnx")]
    ):
        copy = copy_without(folder, tmp_path / str(at))
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(content[:kept])
        with pytest.raises(RerankerError, match=r"cannot be read .*expected .*copy or download"):
            load_reranker(str(copy))


def test_a_damaged_tokenizer_is_named(onnx_folder: Path, tmp_path: Path) -> None:
    copy = copy_without(onnx_folder, tmp_path / "copy")
    (copy / "tokenizer.json").write_text("{}")
    with pytest.raises(RerankerError, match="cannot be read"):
        load_reranker(str(copy))


def test_an_onnx_embedder_or_a_classifier_of_many_classes_is_refused(
    model_folder: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import BertModel

    bert = BertModel.from_pretrained(str(model_folder), local_files_only=True)

    class Vectors(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = bert

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return self.model(input_ids, attention_mask).last_hidden_state

    copy = copy_without(model_folder, tmp_path / "vectors", "*.safetensors", "config.json")
    ones = torch.ones((2, 16), dtype=torch.int64)
    inputs = {"input_ids": ones, "attention_mask": ones}
    export_onnx(Vectors().eval(), inputs, copy / "model.onnx")
    with pytest.raises(RerankerError, match="returns vectors, as an embedder does; expected one"):
        load_reranker(str(copy))
    with pytest.raises(RerankerError, match="returns 3 classes; expected one score"):
        load_reranker(str(make_model(tmp_path / "classes", labels=3)))
