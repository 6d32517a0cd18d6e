"""Weights in 8 bits, rounded so that what a layer gives changes least.

Nearest rounding, row by row, costs the bundled models of two latent dimensions 1 to 3 nats: what
their hidden units give varies together, so that the errors of a row add up. Here each column's
error is made up for by the columns that are still to be rounded (Frantar et al., GPTQ, 2023, which
is Hassibi & Stork's optimal brain surgeon, 1993): 0.02 to 0.15 nats. No images are needed: codes
are drawn from the prior, and what the decoder makes of them is shown to the encoder.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

import vae_onnx
from export.network import Dense, Network
from vae_onnx import GraphError
from vae_onnx.graph import Array

LARGEST: Final = 127  # symmetric: -128 is not used
SAMPLES: Final = 4096  # codes
DAMPING: Final = 0.01  # of the mean square of the inputs, as if they had that much noise
BLOCK: Final = 2048  # columns whose errors make up for each other; bounds the memory


@dataclass(frozen=True)
class Rounded(Dense):
    """A layer whose weight is scale[:, np.newaxis] * steps."""

    steps: npt.NDArray[np.int8]  # (outputs, inputs), -127 to 127
    scale: Array  # (outputs,), above 0


def to_int8(model: vae_onnx.Autoencoder, network: Network) -> Network:
    """Round the two large matrices of a network, those between pixels and hidden units.

    The others stay float32: they hold a hundredth of the weights when latent_dim is 2, and with
    them the place in the latent space, which does not forgive 8 bits.
    """
    z = _codes(model)
    h = None if z is None else network.decoder_hidden_units(z)
    x = None if z is None else network.decode(z)
    return replace(network, hidden=rounded(network.hidden, x), logits=rounded(network.logits, h))


def rounded(layer: Dense, inputs: Array | None = None) -> Rounded:
    """Round the weights of a layer to whole multiples of a scale, one for each row.

    Args:
        layer: Of finite weights.
        inputs: (N, inputs) typical inputs of the layer; without, each weight goes to the nearest.
    """
    largest = np.abs(layer.weight).max(axis=1)
    scale = np.where(largest > 0, largest, 1).astype(np.float32) / np.float32(LARGEST)
    steps = layer.weight / scale[:, np.newaxis].astype(np.float64)
    for start in range(0, steps.shape[1], BLOCK):
        some = slice(start, start + BLOCK)
        if inputs is None:
            steps[:, some] = _nearest(steps[:, some])
        else:
            steps[:, some] = _least_change(steps[:, some], inputs[:, some].astype(np.float64))
    weight = scale[:, np.newaxis] * steps.astype(np.float32)
    return Rounded(weight, layer.bias, steps.astype(np.int8), scale)


def _nearest(steps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    result: npt.NDArray[np.float64] = np.clip(np.rint(steps), -LARGEST, LARGEST)
    return result


def _least_change(
    steps: npt.NDArray[np.float64], inputs: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Round column after column, those with the largest inputs first.

    Args:
        steps: (outputs, inputs), not yet whole.
        inputs: (N, inputs).
    """
    moments = inputs.T @ inputs / len(inputs)
    moments[np.diag_indices_from(moments)] += DAMPING * moments.trace() / len(moments) + 1e-12
    order = np.argsort(-moments.diagonal(), kind="stable")
    inverse = np.linalg.inv(moments[np.ix_(order, order)])
    spread = np.linalg.cholesky(inverse).T  # row j: how column j's error moves those after it
    rest, result = steps[:, order], np.empty_like(steps)
    for column in range(len(order)):
        result[:, order[column]] = _nearest(rest[:, column])
        error = (rest[:, column] - result[:, order[column]]) / spread[column, column]
        rest[:, column:] -= np.outer(error, spread[column, column:])
    return result


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
