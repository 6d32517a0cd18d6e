"""A drawing of any size -> x, by MNIST's own preprocessing."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from vae_onnx import checks
from vae_onnx.engine.graph import Array, Graph
from vae_onnx.errors import InputError, InputTypeError
from vae_onnx.store import bundled


def drawing_to_x(ink: npt.ArrayLike) -> Array:
    """Centre and scale a drawing as MNIST's digits are, so that a model meets what it knows.

    The bounding box of the ink is fitted into 20x20 pixels, keeping its aspect ratio, and its
    centre of mass put to the centre of 28x28 (LeCun et al. 1998). The work is done by
    `drawing.onnx`, the one implementation for every host.

    Args:
        ink: uint8 (height, width) of any size; 0 is paper, 255 full ink. Dark ink on white
            paper must be inverted first, `255 - picture`, and the paper of a photograph set to 0:
            all that is above 0 belongs to the drawing.

    Returns:
        x (1, 1, 28, 28) float32 in [0, 1]; zeros where there is no ink.

    Raises:
        InputTypeError: `ink` is not uint8.
        InputError: `ink` is not one non-empty grey picture.
    """
    array = checks.array(ink, "the rows of ink")
    if array.dtype != np.uint8:
        raise InputTypeError(f"ink must be uint8, 0 paper to 255 ink, got {array.dtype}")
    if array.ndim != 2 or array.size == 0:
        raise InputError(f"ink must be one picture (height, width), got shape {array.shape}")
    (x,) = _graph()(array)
    return x


@cache
def _graph() -> Graph:
    graph = Graph(bundled.file(bundled.DRAWING))
    graph.expect({"ink"}, {"x"})
    return graph
