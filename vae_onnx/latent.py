"""Places in the latent space worth looking at."""

from __future__ import annotations

import numpy as np

from vae_onnx.engine.graph import Array


def prior_axis(side: int) -> Array:
    """Return `side` quantiles of N(0, 1), evenly spaced in probability: (side,), ascending.

    They are where decoded pictures stand in Kingma & Welling 2014, figure 4: every picture
    stands for the same share of the prior.
    """
    from statistics import NormalDist  # takes long to import, and few need it

    normal = NormalDist()
    return np.array([normal.inv_cdf((i + 0.5) / side) for i in range(side)], np.float32)


def plane(horizontal: Array, vertical: Array) -> Array:
    """Return every point of a 2-D latent plane as a plot shows it, row by row from the top.

    Args:
        horizontal: (columns,) values of z[0], ascending to the right.
        vertical: (rows,) values of z[1], ascending upwards, so the last one makes the first row.

    Returns:
        z (rows * columns, 2) float32.
    """
    z_0, z_1 = np.meshgrid(horizontal, vertical[::-1])
    return np.stack([z_0.ravel(), z_1.ravel()], axis=1).astype(np.float32)


def interpolate(z_a: Array, z_b: Array, steps: int) -> Array:
    """Return `steps` points on the line from z_a (latent_shape) to z_b, both ends included."""
    weight = np.linspace(0, 1, steps, dtype=np.float32).reshape(-1, *(1,) * z_a.ndim)
    return (1 - weight) * z_a + weight * z_b
