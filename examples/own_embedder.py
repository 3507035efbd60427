"""Bring an embedder of your own: any object with these names will do, no base class.

This one hashes the longer words and their beginnings into 1024 numbers. It knows nothing of
meaning, but it shows the shape; yours would call a model that you have already.

    python examples/own_embedder.py
"""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
import numpy.typing as npt

from ragkit import KnowledgeBase

DOCUMENTS = Path(__file__).parent / "documents"


class HashedWords:
    name = "hashed-words-v1"  # kept in the base: it refuses to be opened with another
    dimension = 1024
    max_tokens = 256

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(re.findall(r"\w+", text)) for text in texts]

    def encode_document(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        vectors[:, 0] = 0.01  # a vector of zeros is refused, and a text may have no words
        for vector, text in zip(vectors, texts, strict=True):
            for word in re.findall(r"\w{4,}", text.casefold()):
                for part in (word, word[:5]):
                    vector[crc32(part.encode()) % self.dimension] += 1
        return np.sqrt(vectors)

    encode_query = encode_document


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        KnowledgeBase(f"{folder}/demo.kb", embedder=HashedWords()) as kb,
    ):
        kb.ingest(DOCUMENTS)
        print("Embedder:", kb.status().embedder)
        for hit in kb.search("What was measured on lathe DM-07 after the repair?", k=3):
            print(f"{hit.similarity:.2f}  {hit.source}  {hit.place}")


if __name__ == "__main__":
    main()
