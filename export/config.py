"""What can be chosen about a model and its training; the command line is made from it."""

import math
from dataclasses import dataclass, fields
from typing import Literal, get_args

from export.errors import ConfigError

DRAWS = 16  # samples of a VAE's noise per test image

Dataset = Literal["fashion-mnist", "mnist"]
Kind = Literal["vae", "ae"]
Device = Literal["auto", "cpu", "cuda"]
Schedule = Literal["cosine", "constant"]


@dataclass(frozen=True)
class Recipe:
    """Everything but the kind of model: what a VAE and the AE beside it have in common."""

    dataset: Dataset = "fashion-mnist"
    """Data set to learn."""

    hidden_dim: int = 400
    """Width of the hidden layer of encoder and decoder."""

    latent_dim: int = 2
    """Dimensions of the latent space."""

    epochs: int = 50
    """Passes over the training images."""

    batch_size: int = 128
    """Images per step of the optimiser."""

    lr: float = 2e-3
    """Largest learning rate of Adam."""

    schedule: Schedule = "cosine"
    """Learning rate over time: "cosine" warms up over the first epoch and decays to zero,
    "constant" stays (the report's own recipe is 1e-3, constant)."""

    seed: int = 0
    """Seed of the initial weights, the order of the images and the training noise."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            ConfigError: naming the option, what it takes and what it was given.
        """
        for name, choices in (("dataset", Dataset), ("schedule", Schedule)):
            _check_choice(name, getattr(self, name), get_args(choices))
        for name in ("hidden_dim", "latent_dim", "epochs", "batch_size"):
            _check_integer(name, getattr(self, name), minimum=1)
        _check_integer("seed", self.seed, minimum=0)
        if not (math.isfinite(self.lr) and self.lr > 0):
            raise ConfigError(f"lr must be a finite number above 0, got {self.lr!r}")

    def flags(self) -> str:
        """The options that give this recipe on the command line; defaults are left out."""
        shown = [
            f"--{field.name.replace('_', '-')} {getattr(self, field.name)}"
            for field in fields(self)
            if field.name in ("dataset", "kind") or getattr(self, field.name) != field.default
        ]
        return " ".join(shown)


@dataclass(frozen=True)
class Config(Recipe):
    """One training run: a recipe and the kind of model it is for."""

    kind: Kind = "vae"
    """Variational ("vae") or plain ("ae") autoencoder."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choice("kind", self.kind, get_args(Kind))

    @property
    def model_name(self) -> str:
        """Name of the model, for example "mnist-vae"; the usual two dimensions go unsaid."""
        dimensions = "" if self.latent_dim == 2 else f"-{self.latent_dim}d"
        return f"{self.dataset}-{self.kind}{dimensions}"


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


def _check_integer(name: str, value: object, minimum: int) -> None:
    # bool is an int to Python, and True epochs is a slip of the pen.
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise ConfigError(f"{name} must be an integer of at least {minimum}, got {value!r}")
