"""Along which directions codes spread."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Directions(NamedTuple):
    """Principal directions of a set of codes, the one of largest spread first."""

    mean: NDArray[np.float32]  # (latent_dim,)
    axes: NDArray[np.float32]  # (latent_dim, latent_dim) one unit vector a row
    sigmas: NDArray[np.float32]  # (latent_dim,) spread of the codes along each

    @classmethod
    def of(cls, z: NDArray[np.float32]) -> Directions:
        """Analyse codes z (N, latent_dim)."""
        mean = z.mean(axis=0)
        _, spread, axes = np.linalg.svd(z - mean, full_matrices=False)
        return cls(mean, axes, (spread / np.sqrt(len(z))).astype(np.float32))

    def at(self, steps: NDArray[np.floating]) -> NDArray[np.float32]:
        """The z (..., latent_dim) that lies so many sigmas (..., k) along the first k of them."""
        k = steps.shape[-1]
        moved = (steps * self.sigmas[:k]).astype(np.float32)
        z: NDArray[np.float32] = self.mean + moved @ self.axes[:k]
        return z

    def steps(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sigmas (..., latent_dim) along all of them that lead to z; `at` the other way round."""
        steps = (z - self.mean) @ self.axes.T / self.sigmas
        return steps.astype(np.float32)
