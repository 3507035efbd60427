"""The compiled embedder: batches, threads and limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragkit import KnowledgeBase
from ragkit.embedders.openvino import (
    OpenVINOEmbedder,
    _Schedule,
    split_batches,
)
from ragkit.errors import EmbedderError
from tests.embedders.conftest import TEXTS, WORDS, cosines


def test_a_long_question_is_cut_as_the_model_cuts_it_and_a_long_text_refused(
    compiled: OpenVINOEmbedder, original: Any
) -> None:
    assert cosines(compiled.encode_query(TEXTS[2:]), original.encode_query(TEXTS[2:])).min() > 0.995
    with pytest.raises(EmbedderError, match="reads 32 tokens, a text has"):
        compiled.encode_document(TEXTS[2:])


def test_a_vector_does_not_depend_on_what_is_embedded_beside_it(compiled: OpenVINOEmbedder) -> None:
    together = compiled.encode_document([*TEXTS[:2], *(["the pump of the valve"] * 9)])
    alone = np.concatenate([compiled.encode_document([text]) for text in TEXTS[:2]])
    assert cosines(together[:2], alone).min() > 0.999


def test_a_compiled_file_that_was_changed_is_refused(
    compiled: OpenVINOEmbedder, tmp_path: Path
) -> None:
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(compiled.tokenizer_file.parent, folder)
    OpenVINOEmbedder(folder)
    data = bytearray((folder / "model.bin").read_bytes())
    data[100] ^= 1
    (folder / "model.bin").write_bytes(data)
    with pytest.raises(EmbedderError, match="not the file that was compiled"):
        OpenVINOEmbedder(folder)
    (folder / "ragkit.json").write_text("{}")
    with pytest.raises(EmbedderError, match="is damaged"):
        OpenVINOEmbedder(folder)


def test_a_few_texts_of_a_long_ingest_are_embedded_by_what_is_compiled_already(
    compiled: OpenVINOEmbedder,
) -> None:
    other = OpenVINOEmbedder(compiled.tokenizer_file.parent)
    other.encode_document(["A short one."] * 400)
    few = other.encode_document(TEXTS[:2])
    assert list(other._models) == [_Schedule.DOCUMENTS]
    assert cosines(few, compiled.encode_document(TEXTS[:2])).min() > 0.999


def test_integers_are_used_where_they_were_compiled_and_only_then(
    compiled: OpenVINOEmbedder, tmp_path: Path
) -> None:
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(compiled.tokenizer_file.parent, folder)
    content = json.loads((folder / "ragkit.json").read_text())
    content["files"] = {name: d for name, d in content["files"].items() if "int8" not in name}
    (folder / "ragkit.json").write_text(json.dumps(content))
    other = OpenVINOEmbedder(folder)
    assert other.precision in ("bf16", "f32")
    assert compiled.precision == ("int8" if other.precision == "bf16" else "f32")
    assert cosines(other.encode_query(TEXTS), compiled.encode_query(TEXTS)).min() > 0.995


def test_batches_hold_each_text_once_and_few_shapes() -> None:
    lengths = [5, 300, 17, 256, 2, 90, 90, 90, 31]
    found = list(split_batches(lengths, 512))
    assert sorted(row for rows, _ in found for row in rows) == list(range(len(lengths)))
    assert all(lengths[row] <= length for rows, length in found for row in rows)
    assert {length for _, length in found} == {8, 96, 256, 304}


def test_threads_that_ask_together_each_get_their_own_vectors(compiled: OpenVINOEmbedder) -> None:
    from concurrent.futures import ThreadPoolExecutor

    asked = [[word] for word in WORDS] * 8
    expected = {word: compiled.encode_query([word])[0] for word in WORDS}
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(compiled.encode_query, asked))
    assert all(
        cosines(vectors, expected[text[0]][None]).min() > 0.999
        for text, vectors in zip(asked, found, strict=True)
    )


def test_half_a_character_in_a_question_is_no_error(
    compiled: OpenVINOEmbedder, tmp_path: Path
) -> None:
    with KnowledgeBase(tmp_path / "a.kb", embedder=compiled) as kb:
        (tmp_path / "docs").mkdir()
        (tmp_path / "docs" / "a.txt").write_text("The seal of the pump.")
        kb.ingest(tmp_path / "docs")
        assert kb.search("the pump \ud800")[0].source == "a.txt"
        assert kb.explain("\udcff pump").hits


def test_who_was_interrupted_can_ask_again(
    compiled: OpenVINOEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C comes just after the computing has begun."""
    expected = compiled.encode_query(WORDS[:1])
    request = compiled._request

    class Interrupted:
        def __init__(self, model: object) -> None:
            self._real = request(model)

        def start_async(self, *arguments: object, **options: object) -> None:
            self._real.start_async(*arguments, **options)
            raise KeyboardInterrupt

        def wait(self) -> None:
            self._real.wait()

    with monkeypatch.context() as patch:
        patch.setattr(compiled, "_request", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            compiled.encode_query(WORDS[1:2])
    assert (compiled.encode_query(WORDS[:1]) == expected).all()


def test_openvino_that_does_not_know_the_internal_setting_embeds_the_same(
    compiled: OpenVINOEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = OpenVINOEmbedder(compiled.tokenizer_file.parent)
    refused: list[str] = []

    class Older:
        core = other._core

        def compile_model(self, file: str, device: str, config: dict[str, Any]) -> Any:
            if "SNIPPETS_MODE" in config:
                refused.append(file)
                raise RuntimeError("Unsupported property SNIPPETS_MODE")
            return self.core.compile_model(file, device, config)

    monkeypatch.setattr(other, "_core", Older())
    many = ["A short one."] * 400
    assert cosines(other.encode_document(many), compiled.encode_document(many)).min() > 0.999
    assert len(refused) == 1
