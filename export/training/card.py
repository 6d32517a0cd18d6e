"""The model card of a run, `README.md` in its folder: what it is, how good, how it came about."""

import math
from pathlib import Path
from typing import Any, Final

from export import markdown, writing
from export.choices import GREY, KINDS
from export.config import Config
from export.networks.autoencoder import parameters
from export.networks.building import build
from export.training import record
from export.training.record import CURVES, Epoch

CARD: Final = "README.md"


def write(run: Path) -> None:
    """Write the card of a run from the files in its folder, with its test metrics where there are.

    Raises:
        FileNotFoundError: no epoch has been finished.
        RunError: a file is damaged.
    """
    metrics = record.read_metrics(run) if (run / record.METRICS).exists() else None
    writing.write_text(run / CARD, text(record.read_config(run), record.read_history(run), metrics))


def text(config: Config, history: list[Epoch], metrics: dict[str, Any] | None) -> str:
    """Compose the card: Markdown that names no place of this machine."""
    paragraphs = [
        f"# {config.model_name}",
        summary(config, parameters(build(config))),
        "## How good it is",
        *results(metrics),
        "## How it was trained",
        f"```sh\npython -m export train {config.public().flags()} --out RUN\n```",
        _training(config, history),
        f"![Losses over the epochs]({CURVES})",
        "## What it is for",
        purpose(config),
    ]
    return "\n\n".join(paragraphs)


def summary(config: Config, weights: int) -> str:
    """Say in one sentence what a model with so many weights is."""
    pixels, variable = math.prod(config.image_shape), "Bernoulli variable a pixel"
    if config.likelihood == "gaussian":
        variable = "Gaussian of one deviation for all pixels"
    layers = f"{pixels}-{config.hidden_dim}-{config.latent_dim}-{config.hidden_dim}-{pixels}"
    how = f"{layers} with ReLU"
    if config.network == "conv":
        code = "x".join(map(str, config.latent_shape))
        how = f"residual convolutions from {pictures(config)} to a code of {code} and back"
    return (
        f"A {KINDS[config.kind]} of {config.told}: {how}, {weights:,} parameters, one {variable}."
    )


def pictures(config: Config) -> str:
    """Say what the pictures are: "28x28 grey pixels"."""
    channels, height, width = config.image_shape
    return f"{height}x{width} {'grey' if channels == GREY else 'RGB'} pixels"


def purpose(config: Config) -> str:
    """Say what a model may be used for."""
    paper = "light ink on dark paper" if config.is_drawn else "0 for black"
    return (
        f"Images of {pictures(config)} in [0, 1], {paper}, like "
        "those it was trained on. Whatever else it is shown, it explains as one of those; "
        f"{'log p(x)' if config.kind == 'vae' else 'recon'} tells how badly. It is a small model "
        "for learning, demonstrations and embedding, not a generator of sharp pictures."
    )


def _training(config: Config, history: list[Epoch]) -> str:
    best = record.best_epoch(history)
    minutes = sum(epoch["seconds"] for epoch in history) / 60
    seen = ", on images that were trained on as well" if config.train_on == "all" else ""
    seen += ", of the encoder's own epochs" if seen and config.encoder_epochs else ""
    epochs = f"{len(history)} epoch" + "s" * (len(history) > 1)
    return (
        f"{epochs}, {minutes:.1f} minutes; the weights are those of epoch {best['epoch']}, of the "
        f"lowest validation loss ({best['validation']['loss']:.2f} nats per image{seen})."
    )


def results(metrics: dict[str, Any] | None) -> list[str]:
    """Say in paragraphs how good a model is, by its test metrics."""
    if metrics is None:
        return ["Not evaluated yet: `python -m export evaluate RUN`."]
    nats = {
        "total": "total, recon + kld" if "kld" in metrics else "total, recon alone",
        "recon": "recon",
        "kld": "kld",
        "log_px": "exact log p(x)",
        "inference_gap": "log p(x) - ELBO",
        "floor": "entropy of the pixels, the least any model can reach",
    }
    others = {
        "bits_per_dim": "bits per dimension of 8-bit pixels",
        "knn_accuracy": "kNN accuracy of the codes",
        "mse": "squared error per pixel",
    }
    rows = [[nats[name], f"{metrics[name]:.2f}"] for name in nats if name in metrics]
    rows += [[others[name], f"{metrics[name]:.4f}"] for name in others if name in metrics]
    draws = f", the mean of {metrics['draws']} draws of the noise" if "draws" in metrics else ""
    return [
        markdown.table(["nats per image, or as said", "test"], rows),
        f"{metrics['images']:,} test images{draws}; standard error of the total over the images: "
        f"{metrics['standard_error']:.2f}.",
        "Nats per image say how well images are explained. Lower is better, and only models of the "
        "same images and the same likelihood can be compared: for grey pixels the least that is "
        "possible is not zero, and a Gaussian's nats, of a density, may be negative.",
    ]
