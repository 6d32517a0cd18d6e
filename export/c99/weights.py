"""A model of dense layers in numpy: what is needed to run it without ONNX."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from vae_onnx import Posterior
from vae_onnx.engine.graph import Array


def _relu(x: Array) -> Array:
    result: Array = np.maximum(x, 0)
    return result


def _sigmoid(x: Array) -> Array:
    with np.errstate(over="ignore"):  # 1 / (1 + inf) is the 0 that is meant
        result: Array = np.reciprocal(np.exp(-x) + 1)
    return result


def _silu(x: Array) -> Array:
    return x * _sigmoid(x)


ACTIVATIONS: Final[dict[str, Callable[[Array], Array]]] = {
    "relu": _relu,
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "silu": _silu,
}


@dataclass(frozen=True)
class Dense:
    """A layer activation(weight @ x + bias)."""

    weight: Array  # (outputs, inputs)
    bias: Array  # (outputs,)
    activation: str = field(default="", kw_only=True)  # one of ACTIVATIONS, or none

    def __call__(self, x: Array) -> Array:
        """Map x (N, inputs) to (N, outputs)."""
        result: Array = x @ self.weight.T + self.bias
        return ACTIVATIONS[self.activation](result) if self.activation else result


Layers = tuple[Dense, ...]


@dataclass(frozen=True)
class Network:
    """A VAE or an AE of dense layers."""

    encoder: Layers  # what the outputs of the encoder have in common
    heads: dict[str, Layers]  # from there to mu and log_var of a VAE, to z of an AE
    decoder: Layers  # z -> pixels, before `scale`, `shift` and `clip`
    scale: float = 1.0
    shift: float = 0.0
    clip: bool = False  # to [0, 1]

    def encode(self, x: Array) -> Posterior | Array:
        """Encode x (N, pixels) to q(z | x), or for an AE to z (N, latent_dim)."""
        h = through(self.encoder, x)
        codes = [through(head, h) for head in self.heads.values()]
        return Posterior(*codes) if len(codes) == 2 else codes[0]

    def decode(self, z: Array) -> Array:
        """Decode z (N, latent_dim) to pixels (N, pixels) in [0, 1]."""
        pixels = through(self.decoder, z)
        if (self.scale, self.shift) != (1.0, 0.0):
            pixels = np.float32(self.scale) * pixels + np.float32(self.shift)
        return pixels.clip(0, 1) if self.clip else pixels

    def named(self) -> dict[str, Dense]:
        """Return all layers in their order, each by the name that it has in C."""
        heads = [
            layer
            for head, layers in self.heads.items()
            for layer in _named(head, layers, last=head).items()
        ]
        return (
            _named("encoder", self.encoder)
            | dict(heads)
            | _named("decoder", self.decoder, last="logits")
        )


def through(layers: Sequence[Dense], x: Array) -> Array:
    """Return what the layers make of x (N, inputs), one after another."""
    for layer in layers:
        x = layer(x)
    return x


def _named(name: str, layers: Layers, last: str | None = None) -> dict[str, Dense]:
    """Number layers, if there are several; the last one may have a name of its own."""
    names = [name] if len(layers) == 1 else [f"{name}_{at}" for at in range(1, len(layers) + 1)]
    if last:
        names[-1] = last
        if len(layers) == 2 and last != name:
            names[0] = name
    return dict(zip(names, layers, strict=True))
