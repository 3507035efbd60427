"""An embedder that runs the same models on a GPU with torch, which speeds up an ingest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ragkit.embedders.base import FactsEmbedder, Vectors
from ragkit.embedders.discovery import find_model
from ragkit.embedders.openvino import OpenVINOEmbedder
from ragkit.network import hubs_offline


def is_cuda_available() -> bool:
    """Return True if there is an NVIDIA GPU and a torch that can use it.

    Without a GPU torch is not imported, which would take seconds.
    """
    if not Path("/dev/nvidiactl").exists():
        return False
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())


class SentenceTransformersEmbedder(FactsEmbedder):
    """Embeds documents with torch, and questions with the compiled model on the CPU."""

    def __init__(self, compiled: OpenVINOEmbedder, *, device: str = "cuda") -> None:
        hubs_offline()
        from sentence_transformers import SentenceTransformer

        self.facts = compiled.facts
        self.tokenizer_file = compiled.tokenizer_file
        self._compiled = compiled
        source = find_model(compiled.facts.name)
        self._model = SentenceTransformer(str(source.folder), device=device, local_files_only=True)
        if device == "cuda":
            self._model = self._model.bfloat16()

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, special tokens not counted."""
        return self._compiled.count_tokens(texts)

    def encode_query(self, texts: Sequence[str]) -> Vectors:
        """Embed questions on the CPU; see OpenVINOEmbedder.encode_query."""
        return self._compiled.encode_query(texts)

    def encode_document(self, texts: Sequence[str]) -> Vectors:
        """Embed chunks: float32 of shape (len(texts), dimension), normalized."""
        vectors = self._model.encode(
            [self.facts.document_prompt + text for text in texts],
            prompt="",
            batch_size=128,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, dtype=np.float32)
