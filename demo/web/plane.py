"""A flat map of codes of many dimensions: the two directions in which they differ most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from demo.library.directions import Directions

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Plane:
    """The plane through the mean of codes along their two principal directions."""

    mean: NDArray[np.float32]  # (latent_dim,)
    axes: NDArray[np.float32]  # (2, latent_dim), of length 1 and at a right angle
    deviations: NDArray[np.float32]  # (2,) of the codes along the axes
    share: float  # of the variance of the codes, that lies in the plane

    @classmethod
    def of(cls, z: NDArray[np.float32]) -> Plane:
        """The plane of codes z (N, latent_dim).

        An axis points to where its largest component is above 0: the same on every machine.
        """
        found = Directions.of(z)
        axes = found.axes[:2]
        largest = np.abs(axes).argmax(axis=1)[:, np.newaxis]
        axes = axes * np.sign(np.take_along_axis(axes, largest, axis=1))
        variances = np.square(found.sigmas, dtype=np.float64)
        return cls(found.mean, axes, found.sigmas[:2], float(variances[:2].sum() / variances.sum()))

    def project(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Where codes z (N, latent_dim) lie above the plane: (N, 2)."""
        return ((z - self.mean) @ self.axes.T).astype(np.float32)

    def lift(self, places: NDArray[np.float32]) -> NDArray[np.float32]:
        """The codes (N, latent_dim) at places (N, 2) of the plane."""
        return (self.mean + places @ self.axes).astype(np.float32)

    def told(self) -> dict[str, Any]:
        """The plane for JSON."""
        arrays = {"mean": self.mean, "axes": self.axes, "deviations": self.deviations}
        told = {name: array.astype(float).round(7).tolist() for name, array in arrays.items()}
        return {**told, "share": round(self.share, 4)}
