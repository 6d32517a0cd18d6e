"""What arguments must be, said in one way."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from vae_onnx.errors import InputError, InputTypeError


def array(value: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    """Return the value as an array; raises InputError if it is a ragged sequence."""
    try:
        return np.asarray(value)
    except ValueError as error:
        message = f"{name} must all have the same shape, got a ragged sequence"
        raise InputError(message) from error


def integer(value: int, name: str, at_least: int) -> int:
    """Return the value as an int; raises InputTypeError or InputError."""
    try:
        number = operator.index(value)
    except TypeError as error:
        raise InputTypeError(f"{name} must be an integer, got {value!r}") from error
    if number < at_least:
        raise InputError(f"{name} must be at least {at_least}, got {number}")
    return number


def generator(rng: np.random.Generator) -> np.random.Generator:
    """Return the generator; raises InputTypeError if it is none."""
    if not isinstance(rng, np.random.Generator):
        raise InputTypeError(
            f"rng must be a numpy Generator, got {type(rng).__name__}; "
            "pass np.random.default_rng(seed)"
        )
    return rng
