"""Recipes: options of a training that belong together, by network and name."""

import shlex
from collections.abc import Mapping
from typing import Any, Final, Literal

MLP_RECIPES: Final[dict[str, Mapping[str, Any]]] = {
    "best": {},  # the defaults
    "report": {
        "epochs": 50,
        "batch_size": 128,
        "lr": 1e-3,
        "z_lr_factor": 1.0,
        "x_lr_factor": 1.0,
        "adam_beta2": 0.999,
        "schedule": "constant",
        "input_noise": 0.0,
        "moves": 0,
    },
    "speed": {
        "epochs": 14,
        "mean_bias": True,
        "lr": 1e-2,
        "z_lr_factor": 30.0,
        "adam_beta1": 0.93,
        "adam_beta2": 0.95,
        "input_noise": 0.0,
        "moves": 0,
        "train_on": "all",
        "precision": "bfloat16",
    },
}
CONV_RECIPES: Final[dict[str, Mapping[str, Any]]] = {
    "best": {
        "network": "conv",
        "latent_dim": 64,
        "epochs": 60,
        "batch_size": 128,
        "lr": 2e-3,
        "z_lr_factor": 1.0,
        "moves": 0,
        "precision": "auto",
    },
}
RECIPES: Final[dict[str, Mapping[str, Mapping[str, Any]]]] = {
    "mlp": MLP_RECIPES,
    "conv": CONV_RECIPES,
}
RecipeName = Literal["best", "report", "speed"]


def options(values: Mapping[str, object]) -> str:
    """Write values of a recipe as options of the command line."""
    return " ".join(_option(name, value) for name, value in values.items())


def _option(name: str, value: object) -> str:
    flag = f"--{name.replace('_', '-')}"
    return flag if value is True else f"{flag} {shlex.quote(str(value))}"
