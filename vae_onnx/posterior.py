"""The Gaussian q(z | x) that a VAE's encoder gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vae_onnx import checks
from vae_onnx.engine.graph import Array


@dataclass(frozen=True)
class Posterior:
    """The encoder's Gaussian q(z | x), one row per image (Kingma & Welling 2014)."""

    mu: Array  # (N, *latent_shape) mean
    log_var: Array  # (N, *latent_shape) natural log of the variance

    def sample(self, rng: np.random.Generator) -> Array:
        """Draw one z (N, *latent_shape) per image: mu + sigma * eps."""
        eps = checks.generator(rng).standard_normal(self.mu.shape, dtype=np.float32)
        sigma: Array = np.exp(0.5 * self.log_var)
        return self.mu + sigma * eps
