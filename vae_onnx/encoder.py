"""An encoder graph: images -> z, or q(z | x)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

import numpy.typing as npt

from vae_onnx import checks
from vae_onnx.engine.device import Device, pick
from vae_onnx.engine.graph import Array, Graph
from vae_onnx.errors import GraphError, InputError, InputTypeError
from vae_onnx.pictures.arrays import Shape, as_batch, check_range, scale
from vae_onnx.posterior import Posterior

Kind = Literal["vae", "ae"]


class Encoder:
    """`encoder.onnx` alone: images -> z, or for a VAE -> q(z | x).

    Args:
        path: The file.
        device: What to run on: a name, or what `vae_onnx.engine.device.pick` gives.
        threads: How many share the work on a large batch; by default all that there are.

    Attributes:
        graph: The file, opened.
        kind: "vae" or "ae", read off the outputs of the graph.
        latent_dim: Numbers per image in the latent space.
        image_shape: (channels, height, width).

    Raises:
        FileMissingError: There is no such file.
        GraphError: The file is truncated, not ONNX, or not an encoder.
        DeviceError: The device cannot be had, or does not run the graph.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        device: str | Device = "auto",
        threads: int | None = None,
    ) -> None:
        self.graph = graph = Graph(path, pick(device), threads)
        graph.expect({"x"}, {"mu", "log_var"}, {"z"})
        self.kind: Kind = "ae" if "z" in graph.outputs else "vae"
        channels, height, width = graph.expect_port(graph.inputs["x"], rank=4)
        self.image_shape: Shape = (channels, height, width)
        latent_dims = {graph.expect_port(port, rank=2) for port in graph.outputs.values()}
        if len(latent_dims) > 1:
            raise GraphError(f"{path}: mu and log_var differ in shape: {sorted(latent_dims)}")
        ((self.latent_dim,),) = latent_dims

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the graph says of itself."""
        return self.graph.metadata

    def encode(self, images: npt.ArrayLike) -> Array:
        """Return z (N, latent_dim): the AE's code, or the mean of the VAE's q(z | x).

        Args:
            images: uint8 in [0, 255] or float in [0, 1]; see `vae_onnx.pictures.arrays.to_x`.

        Raises:
            InputTypeError: The dtype is neither uint8 nor float.
            InputError: Wrong shape or range, NaN, or no image.
        """
        return self._run(images)["z" if self.kind == "ae" else "mu"]

    def posterior(self, images: npt.ArrayLike) -> Posterior:
        """Return the VAE's q(z | x); images as in `encode`.

        Raises:
            InputTypeError: The model is an AE, or the dtype is neither uint8 nor float.
            InputError: Wrong shape or range, NaN, or no image.
        """
        if self.kind == "ae":
            raise InputTypeError("an AE has no posterior: its code is a point; use encode()")
        return Posterior(**self._run(images))

    def _run(self, images: npt.ArrayLike) -> dict[str, Array]:
        batch = as_batch(images, self.image_shape)
        try:
            outputs = self.graph.batched(batch, scale)
        except InputError:  # of some rows; the remedy is to follow from all
            check_range(batch, "images", checks.expression(images, "images"))
            raise
        return dict(zip(self.graph.outputs, outputs, strict=True))
