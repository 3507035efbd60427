"""A small base and two embedders, between which the tests change."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from ragkit import KnowledgeBase
from ragkit.maintenance import ReembedProgress
from ragkit.store.database import connect
from tests.support.hashing import HashingEmbedder

TOPICS = ("pump", "valve", "canteen", "holiday", "invoice", "printer", "bicycle", "contract")


def old() -> HashingEmbedder:
    return HashingEmbedder("hashing-1", 64)


def new() -> HashingEmbedder:
    return HashingEmbedder("hashing-2", 96)


def open_kb(path: Path, embedder: HashingEmbedder | None = None) -> KnowledgeBase:
    """Open a base that knows both embedders, as one does whose models are on this machine."""
    kb = KnowledgeBase(path, embedder=embedder or old())
    for one in (old(), new()):
        kb._resources.components.add(one)
    return kb


def write(docs: Path, *names: str, version: int = 1) -> None:
    for name in names:
        (docs / f"{name}.txt").write_text(f"The {name} of version {version} is described here.")


def fresh_dump(tmp_path: Path, docs: Path, embedder: HashingEmbedder) -> list[str]:
    with KnowledgeBase(tmp_path / "fresh.kb", embedder=embedder) as kb:
        kb.ingest(docs, workers=1)
        found = list(kb.dump())
    shutil.rmtree(tmp_path / "fresh.kb")
    return found


def found_by(kb: KnowledgeBase, words: str = "the pump") -> str:
    return kb.search(words, 1)[0].source


def interrupt(kb: KnowledgeBase, stage: str, embedder: HashingEmbedder | None = None) -> None:
    """Stop a change at the first report of a stage."""

    def stop(progress: ReembedProgress) -> None:
        if progress.stage == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kb.reembedding.run(embedder or new(), progress=stop)


def count_spare(path: Path) -> tuple[int, int, int]:
    """The vectors of the second set, its index files, and what meta says of it."""
    with closing(connect(path / "ragkit.db", readonly=True)) as database:
        return database.execute(
            "SELECT (SELECT count(*) FROM spare_vector), "
            "(SELECT count(*) FROM index_version WHERE spare = 1), "
            "(SELECT count(*) FROM meta WHERE key = 'spare')"
        ).fetchone()


def ingest_more(kb: KnowledgeBase, docs: Path) -> None:
    write(docs, "lathe", "crane")
    kb.ingest(docs, workers=1)
