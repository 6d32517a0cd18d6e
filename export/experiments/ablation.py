"""What each part of the recipe is worth: trainings that differ from it in one option."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from export import markdown
from export.choices import Device
from export.config import Config
from export.errors import ConfigError
from export.recipes import options
from export.training import record
from export.training.run import run

SECTION: Final = "ablation"

# By what a row of the table is called; validation data alone have a say.
VARIATIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "the recipe": {},
    "another seed": {"seed": 1},
    "a third seed": {"seed": 2},
    "no moved images": {"moves": 0},
    "moved by up to 2 pixels": {"moves": 2},
    "no noise on the encoder's input": {"input_noise": 0.0},
    "twice the noise": {"input_noise": 0.2},
    "neither noise nor moved images": {"input_noise": 0.0, "moves": 0},
    "the layer that reads images as fast as the others": {"x_lr_factor": 1.0},
    "half as fast": {"x_lr_factor": 0.5},
    "and hidden units begin where the data are": {
        "x_lr_factor": 0.5,
        "z_init": 32.0,
        "x_init": 2.5,
    },
    "the layer that reads z as slow as the others": {"z_lr_factor": 1.0},
    "and three times as fast": {"z_lr_factor": 30.0},
    "more momentum": {"adam_beta1": 0.95},
    "longer memory of Adam": {"adam_beta2": 0.999},
    "shorter memory of Adam": {"adam_beta2": 0.95},
    "half the learning rate": {"lr": 4e-3},
    "smaller batches": {"batch_size": 256, "lr": 6e-3},
    "larger batches": {"batch_size": 1024, "lr": 1.2e-2},
    "constant learning rate": {"schedule": "constant", "lr": 2e-3},
    "4 samples z an image": {"k": 4},
    "kld warmed up": {"kl_warmup": 5},
}


def ablate(
    config: Config, out: Path, page: Path | None, device: Device, data_dir: Path | None
) -> str:
    """Train all variations of a config, and tabulate their validation losses.

    Args:
        config: what is varied.
        out: folder for the runs; finished ones are not trained again.
        page: Markdown file whose section "ablation" shall hold the table.
        device: where to train.
        data_dir: folder of the data sets.

    Returns:
        The table, which is printed as well.

    Raises:
        ConfigError: the config cannot be varied so, or trains on the validation images, or the
            page has no such section.
    """
    if config.train_on == "all":
        raise ConfigError("an ablation compares by images not trained on; leave out --train-on all")
    if config.network != "mlp":
        raise ConfigError("the variations are of the recipe of --network mlp")
    if page:
        markdown.fill(page, SECTION)
    configs = {name: replace(config, **changes) for name, changes in VARIATIONS.items()}
    losses = {}
    for name, varied in configs.items():
        folder = out / (options(VARIATIONS[name]).replace("--", "").replace(" ", "-") or "recipe")
        history = run(varied, folder, data_dir, device, resume=True)
        losses[name] = record.best_epoch(history)["validation"]["loss"]
    result = table(losses, config)
    if page:
        markdown.fill(page, SECTION, result)
    print(result + (f"\nwrote {page}" if page else ""))
    return result


def table(losses: Mapping[str, float], config: Config) -> str:
    """Lay out losses by variation, the first being what the others are compared with."""
    first, *_ = losses.values()
    rows = [
        [name, f"`{options(VARIATIONS[name])}`" if VARIATIONS[name] else "", f"{loss:.2f}", ""]
        for name, loss in losses.items()
    ]
    for row, loss in zip(rows[1:], list(losses.values())[1:], strict=True):
        row[-1] = f"{loss - first:+.2f}"
    header = ["variation", "options", "validation, nats", "difference"]
    command = f"python -m export train {config.public().flags()} OPTIONS --out RUN"
    return f"{markdown.table(header, rows)}\n\nEach row is `{command}`."
