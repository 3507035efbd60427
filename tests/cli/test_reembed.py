"""The command that changes the embedder."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ragkit as library
from ragkit import KnowledgeBase
from ragkit.embedders.base import Embedder
from ragkit.errors import EmbedderMissing
from ragkit.retrieval.components import Components
from tests.cli.conftest import Command, write
from tests.support.fake_embeddings import embedder_entry
from tests.support.fake_ollama import fake_ollama
from tests.support.hashing import HashingEmbedder, Vectors


class Knowing(HashingEmbedder):
    """Knows a word of another language."""

    def _encode(self, texts: Sequence[str]) -> Vectors:
        return super()._encode([text.replace("pompe", "pump") for text in texts])


class Worse(HashingEmbedder):
    """Gives all texts the same vector."""

    def _encode(self, texts: Sequence[str]) -> Vectors:
        return np.ones((len(texts), self.dimension), dtype=np.float32)


EMBEDDERS = {
    "first": Knowing("first"),
    "second": Knowing("second", 96),
    "worse": Worse("worse", 32),
}


class Named(Components):
    """Finds the embedders of this module by name, as others are found on the disk."""

    def load_named(self, name: str) -> Embedder:
        if name not in EMBEDDERS:
            raise EmbedderMissing(f"there is no embedder {name}")
        return EMBEDDERS[name]


class Base(KnowledgeBase):
    def __init__(self, path: Path, **options: Any) -> None:
        super().__init__(path, **options)
        self._resources.components.__class__ = Named
        for one in EMBEDDERS.values():
            self._resources.components.add(one)


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for topic in ("pump", "valve", "canteen"):
        write(tmp_path / "docs" / f"{topic}.txt", f"The {topic} is described here.")
    with KnowledgeBase(tmp_path / "a.kb", embedder=EMBEDDERS["first"]) as kb:
        kb.ingest(tmp_path / "docs", workers=1)
    monkeypatch.setitem(vars(library), "KnowledgeBase", Base)
    write(
        tmp_path / "questions.jsonl",
        '{"question": "pompe", "relevant": [{"doc": "pump.txt"}]}\n{"question": "why?"}\n',
    )
    return tmp_path / "a.kb"


def test_a_change_names_what_serves_and_how_to_go_on(ragkit: Command, base: Path) -> None:
    done = ragkit("reembed", "--kb", base, "--embedder", "second")
    assert done.code == 0
    embedded, compared, uses = done.out.splitlines()
    assert embedded.startswith("embedded 3 chunks in ")
    assert compared == "nothing was compared; to compare both embedders, pass --questions FILE"
    assert uses == (
        "searches use second; the vectors of first are kept until: ragkit reembed --finish"
    )
    assert "previous embedder: first" in ragkit("status", "--kb", base).out
    assert ragkit("search", "pompe", "--kb", base, "-k", 1).out.count("pump.txt") == 1
    again = ragkit("reembed", "--kb", base, "--embedder", "second")
    assert (again.code, again.out) == (
        0,
        "embedded 0 chunks in 0.0 s\n" + "".join(f"{line}\n" for line in (compared, uses)),
    )
    assert ragkit("reembed", "--kb", base, "--finish").out == "deleted the vectors of first\n"
    assert "previous embedder" not in ragkit("status", "--kb", base).out
    already = ragkit("reembed", "--kb", base, "--embedder", "second")
    assert already.out == "searches use second already\n"


def test_undo_goes_back(ragkit: Command, base: Path) -> None:
    ragkit("reembed", "--kb", base, "--embedder", "second")
    assert ragkit("reembed", "--kb", base, "--undo").out == "searches use first\n"
    assert "embedder: first (64 dimensions)" in ragkit("status", "--kb", base).out
    assert "nothing to undo" in ragkit("reembed", "--kb", base, "--undo").error


def test_both_embedders_are_compared_before_the_swap(ragkit: Command, base: Path) -> None:
    done = ragkit("reembed", "--kb", base, "--embedder", "second", "--questions", "questions.jsonl")
    assert done.code == 0
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "1 questions (1 skipped) old new" in lines[0]
    assert "hit@1 1.000 1.000" in lines
    assert "MRR 1.000 1.000" in lines
    assert "0 questions got better, 0 got worse" in lines


def test_an_embedder_that_finds_less_needs_a_yes(ragkit: Command, base: Path) -> None:
    change = ("reembed", "--kb", base, "--embedder", "worse", "--questions", "questions.jsonl")
    refused = ragkit(*change)
    assert refused.code == 1
    assert "0 questions got better, 1 got worse" in refused.out
    assert "ragkit reembed --embedder worse --yes" in refused.out
    status = ragkit("status", "--kb", base).out
    assert "embedder: first (64 dimensions)" in status
    assert "re-embedding with worse: 3 of 3 chunks" in status
    swapped = ragkit("reembed", "--kb", base, "--embedder", "worse", "--yes")
    assert swapped.code == 0
    assert swapped.out.startswith("embedded 0 chunks")
    assert "embedder: worse" in ragkit("status", "--kb", base).out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("reply", "serves"), [("y\n", "worse"), ("n\n", "first"), ("", "first")])
def test_on_a_terminal_it_asks(
    ragkit: Command, base: Path, monkeypatch: pytest.MonkeyPatch, reply: str, serves: str
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(reply))
    done = ragkit("reembed", "--kb", base, "--embedder", "worse", "--questions", "questions.jsonl")
    assert "The new embedder finds less" in done.err
    assert done.code == {"y\n": 0, "n\n": 1, "": 130}[reply]
    monkeypatch.undo()
    with Base(base, config=library.Config()) as kb:
        assert kb.status().embedder == serves


def test_json_has_the_comparison(ragkit: Command, base: Path) -> None:
    change = ("reembed", "--kb", base, "--embedder", "worse", "--questions", "questions.jsonl")
    done = ragkit(*change, "--json")
    assert done.code == 1
    found = json.loads(done.out)
    assert (found["embedder"], found["previous"], found["swapped"]) == ("worse", "first", False)
    assert found["comparison"]["before"]["mrr"] == 1
    assert found["comparison"]["worse"] == 1
    change = json.loads(ragkit("status", "--kb", base, "--json").out)["embedder_change"]
    assert (change["role"], change["chunks_done"], change["chunks_total"]) == ("next", 3, 3)


@pytest.mark.parametrize(
    "options",
    [(), ("--undo", "--finish"), ("--embedder", "second", "--undo"), ("--undo", "--yes")],
)
def test_one_thing_at_a_time(ragkit: Command, base: Path, options: tuple[str, ...]) -> None:
    done = ragkit("reembed", "--kb", base, *options)
    assert done.code == 2
    assert "Error: " in done.err


def test_an_embedder_that_is_not_there_changes_nothing(ragkit: Command, base: Path) -> None:
    failed = ragkit("reembed", "--kb", base, "--embedder", "nowhere")
    assert "there is no embedder nowhere" in failed.error
    assert "re-embedding" not in ragkit("status", "--kb", base).out


def test_a_model_that_was_replaced_under_its_name_is_told_from_the_new_one(
    ragkit: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "docs" / "pump.txt", "The pump needs oil.")
    kb = tmp_path / "b.kb"
    with fake_ollama() as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        server.models = [embedder_entry()]
        ragkit("ingest", tmp_path / "docs", "--kb", kb, "--embedder", "ollama:minilm")
        server.models = [embedder_entry(digest="f" * 64)]
        done = ragkit("reembed", "--kb", kb, "--embedder", "ollama:minilm")
    assert done.out.splitlines()[-1] == (
        "searches use ollama:minilm; the vectors of the model that it replaced are kept until: "
        "ragkit reembed --finish"
    )
