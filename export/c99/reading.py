"""The two graphs of a model -> its dense layers, proven to compute the same."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

import vae_onnx
from export.c99.weights import Dense, Layers, Network
from export.errors import StructureError
from vae_onnx import Posterior
from vae_onnx.engine.graph import Array, Graph

HEADS: Final = {"vae": ("mu", "log_var"), "ae": ("z",)}
# Operators that put numbers elsewhere, and change none.
MOVES: Final = (
    "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Transpose",
    "Unsqueeze",
)  # fmt: skip
TOLERANCE: Final = 1e-5
PROBES: Final = 16  # random inputs on which graph and network must agree
TAKEN: Final = "dense layers with ReLU, tanh, SiLU or sigmoid"

Constant = npt.NDArray[Any]


@dataclass(frozen=True)
class Value:
    """A tensor of the graph, for one row: what the layers give, picked, scaled and shifted.

    `wrapped` says what else was done to it on the way to a sigmoid: "exp", or "1 + exp".
    """

    layers: Layers
    index: npt.NDArray[np.int64]  # of the numbers that the last layer gives, in the row's shape
    scale: Array | float = 1.0
    shift: Array | float = 0.0
    wrapped: str = ""
    clip: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it is what the layers give, and neither scaled nor shifted."""
        return np.all(self.scale == 1) and np.all(self.shift == 0)  # type: ignore[return-value]

    def settled(self) -> "Value":
        """Put scale and shift into the last layer."""
        if self.is_plain:
            return self
        if not self.layers or self.layers[-1].activation or self.clip:
            raise StructureError("numbers are scaled or shifted where no layer can take that up")
        last = self.picked().layers[-1]
        scale, shift = (
            np.broadcast_to(each, self.index.shape).reshape(-1) for each in (self.scale, self.shift)
        )
        weight = (last.weight * scale[:, np.newaxis]).astype(np.float32)
        bias = (last.bias * scale + shift).astype(np.float32)
        layers = (*self.layers[:-1], Dense(weight, bias))
        return Value(layers, _places(self.index.shape), wrapped=self.wrapped)

    def picked(self) -> "Value":
        """Let the last layer give just these numbers, in this order."""
        if not self.layers or np.array_equal(self.index.reshape(-1), _range(self.layers)):
            return self
        last, order = self.layers[-1], self.index.reshape(-1)
        layer = replace(last, weight=last.weight[order], bias=last.bias[order])
        return replace(self, layers=(*self.layers[:-1], layer), index=_places(self.index.shape))


def read(model: vae_onnx.Autoencoder) -> Network:
    """Read the layers of a model, and see that they give what its graphs give.

    Raises:
        StructureError: The graphs hold something else than dense layers, in float32.
    """
    if len(model.latent_shape) > 1 or -1 in model.image_shape:
        raise StructureError(
            f"{model.folder}: {TAKEN} give a flat code of pictures of one size, got latent_shape "
            f"{model.latent_shape} and image_shape {model.image_shape}"
        )
    codes = _outputs(model.encoder.graph)
    heads = {name: codes[name] for name in HEADS[model.kind]}
    pixels = _outputs(model.decoder.graph)["x_recon"]
    if not all(head.layers and head.is_plain and not head.clip for head in heads.values()):
        raise StructureError(f"{model.encoder.graph.path}: every output must be that of a layer")
    scale, shift = (_one(each, model) for each in (pixels.scale, pixels.shift))
    common = _common([head.layers for head in heads.values()])
    network = Network(
        encoder=next(iter(heads.values())).layers[:common],
        heads={name: head.picked().layers[common:] for name, head in heads.items()},
        decoder=pixels.picked().layers,
        scale=scale,
        shift=shift,
        clip=pixels.clip,
    )
    _prove(model, network)
    return network


def _outputs(graph: Graph) -> dict[str, Value]:
    """Walk through a graph; returns what its outputs are."""
    proto = onnx.load(graph.path)
    walk = _Walk(proto, next(iter(graph.inputs.values())).shape[1:])
    try:
        for node in walk.graph.node:
            walk.take(node)
    except StructureError as error:
        raise StructureError(f"{graph.path} must be {TAKEN}: {error}") from error
    found = {name: walk.values.get(name) for name in graph.outputs}
    wrong = [name for name, value in found.items() if value is None or value.wrapped]
    if wrong:
        raise StructureError(f"{graph.path} must be {TAKEN}: {wrong[0]} is something else")
    return {name: value.settled() if _can_settle(value) else value
            for name, value in found.items() if value}  # fmt: skip


def _can_settle(value: Value) -> bool:
    return bool(value.layers) and not value.layers[-1].activation and not value.clip


