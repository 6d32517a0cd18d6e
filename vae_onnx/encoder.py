"""An encoder graph: images -> z, or q(z | x)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal

import numpy.typing as npt

from vae_onnx import checks
from vae_onnx.contract import latent_dim, picture_shape, size_multiple
from vae_onnx.engine.device import Device, pick
from vae_onnx.engine.graph import Array, Graph
from vae_onnx.engine.sizes import Sizes
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
        latent_shape: Of the code of one image: (latent_dim,), or (channels, height, width) of a map
            of codes, where -1 is a size that follows from the image's.
        image_shape: (channels, height, width); -1 is any size that is a multiple of
            `size_multiple`.
        size_multiple: 1 where the graph states none.

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
        self.graph: Graph = Graph(path, pick(device), threads)
        graph = self.graph
        graph.expect({"x"}, {"mu", "log_var"}, {"z"})
        self.kind: Kind = "ae" if "z" in graph.outputs else "vae"
        self.image_shape: Shape = picture_shape(graph, graph.inputs["x"])
        self.size_multiple: int = size_multiple(graph)
        shapes = {graph.expect_port(port, 2, 4) for port in graph.outputs.values()}
        if len(shapes) > 1:
            raise GraphError(f"{path}: mu and log_var differ in shape: {sorted(map(str, shapes))}")
        self.latent_shape: Sizes = shapes.pop()
        self._code = list(graph.outputs).index("z" if self.kind == "ae" else "mu")

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the graph says of itself."""
        return self.graph.metadata

    @property
    def latent_dim(self) -> int:
        """Numbers per image in the latent space; see `contract.latent_dim`."""
        return latent_dim(self.latent_shape)

    def encode(self, images: npt.ArrayLike) -> Array:
        """Return z (N, *latent_shape): the AE's code, or the mean of the VAE's q(z | x).

        Args:
            images: uint8 in [0, 255] or float in [0, 1]; see `vae_onnx.pictures.arrays.to_x`.

        Raises:
            InputTypeError: The dtype is neither uint8 nor float.
            InputError: Wrong shape or range, NaN, or no image.
        """
        return self._run(images)[self._code]

    def posterior(self, images: npt.ArrayLike) -> Posterior:
        """Return the VAE's q(z | x); images as in `encode`.

        Raises:
            InputTypeError: The model is an AE, or the dtype is neither uint8 nor float.
            InputError: Wrong shape or range, NaN, or no image.
        """
        if self.kind == "ae":
            raise InputTypeError("an AE has no posterior: its code is a point; use encode()")
        return Posterior(**dict(zip(self.graph.outputs, self._run(images), strict=True)))

    def as_batch(self, images: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return images as (N, channels, height, width), unscaled; errors as in `encode`."""
        return as_batch(images, self.image_shape, self.size_multiple)

    def _run(self, images: npt.ArrayLike) -> list[Array]:
        batch = self.as_batch(images)
        try:
            return self.graph.batched(batch, scale)
        except InputError:  # of some rows; the remedy is to follow from all
            check_range(batch, "images", checks.expression(images, "images"))
            raise
