"""Where models are found, and what is said of those that are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragkit.embedders.discovery import find_model
from ragkit.errors import EmbedderError, EmbedderMissing
from tests.support.hub_cache import put_in_hub_cache


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


def test_what_cannot_be_a_folder_is_not_to_be_downloaded(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"")
    for name in (str(file), str(tmp_path / "nosuch"), "./nosuch", "~/nosuch"):
        with pytest.raises(EmbedderMissing, match="is not a folder; expected the name of a model"):
            find_model(name)
    for name in ("", " "):
        with pytest.raises(EmbedderMissing, match="the name of the embedder is empty"):
            find_model(name)


def test_a_downloaded_model_is_found_in_the_hub_cache(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    folder = put_in_hub_cache(tmp_path, "acme/tiny", model_folder)
    assert find_model("acme/tiny").folder == folder
