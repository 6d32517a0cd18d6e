"""The models that are offered, as functions: a request is checked, a batch of them computed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from vae_onnx.autoencoder import Autoencoder
from vae_onnx.engine import sizes
from vae_onnx.engine.graph import Array
from vae_onnx.errors import InputError, InputTypeError
from vae_onnx.pictures.arrays import FLOAT32, UINT8, as_batch, check_range, scale
from vae_onnx.serving.layout import Layout, Offered

RANKS: Final = 8  # dimensions that an error repeats
# The number types that a request may have.
SPELLED: Final[dict[str, np.dtype[Any]]] = {"FP32": FLOAT32, "UINT8": UINT8}


class Part(NamedTuple):
    """A model that is offered: what it takes, and what becomes of a batch."""

    offered: Offered
    model: Autoencoder
    datatypes: tuple[str, ...]  # that a request may have
    run: Callable[[Array], list[Array]]  # (N, ...) -> the outputs, in the order that is offered
    max_bytes: int

    def check(self, value: npt.NDArray[Any]) -> Array:
        """Return the tensor of a request as what the graph takes.

        Args:
            value: (N, ...) of one of `datatypes`: images FP32 in [0, 1] or UINT8 in [0, 255]; codes
                FP32 and finite.

        Returns:
            (N, ...) float32, N >= 1.

        Raises:
            InputTypeError: The dtype is another one.
            InputError: Wrong shape or range, NaN, no row, or the answer would be too large.
        """
        name = self.offered.input.name
        if value.dtype not in [SPELLED[datatype] for datatype in self.datatypes]:
            raise InputTypeError(f"{name} must be {' or '.join(self.datatypes)}, got {value.dtype}")
        self.check_shape(value.shape)
        if name == "z":
            return self.model.decoder.as_rows(value)
        batch = as_batch(value, self.model.image_shape, self.model.size_multiple)
        if batch.dtype != UINT8:
            check_range(batch, name, name)
        return scale(batch)

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """See that a tensor has a shape that the model takes, and its answer one that is sent.

        Raises:
            InputError: It has not; the message says what to send instead.
        """
        name, row = self.offered.input.name, self.offered.input.row
        if not (shape and shape[0] > 0 and sizes.fit(shape[1:], row)):
            got = shape if len(shape) <= RANKS else f"{len(shape)} dimensions"
            raise InputError(
                f"{name} must have the shape (N, {sizes.text(row)}) with N >= 1, got {got}"
                + _remedy(name, shape, row)
            )
        self._check_answer(shape)

    def _check_answer(self, shape: tuple[int, ...]) -> None:
        """See that what comes out is not too large, of a small code perhaps."""
        each = max(1, sum(_bytes(self, output.row, shape) for output in self.offered.outputs))
        most = self.max_bytes // each
        if shape[0] > most:
            raise InputError(
                f"the answer to {shape[0]:,} rows would be of {shape[0] * each / 2**20:,.0f} MB, "
                f"and {self.max_bytes / 2**20:,.0f} MB are the most; "
                + (f"send {most:,} rows at a time, or " if most else "")
                + "start the service with a larger --max-mb"
            )


def parts(model: Autoencoder, layout: Layout, max_bytes: int) -> list[Part]:
    """Return the three parts of a model.

    Args:
        model: An open one.
        layout: What is offered of it.
        max_bytes: That the answer to one request may have.
    """
    encoder, decoder = model.encoder.graph, model.decoder.graph
    order = [list(encoder.outputs).index(output.name) for output in layout.encoder.outputs]

    def encode(x: Array) -> list[Array]:
        outputs = encoder.batched(x, np.asarray)
        return [outputs[place] for place in order]

    def decode(z: Array) -> list[Array]:
        return decoder.batched(z, np.asarray)

    def reconstruct(x: Array) -> list[Array]:
        return decode(encode(x)[0])

    images = ("FP32", "UINT8")
    return [
        Part(layout.encoder, model, images, encode, max_bytes),
        Part(layout.decoder, model, ("FP32",), decode, max_bytes),
        Part(layout.reconstruct, model, images, reconstruct, max_bytes),
    ]


def _bytes(part: Part, row: sizes.Sizes, shape: tuple[int, ...]) -> int:
    """Return how many bytes a row of an output has, of sizes that follow from the input's.

    Where they are open, a picture is taken to have `size_multiple` times the height and width of
    its code, and a code to be no larger than its picture.
    """
    if sizes.are_fixed(row):
        return 4 * math.prod(row)
    times = part.model.size_multiple if part.offered.input.name == "z" else 1
    met = zip(row[1:], shape[2:], strict=True)
    return 4 * row[0] * math.prod(came * times if size < 0 else size for size, came in met)


def _remedy(name: str, shape: tuple[int, ...], row: sizes.Sizes) -> str:
    """What to send instead, where the numbers are as many as some rows have."""
    count = math.prod(shape)
    if not sizes.are_fixed(row) or count < 1 or count % math.prod(row):
        return ""
    return f"; send {name}.reshape(-1, {sizes.text(row)})"
