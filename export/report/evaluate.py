"""The report's test block: what a model scores on images it was not trained on.

The mathematics is the runtime's, `vae_onnx.evaluation`: here it meets the torch model, there the
graphs, with the same noise, so that `vae-onnx evaluate` gives the same figures.
"""

import math
from pathlib import Path
from typing import Any

import torch

from export.choices import BATCH, DRAWS, NOISE_SEED
from export.data.datasets import Split
from export.errors import ConfigError
from export.networks.autoencoder import AE, VAE, as_float
from export.training import card, origin, record
from export.training.checkpoint import load_model
from vae_onnx import Posterior, evaluation
from vae_onnx.distributions import BERNOULLI, Gaussian, Likelihood
from vae_onnx.engine import progress
from vae_onnx.engine.graph import Array
from vae_onnx.evaluation import Settings
from vae_onnx.likelihood import Decode


def metrics(model: VAE | AE, test: Split, draws: int = DRAWS) -> dict[str, Any]:
    """Score a model on the test set.

    Args:
        model: on the CPU.
        test: images with their classes.
        draws: posterior samples an image; an AE has none and its result no such entry.

    Returns:
        Means over all images in nats per image ("total", "recon", for a VAE "kld"), and the
        standard error of the total over images; of a Gaussian p(x | z) also "bits_per_dim" and the
        "mse" per pixel of the reconstruction from z or mu.
    """
    settings = Settings(draws=draws, seed=NOISE_SEED)
    x, codes, px = test.x.numpy(), encode(model, test), likelihood(model)
    result = evaluation.losses(x, codes, decoder(model), settings, px)
    if isinstance(px, Gaussian):  # whose sigma is about it
        z = codes.mu if isinstance(codes, Posterior) else codes
        result["mse"] = float(evaluation.squared_errors(x, z, decoder(model)).mean())
    return {"split": "test", **result}


@torch.inference_mode()
def encode(model: VAE | AE, images: Split) -> Posterior | Array:
    """Encode all images: q(z | x) of a VAE, z (N, *latent_shape) of an AE."""
    parts = torch.split(images.pixels, BATCH)
    batches = [model.encoder(as_float(part)) for part in parts]
    if isinstance(model, VAE):
        mu, log_var = (torch.cat(parts).numpy() for parts in zip(*batches, strict=True))
        return Posterior(mu, log_var)
    z: Array = torch.cat(batches).numpy()
    return z


def likelihood(model: VAE | AE) -> Likelihood:
    """What p(x | z) is, whose means the decoder gives."""
    return BERNOULLI if model.log_sigma is None else Gaussian(math.exp(model.log_sigma.item()))


def decoder(model: VAE | AE) -> Decode:
    """The decoder on arrays: z (M, *latent_shape) to the means of p(x | z), (M, pixels)."""

    @torch.inference_mode()
    def decode(z: Array) -> Array:
        x_recon: Array = model.decoder(torch.from_numpy(z)).sigmoid().numpy()
        return x_recon

    return decode


def evaluate(
    run: Path,
    data_dir: Path | None = None,
    draws: int = DRAWS,
    k: int = Settings.k,
    seed: int = NOISE_SEED,
    dataset: str | None = None,
) -> dict[str, Any]:
    """Score the best checkpoint of a run on the test set, print it and write `metrics.json`.

    Args:
        run: run folder.
        data_dir: folder of the data sets.
        draws: samples of a VAE's noise per image for the ELBO.
        k: samples per image for the importance-weighted log p(x).
        seed: of either noise.
        dataset: folder:PATH, where the pictures are now, if they are not where they were.

    Returns:
        What `vae_onnx.evaluation.evaluate` gives, and "split".

    Raises:
        ConfigError: `draws` or `k` is below 1, or `seed` below 0.
        FileNotFoundError: the run or the data set is missing.
        RunError: the checkpoint is damaged.
        DataError: the data set is damaged, or has changed since the training.
    """
    try:
        settings = Settings(draws, k, seed)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    model, config = load_model(run)
    test = origin.of_run(run, config, data_dir, dataset).test
    result = evaluation.evaluate(
        test.x.numpy(),
        encode(model, test),
        decoder(model),
        test.labels.numpy() if len(test.class_names) > 1 else None,
        settings,
        progress.track,
        likelihood(model),
    )
    result = {"split": "test", **result}
    record.write_metrics(run, result)
    card.write(run)
    print(evaluation.table(f"{config.model_name}, test set,", result))
    return result
