"""What arguments must be, said in one way."""

from __future__ import annotations

import operator
import os
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vae_onnx.errors import InputError, InputTypeError

MOST: Final = 10**15  # that is counted: long before it memory ends, far above it numpy's integers


def array(value: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    """Return the value as an array.

    Raises:
        InputError: It is a ragged sequence.
        InputTypeError: It does not become an array, as a tensor on a GPU or with a gradient, or
            some of it is masked.
    """
    if type(value) is np.ndarray:
        return value
    try:
        array = np.asarray(value)
        masked = isinstance(value, np.ndarray) and getattr(value, "mask", False)
        if np.any(masked):  # which numpy would drop without a word
            raise InputTypeError(f"{name} must not be masked; pass `{name}.filled(0)`")
        return array
    except InputTypeError:
        raise
    except MemoryError:
        raise
    except ValueError as error:
        message = f"{name} must all have the same shape, got a ragged sequence"
        raise InputError(message) from error
    except Exception as error:  # each library has its own
        remedy = f"; pass `{name}.float()`" if "BFloat16" in str(error) else ""
        raise InputTypeError(
            f"{name} must be what numpy makes an array of, got {type(value).__name__}: "
            f"{error}{remedy}"
        ) from error


def expression(value: npt.ArrayLike, name: str) -> str:
    """Return the expression of Python that is the value as an array, for a remedy."""
    return name if isinstance(value, np.ndarray) else f"np.asarray({name})"


def path(value: str | os.PathLike[str], name: str) -> Path:
    """Return the value as a path, in which "~" is the home; raises InputTypeError if it is none."""
    try:
        found = Path(os.path.expanduser(os.fspath(value)))  # noqa: PTH111, which fails at "~nobody"
    except TypeError as error:
        message = f"{name} must be a path, a string or os.PathLike, got {type(value).__name__}"
        raise InputTypeError(message) from error
    # "./~" is a name here; as a path forgets the "./", the next look would take it for the home.
    return Path.cwd() / found if str(found).startswith("~") else found


def integer(value: int, name: str, at_least: int, at_most: int = MOST) -> int:
    """Return the value as an int; raises InputTypeError or InputError."""
    try:
        number = operator.index(value)
    except TypeError as error:
        raise InputTypeError(f"{name} must be an integer, got {value!r}") from error
    if number < at_least:
        raise InputError(f"{name} must be at least {at_least}, got {number}")
    if number > at_most:
        raise InputError(f"{name} must be at most {at_most}, got {number}")
    return number


def generator(rng: np.random.Generator) -> np.random.Generator:
    """Return the generator; raises InputTypeError if it is none."""
    if not isinstance(rng, np.random.Generator):
        raise InputTypeError(
            f"rng must be a numpy Generator, got {type(rng).__name__}; "
            "pass np.random.default_rng(seed)"
        )
    return rng
