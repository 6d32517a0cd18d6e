"""Checkpoints: `best.pt` and `last.pt` of a run folder, loadable with `weights_only=True`."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch

from export import writing
from export.config import Config
from export.errors import RunError
from export.networks.autoencoder import AE, VAE
from export.networks.building import build
from export.training import record

BEST = "best.pt"
LAST = "last.pt"


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically; `state` holds at least "config", "epoch" and "model"."""
    # Through a file of Python's: torch's own writer reports a full disk as a RuntimeError.
    with writing.atomic(path) as partial, partial.open("wb") as file:
        torch.save(state, file)


def tell(run: Path, config: Config) -> None:
    """Let the checkpoints of a run say this config, which fits their weights as the old one did."""
    for path in (run / BEST, run / LAST):
        if path.exists() and (state := load(path))["config"] != asdict(config):
            save(path, {**state, "config": asdict(config)})


def load(path: Path) -> dict[str, Any]:
    """Read what `save` wrote, onto the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        RunError: the file is truncated or not a checkpoint of ours.
    """
    remedy = f"delete {path.parent} and train again"
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing; `python -m export train` writes it") from None
    except PermissionError:
        raise  # the file itself may be sound
    except Exception as error:  # zip, pickle and torch each have their own for a damaged file
        raise RunError(f"{path} is damaged or no checkpoint; {remedy}") from error
    if not (isinstance(state, dict) and {"config", "epoch", "model"} <= state.keys()):
        raise RunError(f"{path} is not a checkpoint of this program; {remedy}")
    return state


def load_model(run: Path, which: Literal["best", "last"] = "best") -> tuple[VAE | AE, Config]:
    """Load the model of a run, on the CPU, in eval mode.

    Raises:
        FileNotFoundError: the run has no checkpoint yet.
        RunError: the checkpoint is truncated or not one of ours.
    """
    path = run / (BEST if which == "best" else LAST)
    state = load(path)
    config = record.parse_config(state["config"], path)
    model = build(config)
    try:
        model.load_state_dict(state["model"])
    except (RuntimeError, TypeError) as error:
        raise RunError(f"{path} does not hold the weights of its own config: {error}") from error
    return model.eval(), config
