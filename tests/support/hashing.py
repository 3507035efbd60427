"""A small embedder without weights: words are hashed into 64 signed buckets."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]


class HashingEmbedder:
    """Texts that share words are near each other; it remembers what it was asked to embed."""

    max_tokens = 64

    def __init__(self, name: str = "hashing-1", dimension: int = 64) -> None:
        self.name = name
        self.dimension = dimension
        self.embedded: list[str] = []

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]

    def encode_query(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts)

    def encode_document(self, texts: Sequence[str]) -> Vectors:
        self.embedded += texts
        return self._encode(texts)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.full((len(texts), self.dimension), 0.01, dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.casefold()):
                value = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest())
                vectors[row, value % self.dimension] += 1 if value >> 63 else -1
        return vectors
