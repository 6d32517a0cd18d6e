"""A better q(z | x) than the encoder's, found with the decoder alone.

An encoder has to guess the posterior of every image by one network, and loses some nats by that:
the inference gap. For one image at a time the best Gaussian can be looked for.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from vae_onnx import likelihood
from vae_onnx.distributions import Float64, Likelihood
from vae_onnx.engine.graph import Array
from vae_onnx.errors import InputError
from vae_onnx.likelihood import Decode
from vae_onnx.pictures.arrays import scale
from vae_onnx.posterior import Posterior

NODE: Final = math.sqrt(3)  # deviations from the mean, of the quadrature with three points
PICTURES: Final = 2**12  # decoded at most for one block of images
WIDEST: Final = 1.0  # sigma: the prior's, than which no posterior is wider


def refined(
    images: npt.NDArray[Any], posterior: Posterior, decode: Decode, px: Likelihood, steps: int
) -> Posterior:
    """Return Gaussians whose ELBO, by an estimate, is higher, or the same where none is found.

    Newton's steps to the best mean and variances: there the mean slope of log p(x, z) under q is 0,
    and its mean curvature the negative of 1 / variance (Opper & Archambeau, The Variational
    Gaussian Approximation Revisited, 2009). Slope, curvature and ELBO are taken
    from log p(x, z) at the mean and at two points a dimension, by a Gauss-Hermite quadrature along
    each axis: no gradient is asked of the decoder. A step that does not raise that ELBO, which
    leaves out how the axes work together, is taken back and halved.

    Args:
        images: (N, channels, height, width), uint8 in [0, 255] or float in [0, 1].
        posterior: What the encoder says of them, (N, *latent_shape).
        decode: z (M, *latent_shape) -> means of p(x | z), (M, channels, height, width).
        px: What p(x | z) is.
        steps: At least 0; each decodes 2 * latent_dim + 1 pictures an image.

    Raises:
        InputError: The codes are so large that one step for one image decodes thousands.
    """
    dims = posterior.mu[0].size
    if 2 * dims + 1 > PICTURES:
        raise InputError(
            f"refine decodes {2 * dims + 1:,} pictures in each step for an image whose code has "
            f"{dims:,} numbers, and at most {PICTURES:,}; use posterior(images)"
        )
    rows = PICTURES // (2 * dims + 1)
    mu, log_var = np.empty_like(posterior.mu), np.empty_like(posterior.log_var)
    for start in range(0, len(images), rows):
        some = slice(start, start + rows)
        part = Posterior(posterior.mu[some], posterior.log_var[some])
        found = _refined(scale(images[some]), part, decode, px, steps)
        mu[some], log_var[some] = found.mu, found.log_var
    return Posterior(mu, log_var)


class _Gaussians(NamedTuple):
    """Some q(z | x), and what their log p(x, z) looks like from there."""

    mu: Float64  # (N, dims)
    log_sigma: Float64  # (N, dims)
    slope: Float64  # (N, dims) mean of the first derivatives of log p(x, z) under q
    curvature: Float64  # (N, dims) and of the second ones
    elbo: Float64  # (N,) nats, but for a constant


def _refined(
    x: Array, posterior: Posterior, decode: Decode, px: Likelihood, steps: int
) -> Posterior:
    shape = posterior.mu.shape

    def look(mu: Float64, log_sigma: Float64) -> _Gaussians:
        return _look(x, mu, log_sigma, shape, decode, px)

    mu, log_var = (
        each.reshape(len(x), -1).astype(np.float64) for each in (posterior.mu, posterior.log_var)
    )
    best = look(mu, 0.5 * log_var)
    part = np.ones((len(x), 1))  # of Newton's step
    for _ in range(steps):
        # Where log p(x, z) is not concave, its curvature still tells how far its slope holds.
        precision = np.maximum(np.abs(best.curvature), WIDEST**-2)
        towards = -0.5 * np.log(precision) - best.log_sigma
        tried = look(best.mu + part * best.slope / precision, best.log_sigma + part * towards)
        better = (tried.elbo > best.elbo)[:, np.newaxis]
        best = _Gaussians(
            *(np.where(better if new.ndim == 2 else better[:, 0], new, old)
              for new, old in zip(tried, best, strict=True))
        )  # fmt: skip
        part = np.where(better, np.minimum(1, 2 * part), part / 2)
    return Posterior(
        best.mu.reshape(shape).astype(np.float32),
        (2 * best.log_sigma).reshape(shape).astype(np.float32),
    )


def _look(
    x: Array,
    mu: Float64,
    log_sigma: Float64,
    shape: tuple[int, ...],
    decode: Decode,
    px: Likelihood,
) -> _Gaussians:
    dims = mu.shape[1]
    sigma = np.exp(log_sigma)
    offsets = NODE * sigma[:, np.newaxis] * np.eye(dims)  # (N, dims, dims)
    centre = mu[:, np.newaxis]
    z = np.concatenate([centre, centre + offsets, centre - offsets], axis=1).astype(np.float32)
    log_joint = likelihood.log_px_given_z(x, z.reshape(len(x), -1, *shape[1:]), decode, px)
    log_joint -= 0.5 * np.square(z, dtype=np.float64).sum(axis=2)
    middle, above, below = log_joint[:, :1], log_joint[:, 1 : dims + 1], log_joint[:, dims + 1 :]
    bend = above + below - 2 * middle
    return _Gaussians(
        mu,
        log_sigma,
        (above - below) / (2 * NODE * sigma),
        bend / (NODE * sigma) ** 2,
        middle[:, 0] + bend.sum(axis=1) / 6 + log_sigma.sum(axis=1),
    )
