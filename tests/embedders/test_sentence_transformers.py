"""The GPU path, on the CPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragkit.embedders.discovery import find_model
from ragkit.embedders.openvino import OpenVINOEmbedder
from tests.embedders.conftest import TEXTS, cosines


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
