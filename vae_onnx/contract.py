"""What a model's graphs say of themselves: shapes, likelihood, prior, where the codes lie."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from vae_onnx.engine import sizes
from vae_onnx.engine.graph import Array, Graph, Port
from vae_onnx.engine.sizes import Sizes
from vae_onnx.errors import GraphError, InputError

if TYPE_CHECKING:
    from vae_onnx.distributions import Likelihood
    from vae_onnx.pictures.arrays import Shape
    from vae_onnx.pictures.fitting import Ground

NORMAL = "N(0, I)"
NONE = "none"


def picture_shape(graph: Graph, port: Port) -> Shape:
    """Return (channels, height, width) of an input or output that is pictures.

    Raises:
        GraphError: It is none.
    """
    channels, height, width = graph.expect_port(port, 4)
    return channels, height, width


def size_multiple(graph: Graph) -> int:
    """Return what height and width must be multiples of, where they are not fixed.

    Raises:
        GraphError: The metadata `size_multiple` is no number above 0.
    """
    told = graph.metadata.get("size_multiple", "1")
    if not (told.isascii() and told.isdecimal() and int(told) > 0):
        raise GraphError(
            f"{graph.path}: the metadata `size_multiple` must be a number above 0, got {told!r}"
        )
    return int(told)


def latent_dim(latent_shape: Sizes) -> int:
    """Return how many numbers the code of one image has.

    Raises:
        InputError: That depends on the image.
    """
    if not sizes.are_fixed(latent_shape):
        raise InputError(
            f"this model takes images of any size, and its code of ({sizes.text(latent_shape)}) "
            "numbers grows with them: there is no one latent_dim; see the shape that encode() gives"
        )
    return math.prod(latent_shape)


def likelihood(metadata: Mapping[str, str]) -> Likelihood | None:
    """Return p(x | z) as the metadata state it, None where they state that there is none.

    Graphs that say nothing are of before there was a choice: Bernoulli.

    Raises:
        GraphError: It is none that is known, or the sigma of a Gaussian is missing.
    """
    from vae_onnx.distributions import BERNOULLI, Gaussian  # which running a model does not need

    told = metadata.get("likelihood", "bernoulli")
    name = told.partition(",")[0].strip().lower()  # behind a comma stands what x_recon is
    if name == NONE:
        return None
    if name == "bernoulli":
        return BERNOULLI
    try:
        if name == "gaussian":
            sigma = float(metadata["sigma"])
            if 0 < sigma < math.inf:
                return Gaussian(sigma)
            raise ValueError(sigma)
    except (KeyError, ValueError) as error:
        raise GraphError(
            "a Gaussian likelihood needs the metadata `sigma`, a number above 0, got "
            f"{metadata.get('sigma')!r}"
        ) from error
    raise GraphError(f"likelihood must be Bernoulli, Gaussian or none, got {told!r}")


def ground(metadata: Mapping[str, str]) -> Ground | None:
    """Return what lies where a picture is transparent, as the model was trained; None if untold.

    Raises:
        GraphError: It is neither black nor white.
    """
    told = metadata.get("ground")
    if told is None:
        return None
    if told == "black":
        return "black"
    if told == "white":
        return "white"
    raise GraphError(f"the metadata `ground` must be black or white, got {told!r}")


def has_normal_prior(metadata: Mapping[str, str], kind: str) -> bool:
    """Whether the prior of the codes is N(0, I): of a VAE it is unless it states another."""
    return kind == "vae" and metadata.get("prior", NORMAL) == NORMAL


def codes(metadata: Mapping[str, str], key: str, latent_shape: Sizes) -> Array | None:
    """Read numbers for each dimension of a flat code, or each channel of a map of codes.

    Args:
        metadata: Of a graph.
        key: "latent_mean" or "latent_std"; or "latent_range", which has two of each.
        latent_shape: Of the model.

    Returns:
        (latent_dim,) or (channels,), for the range (2, ...); None where it is not told.

    Raises:
        GraphError: It is no such list.
    """
    if key not in metadata:
        return None
    wanted = (2, latent_shape[0]) if key == "latent_range" else (latent_shape[0],)
    import json  # which running a model does not need

    try:
        values = np.array(json.loads(metadata[key]), np.float32)
        if values.shape != wanted or not np.isfinite(values).all():
            raise ValueError(f"got shape {values.shape}")
    except (TypeError, ValueError, RecursionError) as error:
        raise GraphError(
            f"the metadata `{key}` must be finite numbers of shape {wanted} in JSON: {error}"
        ) from error
    return values
