"""A network whose two large matrices are whole numbers of 8 bits."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

import vae_onnx
from export.c99.weights import Dense, Network, through
from export.lowprecision.rounding import round_weights
from vae_onnx import GraphError
from vae_onnx.engine.graph import Array

LARGEST: Final = 127  # symmetric: -128 is not used
SAMPLES: Final = 4096  # codes


@dataclass(frozen=True)
class Rounded(Dense):
    """A layer whose weight is scale[:, np.newaxis] * steps."""

    steps: npt.NDArray[np.int8]  # (outputs, inputs), -127 to 127
    scale: Array  # (outputs,), above 0


def to_int8(model: vae_onnx.Autoencoder, network: Network) -> Network:
    """Round the two large matrices of a network, those between pixels and hidden units.

    They are rounded for what they are shown in use, for which no images are needed: codes are drawn
    from the prior, and what the decoder makes of them is shown to the encoder. Rounding each weight
    to the nearest would cost models of two latent dimensions 1 to 3 nats.

    The others stay float32: they hold a hundredth of the weights when latent_dim is 2, and with
    them the place in the latent space, which does not forgive 8 bits.
    """
    z = _codes(model)
    h = None if z is None else through(network.decoder[:-1], z)
    x = None if z is None else network.decode(z)
    decoder = (*network.decoder[:-1], rounded(network.decoder[-1], h))
    if network.encoder:
        encoder = (rounded(network.encoder[0], x), *network.encoder[1:])
        return replace(network, encoder=encoder, decoder=decoder)
    heads = {name: (rounded(head[0], x), *head[1:]) for name, head in network.heads.items()}
    return replace(network, heads=heads, decoder=decoder)


def rounded(layer: Dense, inputs: Array | None = None) -> Rounded:
    """Round the weights of a layer to whole multiples of a scale, one for each row.

    Args:
        layer: Of finite weights.
        inputs: (N, inputs) typical inputs of the layer, see `rounding.round_weights`; without, each
            weight goes to the nearest.
    """
    if inputs is None:
        largest = np.abs(layer.weight).max(axis=1)
        scale = np.where(largest > 0, largest, 1).astype(np.float32) / np.float32(LARGEST)
        steps, bias = np.rint(layer.weight / scale[:, np.newaxis]).astype(np.int8), layer.bias
    else:
        steps, scale, lost = round_weights(layer.weight, inputs, largest=LARGEST)
        bias = layer.bias + lost
    weight = scale[:, np.newaxis] * steps.astype(np.float32)
    return Rounded(weight, bias, steps, scale, activation=layer.activation)


def _codes(model: vae_onnx.Autoencoder) -> Array | None:
    """Draw typical codes (N, latent_dim); None where the graphs of an AE do not tell any."""
    rng = np.random.default_rng(0)
    if model.kind == "vae":
        return rng.standard_normal((SAMPLES, model.latent_dim), np.float32)
    try:
        low, high = model.latent_range()
    except GraphError:
        return None
    return low + (high - low) * rng.random((SAMPLES, model.latent_dim), np.float32)
