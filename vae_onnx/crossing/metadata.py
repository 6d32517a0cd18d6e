"""What both graphs say of the model, for a host that has nothing but the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import numpy as np

import vae_onnx
from vae_onnx.crossing.options import Wishes
from vae_onnx.crossing.reading import Reading
from vae_onnx.engine.graph import Array

NEAR_ONE: Final = (0.5, 2.0)  # the deviation of codes that a prior of N(0, I) can stand for
LIKELIHOODS: Final = {
    "bernoulli": "Bernoulli, x_recon is its mean",
    "gaussian": "Gaussian, x_recon is its mean",
    "none": "none",
}
NORMAL: Final = "N(0, I)"


def describe(
    folder: Path, wishes: Wishes, reading: Reading, codes: list[Array], fingerprint: str
) -> dict[str, str]:
    """Return the metadata that is known before the gates have measured.

    Args:
        folder: Where the model will be.
        wishes: What the user says.
        reading: What the model takes and gives.
        codes: Of the pictures: z, or mu and log_var.
        fingerprint: Of the two graphs.
    """
    likelihood = wishes.likelihood or ("bernoulli" if wishes.logits else "none")
    told = {
        "name": wishes.name or folder.resolve().name,
        "kind": "vae" if len(codes) == 2 else "ae",
        "pixel_range": "0.0 to 1.0",
        "likelihood": LIKELIHOODS[likelihood],
        "prior": NORMAL if _has_prior(wishes, codes) else "none",
        "fingerprint": fingerprint,
        **statistics(codes[0]),
        "version": vae_onnx.__version__,
    }
    if likelihood == "gaussian":
        told["sigma"] = f"{wishes.sigma:.6g}"
    if wishes.class_names is not None:
        told["class_names"] = json.dumps(list(wishes.class_names))
    if wishes.licence is not None:
        told["licence"] = wishes.licence
    return told


def statistics(codes: Array) -> dict[str, str]:
    """Return where codes (N, *latent_shape) lie, for each dimension, or each channel of a map."""
    rows = codes if codes.ndim == 2 else np.moveaxis(codes, 1, -1).reshape(-1, codes.shape[1])
    low, high = np.quantile(rows, (0.01, 0.99), axis=0)
    numbers = {
        "latent_range": [low, high],
        "latent_mean": rows.mean(axis=0, dtype=np.float64),
        "latent_std": rows.std(axis=0, dtype=np.float64),
    }
    return {name: json.dumps(np.round(value, 4).tolist()) for name, value in numbers.items()}


def deviation(codes: list[Array]) -> float:
    """Return the deviation of z over all pictures and dimensions: 1 where N(0, I) holds."""
    square = float(np.square(codes[0], dtype=np.float64).mean())
    variance = float(np.exp(codes[1].astype(np.float64)).mean()) if len(codes) == 2 else 0.0
    return float(np.sqrt(square + variance))


def _has_prior(wishes: Wishes, codes: list[Array]) -> bool:
    if wishes.prior is not None:
        return wishes.prior == "normal"
    return len(codes) == 2 and NEAR_ONE[0] <= deviation(codes) <= NEAR_ONE[1]
