"""The pipeline that people write, as the reference: run as `python -m tests.benchmarks.plain`.

pypdf text, a recursive character splitter of about 256 tokens, SentenceTransformer.encode with
batch 32 in fp32, a flat FAISS index written to disk; the same weights.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

SIZE, OVERLAP = 1000, 100  # characters; about 256 tokens of English
SEPARATORS = ("\n\n", "\n", ". ", " ")


def split(text: str, separators: tuple[str, ...] = SEPARATORS) -> list[str]:
    """Split at the first separator, pack pieces up to SIZE, and split longer ones further."""
    if len(text) <= SIZE:
        return [text] if text.strip() else []
    if not separators:
        return [text[at : at + SIZE] for at in range(0, len(text), SIZE - OVERLAP)]
    chunks: list[str] = []
    current = ""
    for piece in text.split(separators[0]):
        if len(piece) > SIZE:
            chunks += [current] if current else []
            chunks += split(piece, separators[1:])
            current = ""
        elif len(current) + len(piece) + len(separators[0]) > SIZE:
            chunks.append(current)
            current = current[-OVERLAP:] + separators[0] + piece
        else:
            current = current + separators[0] + piece if current else piece
    return [chunk for chunk in [*chunks, current] if chunk.strip()]


def load_model() -> Any:
    from sentence_transformers import SentenceTransformer

    from ragkit.embedders.discovery import DEFAULT, find_model

    return SentenceTransformer(str(find_model(DEFAULT).folder), device="cpu")


def ingest(docs: list[Path], out: Path) -> None:
    import faiss
    from pypdf import PdfReader

    chunks: list[dict[str, Any]] = []
    for path in docs:
        for number, page in enumerate(PdfReader(path).pages, 1):
            for text in split(page.extract_text()):
                chunks.append({"source": path.name, "page": number, "text": text})
    model = load_model()
    texts = [chunk["text"] for chunk in chunks]
    vectors = model.encode(texts, batch_size=32, normalize_embeddings=True)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    out.mkdir(parents=True, exist_ok=True)
    faiss.write_index(index, str(out / "index.faiss"))
    (out / "chunks.json").write_text(json.dumps(chunks))


class Searcher:
    """Loads what `ingest` wrote and searches it."""

    def __init__(self, folder: Path) -> None:
        import faiss

        self.model = load_model()
        self.index = faiss.read_index(str(folder / "index.faiss"))
        self.chunks = json.loads((folder / "chunks.json").read_text())

    def search(self, query: str, k: int = 10) -> list[dict[str, Any]]:
        vector = self.model.encode([query], normalize_embeddings=True)
        _, positions = self.index.search(vector, k)
        return [self.chunks[position] for position in positions[0]]


if __name__ == "__main__":
    started = time.perf_counter()
    if sys.argv[1] == "ingest":
        ingest([Path(name) for name in sys.argv[3:]], Path(sys.argv[2]))
    else:
        print(Searcher(Path(sys.argv[2])).search(sys.argv[3])[0]["source"])
    print(f"{time.perf_counter() - started:.1f} s", file=sys.stderr)
