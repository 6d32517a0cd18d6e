"""An encoder or decoder graph in shorter numbers: float16 weights, or a product of whole numbers.

Nothing but operators of ONNX's own domain, in float32 from the outside; see docs/precision.md.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort
from onnx import NodeProto, TensorProto, helper, numpy_helper

from export.choices import Variant
from export.errors import ModelError
from export.lowprecision.rounding import round_weights
from vae_onnx.crossing import shortening
from vae_onnx.crossing.folding.surgery import IR_VERSION
from vae_onnx.engine.graph import Array

# Inputs of a product are 0 to ..._STEPS, weights up to ..._WEIGHT either way. Processors without
# instructions of their own for this (VNNI) add two products in 16 bits and cut off what is above
# 32,767. Twice steps times weight is just below, so that all processors agree.
PIXEL_STEPS: Final = 255  # nothing is lost of pictures of 8 bits
PIXEL_WEIGHT: Final = 64
HIDDEN_STEPS: Final = 181
HIDDEN_WEIGHT: Final = 90
SMALLEST: Final = np.finfo(np.float32).tiny

PIXELS: Final = """
whole = QuantizeLinear(input, step, zero)
sums = MatMulInteger(whole, weight)
real = Cast <to = 1> (sums)
scaled = Mul(real, scale)
output = Add(scaled, bias)
"""
# Not scale times range first: onnxruntime 1.32 would take that for one scale of the whole matrix.
HIDDEN: Final = """
top = ReduceMax(input, row)
range = Max(top, smallest)
share = Div(input, range)
whole = QuantizeLinear(share, step, zero)
sums = MatMulInteger(whole, weight)
real = Cast <to = 1> (sums)
scaled = Mul(real, scale)
ranged = Mul(scaled, range)
output = Add(ranged, bias)
"""


@dataclass(frozen=True)
class Product:
    """The one large matrix product of a graph: Gemm(input, weight, bias) with a transposed weight.

    In the encoder it reads the pixels, in the decoder what a Relu gives.
    """

    node: NodeProto
    weight: Array  # (out, in)
    bias: Array  # (out,)
    alpha: float  # what the product is multiplied by: -1 where its negative is wanted
    beta: float  # and the bias
    reads_pixels: bool


def find_product(proto: onnx.ModelProto) -> Product:
    """Find the large product of an encoder or a decoder.

    Raises:
        ModelError: there is none, or more than one: this is no graph of `python -m export onnx`.
    """
    graph = proto.graph
    makers = {name: node for node in graph.node for name in node.output}
    values = {tensor.name: tensor for tensor in graph.initializer}
    ports = [port.name for port in graph.input]
    before = "Reshape" if ports == ["x"] else "Relu"
    found = [
        node
        for node in graph.node
        if node.op_type == "Gemm"
        and len(node.input) == 3
        and set(node.input[1:]) <= values.keys()
        and node.input[0] in makers
        and makers[node.input[0]].op_type == before
        and any(attribute.name == "transB" and attribute.i == 1 for attribute in node.attribute)
    ]
    if ports not in (["x"], ["z"]) or len(found) != 1:
        raise ModelError(
            f"{graph.name or 'a graph'} must hold one Gemm that reads a {before}, its weights "
            f"transposed, as `python -m export onnx` writes it; it consists of "
            f"{', '.join(node.op_type for node in graph.node)}; export it again"
        )
    (node,) = found
    weight, bias = (numpy_helper.to_array(values[name]) for name in node.input[1:])
    alpha, beta = _factor(node, "alpha"), _factor(node, "beta")
    return Product(node, weight, bias, alpha, beta, reads_pixels=before == "Reshape")


def inputs_of(product: Product, proto: onnx.ModelProto, batch: Array) -> Array:
    """Return what the product of a graph reads, (N, in), when the graph is given a batch."""
    name = product.node.input[0]
    shown = copy.deepcopy(proto)
    del shown.graph.output[:]
    shown.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    session = ort.InferenceSession(shown.SerializeToString(), providers=["CPUExecutionProvider"])
    inputs: Array = session.run(None, {session.get_inputs()[0].name: batch})[0]
    return inputs


def to_float16(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a graph that stores its matrices in float16 and computes in float32 as before."""
    return _labelled(shortening.to_float16(proto), "float16")


def to_int8(
    proto: onnx.ModelProto, inputs: Array, importance: Array | None = None
) -> onnx.ModelProto:
    """Return a graph that computes its large product in whole numbers of 8 bits.

    The pixels have 256 steps between 0 and 1. Of what the decoder's hidden layer gives, each row
    has 128 between 0 and its own largest value: no z is out of range, and no row depends on
    those beside it in the batch.

    Args:
        proto: The graph in float32.
        inputs: (N, in) that the product reads in use; `round_weights` takes care of them.
        importance: (N,), how much each of them counts.

    Raises:
        ModelError: this is no graph of `python -m export onnx`.
    """
    product = find_product(proto)
    steps = PIXEL_STEPS if product.reads_pixels else HIDDEN_STEPS
    largest = PIXEL_WEIGHT if product.reads_pixels else HIDDEN_WEIGHT
    whole, scale, lost = round_weights(product.weight, inputs, importance, largest)
    constants: dict[str, Any] = {
        "step": np.float32(1 / steps),
        "zero": np.uint8(0),
        "weight": np.ascontiguousarray(whole.T),
        "scale": scale * np.float32(product.alpha / steps),
        "bias": product.bias * np.float32(product.beta) + lost * np.float32(product.alpha),
        **({} if product.reads_pixels else {"row": np.array([1]), "smallest": SMALLEST}),
    }
    around = {"input": product.node.input[0], "output": product.node.output[0]}
    prefix = product.node.input[1].removesuffix(".weight")

    def named(name: str) -> str:
        return around.get(name) or f"{prefix}.{name}"

    lines = PIXELS if product.reads_pixels else HIDDEN
    nodes = [onnx.parser.parse_node(line) for line in lines.strip().splitlines()]
    for node in nodes:
        node.input[:] = [named(name) for name in node.input]
        node.output[:] = [named(name) for name in node.output]

    short = copy.deepcopy(proto)
    graph = short.graph
    kept = [tensor for tensor in graph.initializer if tensor.name not in product.node.input]
    added = [numpy_helper.from_array(value, named(name)) for name, value in constants.items()]
    _replace(graph.initializer, [*kept, *added])
    _replace(
        graph.node, [new for old in graph.node for new in (nodes if old == product.node else [old])]
    )
    return _labelled(short, "int8")


def tell(proto: onnx.ModelProto, told: dict[str, str]) -> None:
    """Set some of the metadata of a graph, and keep the others."""
    before = {entry.key: entry.value for entry in proto.metadata_props}
    del proto.metadata_props[:]
    helper.set_model_props(proto, before | told)


def _labelled(proto: onnx.ModelProto, variant: Variant) -> onnx.ModelProto:
    tell(proto, {"precision": variant})
    proto.ir_version = IR_VERSION  # of a model that was exported with a newer one too
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _replace(old: Any, new: Sequence[Any]) -> None:
    """Put other messages into a repeated field; they may be those that it holds."""
    copies = [copy.deepcopy(message) for message in new]
    del old[:]
    old.extend(copies)


def _factor(node: NodeProto, name: str) -> float:
    """An attribute of a Gemm: alpha or beta, which are 1 unless given."""
    return next((attribute.f for attribute in node.attribute if attribute.name == name), 1.0)
