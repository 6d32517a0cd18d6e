"""What a person and a program may ask a model for alike: how many, and in what range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from demo.library.models import Lane

MAX_COUNT = 256  # pictures in one answer
MAX_TEMPERATURE = 3
ELBO_DRAWS = 16  # of the noise
NEAREST = 12  # test images


class RangeError(ValueError):
    """A number is out of its range: the message says which."""


def within(name: str, value: float | None, low: float, high: float) -> None:
    """Check a number that came over the network.

    Raises:
        RangeError: It is none, or out of its range.
    """
    if value is None or not low <= value <= high:
        raise RangeError(f"{name} must be {low} to {high}, got {value}")


def seed_of(value: float) -> int:
    """A seed, checked.

    Raises:
        RangeError: It is out of its range.
    """
    within("seed", value, 0, 2**32 - 1)
    return int(value)


def draws(lane: Lane, count: float, seed: float, temperature: float) -> NDArray[np.float32]:
    """Draw z (count, latent_dim) from N(0, temperature^2 I).

    Raises:
        RangeError: A number is out of its range.
    """
    within("count", count, 1, MAX_COUNT)
    within("temperature", temperature, 0, MAX_TEMPERATURE)
    rng = np.random.default_rng(seed_of(seed))
    z = rng.standard_normal((int(count), lane.latent_dim), dtype=np.float32)
    return z * np.float32(temperature)
