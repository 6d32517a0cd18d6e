"""What a model is worth on a set of images: the figures of `vae-onnx evaluate`.

They are made of arrays and a decoder, so that `python -m export evaluate` computes them from the
torch model by the very same lines, and with the same noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from vae_onnx import checks, contract, likelihood
from vae_onnx.distributions import BERNOULLI, Float64, Gaussian, Likelihood
from vae_onnx.engine import stream
from vae_onnx.engine.graph import Array
from vae_onnx.errors import InputError, InputTypeError
from vae_onnx.likelihood import Decode, Track
from vae_onnx.pictures.arrays import scale
from vae_onnx.posterior import Posterior

if TYPE_CHECKING:
    from vae_onnx.autoencoder import Autoencoder

Labels = npt.NDArray[np.integer[Any]]

NEIGHBOURS: Final = 5
ROWS: Final = 512  # images compared with all others at once
EXACT: Final = 10_000  # images that are integrated at once: it takes a kilobyte for each and more


@dataclass(frozen=True)
class Settings:
    """What can be chosen about an evaluation of a VAE; an AE has no noise.

    Raises:
        InputTypeError: draws or k is no integer.
        InputError: draws or k is below 1 or beyond all memory, or the seed below 0.
    """

    draws: int = 16  # samples of the noise per image for the ELBO
    k: int = 100  # samples per image for the importance-weighted log p(x)
    seed: int = 0  # of either noise

    def __post_init__(self) -> None:
        checks.integer(self.draws, "draws", at_least=1)
        checks.integer(self.k, "k", at_least=1)
        if self.seed < 0:
            raise InputError(f"seed must be at least 0, got {self.seed}")


def evaluate(
    x: Array,
    codes: Posterior | Array,
    decode: Decode,
    labels: Labels | None = None,
    settings: Settings | None = None,
    track: Track | None = None,
    px: Likelihood | None = BERNOULLI,
) -> dict[str, Any]:
    """Evaluate a model on images.

    Args:
        x: (N, ...) float32 in [0, 1].
        codes: What the encoder makes of them: q(z | x) of a VAE, or z (N, *latent_shape).
        decode: z (M, *latent_shape) -> means of p(x | z), (M, ...).
        labels: (N,) classes; without, or for a single image, there is no "knn_accuracy".
        settings: Draws and seed.
        track: Shows progress, see `vae_onnx.likelihood`.
        px: What p(x | z) is; None where there is no such thing, and so no nats.

    Returns:
        What `losses` gives, and for a VAE "elbo" (its -total), "k", "log_px_importance" and, of
        two latent dimensions, "log_px", exact, and "inference_gap" = log_px - elbo: means over the
        images in nats, with the standard error of each; "active_units". Always "images",
        "knn_accuracy" of the codes, "mse" per pixel of the reconstruction from z or mu, and "psnr",
        the mean over the images of -10 log10 of that, in dB.
    """
    settings = settings or Settings()
    z = codes.mu if isinstance(codes, Posterior) else codes
    result: dict[str, Any] = {"images": len(x)}
    elbo = np.zeros(0)
    if px:
        result, elbo = _losses(x, codes, decode, settings, track, px)
    if px and isinstance(codes, Posterior):
        result |= {"elbo": -result["total"], "k": settings.k}
        rng = np.random.default_rng(settings.seed)
        importance = likelihood.log_px_importance(x, codes, decode, rng, settings.k, track, px)
        result |= _mean("log_px_importance", importance)
        if codes.mu.shape[1:] == (2,):
            some = [x[at : at + EXACT] for at in range(0, len(x), EXACT)]
            parts = [likelihood.log_px(part, decode, track=track, px=px) for part in some]
            log_px = np.concatenate(parts)
            result |= _mean("log_px", log_px) | _mean("inference_gap", log_px - elbo)
        result["active_units"] = likelihood.active_units(codes.mu)
    if labels is not None and len(x) > 1:
        result |= {"knn_accuracy": knn_accuracy(z, labels), "knn_neighbours": NEIGHBOURS}
    errors = squared_errors(x, z, decode)
    return {**result, "mse": float(errors.mean()), "psnr": float(decibels(errors).mean())}


class Scores(NamedTuple):
    """How well a model knows each of some images; high is unlike what it was trained on."""

    mse: Float64  # (N,) mean squared error per pixel of the reconstruction from z or mu
    nats: Float64 | None
    """(N,) -ELBO in nats; of an AE, or a VAE without a prior, -log p(x | z) at its code; None where
    the model states no likelihood."""

    @property
    def psnr(self) -> Float64:
        """Peak signal to noise ratio of each image in dB, (N,): -10 log10 of `mse`."""
        return decibels(self.mse)

    def _repr_html_(self) -> str:
        """What a notebook shows: see `vae_onnx.notebook`."""
        from vae_onnx import notebook

        return notebook.of_scores(self)


def score(
    model: Autoencoder, images: npt.ArrayLike, rng: np.random.Generator, draws: int
) -> Scores:
    """Score each image; see `Autoencoder.score`."""
    px = contract.likelihood(model.metadata)
    has_prior = contract.has_normal_prior(model.metadata, model.kind)
    errors, of_each = [], []
    for batch in stream.blocks(images, model.encoder.as_batch, rows=ROWS):
        x = scale(batch)
        codes = model.posterior(x) if px and has_prior else model.encode(x)
        z = codes.mu if isinstance(codes, Posterior) else codes
        errors.append(squared_errors(x, z, model.decoder.to_x_recon))
        if px:
            of_each.append(nats(x, codes, model.decoder.to_x_recon, rng, draws, px))
    return Scores(np.concatenate(errors), np.concatenate(of_each) if px else None)


def nats(
    x: Array,
    codes: Posterior | Array,
    decode: Decode,
    rng: np.random.Generator,
    draws: int,
    px: Likelihood,
) -> Float64:
    """Return (N,) -ELBO in nats an image; of codes without a posterior -log p(x | z)."""
    if isinstance(codes, Posterior):
        return -likelihood.elbo(x, codes, decode, rng, draws, px=px).elbo
    return likelihood.recon(x, decode(codes), px)


def losses(
    x: Array,
    codes: Posterior | Array,
    decode: Decode,
    settings: Settings | None = None,
    px: Likelihood = BERNOULLI,
) -> dict[str, Any]:
    """Return the loss on images, in nats per image; the arguments are those of `evaluate`.

    Returns:
        "images", for a VAE "draws" and "seed"; the means over the images "total", "recon" and for
        a VAE "kld"; "standard_error" of the total over the images; of a Bernoulli p(x | z) "floor",
        the entropy of the pixels, below which no total can be; of a Gaussian one "bits_per_dim",
        the total as bits a pixel and channel of 8 bits.
    """
    return _losses(x, codes, decode, settings or Settings(), None, px)[0]


def knn_accuracy(z: Array, labels: Labels, neighbours: int = NEIGHBOURS) -> float:
    """Share of codes whose class the nearest other codes vote for.

    Each code is left out and classified by all others of the same set, so that nothing but the set
    is needed: no training images. Euclidean distance, one vote a neighbour; of classes with equal
    votes the lowest wins.

    Args:
        z: (N, *latent_shape), N >= 2.
        labels: (N,) integers.
        neighbours: How many vote; all others, where there are fewer.

    Raises:
        InputError: z and labels differ in length, or there are fewer than two.
        InputTypeError: The labels are no integers.
    """
    check_labels(labels, len(z))
    if len(z) < 2:
        raise InputError(f"leaving one out takes at least two images, got {len(z)}")
    neighbours, flat = min(neighbours, len(z) - 1), z.reshape(len(z), -1)
    names, classes = np.unique(labels, return_inverse=True)
    right = 0
    for start in range(0, len(z), ROWS):
        block = flat[start : start + ROWS]
        distances = np.zeros((len(block), len(z)), np.float32)
        for ours, theirs in zip(block.T, flat.T, strict=True):
            distances += (ours[:, np.newaxis] - theirs) ** 2
        distances[np.arange(len(block)), np.arange(start, start + len(block))] = np.inf
        nearest = np.argpartition(distances, neighbours - 1, axis=1)[:, :neighbours]
        votes = (classes[nearest][:, :, np.newaxis] == np.arange(len(names))).sum(axis=1)
        right += int((votes.argmax(axis=1) == classes[start : start + ROWS]).sum())
    return right / len(z)


def squared_errors(x: Array, z: Array, decode: Decode) -> Float64:
    """Mean squared difference per pixel of each x (N, ...) and the picture at its z, (N,)."""
    means = []
    for start in range(0, len(x), ROWS):
        difference = x[start : start + ROWS] - decode(z[start : start + ROWS])
        squares = np.square(difference).reshape(len(difference), -1)
        means.append(squares.mean(axis=1, dtype=np.float64))
    return np.concatenate(means)


def decibels(mse: Float64) -> Float64:
    """Peak signal to noise ratio in dB of pixels in [0, 1]; at most 150, where nothing differs."""
    result: Float64 = -10 * np.log10(np.maximum(mse, 1e-15))
    return result


def check_labels(labels: Labels, count: int) -> None:
    """See that there is a class for each of `count` images.

    Raises:
        InputError: Their shape is another one.
        InputTypeError: They are no integers.
    """
    if labels.dtype.kind not in "iu":
        raise InputTypeError(f"labels must be integers, got {labels.dtype}")
    if labels.shape != (count,):
        raise InputError(
            f"labels must have shape ({count},), one for each image, got {labels.shape}"
        )


def table(name: str, result: dict[str, Any]) -> str:
    """Lay out what `evaluate` returned for reading."""
    vae = "kld" in result
    noise = f", {result['draws']} draws of the noise each" if vae else ""
    parts = {"recon": "recon", "kld": "kld"} if vae else {}
    names = {
        "total": "total = -ELBO" if vae else "total = recon",
        **parts,
        "bits_per_dim": "total in bits per dimension of 8-bit pixels",
        "floor": "entropy of the pixels, the least any model can reach",
        "log_px_importance": f"log p(x), importance-weighted, k = {result.get('k')}",
        "log_px": "log p(x), exact",
        "inference_gap": "inference gap, log p(x) - ELBO",
        "active_units": "active units",
        "knn_accuracy": f"kNN accuracy, k = {NEIGHBOURS}, leave-one-out",
        "mse": "reconstruction MSE per pixel",
        "psnr": "reconstruction PSNR, dB",
    }
    errors = {key: result.get(f"{key}_standard_error") for key in names}
    errors["total"] = result.get("standard_error")
    unit = "nats per image, ± standard error" if "total" in result else "no likelihood, so no nats"
    shown = names.keys() & result.keys()
    width = max(len(names[key]) for key in shown)
    lines = [f"{name} on {result['images']:,} images{noise}; {unit}"]
    for key in (key for key in names if key in shown):
        told = f"{result[key]:11d}" if isinstance(result[key], int) else f"{result[key]:11.4f}"
        error = "" if errors[key] is None else f" ± {errors[key]:.4f}"
        lines.append(f"{names[key]:{width}}{told}{error}")
    return "\n".join(lines)


def _losses(
    x: Array,
    codes: Posterior | Array,
    decode: Decode,
    settings: Settings,
    track: Track | None,
    px: Likelihood,
) -> tuple[dict[str, Any], Float64]:
    """Return what `losses` does, and the elbo of each image, (N,)."""
    blocks = [slice(start, start + ROWS) for start in range(0, len(x), ROWS)]
    if isinstance(codes, Posterior):
        rng = np.random.default_rng(settings.seed)
        elbo = likelihood.elbo(x, codes, decode, rng, settings.draws, track, px)
        parts = {"recon": elbo.recon, "kld": elbo.kld}
        noise = {"draws": settings.draws, "seed": settings.seed}
    else:
        recon = [likelihood.recon(x[some], decode(codes[some]), px) for some in blocks]
        parts, noise = {"recon": np.concatenate(recon)}, {}
    total = sum(parts.values(), np.zeros(len(x)))
    means = {name: float(values.mean()) for name, values in parts.items()}
    figures = {"total": float(total.mean()), **means, "standard_error": _standard_error(total)}
    if isinstance(px, Gaussian):
        figures["bits_per_dim"] = px.bits_per_dim(figures["total"], math.prod(x.shape[1:]))
    else:
        pixels = x.reshape(len(x), -1)
        floors = [px.floor(pixels[some]) for some in blocks]
        figures["floor"] = float(np.concatenate(floors).mean())
    return {"images": len(x), **noise, **figures}, -total


def _mean(name: str, values: Float64) -> dict[str, float]:
    return {name: float(values.mean()), f"{name}_standard_error": _standard_error(values)}


def _standard_error(values: Float64) -> float:
    """Of the mean over the images, (N,); of a single one it cannot be told and is given as 0."""
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0
