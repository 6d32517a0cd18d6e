"""Which models and tensors a service offers: the same behind our service and in Triton."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from vae_onnx.autoencoder import Autoencoder
from vae_onnx.engine import sizes
from vae_onnx.engine.graph import Port
from vae_onnx.engine.sizes import Sizes
from vae_onnx.errors import InputError

FP32: Final = "FP32"  # as the protocol spells the only number type of the graphs
VERSION: Final = "1"
NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]*"  # a folder, and part of an address, everywhere


class Tensor(NamedTuple):
    """An input or output that is offered."""

    name: str
    row: Sizes  # the dimensions after the batch; -1 is any
    datatype: str = FP32

    @property
    def shape(self) -> list[int]:
        """The dimensions with the batch, which may be of any size: [-1, 1, 28, 28]."""
        return [sizes.ANY, *self.row]


class Offered(NamedTuple):
    """A model as clients see it: batches of its one input -> its outputs."""

    name: str
    input: Tensor
    outputs: tuple[Tensor, ...]


class Layout(NamedTuple):
    """The three models that are made of one autoencoder."""

    encoder: Offered  # NAME-encoder: x -> mu, log_var of a VAE, z of an AE
    decoder: Offered  # NAME-decoder: z -> x_recon
    reconstruct: Offered  # NAME: x -> x_recon

    @property
    def code(self) -> str:
        """The encoder's output that is the decoder's z: "mu" of a VAE, which draws nothing."""
        return self.encoder.outputs[0].name


def layout(model: Autoencoder, name: str | None = None) -> Layout:
    """Return what is offered of a model, read off its graphs.

    Args:
        model: An open one.
        name: What to call it; by default as its graphs do, or else as its folder is called.

    Raises:
        InputError: The name cannot be a folder and part of an address.
    """
    name = name or model.metadata.get("name") or model.folder.name
    if not re.fullmatch(NAME, name):
        raise InputError(
            "the name of a model that is served must be of letters, digits, points, hyphens and "
            f"underscores, and begin with a letter or digit, got {name!r}; choose another one with "
            "--name"
        )
    encoder, decoder = model.encoder.graph, model.decoder.graph
    (x,) = _tensors(encoder.inputs)
    codes = sorted(_tensors(encoder.outputs), key=lambda code: code.name == "log_var")
    (z,), (x_recon,) = _tensors(decoder.inputs), _tensors(decoder.outputs)
    return Layout(
        Offered(f"{name}-encoder", x, tuple(codes)),
        Offered(f"{name}-decoder", z, (x_recon,)),
        Offered(name, x, (x_recon,)),
    )


def _tensors(ports: Mapping[str, Port]) -> list[Tensor]:
    return [
        Tensor(name, tuple(size if isinstance(size, int) else sizes.ANY for size in port.shape[1:]))
        for name, port in ports.items()
    ]
