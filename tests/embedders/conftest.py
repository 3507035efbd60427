"""A small model made here, and sentence-transformers to compare with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragkit.embedders.discovery import find_model
from ragkit.embedders.openvino import OpenVINOEmbedder

WORDS = ("the", "pump", "seal", "valve", "leave", "price", "of", "and", "how", "many", "days")
TEXTS = ["the pump", "how many days of leave", "price of the seal and the valve " * 5]
LIMIT = 32


def make_model(folder: Path) -> Path:
    """Save a sentence-transformers model with prompts, CLS pooling and a projection."""
    pytest.importorskip("sentence_transformers", reason="needs ragkit[torch]")
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules
    from transformers import BertConfig, BertModel, BertTokenizerFast

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


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedding model of sentence-transformers."""
    return make_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def original(model_folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(model_folder), device="cpu", local_files_only=True)


@pytest.fixture(scope="session")
def compiled(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> OpenVINOEmbedder:
    from ragkit.embedders.compile import compile_model

    folder = tmp_path_factory.mktemp("compiled") / "model"
    compile_model(find_model(str(model_folder)), folder)
    return OpenVINOEmbedder(folder)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
