"""Makes a model's products of eight-bit integers, as far as that changes nothing that matters.

A processor multiplies these twice as fast as bf16. Activations of transformers have a few channels
that are much larger than the others, so rounding all of them in equal steps would lose what the
others say. Each channel is therefore divided by a number that the weights are multiplied by
(SmoothQuant, Xiao et al. 2022, arXiv 2211.10438). How large activations become is read off texts
that come with ragkit; a product that is changed by more than a little on them is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ragkit.embedders.openvino import import_openvino, padded

_MOST_ERRORS = (1e-3, 3e-4)  # of a product: its squared error as a share of its squared values
_LEAST_COSINE = 0.995  # of the whole model's vectors, on the average of the texts
_SHARES = (0.5, 0.6, 0.7, 0.8, 0.9)  # of a channel's size that the weights take over
_ROWS = 2000  # activations of a product that its error is measured on
_LEVELS = 255  # steps of an activation from its least to its greatest value

Floats = npt.NDArray[np.float32]


class _Product(NamedTuple):
    """A product with constant weights of shape (outputs, inputs)."""

    node: Any
    weights: Floats


class _Activation(NamedTuple):
    """What goes into a product: the bounds of each channel, and rows of it."""

    low: Floats
    high: Floats
    rows: Floats


class _Rounding(NamedTuple):
    """An activation is divided by `scale`, then rounded in equal steps from low to high."""

    scale: Floats
    low: float
    high: float


def calibration_texts() -> list[str]:
    """Texts of several kinds and languages, and longer ones made of several of them."""
    content = files("ragkit.embedders").joinpath("calibration.txt").read_text(encoding="utf-8")
    texts = [text.strip() for text in content.split("\n\n")]
    return texts + ["\n".join(texts[at : at + 8]) for at in range(0, len(texts), 4)]


def quantize(file: Path, texts: Sequence[list[int]], into: Path) -> bool:
    """Write the model in `file` with products of integers; False if it would not be as good.

    `texts` are the tokens of those for which it has to be as good.
    """
    openvino = import_openvino()
    core = openvino.Core()

    def run(model: Any) -> tuple[Floats, list[_Activation]]:
        compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return _run(compiled.create_infer_request(), texts)

    probe = core.read_model(str(file))
    groups = _products(probe)
    probe.add_outputs([products[0].node.input_value(0) for products in groups])
    expected, activations = run(probe)
    roundings = [
        _best_rounding(activation, np.concatenate([product.weights for product in products]))
        for activation, products in zip(activations, groups, strict=True)
    ]
    for most in _MOST_ERRORS:
        if not any(error <= most for _, error in roundings):
            break
        model = core.read_model(str(file))
        for products, (rounding, error) in zip(_products(model), roundings, strict=True):
            if error <= most:
                _replace(products, rounding)
        model.validate_nodes_and_infer_types()
        found, _ = run(model)
        if float((found * expected).sum(axis=1).mean()) >= _LEAST_COSINE:
            openvino.save_model(model, into, compress_to_fp16=False)  # what is float16 stays so
            return True
    return False


def _products(model: Any) -> list[list[_Product]]:
    """The products with constant weights, those of the same activation together."""
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


def _run(request: Any, texts: Sequence[list[int]]) -> tuple[Floats, list[_Activation]]:
    """The model's vectors, its first output, and what is in the others."""
    step = max(1, sum(map(len, texts)) // _ROWS)
    vectors: list[Floats] = []
    parts: list[list[_Activation]] = []
    for text in texts:
        first, *others = request.infer(padded([text], len(text))).values()
        vectors.append(first.copy())
        parts.append([_activation(values, step) for values in others])
    return np.concatenate(vectors), [
        _Activation(
            np.min([part.low for part in each], axis=0),
            np.max([part.high for part in each], axis=0),
            np.concatenate([part.rows for part in each]),
        )
        for each in zip(*parts, strict=True)
    ]


def _activation(values: Floats, step: int) -> _Activation:
    flat = values.reshape(-1, values.shape[-1])
    return _Activation(flat.min(axis=0), flat.max(axis=0), flat[::step].copy())


def _best_rounding(activation: _Activation, weights: Floats) -> tuple[_Rounding, float]:
    """The rounding that changes the product least, and its error."""
    product = activation.rows @ weights.T
    size = max(float(np.square(product).mean()), 1e-12)
    found = []
    for rounding in _roundings(activation, weights):
        integers, steps = _integers(weights * rounding.scale)
        rounded = _rounded(activation.rows / rounding.scale, rounding) @ (integers * steps).T
        found.append((rounding, float(np.square(rounded - product).mean()) / size))
    return min(found, key=lambda each: each[1])


def _roundings(activation: _Activation, weights: Floats) -> Iterator[_Rounding]:
    sizes = np.maximum(np.maximum(-activation.low, activation.high), 1e-4)
    largest = np.maximum(np.abs(weights).max(axis=0), 1e-5)
    for share in _SHARES:
        scale = sizes**share / largest ** (1 - share)
        low = min(float((activation.low / scale).min()), 0.0)
        high = max(float((activation.high / scale).max()), 0.0)
        step = max(high - low, 1e-9) / _LEVELS
        low = round(low / step) * step  # zero stays zero
        yield _Rounding(scale, low, low + _LEVELS * step)


def _rounded(rows: Floats, rounding: _Rounding) -> Floats:
    step = (rounding.high - rounding.low) / _LEVELS
    levels = np.clip(np.round((rows - rounding.low) / step), 0, _LEVELS)
    rounded: Floats = (levels * step + rounding.low).astype(np.float32)
    return rounded


def _integers(weights: Floats) -> tuple[Floats, Floats]:
    """The weights in [-127, 127], and what an integer is worth in each row."""
    steps = np.maximum(np.abs(weights).max(axis=1, keepdims=True), 1e-12) / 127
    return np.round(weights / steps), steps


def _replace(products: Sequence[_Product], rounding: _Rounding) -> None:
    """Round what goes into these products, and give them integers for weights."""
    from openvino import opset13 as ops

    source = products[0].node.input_value(0)
    scaled = ops.multiply(source, ops.constant((1 / rounding.scale)[None].astype(np.float32)))
    low, high = (ops.constant(np.float32(end)) for end in (rounding.low, rounding.high))
    rounded = ops.fake_quantize(scaled, low, high, low, high, _LEVELS + 1)
    for node, weights in products:
        integers, steps = _integers(weights * rounding.scale)
        if not node.get_attributes()["transpose_b"]:
            integers, steps = integers.T, steps.T
        constant = ops.convert(ops.constant(integers.astype(np.int8)), "f32")
        product = ops.multiply(constant, ops.constant(steps.astype(np.float32)))
        node.input(0).replace_source_output(rounded.output(0))
        node.input(1).replace_source_output(product.output(0))
