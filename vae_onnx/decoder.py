"""A decoder graph: z -> pictures."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from functools import partial

import numpy as np
import numpy.typing as npt

from vae_onnx import checks
from vae_onnx.contract import latent_dim, picture_shape
from vae_onnx.engine import sizes
from vae_onnx.engine.device import Device, pick
from vae_onnx.engine.graph import Array, Graph
from vae_onnx.errors import InputError, InputTypeError
from vae_onnx.pictures import remedies
from vae_onnx.pictures.arrays import FLOAT32, Shape, from_x


class Decoder:
    """`decoder.onnx` alone: z -> pictures.

    Args:
        path: The file.
        device: What to run on: a name, or what `vae_onnx.engine.device.pick` gives.
        threads: How many share the work on a large batch; by default all that there are.

    Attributes:
        graph: The file, opened.
        latent_shape: Of the code of one picture, as `Encoder.latent_shape`.
        image_shape: (channels, height, width); -1 is a size that follows from the code's.

    Raises:
        FileMissingError: There is no such file.
        GraphError: The file is truncated, not ONNX, or not a decoder.
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
        graph.expect({"z"}, {"x_recon"})
        self.latent_shape: sizes.Sizes = graph.expect_port(graph.inputs["z"], 2, 4)
        self.image_shape: Shape = picture_shape(graph, graph.outputs["x_recon"])

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the graph says of itself."""
        return self.graph.metadata

    @property
    def latent_dim(self) -> int:
        """Numbers per picture in the latent space; see `contract.latent_dim`."""
        return latent_dim(self.latent_shape)

    def decode(self, z: npt.ArrayLike, out: Array | None = None) -> Array:
        """Return the pictures that stand at z: the means of p(x | z), in [0, 1].

        Args:
            z: (N, *latent_shape), or latent_shape for one picture; finite numbers.
            out: Where to write them: C-contiguous float32 of the shape that is returned.

        Returns:
            (N, height, width) float32, or (N, height, width, channels) where those are several.

        Raises:
            InputTypeError: z does not hold real numbers, or `out` is no float32 array.
            InputError: Wrong shape, NaN or infinity, or no row; or `out` cannot be written to.
        """
        rows = self.as_rows(z)
        make = _channels_last if out is None else partial(_within, out)
        plain = out is None and self.image_shape[0] == 1  # what the graph gives is what is returned
        (x_recon,) = self.graph.batched(rows, np.asarray, None if plain else make)
        return from_x(x_recon) if out is None else out

    def to_x_recon(self, z: npt.ArrayLike) -> Array:
        """Return what the graph itself gives, (N, channels, height, width); z as in `decode`."""
        (x_recon,) = self.graph.batched(self.as_rows(z), np.asarray)
        return x_recon

    def as_rows(self, z: npt.ArrayLike) -> Array:
        """Return z as what the graph takes, (N, *latent_shape) float32; errors as in `decode`."""
        array = checks.array(z, "z")
        if array.dtype.kind not in "fiu":
            remedy = remedies.said(remedies.numbers(array, checks.expression(z, "z")))
            raise InputTypeError(f"z must hold real numbers, got {array.dtype}{remedy}")
        rows = array[np.newaxis] if array.ndim == len(self.latent_shape) else array
        fits = rows.shape[1:] == self.latent_shape or sizes.fit(rows.shape[1:], self.latent_shape)
        if rows.ndim == 0 or len(rows) == 0 or not fits:
            wanted = sizes.text(self.latent_shape)
            raise InputError(f"z must have shape (N, {wanted}) with N >= 1, got {array.shape}")
        if rows.dtype != FLOAT32 or not rows.flags.c_contiguous:
            with np.errstate(over="ignore"):
                rows = np.ascontiguousarray(rows, dtype=np.float32)
        # The sum of squares is quick to have; of finite numbers it may yet be infinite.
        if not math.isfinite(np.vdot(rows, rows)) and not np.isfinite(rows).all():
            raise InputError("z must be finite in float32, got NaN or infinity")
        return rows


def _channels_last(shape: tuple[int, ...]) -> Array:
    """Make an array of the shape (N, channels, height, width) whose channels lie side by side."""
    count, channels, height, width = shape
    return np.empty((count, height, width, channels), np.float32).transpose(0, 3, 1, 2)


def _within(out: Array, shape: tuple[int, ...]) -> Array:
    """Return a view of `out` in the shape (N, channels, height, width)."""
    count, channels, height, width = shape
    pictures = (count, height, width)
    _check_out(out, pictures if channels == 1 else (*pictures, channels))
    return out.reshape(*pictures, channels).transpose(0, 3, 1, 2)


def _check_out(out: Array, shape: tuple[int, ...]) -> None:
    if not isinstance(out, np.ndarray) or out.dtype != np.float32:
        got = out.dtype if isinstance(out, np.ndarray) else type(out).__name__
        raise InputTypeError(f"out must be a float32 array, got {got}")
    if out.shape != shape:
        raise InputError(f"out must have shape {shape}, one picture for each row, got {out.shape}")
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise InputError("out must be C-contiguous and writeable; make it with np.empty")
