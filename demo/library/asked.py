"""What a person and a program may ask a model for alike: how many, and in what range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from demo.library.lane import Lane

MAX_COUNT = 256  # pictures in one answer
MAX_TEMPERATURE = 3
ELBO_DRAWS = 16  # of the noise
NEAREST = 12  # test images


class RangeError(ValueError):
    """A number is out of its range: the message says which."""


def within(name: str, value: object, low: float, high: float) -> float:
    """A number that came over the network, checked.

    Raises:
        RangeError: It is none, or out of its range.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
        return value
    raise RangeError(f"{name} must be {low} to {high}, got {value!r}")


def whole(name: str, value: object, low: int, high: int) -> int:
    """A whole number that came over the network, checked.

    Raises:
        RangeError: It is none, or out of its range.
    """
    number = within(name, value, low, high)
    if number != int(number):
        raise RangeError(f"{name} must be a whole number, got {value!r}")
    return int(number)


def seed_of(value: object) -> int:
    """A seed, checked.

    Raises:
        RangeError: It is out of its range.
    """
    return whole("seed", value, 0, 2**32 - 1)


def draws(lane: Lane, count: float, seed: float, temperature: float) -> NDArray[np.float32]:
    """Draw z (count, latent_dim) from N(0, temperature^2 I).

    Raises:
        RangeError: A number is out of its range.
    """
    rows = whole("count", count, 1, MAX_COUNT)
    scale = np.float32(within("temperature", temperature, 0, MAX_TEMPERATURE))
    rng = np.random.default_rng(seed_of(seed))
    z = rng.standard_normal((rows, lane.latent_dim), dtype=np.float32)
    return z * scale
