"""Distances in float64, and the queries that they are taken from.

Both metrics are one: the cosine distance is half the square of the Euclidean distance of vectors of
length 1, and in that form two equal vectors are at 0 exactly.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from vae_onnx import checks
from vae_onnx.errors import InputError, InputTypeError

Metric = Literal["euclidean", "cosine"]
Doubles = npt.NDArray[np.float64]

METRICS: Final[tuple[Metric, ...]] = get_args(Metric)


def check(metric: str) -> Metric:
    """Return the metric; raises InputError if there is no such one."""
    for known in METRICS:
        if metric == known:
            return known
    raise InputError(f"metric must be {' or '.join(METRICS)}, got {metric!r}")


def as_queries(queries: npt.ArrayLike, length: int) -> Doubles:
    """Return queries as float64 (Q, length), Q >= 1.

    Args:
        queries: Numbers (Q, length), or (length,) for one.
        length: Of the vectors of the collection.

    Raises:
        InputTypeError: They are no numbers.
        InputError: They are of another shape, or not finite in float32.
    """
    array = checks.array(queries, "queries")
    if array.dtype.kind not in "fiu":
        raise InputTypeError(f"queries must be numbers, got {array.dtype}")
    rows = array[np.newaxis] if array.ndim == 1 else array
    if rows.ndim != 2 or rows.shape[1] != length or not len(rows):
        raise InputError(
            f"queries must be (Q, {length}), Q >= 1, as the vectors of the collection are, got "
            f"{array.shape}; a map of codes is one row: z.reshape(len(z), -1)"
        )
    found = rows.astype(np.float64)
    largest = np.abs(found).max()
    if not largest <= np.finfo(np.float32).max:
        raise InputError(f"queries must be finite numbers of float32, got {largest}")
    return found


def prepared(rows: npt.NDArray[np.floating], metric: Metric, what: str, start: int = 0) -> Doubles:
    """Return rows (N, length) as float64, for "cosine" divided by their lengths.

    Args:
        rows: Finite.
        metric: Which one.
        what: What an error calls a row.
        start: The number of the first row, for an error.

    Raises:
        InputError: A row is all zeros, which has no direction.
    """
    found = rows.astype(np.float64)
    if metric == "euclidean" or not len(found):
        return found
    largest = np.abs(found).max(axis=1, keepdims=True)
    if not largest.all():
        row = start + int(np.argmin(largest))
        raise InputError(
            f"{what} {row} is all zeros, which has no direction; take the euclidean metric"
        )
    found /= largest  # squares of what is very small or large would vanish or overflow
    found /= np.sqrt((found * found).sum(axis=1, keepdims=True))
    return found


def squares(query: Doubles, rows: Doubles) -> Doubles:
    """Return the squared Euclidean distances (N,) of rows (N, length) from one query (length,)."""
    apart = rows - query
    return np.asarray((apart * apart).sum(axis=1))


def distances(squared: Doubles, metric: Metric) -> Doubles:
    """Return distances, given the squared ones of what `prepared` gives."""
    return squared / 2 if metric == "cosine" else np.sqrt(squared)
