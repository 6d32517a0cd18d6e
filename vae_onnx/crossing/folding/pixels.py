"""The range that a network wants its pixels in: pictures in [0, 1] go there, and come back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vae_onnx.crossing.folding.steps import Affine, Channels, Step
from vae_onnx.errors import InputError, InputTypeError

Numbers = float | Sequence[float]


@dataclass(frozen=True)
class Pixels:
    """The pixels as a network knows them: ((low to high) - mean) / std, perhaps blue first."""

    low: float = 0.0
    high: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    bgr: bool = False
    stated: bool = False  # by the user, so that it is no guess

    def __str__(self) -> str:
        """What a user would write, without the name of the function."""
        parts = [f"pixel_range=({self.low:g}, {self.high:g})"]
        if self.mean != (0.0,) or self.std != (1.0,):
            parts = parts * ((self.low, self.high) != (0, 1))
            parts += [f"mean={_shown(self.mean)}", f"std={_shown(self.std)}"]
        return ", ".join(parts + ["bgr=True"] * self.bgr)

    def into(self, channels: int) -> list[Step]:
        """Return the steps from [0, 1] to the network."""
        order = [Channels(_reversed(channels))] if self.bgr else []
        factor, shift = self._affine()
        return [*order, Affine(_column(factor), _column(shift))]

    def back(self, channels: int) -> list[Step]:
        """Return the steps from the network's pixels to [0, 1]."""
        order = [Channels(_reversed(channels))] if self.bgr else []
        factor, shift = self._affine()
        return [Affine(_column(1 / factor), _column(-shift / factor)), *order]

    @property
    def changes(self) -> bool:
        """Whether the network wants anything else than [0, 1]."""
        factor, shift = self._affine()
        return self.bgr or bool((factor != 1).any() or (shift != 0).any())

    def _affine(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        mean, std = np.array(self.mean), np.array(self.std)
        return (self.high - self.low) / std, (self.low - mean) / std


# What networks are usually trained on, for the gate that tries them.
IMAGENET: Final = Pixels(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
USUAL: Final = (Pixels(), Pixels(-1.0, 1.0), Pixels(0.0, 255.0))


def usual(channels: int) -> tuple[Pixels, ...]:
    """Return the ranges that pictures of so many channels usually have."""
    return (*USUAL, IMAGENET) if channels == 3 else USUAL


def read(
    pixel_range: Sequence[float] | None,
    mean: Numbers | None,
    std: Numbers | None,
    bgr: bool,
    channels: int,
) -> Pixels:
    """Return what a user says of the pixels, checked.

    Raises:
        InputTypeError: Something that is no number.
        InputError: A range that is none, a deviation of 0, or not one number a channel.
    """
    stated = not (pixel_range is None and mean is None and std is None)
    bounds = _numbers((0, 1) if pixel_range is None else pixel_range, "pixel_range")
    if len(bounds) != 2 or bounds[0] >= bounds[1]:
        raise InputError(
            f"pixel_range must be two numbers, the lower first, as (-1, 1), got {pixel_range!r}"
        )
    means = _numbers(0.0 if mean is None else mean, "mean")
    stds = _numbers(1.0 if std is None else std, "std")
    for name, values in (("mean", means), ("std", stds)):
        if len(values) not in (1, channels):
            raise InputError(
                f"{name} must be one number, or one for each of the {channels} channels of your "
                f"pictures, got {len(values)}"
            )
    if min(stds) <= 0:
        raise InputError(f"std must be above 0, got {std!r}")
    if not isinstance(bgr, bool):
        raise InputTypeError(f"bgr must be True or False, got {bgr!r}")
    if bgr and channels not in (3, 4):
        raise InputError(f"bgr=True needs pictures of 3 or 4 channels, yours have {channels}")
    return Pixels(bounds[0], bounds[1], means, stds, bgr, stated)


def _numbers(value: Any, name: str) -> tuple[float, ...]:
    try:
        array = np.atleast_1d(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise InputTypeError(f"{name} must be numbers, got {value!r}") from error
    if array.ndim != 1 or array.size == 0 or not all(map(math.isfinite, array)):
        raise InputError(f"{name} must be finite numbers in a row, got {value!r}")
    return tuple(array.tolist())


def _reversed(channels: int) -> tuple[int, ...]:
    """Blue, green, red, and alpha where there is one."""
    return (2, 1, 0, *range(3, channels))


def _column(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    return values.astype(np.float32).reshape(-1, 1, 1)


def _shown(values: tuple[float, ...]) -> str:
    return (
        f"({', '.join(f'{value:g}' for value in values)})" if len(values) > 1 else f"{values[0]:g}"
    )
