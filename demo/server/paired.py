"""What the endpoints answer of a model that is shown with others, of digits and of clothes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from demo.library.asked import ELBO_DRAWS, NEAREST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from demo.library.lane import Lane


def told(lane: Lane) -> dict[str, Any]:
    """A model as /models lists it."""
    return {
        "name": lane.name,
        "kind": lane.kind,
        "dataset": lane.dataset,
        "latent_dim": lane.latent_dim,
        "image_shape": list(lane.card["image_shape"]),
        "test_nats_per_image": lane.card["metrics"]["total"],
    }


def encoded(lane: Lane, x: NDArray[np.float32]) -> dict[str, Any]:
    """The code of an image x (1, 1, height, width), and what lies near it."""
    if lane.kind == "ae":
        z = lane.model.encode(x)[0]
        return {"z": z.tolist(), "nearest": _nearest(lane, z)}
    q = lane.model.posterior(x)
    elbo = float(lane.elbo(x, ELBO_DRAWS)[0])
    return {
        "z": q.mu[0].tolist(),
        "nearest": _nearest(lane, q.mu[0]),
        "sigma": np.exp(0.5 * q.log_var[0]).tolist(),
        "elbo": elbo,
        "percentile": lane.percentile(elbo),
    }


def _nearest(lane: Lane, z: Any) -> list[dict[str, Any]]:
    """The test images whose codes are nearest to z (latent_dim,); none where the demo has none."""
    if lane.tests is None:
        return []
    return [
        {"number": number, "class": lane.class_names[lane.tests.labels[number]]}
        for number in lane.nearest(z, NEAREST)
    ]
