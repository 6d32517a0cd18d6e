"""A drawing of any size -> x, by MNIST's own preprocessing."""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from vae_onnx import checks
from vae_onnx.engine.graph import Array, Graph
from vae_onnx.errors import InputError, InputTypeError
from vae_onnx.pictures import paper, remedies, strokes
from vae_onnx.pictures.arrays import means
from vae_onnx.store import bundled

LARGEST: Final = 4096  # pixels a side in which a drawing is looked for: 2 GB of memory at most


def drawing_to_x(ink: npt.ArrayLike) -> Array:
    """Centre and scale a drawing as MNIST's digits are, so that a model meets what it knows.

    The bounding box of the ink is fitted into 20x20 pixels, keeping its aspect ratio, and its
    centre of mass put to the centre of 28x28 (LeCun et al. 1998). The work is done by
    `drawing.onnx`, the one implementation for every host.

    Args:
        ink: uint8 (height, width) of any size; 0 is paper, 255 full ink: all that is above 0
            belongs to the drawing. Of a picture whose paper is to be found, or whose pen is thin,
            `vae_onnx.pictures.drawing.picture_to_x` makes x.

    Returns:
        x (1, 1, 28, 28) float32 in [0, 1]; zeros where there is no ink.

    Raises:
        InputTypeError: `ink` is not uint8.
        InputError: `ink` is not one non-empty grey picture.
    """
    array = checks.array(ink, "ink")
    if array.dtype != np.uint8:
        raise InputTypeError(
            f"ink must be uint8, 0 paper to 255 ink, got {array.dtype}"
            + remedies.said(remedies.ink(array, checks.expression(ink, "ink")))
        )
    if array.ndim != 2 or array.size == 0:
        raise InputError(f"ink must be one picture (height, width), got shape {array.shape}")
    (x,) = _graph()(array)
    return x


class Drawn(NamedTuple):
    """A drawing that was found in a picture."""

    x: Array  # (1, 1, 28, 28) in [0, 1]
    dark: bool  # it was dark ink on light paper
    clear: bool  # and no doubt about it
    notes: tuple[str, ...] = ()


def picture_to_x(grey: npt.NDArray[np.uint8], *, dark: bool | None = None) -> Drawn:
    """Find the drawing in a picture, clean or a photograph, and make x of it.

    The paper is found (see `vae_onnx.pictures.paper`), strokes that are thinner than MNIST's are
    widened, and `drawing_to_x` does the rest. A picture of more than 4096
    pixels a side is made smaller first.

    Args:
        grey: uint8 (height, width), of any size.
        dark: Whether the ink is darker than the paper, where that is known; otherwise it is found.

    Raises:
        InputError: The picture is one even surface, or shows no ink of that kind.
    """
    found = paper.find(_reduced(grey), dark=dark)
    ink = strokes.thickened(found.ink)
    widened = () if ink is found.ink else (strokes.WIDENED,)
    return Drawn(drawing_to_x(ink), found.dark, found.clear, (*found.notes, *widened))


def _reduced(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Make means of squares of pixels where there are more of these than a drawing needs."""
    side = -(-max(grey.shape) // LARGEST)
    return grey if side == 1 else means(grey, side).astype(np.uint8)


@cache
def _graph() -> Graph:
    graph = Graph(bundled.file(bundled.DRAWING), threads=1)
    graph.expect({"ink"}, {"x"})
    return graph
