"""A decoder graph: z -> pictures."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from vae_onnx import checks
from vae_onnx.engine.device import Device, pick
from vae_onnx.engine.graph import Array, Graph
from vae_onnx.errors import InputError, InputTypeError
from vae_onnx.pictures import remedies
from vae_onnx.pictures.arrays import Shape, from_x

FLOAT32: Final = np.dtype(np.float32)


class Decoder:
    """`decoder.onnx` alone: z -> pictures.

    Args:
        path: The file.
        device: What to run on: a name, or what `vae_onnx.engine.device.pick` gives.
        threads: How many share the work on a large batch; by default all that there are.

    Attributes:
        graph: The file, opened.
        latent_dim: Numbers per picture in the latent space.
        image_shape: (channels, height, width).

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
        self.graph = graph = Graph(path, pick(device), threads)
        graph.expect({"z"}, {"x_recon"})
        (self.latent_dim,) = graph.expect_port(graph.inputs["z"], rank=2)
        channels, height, width = graph.expect_port(graph.outputs["x_recon"], rank=4)
        self.image_shape: Shape = (channels, height, width)

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the graph says of itself."""
        return self.graph.metadata

    def decode(self, z: npt.ArrayLike, out: Array | None = None) -> Array:
        """Return the pictures that stand at z: the means of p(x | z), in [0, 1].

        Args:
            z: (N, latent_dim), or (latent_dim,) for one picture; finite numbers.
            out: Where to write them: C-contiguous float32 of the shape that is returned.

        Returns:
            (N, height, width) float32, or (N, height, width, 3) for a colour model.

        Raises:
            InputTypeError: z does not hold real numbers, or `out` is no float32 array.
            InputError: Wrong shape, NaN or infinity, or no row; or `out` cannot be written to.
        """
        rows = self.as_rows(z)
        if out is None:
            (x_recon,) = self.graph.batched(rows, np.asarray)
            return from_x(x_recon)
        channels, height, width = self.image_shape
        pictures = (height, width) if channels == 1 else (height, width, channels)
        _check_out(out, (len(rows), *pictures))
        if channels > 1:  # the graph has the channels first
            np.copyto(out, self.decode(rows))
        else:
            self.graph.batched(rows, np.asarray, [out.reshape(len(rows), *self.image_shape)])
        return out

    def as_rows(self, z: npt.ArrayLike) -> Array:
        """Return z as what the graph takes, (N, latent_dim) float32; errors as in `decode`."""
        array = z if type(z) is np.ndarray else checks.array(z, "z")
        if array.dtype.kind not in "fiu":
            remedy = remedies.said(remedies.numbers(array, checks.expression(z, "z")))
            raise InputTypeError(f"z must hold real numbers, got {array.dtype}{remedy}")
        rows = array[np.newaxis] if array.ndim == 1 else array
        if rows.ndim != 2 or rows.shape[0] == 0 or rows.shape[1] != self.latent_dim:
            raise InputError(
                f"z must have shape (N, {self.latent_dim}) with N >= 1, got {array.shape}"
            )
        if rows.dtype != FLOAT32 or not rows.flags.c_contiguous:
            with np.errstate(over="ignore"):
                rows = np.ascontiguousarray(rows, dtype=np.float32)
        # The sum of squares is quick to have; of finite numbers it may yet be infinite.
        if not math.isfinite(np.vdot(rows, rows)) and not np.isfinite(rows).all():
            raise InputError("z must be finite in float32, got NaN or infinity")
        return rows


def _check_out(out: Array, shape: tuple[int, ...]) -> None:
    if not isinstance(out, np.ndarray) or out.dtype != np.float32:
        got = out.dtype if isinstance(out, np.ndarray) else type(out).__name__
        raise InputTypeError(f"out must be a float32 array, got {got}")
    if out.shape != shape:
        raise InputError(f"out must have shape {shape}, one picture for each row, got {out.shape}")
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise InputError("out must be C-contiguous and writeable; make it with np.empty")
