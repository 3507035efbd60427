"""Quantizes a model's matrix products to 8-bit integers, where that hardly changes its vectors.

A processor multiplies 8-bit integers twice as fast as bf16. Activations of transformers have a few
channels that are much larger than the others, so rounding all channels in equal steps would lose
the small ones. Each channel is therefore divided by a factor that its weights are multiplied by:
factor = max|x| ** alpha / max|w| ** (1 - alpha). This is SmoothQuant (Xiao et al. 2023, arXiv
2211.10438). Unlike in the paper, alpha is chosen for each product, by its error on texts that come
with ragkit, and a product whose error is too large stays as it is.

ragkit does this itself because NNCF, OpenVINO's quantizer, would add 195 MB and its telemetry to
the standard install.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ragkit.embedders.openvino import import_openvino

_ERROR_LIMITS = (1e-3, 3e-4)  # of a product: its squared error divided by its squared values
_MIN_COSINE = 0.995  # of the whole model's vectors with the original ones, on average
_ALPHAS = (0.5, 0.6, 0.7, 0.8, 0.9)  # how much of a channel's size moves to the weights
_SAMPLE_ROWS = 2000  # activations of a product that its error is measured on
_LEVELS = 255  # steps of an activation from its lowest to its highest value

Floats = npt.NDArray[np.float32]
Arrays = list[npt.NDArray[np.int64]]
"""The inputs of a model for one batch, in its order, each of shape (rows, length)."""


class _Product(NamedTuple):
    """A matrix product with constant weights, float32 of shape (outputs, inputs)."""

    node: Any
    weights: Floats


class _Activation(NamedTuple):
    """The input of a product: the bounds of each channel (inputs,), and sample rows (n, inputs)."""

    low: Floats
    high: Floats
    rows: Floats


class _Rounding(NamedTuple):
    """How an activation is rounded: divided by `scale` (inputs,), then in steps up to `high`."""

    scale: Floats
    low: float
    high: float


def calibration_texts() -> list[str]:
    """Return texts of several kinds and languages, and longer ones joined from eight of them."""
    content = files("ragkit.embedders").joinpath("calibration.txt").read_text(encoding="utf-8")
    texts = [text.strip() for text in content.split("\n\n")]
    return texts + ["\n".join(texts[at : at + 8]) for at in range(0, len(texts), 4)]


def quantize(
    file: Path,
    samples: Sequence[Arrays],
    into: Path,
    is_as_good: Callable[[Floats, Floats], bool] | None = None,
) -> bool:
    """Write a quantized copy of a model; returns False, and writes nothing, if it is not as good.

    `file` and `into` are OpenVINO .xml files, and each sample the inputs of one calibration text.
    `is_as_good` compares what the model and its copy return for all samples. By default, vectors
    must have a mean cosine of at least 0.995 with the model's own.
    """
    is_as_good = is_as_good or _are_similar
    openvino = import_openvino()
    core = openvino.Core()

    def run(model: Any) -> tuple[Floats, list[_Activation]]:
        compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return _run(compiled.create_infer_request(), samples)

    probe = core.read_model(str(file))
    groups = _find_products(probe)
    probe.add_outputs([products[0].node.input_value(0) for products in groups])
    expected, activations = run(probe)
    roundings = [
        _choose_rounding(activation, np.concatenate([product.weights for product in products]))
        for activation, products in zip(activations, groups, strict=True)
    ]
    for limit in _ERROR_LIMITS:
        if not any(error <= limit for _, error in roundings):
            break
        model = core.read_model(str(file))
        for products, (rounding, error) in zip(_find_products(model), roundings, strict=True):
            if error <= limit:
                _quantize_products(products, rounding)
        model.validate_nodes_and_infer_types()
        found, _ = run(model)
        if is_as_good(expected, found):
            openvino.save_model(model, into, compress_to_fp16=False)  # float16 weights stay float16
            return True
    return False


def _are_similar(expected: Floats, found: Floats) -> bool:
    return float((found * expected).sum(axis=1).mean()) >= _MIN_COSINE


def _find_products(model: Any) -> list[list[_Product]]:
    """Return the products with constant weights, grouped by their activation."""
    found: dict[tuple[str, int], list[_Product]] = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() != "MatMul" or node.get_attributes()["transpose_a"]:
            continue
        weights = node.input_value(1).get_node()
        while weights.get_type_name() == "Convert":
            weights = weights.input_value(0).get_node()
        if weights.get_type_name() != "Constant" or len(weights.get_output_shape(0)) != 2:
            continue
        values = weights.get_data().astype(np.float32)
        if not node.get_attributes()["transpose_b"]:
            values = values.T
        source = node.input_value(0)
        key = source.get_node().get_friendly_name(), source.get_index()
        found.setdefault(key, []).append(_Product(node, values))
    return list(found.values())


def _run(request: Any, samples: Sequence[Arrays]) -> tuple[Floats, list[_Activation]]:
    """Run the model; returns its first output, and a summary of each other output."""
    step = max(1, sum(inputs[0].size for inputs in samples) // _SAMPLE_ROWS)
    vectors: list[Floats] = []
    parts: list[list[_Activation]] = []
    for inputs in samples:
        first, *others = request.infer(inputs).values()
        vectors.append(first.copy())
        parts.append([_summarize(values, step) for values in others])
    return np.concatenate(vectors), [
        _Activation(
            np.min([part.low for part in each], axis=0),
            np.max([part.high for part in each], axis=0),
            np.concatenate([part.rows for part in each]),
        )
        for each in zip(*parts, strict=True)
    ]


def _summarize(values: Floats, step: int) -> _Activation:
    """Return the bounds of values, whose last axis is the channels, and every `step`-th row."""
    flat = values.reshape(-1, values.shape[-1])
    return _Activation(flat.min(axis=0), flat.max(axis=0), flat[::step].copy())


def _choose_rounding(activation: _Activation, weights: Floats) -> tuple[_Rounding, float]:
    """Return the rounding that changes the product least, and its relative squared error."""
    product = activation.rows @ weights.T
    size = max(float(np.square(product).mean()), 1e-12)
    found = []
    for rounding in _make_roundings(activation, weights):
        integers, steps = _quantize_weights(weights * rounding.scale)
        rows = _round_rows(activation.rows / rounding.scale, rounding)
        quantized = rows @ (integers * steps).T
        found.append((rounding, float(np.square(quantized - product).mean()) / size))
    return min(found, key=lambda each: each[1])


def _make_roundings(activation: _Activation, weights: Floats) -> Iterator[_Rounding]:
    """Yield a rounding for each alpha; see the formula in the module's docstring."""
    sizes = np.maximum(np.maximum(-activation.low, activation.high), 1e-4)
    largest = np.maximum(np.abs(weights).max(axis=0), 1e-5)
    for alpha in _ALPHAS:
        scale = sizes**alpha / largest ** (1 - alpha)
        low = min(float((activation.low / scale).min()), 0.0)
        high = max(float((activation.high / scale).max()), 0.0)
        step = max(high - low, 1e-9) / _LEVELS
        low = round(low / step) * step  # zero stays zero
        yield _Rounding(scale, low, low + _LEVELS * step)


