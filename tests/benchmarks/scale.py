"""200,000 and 1,000,000 synthetic chunks: recall, latency, opening, memory and file sizes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ragkit.index.faiss_index import FaissIndex
from ragkit.index.vector_search import VectorSearch
from ragkit.store.layout import Layout
from ragkit.store.records import NewDocument
from ragkit.store.snapshot import Snapshot
from ragkit.store.store import Store
from ragkit_ingest.chunk import Chunk
from ragkit_ingest.model import Document, Page
from tests.support.stored import MODIFIED_AT

DIMENSION, CLUSTERS, PER_DOCUMENT, QUERIES = 384, 2000, 1000, 200


def vectors(count: int, seed: int, centres: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    """Points around random centres, as text embeddings lie: shape (count, DIMENSION), length 1."""
    random = np.random.default_rng(seed)
    picked = centres[random.integers(0, len(centres), count)]
    spread = random.standard_normal((count, DIMENSION), dtype=np.float32) * 0.035
    points = picked + spread
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float16)


def centres() -> npt.NDArray[np.float32]:
    points = np.random.default_rng(0).standard_normal((CLUSTERS, DIMENSION), dtype=np.float32)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def build(path: Path, count: int) -> None:
    store = Store(path)
    middle = centres()
    with store.writer() as writer:
        source_folder = writer.source_folders.add("/synthetic", whole=True)
        for number in range(count // PER_DOCUMENT):
            texts = [f"chunk {number * PER_DOCUMENT + n}" for n in range(PER_DOCUMENT)]
            page = "\n".join(texts)
            ends = np.cumsum([len(text) + 1 for text in texts])
            chunks = [
                Chunk(n, 0, int(ends[n]) - len(texts[n]) - 1, int(ends[n]) - 1, "")
                for n in range(PER_DOCUMENT)
            ]
            digests = [f"{number}:{n}".encode() for n in range(PER_DOCUMENT)]
            content = Document("text", (Page(page),))
            writer.documents.put(
                NewDocument(source_folder, f"{number}.txt", b"", 0, "default", content, chunks,
                            digests, vectors(PER_DOCUMENT, number + 1, middle),
                            MODIFIED_AT)
            )  # fmt: skip
        started = time.perf_counter()
        FaissIndex(store.layout).rebuild(writer)
        print(f"  build and publish   {time.perf_counter() - started:8.1f} s")
    store.close()


def probe(path: Path) -> None:
    """In a fresh process: open, recall against an exact search, latency, memory."""
    queries = vectors(QUERIES, 999_999, centres()).astype(np.float32)
    before = _resident_mb()
    started = time.perf_counter()
    store = Store(path, create=False)
    index = VectorSearch(store.layout)
    with store.snapshot() as snapshot:
        index.search(snapshot, queries[0], 10)
        opened = time.perf_counter() - started
        times, found = [], []
        for query in queries:
            started = time.perf_counter()
            hits = index.search(snapshot, query, 100)
            times.append((time.perf_counter() - started) * 1000)
            found.append(hits[0].tolist())
        memory = _resident_mb() - before
        exact = _exact(snapshot, queries)
        index_version = snapshot.vectors.index_version()
    recall = np.mean([len(set(a[:10]) & set(b)) / 10 for a, b in zip(found, exact, strict=True)])
    assert index_version is not None
    print(f"  kind                {index_version.kind:>8}")
    print(f"  recall@10           {recall:8.3f}")
    print(f"  p50 of a search     {np.median(times):8.2f} ms  (best 100, one thread)")
    print(f"  open and first      {opened * 1000:8.1f} ms")
    print(f"  memory, mapped too  {memory:8.0f} MB")
    print(f"  index file          {index_version.bytes / 1e6:8.0f} MB")
    print(f"  database            {store.layout.database.stat().st_size / 1e6:8.0f} MB")


def _resident_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1000 for line in status.splitlines() if "VmRSS" in line)


def _exact(snapshot: Snapshot, queries: npt.NDArray[np.float32]) -> list[list[int]]:
    """The true ten nearest of each query, by a scan of the database."""
    best: list[list[tuple[float, int]]] = [[] for _ in queries]
    last = 0
    while True:
        ids, part = snapshot.vectors.after(last, DIMENSION, limit=50_000)
        if not ids:
            return [[chunk for _, chunk in entries] for entries in best]
        scores = queries @ part.astype(np.float32).T
        top = np.argpartition(-scores, 10, axis=1)[:, :10]
        for row, columns in enumerate(top):
            entries = best[row] + [(float(scores[row, c]), ids[c]) for c in columns]
            best[row] = sorted(entries, reverse=True)[:10]
        last = ids[-1]


def main(arguments: list[str], workdir: Path) -> None:
    """Sizes as arguments, 200000 and 1000000 if none are given."""
    for size in [int(argument) for argument in arguments] or [200_000, 1_000_000]:
        path = workdir / f"scale-{size}.kb"
        print(f"{size:,} chunks", flush=True)
        if not Layout(path).exists():
            shutil.rmtree(path, ignore_errors=True)
            build(path, size)
        subprocess.run([sys.executable, "-m", "tests.benchmarks.scale", str(path)], check=True)


if __name__ == "__main__":
    probe(Path(sys.argv[1]))
