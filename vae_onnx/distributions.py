"""p(x | z): which distribution the pictures of a decoder are the means of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vae_onnx.engine.graph import Array

Float64 = npt.NDArray[np.float64]

# A Bernoulli mean that float32 cannot tell from 0 or 1 counts as the last that it can.
SMALLEST_P: Final = np.finfo(np.float32).tiny  # 1.2e-38: the rarest pixel costs 87.3 nats
LEVELS: Final = 255  # steps between the darkest and the lightest byte
SMALLEST_NOT_P: Final = np.float32(2**-24)  # 1 - p: 16.6 nats


@dataclass(frozen=True)
class Bernoulli:
    """p(x | z) of pixels between 0 and 1, as most of the field takes it: its cross-entropy.

    For pixels that are neither 0 nor 1 it is no normalised density; see Loaiza-Ganem & Cunningham
    2019. Figures by it compare with others by it alone.
    """

    def linear(self, means: Array) -> tuple[Array, Array]:
        """Return a, b (M, pixels) with log p(x | z) = sum of (a x + b), and `constant`."""
        log_not_p: Array = np.log(np.maximum(1 - means, SMALLEST_NOT_P))
        log_p: Array = np.log(np.maximum(means, SMALLEST_P))
        return log_p - log_not_p, log_not_p

    def constant(self, pixels: Array) -> Float64:
        """Return the part of log p(x | z) that does not depend on z, (N,)."""
        return np.zeros(len(pixels))

    def log_px(self, pixels: Array, means: Array) -> Float64:
        """Return log p(x | z) in nats, (N,), of pixels (N, pixels) under as many means."""
        logits, log_not_p = self.linear(means)
        total: Array = np.einsum("np,np->n", pixels, logits) + log_not_p.sum(axis=1)
        return total.astype(np.float64)

    def floor(self, pixels: Array) -> Float64:
        """Return the least that -log p(x | z) can be for pixels (N, pixels), in nats, (N,).

        Their entropy, at means that are the pixels themselves: 0 for black and white alone, and
        above 0 for grey.
        """
        p = pixels.astype(np.float64)
        inner = (p > 0) & (p < 1)
        p = np.where(inner, p, 0.5)
        entropy = np.where(inner, -p * np.log(p) - (1 - p) * np.log1p(-p), 0)
        result: Float64 = entropy.sum(axis=1)
        return result


@dataclass(frozen=True)
class Gaussian:
    """p(x | z) = N(x; means, sigma^2 I), with one sigma for all pixels."""

    sigma: float  # above 0, in units of pixels between 0 and 1

    def linear(self, means: Array) -> tuple[Float64, Float64]:
        """Return a, b (M, pixels) with log p(x | z) = sum of (a x + b), and `constant`."""
        wide = means.astype(np.float64)
        return wide / self.sigma**2, -(wide**2) / (2 * self.sigma**2)

    def constant(self, pixels: Array) -> Float64:
        """Return the part of log p(x | z) that does not depend on z, (N,)."""
        return self.log_px(pixels, np.zeros_like(pixels))

    def log_px(self, pixels: Array, means: Array) -> Float64:
        """Return log p(x | z) in nats, (N,), of pixels (N, pixels) under as many means."""
        squares = np.square(pixels - means).sum(axis=1, dtype=np.float64)
        normaliser = pixels.shape[1] * math.log(self.sigma * math.sqrt(2 * math.pi))
        result: Float64 = -squares / (2 * self.sigma**2) - normaliser
        return result

    def bits_per_dim(self, nats: float, pixels: int) -> float:
        """Return what -log p(x) of images of so many pixels and channels is in bits for each.

        A density of pixels in [0, 1] tells no probability of one of 256 levels, until the level is
        spread over its width of 1/255: with u uniform over that, -E[log p(x + u)] + log 255 a
        pixel is an upper bound of the nats of the level (Theis, van den Oord & Bethge, A note on
        the evaluation of generative models, 2016, section 3.1). For this distribution the mean
        over u has the closed form of the deviation's variance, (1/255)^2 / 12.
        """
        spread = (1 / LEVELS) ** 2 / 12 / (2 * self.sigma**2)
        return (nats / pixels + spread + math.log(LEVELS)) / math.log(2)


Likelihood = Bernoulli | Gaussian
BERNOULLI: Final = Bernoulli()
