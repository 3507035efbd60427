"""Use your own embedder: any object with these names works; there is no base class.

This one hashes longer words and their first letters into 1,024 numbers. It knows nothing about
meaning, but it shows the interface. Yours would call a model.

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
    """Embeds a text as the hashes of its words."""

    name = "hashed-words-v1"  # stored in the knowledge base, which refuses any other embedder
    dimension = 1024
    max_tokens = 256

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text."""
        return [len(re.findall(r"\w+", text)) for text in texts]

    def encode_document(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return the vectors, float32 of shape (len(texts), 1024); ragkit normalises them."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        vectors[:, 0] = 0.01  # a vector of zeros is refused, and a text may contain no words
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
