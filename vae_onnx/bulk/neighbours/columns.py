"""Columns of pyarrow -> arrays of numpy, where they lie if they can stay there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vae_onnx.engine.graph import Array
from vae_onnx.errors import InputError

DROP: Final = "leave such rows out when the file is written"

Ids = npt.NDArray[Any]  # int64 (uint64 as it is), or object that holds strings
Positions = npt.NDArray[np.int64]  # of rows in the collection


def to_vectors(
    lists: Any, positions: Sequence[int] | Positions, length: int | None, path: Path
) -> Array:
    """Turn lists of floats into rows, float32 (n, length).

    Args:
        lists: An array of pyarrow: fixed-size lists, or lists that all have one length.
        positions: Of each, for errors.
        length: None takes that of the first.
        path: Of the collection, for errors.

    Raises:
        InputError: A vector is null, holds a null, is of another length, or not finite.
    """
    if lists.null_count:
        raise InputError(f"{_row(path, positions, lists.is_null())} has null for a vector; {DROP}")
    length = _length(lists, positions, length, path)
    values = lists.flatten()
    if values.null_count:
        nulls = values.is_null().to_numpy(zero_copy_only=False).reshape(-1, length).any(axis=1)
        raise InputError(f"{_row(path, positions, nulls)} has a null in its vector; {DROP}")
    with np.errstate(over="ignore"):  # which is told below
        numbers = values.to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    vectors: Array = numbers.reshape(len(lists), length)
    if not np.isfinite(vectors).all():
        others = ~np.isfinite(vectors).all(axis=1)
        raise InputError(
            f"{_row(path, positions, others)} must have a finite vector in float32, got NaN, "
            f"infinity or more than 3e38; {DROP}"
        )
    return vectors


def to_ids(ids: Any, positions: Sequence[int] | Positions, path: Path) -> Ids:
    """Turn ids into an array (n,) of int64 or of strings; of no column (None), the positions.

    Raises:
        InputError: One is null.
    """
    if ids is None:
        return np.asarray(positions, np.int64)
    if ids.null_count:
        raise InputError(f"{_row(path, positions, ids.is_null())} has null for an id; {DROP}")
    found: Ids = plain(ids).to_numpy(zero_copy_only=False)
    return found.astype(np.int64) if found.dtype.kind in "iu" and found.itemsize < 8 else found


def plain(ids: Any) -> Any:
    """Return ids as they are, and not as numbers of a dictionary, as of pandas' categories."""
    return ids.dictionary_decode() if hasattr(ids, "dictionary_decode") else ids


def _length(
    lists: Any, positions: Sequence[int] | Positions, length: int | None, path: Path
) -> int:
    if hasattr(lists.type, "list_size"):
        return int(lists.type.list_size)
    lengths = lists.value_lengths().to_numpy()
    if length is None:
        length = int(lengths[0]) if len(lengths) else 0
    others = lengths != length
    if others.any():
        raise InputError(
            f"{_row(path, positions, others)} must have a vector of {length} numbers as the first "
            f"row has, got {lengths[np.argmax(others)]}; codes of pictures of several sizes cannot "
            "be compared: bring the pictures to one size, and embed them again"
        )
    return length


def _row(path: Path, positions: Sequence[int] | Positions, which: Any) -> str:
    """Name the first row of those that something is said of."""
    return f"{path}: row {positions[int(np.argmax(np.asarray(which)))]}"
