"""Strokes as wide as those of MNIST's digits, so that thin pens do not vanish by shrinking."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

BOX: Final = 20  # pixels that the larger side of a digit has in MNIST
THIN: Final = 1.3  # pixels there: one digit of MNIST in a thousand has thinner strokes
FAINT: Final = 63  # of 255: less is no part of a stroke that is widened
WIDENED: Final = "The pen is thin for a digit so large: its strokes were widened."
WIDE: Final = 2.4  # pixels there: the median of MNIST's digits


def width(ink: Pixels) -> float:
    """The mean width of strokes, in pixels: twice their area by the length of their rim."""
    padded = np.pad(ink.astype(np.float64), 1)
    across = np.diff(padded, axis=1)[:-1]
    down = np.diff(padded, axis=0)[:, :-1]
    rim = np.hypot(across, down).sum()
    return float(2 * padded.sum() / rim) if rim else 0.0


def thickened(ink: Pixels) -> Pixels:
    """Widen strokes that are thinner than MNIST's where the drawing will have MNIST's size.

    Args:
        ink: uint8 (height, width), 0 paper to 255 ink.

    Returns:
        `ink` itself where its strokes are wide enough; otherwise a larger picture, in which each
        stroke is as wide as is usual in MNIST.
    """
    rows, columns = (np.flatnonzero(ink.max(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return ink
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    pixel = max(box.shape) / BOX  # one of MNIST's
    own = width(box)
    if own >= THIN * pixel:
        return ink
    radius = (WIDE * pixel - own) / 2
    return _dilated(box, radius)


def _dilated(ink: Pixels, radius: float) -> Pixels:
    """Every pixel that is so near to ink, by one multiplication of spectra."""
    reach = int(np.ceil(radius)) + 1
    padded = np.pad((ink > FAINT).astype(np.float64), reach)
    y, x = (np.minimum(np.arange(side), side - np.arange(side)) for side in padded.shape)
    disc = np.hypot(y[:, np.newaxis], x) <= radius + 0.5
    met = np.fft.irfft2(np.fft.rfft2(padded) * np.fft.rfft2(disc), padded.shape)
    soft = np.pad(ink, reach)
    return np.where(met > 0.5, np.uint8(255), soft)
