"""The same models on a GPU, through sentence-transformers: for ingest, where it pays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ragkit.embedders.base import EmbedderFacts, Vectors
from ragkit.embedders.discovery import find
from ragkit.embedders.openvino import OpenVINOEmbedder
from ragkit.network import hubs_offline


def cuda_available() -> bool:
    """Whether there is an NVIDIA device and a torch that can use it; cheap where there is none."""
    if not Path("/dev/nvidiactl").exists():
        return False
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())


class SentenceTransformersEmbedder:
    """Embeds documents with torch; questions stay with the compiled model on the CPU."""

    def __init__(self, compiled: OpenVINOEmbedder, *, device: str = "cuda") -> None:
        hubs_offline()
        from sentence_transformers import SentenceTransformer

        self.facts: EmbedderFacts = compiled.facts
        self.tokenizer_file = compiled.tokenizer_file
        self._compiled = compiled
        source = find(compiled.facts.name)
        self._model = SentenceTransformer(str(source.folder), device=device, local_files_only=True)
        if device == "cuda":
            self._model = self._model.bfloat16()

    @property
    def name(self) -> str:
        return self.facts.name

    @property
    def dimension(self) -> int:
        return self.facts.dimension

    @property
    def max_tokens(self) -> int:
        return self.facts.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._compiled.count_tokens(texts)

    def encode_query(self, texts: Sequence[str]) -> Vectors:
        return self._compiled.encode_query(texts)

    def encode_document(self, texts: Sequence[str]) -> Vectors:
        vectors = self._model.encode(
            [self.facts.document_prompt + text for text in texts],
            prompt="",
            batch_size=128,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, dtype=np.float32)
