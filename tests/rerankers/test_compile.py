"""Compiled cross-encoders against sentence-transformers' own CrossEncoder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ragkit.errors import MissingExtra, RerankerError
from ragkit.rerankers.cross_encoder import CrossEncoder
from ragkit.rerankers.discovery import find_reranker
from ragkit.rerankers.loading import load_reranker
from tests.rerankers.conftest import LIMIT, QUERY, TEXTS, compile_exact, copy_without, make_model


def score_with_original(folder: Path, query: str, texts: tuple[str, ...]) -> np.ndarray:
    """What sentence-transformers gives: the logit, or yes minus no."""
    import torch
    from sentence_transformers import CrossEncoder as Original

    original = Original(str(folder), device="cpu", local_files_only=True, max_length=LIMIT)
    found = original.predict([(query, text) for text in texts], activation_fn=torch.nn.Identity())
    logits = np.asarray(found).reshape(len(texts), -1)
    return logits[:, -1] - logits[:, 0] if logits.shape[1] == 2 else logits[:, 0]


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ("bert", 1),
        ("roberta", 2),
        pytest.param("bert", 2, marks=pytest.mark.long),
        pytest.param("roberta", 1, marks=pytest.mark.long),
    ],
)
def test_scores_are_those_of_sentence_transformers(tmp_path: Path, kind: str, labels: int) -> None:
    folder = make_model(tmp_path / "model", labels=labels, kind=kind, seed=8)
    compiled = compile_exact(folder)
    expected = score_with_original(folder, QUERY, TEXTS)
    found = compiled.score(QUERY, TEXTS)
    assert (found.dtype, found.shape) == (np.float32, (3,))
    assert found == pytest.approx(expected, abs=1e-4)
    assert np.ptp(expected) > 0.1  # else the comparison says nothing
    assert compiled.facts.max_tokens == LIMIT


def test_quantized_scores_follow_the_exact_ones(model_folder: Path, compiled: CrossEncoder) -> None:
    words = TEXTS[2].split()
    texts = [" ".join(words[at : at + 4]) for at in range(len(words))]
    fast = load_reranker(str(model_folder))
    assert isinstance(fast, CrossEncoder)
    assert fast.precision in ("int8", "bf16", "f32")
    ours, exact = fast.score(QUERY, texts), compiled.score(QUERY, texts)
    assert np.corrcoef(ours, exact)[0, 1] > 0.9


def test_an_onnx_folder_needs_no_torch(compiled: CrossEncoder, onnx_folder: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "from ragkit.rerankers.loading import load_reranker\n"
        "print(*load_reranker(sys.argv[1]).score(sys.argv[2], sys.argv[3:]))"
    )
    command = [sys.executable, "-c", code, str(onnx_folder), QUERY, *TEXTS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert np.isfinite([float(number) for number in done.stdout.split()]).tolist() == [True] * 3
    exact = compile_exact(onnx_folder).score(QUERY, TEXTS)
    assert exact == pytest.approx(compiled.score(QUERY, TEXTS), abs=1e-4)


def test_onnx_in_a_folder_of_its_own_is_found(onnx_folder: Path, tmp_path: Path) -> None:
    copy = copy_without(onnx_folder, tmp_path / "copy", "model.onnx")
    (copy / "onnx").mkdir()
    for name in ("model.onnx", "model_quantized.onnx"):
        (copy / "onnx" / name).write_bytes((onnx_folder / "model.onnx").read_bytes())
    assert find_reranker(str(copy)).onnx == copy / "onnx" / "model.onnx"
    (copy / "onnx" / "model.onnx").unlink()
    assert find_reranker(str(copy)).onnx == copy / "onnx" / "model_quantized.onnx"


def test_dynamic_quantization_is_turned_into_products_of_floats(
    compiled: CrossEncoder, quantized_onnx: Path
) -> None:
    from ragkit.embedders.openvino import import_openvino
    from ragkit.rerankers.dequantize import restore_floats

    core = import_openvino().Core()
    graph, original = core.read_model(quantized_onnx), core.read_model(quantized_onnx)
    assert restore_floats(graph) == 2
    assert restore_floats(graph) == 0
    rows = np.random.default_rng(5).normal(size=(3, 8)).astype(np.float32)
    found, expected = (
        core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(rows)[0]
        for model in (graph, original)
    )
    assert found == pytest.approx(expected, abs=0.02 * float(np.abs(expected).max()))
    assert not np.array_equal(found, expected)


def test_models_of_one_name_and_other_files_are_compiled_apart(
    model_folder: Path, tmp_path: Path
) -> None:
    other = copy_without(model_folder, tmp_path / model_folder.name)
    tokenizer = (other / "tokenizer.json").read_text()
    (other / "tokenizer.json").write_text(tokenizer.replace('"##"', '"@@"'))
    assert find_reranker(str(other)).name == find_reranker(str(model_folder)).name
    assert find_reranker(str(other)).digest != find_reranker(str(model_folder)).digest


def test_a_compiled_file_that_was_changed_is_refused(
    model_folder: Path, compiled: CrossEncoder, tmp_path: Path
) -> None:
    copy = copy_without(compiled.folder, tmp_path / "compiled", "verified", "cache")
    assert load_reranker(str(copy)).score(QUERY, TEXTS).shape == (3,)
    with (copy / "model.bin").open("r+b") as file:
        file.write(b"changed!")
    with pytest.raises(RerankerError, match="is not the file that was compiled; delete"):
        load_reranker(str(copy))


def test_without_torch_the_message_names_the_extra(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r'pip install "ragkit\[torch\]".*model\.onnx'):
        load_reranker(str(model_folder))
    assert not [path for path in tmp_path.rglob("*") if path.is_dir() and "compil" in path.name]


def test_a_cache_that_cannot_be_written_to_is_named(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ragkit").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(RerankerError, match=r"written to .*Not a directory.*XDG_CACHE_HOME"):
        load_reranker(str(model_folder))
