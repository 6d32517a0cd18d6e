"""What to write in the place of an array that cannot be taken: advice that follows from its values.

Each remedy is an expression of Python that gives what is wanted when it is followed to the letter.
"""

from __future__ import annotations

import warnings
from typing import Any, Final

import numpy as np
import numpy.typing as npt

WHITES: Final = (255, 4095, 65535)  # of 8, 12 and 16 bits
OVERSHOOT: Final = 0.25  # of the range: what resizing adds to it
# What torchvision's examples make of MNIST: (x - mean) / deviation.
MEAN, DEVIATION = 0.1307, 0.3081


def pictures(array: npt.NDArray[Any], it: str, *, floats: bool = False) -> str | None:
    """Return the expression that makes images of an array, or None where nothing does.

    Args:
        array: Of any dtype, shape and values.
        it: The expression that it is itself, such as its name.
        floats: Fractions in [0, 1] are wanted, whole numbers in [0, 255] are none yet.
    """
    kind = array.dtype.kind
    if kind in "OSUVc":
        plain, it = _plain(array, it)
        return None if plain is None else pictures(plain, it, floats=floats)
    if kind == "b" or (kind in "iuf" and array.size == 0):
        return f"{it}.astype(np.float32)"
    if kind in "iu":
        return _of_integers(array, it, floats)
    return _of_fractions(array, it) if kind == "f" else None


def ink(array: npt.NDArray[Any], it: str) -> str | None:
    """Return the expression that makes ink, uint8 in [0, 255], of an array; see `pictures`."""
    whole = array.dtype.kind in "iu" and array.size and array.min() >= 0
    if whole and 1 < array.max() <= 255:
        return f"{it}.astype(np.uint8)"
    fractions = pictures(array, it, floats=True)
    return None if fractions is None else f"vae_onnx.to_uint8({fractions})"


def numbers(array: npt.NDArray[Any], it: str) -> str | None:
    """Return the expression that makes real numbers of an array, or None."""
    if array.dtype.kind == "b":
        return f"{it}.astype(np.float32)"
    plain, expression = _plain(array, it)
    return None if plain is None else expression


def said(expression: str | None) -> str:
    """The expression as the end of a message."""
    return "" if expression is None else f"; pass `{expression}`"


def _plain(array: npt.NDArray[Any], it: str) -> tuple[npt.NDArray[Any] | None, str]:
    """The real numbers that hide behind objects, text, complex or foreign dtypes, if they do."""
    ways = (
        (lambda: np.array(array.tolist()), f"np.array({it}.tolist())"),
        (lambda: array.astype(np.float32), f"{it}.astype(np.float32)"),
    )
    if array.dtype.kind == "c":
        return (None, it) if array.imag.any() else (array.real, f"{it}.real")
    for make, expression in ways:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                plain = make()
        except Exception:  # of whatever the objects are
            continue
        if plain.dtype.kind in "biuf":
            return plain, expression
    return None, it


def _of_integers(array: npt.NDArray[Any], it: str, floats: bool) -> str:
    low, high = int(array.min()), int(array.max())
    if low < 0:
        if low >= -1 and high <= 1:
            return f"({it} + 1) / 2"
        return f"({it} + 128.0) / 255.0" if array.dtype == np.int8 else _stretched(array, it)
    if high <= 1:
        return f"{it}.astype(np.float32)"
    if high <= 255 and not floats:
        return f"{it}.astype(np.uint8)"
    return f"{it} / {next((white for white in WHITES if high <= white), float(high))}"


def _of_fractions(array: npt.NDArray[Any], it: str) -> str:
    if not np.isfinite(array).all():
        it = f"np.nan_to_num({it}, posinf=0, neginf=0)"
        array = np.nan_to_num(array, posinf=0, neginf=0)
    low, high = float(array.min()), float(array.max())
    if low >= 0 and high <= 1:
        return it
    if low >= -OVERSHOOT and high <= 1 + OVERSHOOT:
        return f"np.clip({it}, 0, 1)"
    if low >= -1 and high <= 1:
        return f"({it} + 1) / 2"
    if abs(low + MEAN / DEVIATION) < 0.01 and high <= (1 - MEAN) / DEVIATION + 0.01:
        return f"np.clip({it} * {DEVIATION} + {MEAN}, 0, 1)"
    for white in WHITES:
        plausible = high > 16 or (array == np.rint(array)).all()
        if plausible and low >= -OVERSHOOT * high and high <= white * (1 + OVERSHOOT):
            inside = low >= 0 and high <= white
            return f"{it} / {white}" if inside else f"np.clip({it} / {white}, 0, 1)"
    return _stretched(array, it)


def _stretched(array: npt.NDArray[Any], it: str) -> str:
    """From the least value, as black, to the largest, as white."""
    low, high = float(array.min()), float(array.max())
    span = high - low
    if not 1e-30 < span < 1e300:
        return f"np.clip({it}.astype(np.float64), 0, 1)"
    return f"np.clip(({it}.astype(np.float64) - {low!r}) / {span!r}, 0, 1)"
