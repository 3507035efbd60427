"""Turns the dynamic quantization of an ONNX model back into products of floats.

ONNX Runtime's `quantize_dynamic` looks for the bounds of each activation while the model runs.
OpenVINO executes these steps one by one, which takes three times as long as products of floats. The
weights stay the rounded ones; only activations are no longer rounded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_ROUNDING = ("Convert", "Clamp", "Add", "Round", "Divide")
"""A DynamicQuantizeLinear as OpenVINO reads it, from its result back to x * levels / range."""


def restore_floats(graph: Any) -> int:
    """Replace each product of dynamically quantized numbers in an OpenVINO graph.

    Returns how many there were. Products in any other form stay as they are.
    """
    from openvino import opset13 as ops

    count = 0
    for node in list(graph.get_ordered_ops()):
        if node.get_type_name() != "MatMul":
            continue
        source, integers = _find_activation(_input(node, 0)), _find_weights(_input(node, 1))
        scaled = _find_scaling(node)
        if source is None or integers is None or scaled is None:
            continue
        multiply, scale = scaled
        weights = ops.constant((integers * scale).astype(np.float32))
        transposed = node.get_attributes()
        product = ops.matmul(source, weights, transposed["transpose_a"], transposed["transpose_b"])
        multiply.output(0).replace(product.output(0))
        count += 1
    graph.validate_nodes_and_infer_types()
    return count


def _input(node: Any, at: int) -> Any:
    """Return the node that computes an input of this one."""
    return node.input_value(at).get_node()


def _find_activation(node: Any) -> Any:
    """Return the floats that were rounded and moved by their zero point; None if none were."""
    if node.get_type_name() != "Subtract" or _input(node, 0).get_type_name() != "Convert":
        return None
    step = _input(_input(node, 0), 0)
    for name in _ROUNDING:
        if step.get_type_name() != name:
            return None
        if name != "Divide":
            step = _input(step, 0)
    source = step.input_value(0)
    if source.get_node().get_type_name() == "Multiply":  # by the number of levels, a scalar
        parts = [source.get_node().input_value(at) for at in (0, 1)]
        if len(parts[1].get_partial_shape()) == 0:
            return parts[0]
    return source


def _find_weights(node: Any) -> npt.NDArray[np.int32] | None:
    """Return constant integers less their zero point; None if the node is something else."""
    if node.get_type_name() != "Subtract":
        return None
    constants = [_input(node, at) for at in (0, 1)]
    for at in (0, 1):
        while constants[at].get_type_name() == "Convert":
            constants[at] = _input(constants[at], 0)
        if constants[at].get_type_name() != "Constant":
            return None
    integers, zero = (constant.get_data().astype(np.int32) for constant in constants)
    moved: npt.NDArray[np.int32] = integers - zero
    return moved


def _find_scaling(node: Any) -> tuple[Any, npt.NDArray[np.float32]] | None:
    """Return the node that scales a product of integers, and the scale of its weights.

    That node multiplies by (scale of the activation) x (scale of the weights).
    """
    step = node
    for name in ("Convert", "Multiply"):
        users = [each.get_node() for each in step.output(0).get_target_inputs()]
        if len(users) != 1 or users[0].get_type_name() != name:
            return None
        before, step = step, users[0]
    factors = [_input(step, at) for at in (0, 1)]
    for factor in factors:
        if factor.get_friendly_name() != before.get_friendly_name():
            parts = [_input(factor, at) for at in range(len(factor.inputs()))]
            constants = [part for part in parts if part.get_type_name() == "Constant"]
            if factor.get_type_name() == "Multiply" and len(constants) == 1:
                scale: npt.NDArray[np.float32] = constants[0].get_data()
                return step, scale
    return None
