"""The modules that a question and an ingest pass through, as docs/architecture.md draws them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from ragkit import Config, KnowledgeBase
from tests.support.fake_ollama import fake_ollama
from tests.support.hashing import HashingEmbedder

NOBODY = "http://127.0.0.1:9"
MAX_MODULES = 8

Chain = tuple[str, ...]
"""Modules in the order in which they call each other, without "ragkit."."""

ASK = ("knowledge_base", "view")
ASK_PATHS: dict[str, Chain] = {
    "search": (*ASK, "retrieval.retriever", "index.faiss_index", "index.vector_search"),
    "record the question": (*ASK, "governance.audit_recorder", "store.writer"),
    "record the answer": (
        *ASK, "generation.streaming", "governance.audit_recorder", "store.writer",
    ),
}  # fmt: skip
EXTRACTIVE_PATHS: dict[str, Chain] = {
    **ASK_PATHS,
    "find no model": (
        *ASK, "generation.answering", "llms.selection", "llms.ollama", "llms.transport",
    ),
    "quote": (*ASK, "generation.answering", "generation.extractive"),
}  # fmt: skip
MODEL_PATHS: dict[str, Chain] = {
    **ASK_PATHS,
    "choose a model": (
        *ASK, "generation.answering", "llms.selection", "llms.ollama", "llms.transport",
    ),
    "fit the prompt": (*ASK, "generation.answering", "generation.prompts"),
    "read the model": (
        *ASK, "generation.streaming", "generation.answering", "llms.reasoning", "llms.ollama",
        "llms.transport",
    ),
    "check the answer": (
        *ASK, "generation.streaming", "generation.answering", "verification.checker",
        "verification.evidence", "verification.claims",
    ),
    "place the citations": (
        *ASK, "generation.streaming", "generation.answering", "verification.attribution",
        "verification.highlights", "verification.claims", "text.numbers",
    ),
}  # fmt: skip
INGEST = ("knowledge_base", "document_writer", "ingestion.pipeline")
INGEST_PATHS: dict[str, Chain] = {
    "scan and plan": (*INGEST, "ingestion.plan"),
    "read": (*INGEST, "ingestion.workers"),
    "embed": (*INGEST, "ingestion.embedding"),
    "commit": (*INGEST, "ingestion.commit", "store.writer"),
    "update the indexes": (*INGEST[:2], "index.indexes", "index.faiss_index"),
}  # fmt: skip


def trace(call: Callable[[], Any]) -> set[Chain]:
    """The chain of ragkit's modules on the stack, at every call that this thread makes."""
    found = set()

    def look(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_globals.get("__name__", "").startswith("ragkit."):
            found.add(tuple(reversed([*_modules(frame)])))

    sys.setprofile(look)
    try:
        call()
    finally:
        sys.setprofile(None)
    return found


def _modules(innermost: FrameType) -> Iterator[str]:
    """The modules on a stack, the innermost first; one that calls itself counts once."""
    frame: FrameType | None = innermost
    last = ""
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        is_import = frame.f_code.co_name == "<module>"
        if name.startswith("ragkit.") and not is_import and name != last:
            yield name.removeprefix("ragkit.")
            last = name
        frame = frame.f_back


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    text = "Everybody has 28 days of annual leave.\n\nThe pump weighs 84 kg since 3 May 2024."
    (tmp_path / "docs" / "leave.txt").write_text(text)
    return tmp_path / "docs"


def open_kb(docs: Path, host: str = NOBODY) -> KnowledgeBase:
    config = Config(ollama_host=host)
    return KnowledgeBase(docs.parent / "a.kb", embedder=HashingEmbedder(), config=config)


def check(chains: set[Chain], paths: dict[str, Chain]) -> None:
    """Compare what was called with what is documented."""
    deepest = max(chains, key=lambda chain: len(set(chain)))
    assert len(set(deepest)) <= MAX_MODULES, " > ".join(deepest)
    for chain in chains:
        entered = [module for module, _ in groupby(chain)]
        assert len(set(entered)) == len(entered), f"called back into: {' > '.join(chain)}"
    for what, path in paths.items():
        assert path in chains, what


def test_ingest_passes_through_the_documented_modules(docs: Path) -> None:
    with open_kb(docs) as kb:
        check(trace(lambda: kb.ingest(docs, workers=1)), INGEST_PATHS)
        assert kb.status().documents == 1


@pytest.mark.parametrize("has_model", [False, True], ids=["extractive", "model"])
def test_ask_passes_through_the_documented_modules(docs: Path, *, has_model: bool) -> None:
    question = "How many days of annual leave does everybody have?"
    answers = []
    with fake_ollama() as server, open_kb(docs, server.url if has_model else NOBODY) as kb:
        kb.ingest(docs, workers=1)
        kb.search("pump")  # which loads the indexes
        chains = trace(lambda: answers.append(kb.ask(question)))
    assert answers[0].is_extractive is not has_model
    check(chains, MODEL_PATHS if has_model else EXTRACTIVE_PATHS)


def test_the_architecture_page_lists_these_paths() -> None:
    page = Path(__file__).parents[1].joinpath("docs", "architecture.md").read_text(encoding="utf-8")
    for path in (EXTRACTIVE_PATHS | MODEL_PATHS | INGEST_PATHS).values():
        assert f"`{' > '.join(path)}`" in page
