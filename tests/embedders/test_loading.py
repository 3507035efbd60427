"""The embedder of a knowledge base."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragkit import KnowledgeBase
from ragkit.errors import EmbedderMissing, StoreMismatch


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
            pytest.raises(EmbedderMissing, match="is not a folder; expected the name of a model"),
        ):
            kb.ingest(docs)
    finally:
        hidden.rename(model_folder)


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
