"""Compiled models against sentence-transformers itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragkit import KnowledgeBase
from ragkit.embedders.openvino import OpenVINOEmbedder
from ragkit.errors import EmbedderError
from tests.embedders.conftest import LIMIT, TEXTS, cosines


def test_vectors_prompts_and_limits_are_the_models_own(
    compiled: OpenVINOEmbedder, original: Any
) -> None:
    assert (compiled.dimension, compiled.facts.query_prompt) == (24, "query : ")
    assert compiled.max_tokens == LIMIT - 2 - 2  # two special tokens, two of the prompt
    for ours, theirs in (
        (compiled.encode_query(TEXTS[:2]), original.encode_query(TEXTS[:2])),
        (compiled.encode_document(TEXTS[:2]), original.encode_document(TEXTS[:2])),
    ):
        assert cosines(ours, theirs).min() > 0.995
        assert np.linalg.norm(ours, axis=1) == pytest.approx(1, abs=1e-3)


def test_a_model_is_compiled_once_by_several_processes_also_after_one_that_was_killed(
    model_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "embedders" / "model"
    code = (
        "import sys; from pathlib import Path; from ragkit.embedders.discovery import find_model; "
        "from ragkit.embedders import compile; write = compile._write\n"
        "def noted(*given): print('compiling', flush=True); write(*given)\n"
        "compile._write = noted; compile.compile_model(find_model(sys.argv[1]), Path(sys.argv[2]))"
    )

    def started() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, str(model_folder), str(folder)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    with started() as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "compiling\n"
        killed.kill()
    assert not folder.exists()
    assert list(folder.parent.glob(".compiling-*"))
    both = [started(), started()]
    assert sorted(process.communicate()[0] for process in both) == ["", "compiling\n"]
    assert [process.returncode for process in both] == [0, 0]
    assert OpenVINOEmbedder(folder).dimension == 24
    assert not list(folder.parent.glob(".compiling-*"))


def test_a_cache_that_cannot_be_written_to_is_named(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ragkit").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "a.txt").write_text("The price of the seal.")
    with (
        KnowledgeBase(tmp_path / "a.kb", embedder=str(model_folder)) as kb,
        pytest.raises(EmbedderError, match=r"written to .*ragkit.*Not a directory.*XDG_CACHE_HOME"),
    ):
        kb.ingest(tmp_path / "a.txt")


def test_facts_are_readable_json(compiled: OpenVINOEmbedder) -> None:
    content = json.loads((compiled.tokenizer_file.parent / "ragkit.json").read_text())
    assert content["facts"]["name"] == "tiny-model"
