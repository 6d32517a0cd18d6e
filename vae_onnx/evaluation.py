"""What a model is worth on a set of images: the figures of `vae-onnx evaluate`.

They are made of arrays and a decoder, so that `python -m export evaluate` computes them from the
torch model by the very same lines, and with the same noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vae_onnx import checks, likelihood
from vae_onnx.engine.graph import Array
from vae_onnx.errors import InputError, InputTypeError
from vae_onnx.likelihood import Decode, Float64, Track
from vae_onnx.posterior import Posterior

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
) -> dict[str, Any]:
    """Evaluate a model on images.

    Args:
        x: (N, ...) float32 in [0, 1].
        codes: What the encoder makes of them: q(z | x) of a VAE, or z (N, latent_dim) of an AE.
        decode: z (M, latent_dim) -> means of p(x | z), (M, ...).
        labels: (N,) classes; without, or for a single image, there is no "knn_accuracy".
        settings: Draws and seed.
        track: Shows progress, see `vae_onnx.likelihood`.

    Returns:
        What `losses` gives, and for a VAE "elbo" (its -total), "k", "log_px_importance" and, of
        two latent dimensions, "log_px", exact, and "inference_gap" = log_px - elbo: means over the
        images in nats, with the standard error of each; "active_units". For both kinds
        "knn_accuracy" of the codes, and "mse" per pixel of the reconstruction from z or mu.
    """
    settings = settings or Settings()
    result, elbo = _losses(x, codes, decode, settings, track)
    if isinstance(codes, Posterior):
        result |= {"elbo": -result["total"], "k": settings.k}
        rng = np.random.default_rng(settings.seed)
        importance = likelihood.log_px_importance(x, codes, decode, rng, settings.k, track)
        result |= _mean("log_px_importance", importance)
        if codes.mu.shape[1] == 2:
            parts = range(0, len(x), EXACT)
            log_px = np.concatenate(
                [likelihood.log_px(x[at : at + EXACT], decode, track=track) for at in parts]
            )
            result |= _mean("log_px", log_px) | _mean("inference_gap", log_px - elbo)
        result["active_units"] = likelihood.active_units(codes.mu)
    z = codes.mu if isinstance(codes, Posterior) else codes
    if labels is not None and len(x) > 1:
        result |= {"knn_accuracy": knn_accuracy(z, labels), "knn_neighbours": NEIGHBOURS}
    return {**result, "mse": mse(x, z, decode)}


def losses(
    x: Array, codes: Posterior | Array, decode: Decode, settings: Settings | None = None
) -> dict[str, Any]:
    """Return the loss on images, in nats per image; the arguments are those of `evaluate`.

    Returns:
        "images", for a VAE "draws" and "seed"; the means over the images "total", "recon" and for
        a VAE "kld"; "standard_error" of the total over the images.
    """
    return _losses(x, codes, decode, settings or Settings(), None)[0]


def knn_accuracy(z: Array, labels: Labels, neighbours: int = NEIGHBOURS) -> float:
    """Share of codes whose class the nearest other codes vote for.

    Each code is left out and classified by all others of the same set, so that nothing but the set
    is needed: no training images. Euclidean distance, one vote a neighbour; of classes with equal
    votes the lowest wins.

    Args:
        z: (N, latent_dim), N >= 2.
        labels: (N,) integers.
        neighbours: How many vote; all others, where there are fewer.

    Raises:
        InputError: z and labels differ in length, or there are fewer than two.
        InputTypeError: The labels are no integers.
    """
    check_labels(labels, len(z))
    if len(z) < 2:
        raise InputError(f"leaving one out takes at least two images, got {len(z)}")
    neighbours = min(neighbours, len(z) - 1)
    names, classes = np.unique(labels, return_inverse=True)
    right = 0
    for start in range(0, len(z), ROWS):
        block = z[start : start + ROWS]
        distances = np.zeros((len(block), len(z)), np.float32)
        for ours, theirs in zip(block.T, z.T, strict=True):
            distances += (ours[:, np.newaxis] - theirs) ** 2
        distances[np.arange(len(block)), np.arange(start, start + len(block))] = np.inf
        nearest = np.argpartition(distances, neighbours - 1, axis=1)[:, :neighbours]
        votes = (classes[nearest][:, :, np.newaxis] == np.arange(len(names))).sum(axis=1)
        right += int((votes.argmax(axis=1) == classes[start : start + ROWS]).sum())
    return right / len(z)


def mse(x: Array, z: Array, decode: Decode) -> float:
    """Mean squared difference of x (N, ...) and the pictures at z (N, latent_dim), per pixel."""
    total = 0.0
    for start in range(0, len(x), ROWS):
        difference = x[start : start + ROWS] - decode(z[start : start + ROWS])
        total += float((difference**2).sum(dtype=np.float64))
    return total / x.size


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
        "log_px_importance": f"log p(x), importance-weighted, k = {result.get('k')}",
        "log_px": "log p(x), exact",
        "inference_gap": "inference gap, log p(x) - ELBO",
        "active_units": "active units",
        "knn_accuracy": f"kNN accuracy, k = {NEIGHBOURS}, leave-one-out",
        "mse": "reconstruction MSE per pixel",
    }
    errors = {key: result.get(f"{key}_standard_error") for key in names}
    errors["total"] = result["standard_error"]
    shown = names.keys() & result.keys()
    width = max(len(names[key]) for key in shown)
    lines = [f"{name} on {result['images']:,} images{noise}; nats per image, ± standard error"]
    for key in (key for key in names if key in shown):
        told = f"{result[key]:11d}" if isinstance(result[key], int) else f"{result[key]:11.4f}"
        error = "" if errors[key] is None else f" ± {errors[key]:.4f}"
        lines.append(f"{names[key]:{width}}{told}{error}")
    return "\n".join(lines)


def _losses(
    x: Array, codes: Posterior | Array, decode: Decode, settings: Settings, track: Track | None
) -> tuple[dict[str, Any], Float64]:
    """Return what `losses` does, and the elbo of each image, (N,)."""
    if isinstance(codes, Posterior):
        rng = np.random.default_rng(settings.seed)
        elbo = likelihood.elbo(x, codes, decode, rng, settings.draws, track)
        parts = {"recon": elbo.recon, "kld": elbo.kld}
        noise = {"draws": settings.draws, "seed": settings.seed}
    else:
        rows = [slice(start, start + ROWS) for start in range(0, len(x), ROWS)]
        recon = [likelihood.recon(x[some], decode(codes[some])) for some in rows]
        parts, noise = {"recon": np.concatenate(recon)}, {}
    total = sum(parts.values(), np.zeros(len(x)))
    means = {name: float(values.mean()) for name, values in parts.items()}
    figures = {"total": float(total.mean()), **means, "standard_error": _standard_error(total)}
    return {"images": len(x), **noise, **figures}, -total


def _mean(name: str, values: Float64) -> dict[str, float]:
    return {name: float(values.mean()), f"{name}_standard_error": _standard_error(values)}


def _standard_error(values: Float64) -> float:
    """Of the mean over the images, (N,); of a single one it cannot be told and is given as 0."""
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0