class _Walk:
    """What is known of the tensors of a graph, node after node."""

    def __init__(self, proto: onnx.ModelProto, row: tuple[int | str, ...]) -> None:
        self.graph, self.opset = proto.graph, proto.opset_import
        self.constants: dict[str, Constant] = {}
        for tensor in proto.graph.initializer:
            self.constants[tensor.name] = numpy_helper.to_array(tensor)
        sizes = tuple(int(size) for size in row)
        self.values = {proto.graph.input[0].name: Value((), _places(sizes))}

    def take(self, node: onnx.NodeProto) -> None:
        """Take one node in."""
        told = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        inputs = [name for name in node.input if name]
        values = [self.values[name] for name in inputs if name in self.values]
        if node.op_type == "Shape" and len(values) == 1:
            shape = np.array([1, *values[0].index.shape], np.int64)
            self.constants[node.output[0]] = shape[told.get("start", 0) : told.get("end")]
        elif all(name in self.constants for name in inputs):
            self.constants.update(self._run(node, self.constants))
        elif node.op_type in MOVES and len(values) == 1:
            self._move(node, inputs, values[0])
        else:
            value = self._compute(node, told, inputs, values)
            self.values[node.output[0]] = value

    def _move(self, node: onnx.NodeProto, inputs: list[str], value: Value) -> None:
        """Put the numbers of a value, each with its scale and shift, where the operator does."""
        shape = value.index.shape
        known = self.constants | {inputs[0]: _places(shape)[np.newaxis]}
        for name, places in self._run(node, known).items():
            if len(places) != 1:
                raise StructureError(f"{node.op_type} mixes the rows of a batch")
            index, scale, shift = (
                np.broadcast_to(each, shape).reshape(-1)[places[0]]
                for each in (value.index, value.scale, value.shift)
            )
            self.values[name] = replace(value, index=index, scale=scale, shift=shift)

    def _run(self, node: onnx.NodeProto, known: dict[str, Constant]) -> dict[str, Constant]:
        """Run one node whose inputs are all known."""
        feeds = {name: known[name] for name in node.input if name}
        ports = [onnx.helper.make_value_info(name, onnx.TypeProto()) for name in feeds]
        results = [onnx.helper.make_value_info(name, onnx.TypeProto()) for name in node.output]
        graph = onnx.helper.make_graph([node], "node", ports, results)
        model = onnx.helper.make_model(graph, opset_imports=self.opset)
        return dict(zip(node.output, ReferenceEvaluator(model).run(None, feeds), strict=True))

    def _compute(
        self, node: onnx.NodeProto, told: dict[str, Any], inputs: list[str], values: list[Value]
    ) -> Value:
        operator, value = node.op_type, values[0]
        if operator.startswith("Conv"):
            raise StructureError(
                f"it has the operator {operator}, and convolutions are not for C; "
                "docs/embedding.md has hosts that run them"
            )
        constants = [self.constants[name] for name in inputs if name in self.constants]
        name = {"Relu": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid"}.get(operator)
        if name:
            return _activated(value, name)
        if operator in ("Gemm", "MatMul") and inputs[0] in self.values:
            return _dense(value, constants, told, node.output[0], len(inputs) - 1)
        if operator == "Mul" and len(values) == 2:
            return _silu(*values)
        if operator == "Clip" and [float(each) for each in constants] == [0.0, 1.0]:
            return replace(value, clip=True)
        if value.clip or len(values) > 1:
            raise StructureError(f"it has the operator {operator}")
        return _arithmetic(operator, value, constants, inputs[0] in self.values)


def _dense(
    value: Value, constants: list[Constant], told: dict[str, Any], name: str, wanted: int
) -> Value:
    """Add a layer: Gemm, or MatMul without a bias."""
    if len(constants) != wanted or any(each.dtype != np.float32 for each in constants):
        raise StructureError(f"the weights of {name} must be float32 inside")
    if told.get("transA", 0):
        raise StructureError(f"the Gemm of {name} must not transpose its input")
    if value.clip or value.wrapped or len(value.index.shape) != 1:
        raise StructureError(f"the product of {name} is not one of rows")
    weight, *bias = constants
    weight = weight if told.get("transB", 0) else weight.T
    weight = np.float32(told.get("alpha", 1.0)) * weight
    added = np.broadcast_to(bias[0].reshape(-1), len(weight)) if bias else np.zeros(1, np.float32)
    offset = np.float32(told.get("beta", 1.0)) * np.broadcast_to(added, len(weight))
    if not value.is_plain:
        offset = (offset + weight @ np.broadcast_to(value.shift, weight.shape[1])).astype(
            np.float32
        )
        weight = (weight * value.scale).astype(np.float32)
    picked = value.picked()
    if not picked.layers and not np.array_equal(value.index, np.arange(len(value.index))):
        order = np.argsort(value.index)
        weight = weight[:, order]  # of the input, whose numbers were put elsewhere
    return Value((*picked.layers, Dense(weight, offset)), np.arange(len(weight)))


def _activated(value: Value, name: str) -> Value:
    value = value.settled().picked()
    if not value.layers or value.layers[-1].activation or value.wrapped or value.clip:
        raise StructureError(f"a {name} that follows no layer")
    layers = (*value.layers[:-1], replace(value.layers[-1], activation=name))
    return replace(value, layers=layers)


def _silu(one: Value, other: Value) -> Value:
    """X * sigmoid(x)."""
    for x, gate in ((one, other), (other, one)):
        if _is_sigmoid_of(gate, x.settled()):
            return _activated(x, "silu")
    raise StructureError("it multiplies what two layers give")


def _is_sigmoid_of(gate: Value, x: Value) -> bool:
    if not gate.layers or gate.layers[-1].activation != "sigmoid" or len(x.layers) == 0:
        return False
    ours, theirs = x.layers[-1], gate.layers[-1]
    return not ours.activation and all(
        np.array_equal(a, b) for a, b in ((ours.weight, theirs.weight), (ours.bias, theirs.bias))
    )


def _arithmetic(operator: str, value: Value, constants: list[Constant], first: bool) -> Value:
    """Scale or shift by constants, or come nearer to a sigmoid."""
    if operator == "Neg":
        return _scaled(value, -1.0, 0.0)
    if operator == "Exp" and not value.wrapped:
        return replace(value.settled(), wrapped="exp")
    one = len(constants) == 1 and np.all(constants[0] == 1)
    if value.wrapped == "exp" and operator == "Add" and one:
        return replace(value, wrapped="1 + exp")
    inverse = operator == "Reciprocal" or (operator == "Div" and one and not first)
    if value.wrapped == "1 + exp" and inverse:
        return _activated(_scaled(replace(value, wrapped=""), -1.0, 0.0), "sigmoid")
    if value.wrapped or len(constants) != 1:
        raise StructureError(f"it has the operator {operator}")
    constant = _row_of(constants[0], value)
    match operator:
        case "Add":
            return _scaled(value, 1.0, constant)
        case "Sub":
            return _scaled(value, 1.0, -constant) if first else _scaled(value, -1.0, constant)
        case "Mul":
            return _scaled(value, constant, 0.0)
        case "Div" if first:
            return _scaled(value, np.reciprocal(constant), 0.0)
    raise StructureError(f"it has the operator {operator}")


def _row_of(constant: Constant, value: Value) -> Array:
    """Return a constant as it meets one row."""
    shape = (1, *value.index.shape)
    if constant.ndim > len(shape) or (constant.ndim == len(shape) and len(constant) != 1):
        raise StructureError("a constant differs from row to row of a batch")
    row: Array = np.broadcast_to(constant, shape)[0].astype(np.float32)
    return row


def _scaled(value: Value, scale: Array | float, shift: Array | float) -> Value:
    return replace(value, scale=value.scale * scale, shift=value.shift * scale + shift)


def _places(shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    return np.arange(int(np.prod(shape))).reshape(shape)


def _range(layers: Layers) -> npt.NDArray[np.int64]:
    return np.arange(len(layers[-1].bias))


def _common(chains: list[Layers]) -> int:
    """Count the layers that all chains begin with; each keeps one of its own."""
    count = 0
    while all(count < len(chain) - 1 for chain in chains) and all(
        chain[count] is chains[0][count] for chain in chains
    ):
        count += 1
    return count


def _one(value: Array | float, model: vae_onnx.Autoencoder) -> float:
    """Return the one number by which all pixels are scaled or shifted."""
    if np.ptp(value) > 0:
        raise StructureError(f"{model.decoder.graph.path}: pixels are scaled each in its own way")
    return float(np.ravel(value)[0])


def _prove(model: vae_onnx.Autoencoder, network: Network) -> None:
    """See that the network is that of the graphs: whatever else they hold shows in their output."""
    rng = np.random.default_rng(0)
    x = rng.random((PROBES, *model.image_shape), np.float32)
    z = rng.standard_normal((PROBES, model.latent_dim), np.float32)
    try:
        codes = network.encode(x.reshape(PROBES, -1))
        given = [codes.mu, codes.log_var] if isinstance(codes, Posterior) else [codes]
        given.append(network.decode(z).reshape(x.shape))
    except ValueError as error:  # numpy's, where two matrices do not fit together
        raise StructureError(f"{model.folder}: the layers do not fit together: {error}") from error
    outputs = dict(zip(model.encoder.graph.outputs, model.encoder.graph(x), strict=True))
    expected = [outputs[name] for name in network.heads] + model.decoder.graph(z)
    for ours, theirs in zip(given, expected, strict=True):
        if not np.abs(ours - theirs).max() <= TOLERANCE * max(1.0, np.abs(theirs).max()):
            raise StructureError(f"{model.folder}: the graphs do more than {TAKEN}")
