"""How probable images are under a VAE, in nats per image, on numpy arrays alone.

p(x) has no closed form. From the quickest answer to the exact one: the ELBO (Kingma & Welling
2014), the importance-weighted estimate (Burda, Grosse & Salakhutdinov 2016) and, where z has two
dimensions, the integral itself. The first two are lower bounds:

    elbo <= log_px_importance (in expectation) <= log_px

>>> x = model.sample(10, rng)
>>> bound = likelihood.elbo(x, model.posterior(x), model.decode, rng)

`x` is always float32 in [0, 1], its shape (N, ...) that of the pictures which `decode` gives.
`decode` takes z (M, *latent_shape) to the means of p(x | z), (M, ...): `model.decode`, or another
model's. `px` says which distribution they are the means of: `BERNOULLI`, or `Gaussian(sigma)`. All
work in blocks, whose size has no influence on the result, nor has the noise of an image any on that
of the images before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from vae_onnx.distributions import BERNOULLI, Bernoulli, Float64, Gaussian, Likelihood
from vae_onnx.engine.graph import Array
from vae_onnx.errors import InputError, InputTypeError
from vae_onnx.posterior import Posterior

__all__ = [
    "BERNOULLI",
    "Bernoulli",
    "Elbo",
    "Gaussian",
    "active_units",
    "elbo",
    "kld",
    "log_px",
    "log_px_given_z",
    "log_px_importance",
    "recon",
]

Decode = Callable[[Array], Array]
Track = Callable[[Sequence[int], str], Iterable[int]]  # shows how far a loop has come

ROWS: Final = 1024  # z decoded at once: their pictures stay in the cache
BYTES: Final = 2**22  # of the pictures of such a block, where they are large
DRAWN: Final = 1 << 16  # z drawn at once

RADIUS: Final = 8  # half a side of the square that is integrated over, in sigmas of the prior
POINTS: Final = 8  # a side of each of the squares that it is cut into
NARROWEST: Final = 0.012  # sigma of the narrowest posteriors
NEGLIGIBLE: Final = 12.0  # nats below log p(x): squares with less of it need no finer points
STEP: Final = 1 / 128  # of the finest points
SETTLED: Final = 1e-4  # nats: an image that halving the step changes by less needs no finer one


class Elbo(NamedTuple):
    """The evidence lower bound of each image, in its two parts."""

    recon: Float64  # (N,) -E_q[log p(x | z)] in nats
    kld: Float64  # (N,) KL(q(z | x) || N(0, I)) in nats

    @property
    def elbo(self) -> Float64:
        """-(recon + kld) in nats, (N,). Higher is better."""
        return -(self.recon + self.kld)


def recon(x: Array, x_recon: Array, px: Likelihood = BERNOULLI) -> Float64:
    """-log p(x | z) in nats, (N,), for Bernoulli the cross-entropy over pixels. Lower is better.

    Args:
        x: (N, ...) in [0, 1].
        x_recon: The means of p(x | z), same shape.
        px: The distribution that they are the means of.
    """
    _check_pictures(x, x_recon)
    return -px.log_px(_flat(x), _flat(x_recon))


def kld(posterior: Posterior) -> Float64:
    """KL(q(z | x) || N(0, I)) in nats, (N,): Kingma & Welling 2014, appendix B. Never negative."""
    mu, log_var = posterior.mu.astype(np.float64), posterior.log_var.astype(np.float64)
    terms = 0.5 * (mu**2 + np.expm1(log_var) - log_var)
    result: Float64 = terms.reshape(len(terms), -1).sum(axis=1)
    return result


def elbo(
    x: Array,
    posterior: Posterior,
    decode: Decode,
    rng: np.random.Generator,
    draws: int = 16,
    track: Track | None = None,
    px: Likelihood = BERNOULLI,
) -> Elbo:
    """Evidence lower bound of each image (Kingma & Welling 2014, equation 3).

    Args:
        x: (N, ...) in [0, 1].
        posterior: q(z | x) of the same images.
        decode: z (M, latent_dim) -> means of p(x | z), (M, ...).
        rng: Source of the noise, `np.random.default_rng(seed)`.
        draws: Samples of z per image that the expectation is taken over; kld needs none.
        track: Shows progress, called as `track(range(...), "elbo")`.
        px: What p(x | z) is.

    Raises:
        InputError: x, the posterior and the pictures do not belong together, or draws is below 1.
    """
    rows = _samples(x, posterior, rng, draws, track, "elbo")
    means = [-log_px_given_z(x[some], z, decode, px).mean(axis=1) for some, z, _ in rows]
    return Elbo(np.concatenate(means), kld(posterior))


def log_px_importance(
    x: Array,
    posterior: Posterior,
    decode: Decode,
    rng: np.random.Generator,
    k: int = 100,
    track: Track | None = None,
    px: Likelihood = BERNOULLI,
) -> Float64:
    """Importance-weighted estimate of log p(x) in nats, (N,): Burda et al. 2016, equation 8.

    log mean_i p(x, z_i) / q(z_i | x) over k draws z_i of q(z | x): in expectation a lower bound,
    the closer the more draws. k = 1 is the ELBO with one draw.

    Args:
        x: (N, ...) in [0, 1].
        posterior: q(z | x) of the same images.
        decode: z (M, latent_dim) -> means of p(x | z), (M, ...).
        rng: Source of the noise, `np.random.default_rng(seed)`.
        k: Samples of z per image; Burda et al. report with 5000.
        track: Shows progress, called as `track(range(...), "log p(x), importance")`.
        px: What p(x | z) is.

    Raises:
        InputError: x, the posterior and the pictures do not belong together, or k is below 1.
    """
    estimates = []
    for some, z, eps in _samples(x, posterior, rng, k, track, "log p(x), importance"):
        # log p(z) - log q(z | x); the constants of the two Gaussians cancel.
        log_var = posterior.log_var[some, np.newaxis]
        log_ratio = 0.5 * (eps.astype(np.float64) ** 2 + log_var - z.astype(np.float64) ** 2)
        log_ratio = log_ratio.reshape(*log_ratio.shape[:2], -1).sum(axis=2)
        log_weights = log_px_given_z(x[some], z, decode, px) + log_ratio
        estimates.append(_log_sum_exp(log_weights) - math.log(k))
    return np.concatenate(estimates)


def log_px(
    x: Array,
    decode: Decode,
    step: float = STEP,
    track: Track | None = None,
    px: Likelihood = BERNOULLI,
) -> Float64:
    """Exact log p(x) in nats, (N,), of a VAE with two latent dimensions.

    The integral of N(z; 0, I) p(x | z) over the square [-8, 8]^2 by the midpoint rule, which for a
    Gaussian peak of width sigma is exact to exp(-2 (pi sigma / step)^2). From 1/8, the step is
    halved where an image has any of its mass, until its log p(x) stands still or the step is fine
    enough.

    Args:
        x: (N, ...) in [0, 1].
        decode: z (M, 2) -> means of p(x | z), (M, ...).
        step: Largest distance of the points to end with. The bundled models at 1/128 are within
            2e-4 nats in the mean over images, and 2e-3 on any: the tests halve it.
        track: Shows progress, called as `track(range(...), "log p(x), exact, step 0.008")`.
        px: What p(x | z) is.

    Raises:
        InputError: x and the pictures do not belong together, or step is not above 0.
    """
    if not step > 0:
        raise InputError(f"step must be above 0, got {step!r}")
    squares = _lattice(2 * RADIUS, 1) - RADIUS  # (squares, 2)
    parts = _Parts(np.repeat(squares, len(x), axis=0), np.tile(np.arange(len(x)), len(squares)))
    side, elsewhere, result = 1.0, np.full(len(x), -np.inf), np.full(len(x), -np.inf)
    while len(parts.images) > 0:
        parts, masses = _quarters(x, decode, parts, side, track, px)
        before, result = result, _add(elsewhere, parts.images, masses)
        # The top of a peak between four points is higher than these by its second term.
        margin = NEGLIGIBLE + (side / POINTS / (2 * NARROWEST)) ** 2
        finer = masses > result[parts.images] - margin
        finer &= (np.abs(result - before) >= SETTLED)[parts.images] & (side / POINTS > step)
        elsewhere = _add(elsewhere, parts.images[~finer], masses[~finer])
        parts, side = _Parts(parts.centres[finer], parts.images[finer]), side / 2
    return result + px.constant(_flat(x))


def active_units(mu: Array, threshold: float = 0.01) -> int:
    """Count the latent dimensions that tell images apart: Burda et al. 2016, section 5.2.

    Those whose mean of q(z | x) has a variance over the images, in mu (N, latent_dim), above the
    threshold.
    """
    return int((_flat(mu).astype(np.float64).var(axis=0) > threshold).sum())


def _samples(
    x: Array,
    posterior: Posterior,
    rng: np.random.Generator,
    draws: int,
    track: Track | None,
    name: str,
) -> Iterator[tuple[slice, Array, Array]]:
    """Yield rows of x, and z and eps (rows, draws, latent_dim), drawn image after image."""
    if draws < 1:
        raise InputError(f"the number of draws must be at least 1, got {draws}")
    if not len(x) == len(posterior.mu) > 0:
        raise InputError(
            f"x and its posterior must have the same images, at least one, "
            f"got {len(x)} and {len(posterior.mu)}"
        )
    sigma = np.exp(0.5 * posterior.log_var)
    at_once = max(1, DRAWN // draws)
    starts = range(0, len(x), at_once)
    for start in track(starts, name) if track else starts:
        some = slice(start, min(start + at_once, len(x)))
        shape = (some.stop - some.start, draws, *posterior.mu.shape[1:])
        eps = rng.standard_normal(shape, dtype=np.float32)
        yield some, posterior.mu[some, np.newaxis] + sigma[some, np.newaxis] * eps, eps


def log_px_given_z(x: Array, z: Array, decode: Decode, px: Likelihood) -> Float64:
    """Return log p(x | z) in nats, (N, draws), of images x at z (N, draws, *latent_shape)."""
    count, draws, *latent_shape = z.shape
    rows, pixels = z.reshape(-1, *latent_shape), _flat(x)
    result = np.empty(len(rows))
    at_once = max(1, min(ROWS, BYTES // (4 * pixels.shape[1])))
    for start in range(0, len(rows), at_once):
        block = rows[start : start + at_once]
        images = np.arange(start, start + len(block)) // draws
        pictures = decode(block)
        _check_pictures(x, pictures)
        result[start : start + at_once] = px.log_px(pixels[images], _flat(pictures))
    return result.reshape(count, draws)


class _Parts(NamedTuple):
    """Squares of the plane of z and images that have mass there, in pairs."""

    centres: Array  # (pairs, 2)
    images: npt.NDArray[np.intp]  # (pairs,)


def _quarters(
    x: Array, decode: Decode, parts: _Parts, side: float, track: Track | None, px: Likelihood
) -> tuple[_Parts, Float64]:
    """Return the quarters of all parts, and log p(x) of each image in them, up to `constant`."""
    inside = _lattice(POINTS, side / POINTS) - side / 2
    quarters = _lattice(2, side / 2) - side / 2
    squares, square_of = np.unique(parts.centres, axis=0, return_inverse=True)
    order = np.argsort(square_of.reshape(-1), kind="stable")
    groups = np.split(parts.images[order], np.bincount(square_of.reshape(-1)).cumsum()[:-1])
    centres, images, masses = [], [], []
    steps, name = range(len(squares)), f"log p(x), exact, step {side / POINTS:.3f}"
    for number in track(steps, name) if track else steps:
        z = squares[number] + inside
        for some, log_joint in _log_joint(x, decode, z, groups[number], px):
            rows = log_joint.reshape(len(some), 2, POINTS // 2, 2, POINTS // 2)
            cells = rows.swapaxes(2, 3).reshape(len(some), 4, -1)
            masses.append(_log_sum_exp(cells).reshape(-1))
            centres.append(np.tile(squares[number] + quarters, (len(some), 1)))
            images.append(np.repeat(some, 4))
    area = 2 * math.log(side / POINTS)
    return _Parts(np.concatenate(centres), np.concatenate(images)), np.concatenate(masses) + area


def _add(log_p: Float64, images: npt.NDArray[np.intp], masses: Float64) -> Float64:
    """Add the masses of some images to log p (N,), all as logarithms."""
    result = log_p.copy()
    np.logaddexp.at(result, images, masses)
    return result


def _log_joint(
    x: Array, decode: Decode, z: Array, images: npt.NDArray[np.intp], px: Likelihood
) -> Iterator[tuple[npt.NDArray[np.intp], Array]]:
    """Yield some of the images and their log p(x, z) at all points z (points, 2) of the plane.

    As log p(x | z) is linear in x but for a constant, all images meet all points in one product.
    """
    pictures = [decode(z[start : start + ROWS]) for start in range(0, len(z), ROWS)]
    _check_pictures(x, pictures[0])
    parts = [px.linear(_flat(each)) for each in pictures]
    slopes = np.concatenate([part[0] for part in parts])
    offsets = np.concatenate([part[1].sum(axis=1) for part in parts])
    log_prior = -0.5 * (z**2).sum(axis=1) - np.float32(math.log(2 * math.pi))
    pixels = _flat(x)
    for start in range(0, len(images), ROWS):
        some = images[start : start + ROWS]
        yield some, pixels[some] @ slopes.T + (offsets + log_prior)


def _check_pictures(x: Array, pictures: Array) -> None:
    if pictures.shape[1:] != x.shape[1:]:
        raise InputError(
            f"x must have the shape (N, {', '.join(map(str, pictures.shape[1:]))}) of the pictures "
            f"that decode gives, got {x.shape}"
        )
    if x.dtype.kind != "f":
        raise InputTypeError(f"x must be float in [0, 1], got {x.dtype}; divide uint8 by 255")


def _log_sum_exp(values: npt.NDArray[np.floating]) -> Float64:
    """Log of the sum of exp over the last axis."""
    largest = values.max(axis=-1, keepdims=True)
    sums = np.exp(values - largest).sum(axis=-1, dtype=np.float64)
    result: Float64 = np.log(sums) + largest[..., 0]
    return result


def _lattice(count: int, step: float) -> Array:
    """Midpoints of count x count squares of side `step` from the origin: (count^2, 2)."""
    axis = (np.arange(count) + 0.5) * step
    return np.stack(np.meshgrid(axis, axis), axis=2).reshape(-1, 2).astype(np.float32)


def _flat(images: Array) -> Array:
    return images.reshape(len(images), -1)
