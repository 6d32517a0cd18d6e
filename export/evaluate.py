"""The report's test block: what a model scores on images it was not trained on."""

import math
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from export import runs
from export.checkpoint import load_model
from export.config import DRAWS
from export.data import Split, load_test
from export.errors import ConfigError
from export.loss import terms
from export.model import AE, VAE

NOISE_SEED: Final = 0
BATCH: Final = 1000  # images at once; has no influence on the result


@torch.inference_mode()
def per_image(
    model: VAE | AE, x: Tensor, draws: int = 1, batch_size: int = BATCH
) -> dict[str, Tensor]:
    """Loss terms of each image, their expectation over the noise taken by `draws` samples.

    The noise is the same at every call: two evaluations differ by their models alone.

    Args:
        model: on the same device as x.
        x: images, (N, 784) float32 in [0, 1].
        draws: posterior samples an image; an AE, which has none, is run once.
        batch_size: images at once.

    Returns:
        "recon" and for a VAE "kld", (N,) float64 each, in nats.
    """
    generator = torch.Generator().manual_seed(NOISE_SEED)
    passes = []
    for _ in range(draws if isinstance(model, VAE) else 1):
        # Drawn for all images at once, so that an image's noise does not depend on its batch.
        eps = torch.randn(len(x), model.latent_dim, generator=generator).to(x.device)
        batches = zip(torch.split(x, batch_size), torch.split(eps, batch_size), strict=True)
        passes.append([terms(model, *batch) for batch in batches])
    return {
        name: torch.stack(
            [torch.cat([batch[name] for batch in batches]).double() for batches in passes]
        ).mean(dim=0)
        for name in passes[0][0]
    }


def losses(model: VAE | AE, x: Tensor) -> runs.Losses:
    """Mean losses over x in nats per image, with one noise sample an image."""
    means = {name: values.mean().item() for name, values in per_image(model, x).items()}
    return {"loss": sum(means.values()), **means}


def metrics(model: VAE | AE, test: Split, draws: int = DRAWS) -> dict[str, Any]:
    """Score a model on the test set.

    Args:
        model: on the same device as the images.
        test: what `load_test` gives.
        draws: posterior samples an image; an AE has none and its result no such entry.

    Returns:
        What `metrics.json` holds: means over all images in nats per image ("total", "recon", for
        a VAE "kld"), and the standard error of the total over images.
    """
    values = per_image(model, test.x, draws)
    total = torch.stack(list(values.values())).sum(dim=0)
    return {
        "split": "test",
        "images": len(test),
        **({"draws": draws} if isinstance(model, VAE) else {}),
        "total": total.mean().item(),
        **{name: value.mean().item() for name, value in values.items()},
        "standard_error": total.std().item() / math.sqrt(len(test)),
    }


def evaluate(run: Path, data_dir: Path | None = None, draws: int = DRAWS) -> dict[str, Any]:
    """Score the best checkpoint of a run on the test set, print it and write `metrics.json`.

    Raises:
        ConfigError: `draws` is below 1.
        FileNotFoundError: the run or the data set is missing.
        RunError: the checkpoint is damaged.
        DataError: the data set is damaged.
    """
    if draws < 1:
        raise ConfigError(f"draws must be at least 1, got {draws}")
    model, config = load_model(run)
    result = metrics(
        model, load_test(config.dataset, data_dir, image_size=config.image_size), draws
    )
    runs.write_metrics(run, result)
    print(block(config.model_name, result))
    return result


def block(name: str, result: dict[str, Any]) -> str:
    """Lay out metrics for reading."""
    noise = f", {result['draws']} draws of the noise each" if "draws" in result else ""
    lines = [f"{name} on the {result['images']:,} test images{noise}, nats per image"]
    lines.append(
        f"  total  {result['total']:9.4f}  (standard error {result['standard_error']:.4f})"
    )
    lines += [f"  {key:5}  {result[key]:9.4f}" for key in ("recon", "kld") if key in result]
    return "\n".join(lines)
