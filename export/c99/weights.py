"""The weights of a model, read back from its two graphs: what is needed to run it without ONNX."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

import vae_onnx
from export.errors import StructureError
from vae_onnx import Posterior
from vae_onnx.engine.graph import Array, Graph

HEADS: Final = {"vae": ("mu", "log_var"), "ae": ("z",)}
FLATTENED: Final = ("Reshape", "Flatten")
# Ways in which exporters write a sigmoid, before the picture takes its shape.
NEGATED: Final = ("Exp", "Add", "Reciprocal")  # the product before it gives minus the logits
SIGMOIDS: Final = (NEGATED, ("Neg", *NEGATED), ("Sigmoid",))
TOLERANCE: Final = 1e-5
PROBES: Final = 16  # random inputs on which graph and network must agree


@dataclass(frozen=True)
class Dense:
    """A layer weight @ x + bias."""

    weight: Array  # (outputs, inputs)
    bias: Array  # (outputs,)

    def __call__(self, x: Array) -> Array:
        """Map x (N, inputs) to (N, outputs)."""
        result: Array = x @ self.weight.T + self.bias
        return result


@dataclass(frozen=True)
class Network:
    """A VAE or an AE of one hidden layer on either side of z, in numpy."""

    hidden: Dense  # x -> hidden units of the encoder, before the ReLU
    heads: dict[str, Dense]  # these -> mu and log_var of a VAE, z of an AE
    decoder_hidden: Dense  # z -> hidden units of the decoder, before the ReLU
    logits: Dense  # these -> logits of the pixels

    def encode(self, x: Array) -> Posterior | Array:
        """Encode x (N, pixels) to q(z | x), or for an AE to z (N, latent_dim)."""
        h = self.hidden_units(x)
        codes = [head(h) for head in self.heads.values()]
        return Posterior(*codes) if len(codes) == 2 else codes[0]

    def hidden_units(self, x: Array) -> Array:
        """What the encoder's hidden layer makes of x (N, pixels): (N, hidden units)."""
        h: Array = np.maximum(self.hidden(x), 0)
        return h

    def decoder_hidden_units(self, z: Array) -> Array:
        """What the decoder's hidden layer makes of z (N, latent_dim): (N, hidden units)."""
        h: Array = np.maximum(self.decoder_hidden(z), 0)
        return h

    def decode(self, z: Array) -> Array:
        """Decode z (N, latent_dim) to the means of p(x | z), (N, pixels)."""
        with np.errstate(over="ignore"):  # 1 / (1 + inf) is the 0 that is meant
            odds_against = np.exp(-self.logits(self.decoder_hidden_units(z)))
        p: Array = np.reciprocal(odds_against + 1)
        return p


def read(model: vae_onnx.Autoencoder) -> Network:
    """Read the weights of a model, and see that they give what its graphs give.

    Raises:
        StructureError: The graphs are not those of a network with one hidden ReLU layer on either
            side of z and a sigmoid at the end, in float32.
    """
    heads = HEADS[model.kind]
    encoder, decoder = (onnx.load(part.graph.path).graph for part in (model.encoder, model.decoder))
    encoder_operators = [(flat, "Gemm", "Relu", *["Gemm"] * len(heads)) for flat in FLATTENED]
    decoder_operators = [("Gemm", "Relu", "Gemm", *sigmoid, "Reshape") for sigmoid in SIGMOIDS]
    _expect(model.encoder.graph, encoder, encoder_operators)
    _expect(model.decoder.graph, decoder, decoder_operators)

    encoder_layers = _layers(model.encoder.graph, encoder)
    decoder_hidden, logits = _layers(model.decoder.graph, decoder).values()
    if tuple(node.op_type for node in decoder.node)[3:-1] == NEGATED:
        logits = Dense(-logits.weight, -logits.bias)
    if not encoder_layers.keys() >= set(heads):
        raise StructureError(f"{model.encoder.graph.path}: every output must be that of a Gemm")
    network = Network(
        hidden=next(iter(encoder_layers.values())),
        heads={name: encoder_layers[name] for name in heads},
        decoder_hidden=decoder_hidden,
        logits=logits,
    )
    _prove(model, network)
    return network


def _expect(graph: Graph, proto: onnx.GraphProto, allowed: list[tuple[str, ...]]) -> None:
    operators = tuple(node.op_type for node in proto.node)
    if operators not in allowed:
        raise StructureError(
            f"{graph.path} must be one hidden ReLU layer as `python -m export onnx` writes it, of "
            f"the operators {' '.join(allowed[0])}; it has {' '.join(operators)}"
        )


def _layers(graph: Graph, proto: onnx.GraphProto) -> dict[str, Dense]:
    """Return the matrix products in their order, by the name of what they give."""
    constants = {tensor.name: tensor for tensor in proto.initializer}
    layers = {}
    for node in (node for node in proto.node if node.op_type == "Gemm"):
        told = {factor.name: onnx.helper.get_attribute_value(factor) for factor in node.attribute}
        parts = [constants.get(name) for name in node.input[1:]]
        output = node.output[0]
        if any(part is None or part.data_type != onnx.TensorProto.FLOAT for part in parts):
            raise StructureError(f"{graph.path}: the weights of {output} must be float32 inside")
        if told.get("transA", 0):
            raise StructureError(f"{graph.path}: the Gemm of {output} must not transpose its input")
        weight, *bias = [numpy_helper.to_array(part) for part in parts if part is not None]
        weight = weight if told.get("transB", 0) else weight.T
        layers[output] = Dense(
            np.float32(told.get("alpha", 1.0)) * weight,
            np.float32(told.get("beta", 1.0)) * _bias(bias, len(weight)),
        )
    return layers


def _bias(bias: list[npt.NDArray[Any]], outputs: int) -> Array:
    """Return the bias (outputs,) of a Gemm that may have none, or one number for all."""
    if not bias:
        return np.zeros(outputs, np.float32)
    return np.broadcast_to(bias[0].reshape(-1), outputs)


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
            raise StructureError(
                f"{model.folder}: the graphs do more than their layers, a ReLU and a sigmoid"
            )
