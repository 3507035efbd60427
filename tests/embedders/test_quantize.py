"""Models with products of integers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragkit.embedders import quantize
from ragkit.embedders.openvino import (
    MODEL,
    QUANTIZED,
    OpenVINOEmbedder,
    pad_batch,
)
from tests.embedders.conftest import TEXTS, cosines


def run_in_full_precision(model: Any, texts: list[str], compiled: OpenVINOEmbedder) -> np.ndarray:
    from ragkit.embedders.openvino import import_openvino

    request = (
        import_openvino().Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    )
    tokens = compiled._tokenizer.ids(texts)
    return np.concatenate([request(pad_batch([ids], len(ids)))[0].copy() for ids in tokens])


def test_products_of_integers_give_the_models_vectors(compiled: OpenVINOEmbedder) -> None:
    folder = compiled.tokenizer_file.parent
    whole, integers = (
        run_in_full_precision(str(folder / name), TEXTS[:2], compiled)
        for name in (MODEL, QUANTIZED)
    )
    assert cosines(whole, integers).min() > 0.995
    assert (whole != integers).any()
    assert (folder / QUANTIZED).with_suffix(".bin").stat().st_size < (
        (folder / MODEL).with_suffix(".bin").stat().st_size
    )


def test_products_that_would_lose_too_much_stay_as_they_are(
    compiled: OpenVINOEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = compiled.tokenizer_file.parent
    texts = [pad_batch([ids], len(ids)) for ids in compiled._tokenizer.ids(TEXTS[:2])]
    monkeypatch.setattr(quantize, "_ERROR_LIMITS", (1e-9,))
    assert not quantize.quantize(folder / MODEL, texts, tmp_path / QUANTIZED)
    monkeypatch.undo()
    monkeypatch.setattr(quantize, "_MIN_COSINE", 1.1)
    assert not quantize.quantize(folder / MODEL, texts, tmp_path / QUANTIZED)
    assert list(tmp_path.iterdir()) == []


def test_a_large_channel_costs_the_others_nothing() -> None:
    generator = np.random.default_rng(3)
    rows = generator.normal(size=(500, 32)).astype(np.float32)
    rows[:, 7] *= 100
    weights = generator.normal(size=(16, 32)).astype(np.float32)
    weights[:, 7] /= 100
    activation = quantize._Activation(rows.min(axis=0), rows.max(axis=0), rows)
    _, error = quantize._choose_rounding(activation, weights)
    alike = quantize._Rounding(np.ones(32, np.float32), float(rows.min()), float(rows.max()))
    integers, steps = quantize._quantize_weights(weights)
    product = rows @ weights.T
    without = quantize._round_rows(rows, alike) @ (integers * steps).T - product
    assert error < 5e-4 < 0.05 < np.square(without).mean() / np.square(product).mean()


def test_an_activation_that_is_always_zero_is_rounded_to_zero() -> None:
    zeros = np.zeros((9, 8), dtype=np.float32)
    weights = np.ones((4, 8), dtype=np.float32)
    activation = quantize._Activation(zeros[0], zeros[0], zeros)
    rounding, error = quantize._choose_rounding(activation, weights)
    assert (error, np.abs(quantize._round_rows(zeros, rounding)).max()) == (0, 0)