def _round_rows(rows: Floats, rounding: _Rounding) -> Floats:
    """Round scaled activations to the levels between low and high."""
    step = (rounding.high - rounding.low) / _LEVELS
    levels = np.clip(np.round((rows - rounding.low) / step), 0, _LEVELS)
    rounded: Floats = (levels * step + rounding.low).astype(np.float32)
    return rounded


def _quantize_weights(weights: Floats) -> tuple[Floats, Floats]:
    """Return the weights as whole numbers in [-127, 127], and the step of each row (outputs, 1)."""
    steps = np.maximum(np.abs(weights).max(axis=1, keepdims=True), 1e-12) / 127
    return np.round(weights / steps), steps


def _quantize_products(products: Sequence[_Product], rounding: _Rounding) -> None:
    """Round the activation of these products in the graph, and make their weights integers."""
    from openvino import opset13 as ops

    source = products[0].node.input_value(0)
    scaled = ops.multiply(source, ops.constant((1 / rounding.scale)[None].astype(np.float32)))
    low, high = (ops.constant(np.float32(end)) for end in (rounding.low, rounding.high))
    rounded = ops.fake_quantize(scaled, low, high, low, high, _LEVELS + 1)
    for node, weights in products:
        integers, steps = _quantize_weights(weights * rounding.scale)
        if not node.get_attributes()["transpose_b"]:
            integers, steps = integers.T, steps.T
        constant = ops.convert(ops.constant(integers.astype(np.int8)), "f32")
        product = ops.multiply(constant, ops.constant(steps.astype(np.float32)))
        node.input(0).replace_source_output(rounded.output(0))
        node.input(1).replace_source_output(product.output(0))
