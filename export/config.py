"""What can be chosen about a model and its training; the command line is made from it."""

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, Literal, Self, get_args

from export.errors import ConfigError

DRAWS = 16  # samples of a VAE's noise per test image
NOISE_SEED = 0  # of that noise
BATCH = 1000  # images that are evaluated at once; has no influence on the result

DATASETS = ("fashion-mnist", "mnist")
FOLDER = "folder:"  # before the path of a user's own images
Kind = Literal["vae", "ae"]
KINDS: Final = {"vae": "variational autoencoder (VAE)", "ae": "plain autoencoder (AE)"}
Device = Literal["auto", "cpu", "cuda"]
Schedule = Literal["linear", "constant"]
TrainOn = Literal["train", "all"]
Precision = Literal["float32", "bfloat16"]
Variant = Literal["float16", "int8"]  # of a model's graphs, beside float32
Objective = Literal["elbo", "iwae"]


@dataclass(frozen=True)
class Recipe:
    """Everything but the kind of model: what a VAE and the AE beside it have in common."""

    dataset: str = "fashion-mnist"
    """Data set to learn: fashion-mnist, mnist, or folder:PATH for pictures of your own, directly
    in the folder or in folders named after their classes."""

    image_size: int = 28
    """Side in pixels of the grey squares that the pictures of folder:PATH are made to."""

    hidden_dim: int = 400
    """Width of the hidden layer of encoder and decoder."""

    latent_dim: int = 2
    """Dimensions of the latent space."""

    epochs: int = 200
    """Passes over the training images."""

    batch_size: int = 512
    """Images per step of the optimiser."""

    lr: float = 8e-3
    """Largest learning rate of Adam."""

    z_lr_factor: float = 10.0
    """How many times as fast the layer that reads z learns: it has 2 inputs where the others have
    hundreds, and Adam's steps are of one size (Yang et al., Tensor Programs V, 2022)."""

    adam_beta1: float = 0.9
    """Decay of Adam's average of gradients."""

    adam_beta2: float = 0.99
    """Decay of Adam's average of squared gradients."""

    schedule: Schedule = "linear"
    """Learning rate over time: "linear" warms up over the first epoch and falls to zero on a line,
    "constant" stays."""

    input_noise: float = 0.1
    """Standard deviation of the noise on what the encoder sees, while the decoder is still asked
    for the clean image: the encoder then infers better from images it has not met."""

    moves: int = 1
    """Pixels. The encoder learns as well from images moved by up to this many, up, down, left and
    right, to which the decoder is not adapted; 0 leaves them out."""

    train_on: TrainOn = "train"
    """Images to train on: "train" keeps the validation images out; "all" takes them as well, once
    a recipe has been chosen, and the validation losses are then of images that were trained on."""

    precision: Precision = "float32"
    """Numbers that the large matrix products take while training: "bfloat16" halves their time on a
    CPU or GPU that has instructions for it, and takes longer on one that has none."""

    objective: Objective = "elbo"
    """What a VAE maximises: "elbo" (Kingma & Welling 2014), or "iwae", the tighter bound of Burda
    et al. 2016 with the gradient of Tucker et al. 2019 (DReG)."""

    k: int = 1
    """Samples z an image in a VAE's objective: averaged for elbo, importance-weighted for iwae."""

    beta: float = 1.0
    """Weight of the kld in a VAE's elbo (Higgins et al. 2017); the loss is the ELBO's at 1."""

    kl_warmup: int = 0
    """Epochs over which that weight grows from 0 (Bowman et al. 2016)."""

    free_bits: float = 0.0
    """Nats a latent dimension below which its kld, averaged over the batch, counts as this much
    (Kingma et al. 2016)."""

    seed: int = 0
    """Seed of the initial weights, the order of the images and the training noise."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            ConfigError: naming the option, what it takes and what it was given.
        """
        for name, choices in (
            ("schedule", Schedule),
            ("precision", Precision),
            ("objective", Objective),
            ("train_on", TrainOn),
        ):
            _check_choice(name, getattr(self, name), get_args(choices))
        if self.dataset not in DATASETS and not re.match(f"{FOLDER}.", self.dataset):
            raise ConfigError(
                f"dataset must be one of {', '.join(DATASETS)} or folder:PATH, got {self.dataset!r}"
            )
        if self.image_size != 28 and self.dataset in DATASETS:
            raise ConfigError(
                f"image_size is of folder:PATH; {self.dataset} has 28, got {self.image_size}"
            )
        for name in ("hidden_dim", "latent_dim", "epochs", "batch_size", "k", "image_size"):
            _check_integer(name, getattr(self, name), minimum=1)
        for name in ("seed", "kl_warmup", "moves"):
            _check_integer(name, getattr(self, name), minimum=0)
        if self.moves >= self.image_size:
            raise ConfigError(
                f"moves must be less than the {self.image_size} pixels of an image's side, "
                f"got {self.moves}"
            )
        for name in ("lr", "z_lr_factor"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ConfigError(f"{name} must be a finite number above 0, got {value!r}")
        for name in ("adam_beta1", "adam_beta2"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise ConfigError(f"{name} must be at least 0 and below 1, got {value!r}")
        for name in ("beta", "free_bits", "input_noise"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"{name} must be a finite number of at least 0, got {value!r}")
        if self.objective == "iwae" and (self.beta, self.kl_warmup, self.free_bits) != (1, 0, 0):
            raise ConfigError(
                "beta, kl_warmup and free_bits weigh the kld of the elbo; --objective iwae has "
                "none: leave them out, or choose --objective elbo"
            )

    @property
    def validation_name(self) -> str:
        """What to call the validation losses, which are no such thing of images trained on."""
        return "validation" if self.train_on == "train" else "validation images, trained on too"

    @property
    def dataset_name(self) -> str:
        """What to call the data set: a folder by its name, for a path is nobody's business."""
        if not self.dataset.startswith(FOLDER):
            return self.dataset
        return re.sub(r"[^a-z0-9]+", "-", self.place.name.lower()).strip("-") or "folder"

    @property
    def told(self) -> str:
        """The data set in a sentence: pictures in a folder called mnist are not mnist."""
        if not self.dataset.startswith(FOLDER):
            return self.dataset
        return f"the pictures in {self.place.name or 'a folder'}"

    @property
    def place(self) -> Path:
        """Where the pictures of folder:PATH are, from wherever one looks."""
        return place_of(self.dataset).resolve()

    def located(self) -> Self:
        """The same, with the whole path of a folder of images."""
        if not self.dataset.startswith(FOLDER):
            return self
        return replace(self, dataset=f"{FOLDER}{self.place}")

    def public(self) -> Self:
        """The same, without the path of a folder of images: a card tells no place of a machine."""
        if not self.dataset.startswith(FOLDER):
            return self
        return replace(self, dataset=FOLDER + (self.place.name or "pictures"))

    def flags(self) -> str:
        """The options that give this recipe on the command line; defaults are left out."""
        return options(
            {
                field.name: getattr(self, field.name)
                for field in fields(self)
                if field.name in ("dataset", "kind") or getattr(self, field.name) != field.default
            }
        )


RECIPES: Final[dict[str, Mapping[str, Any]]] = {
    "best": {},  # the defaults
    "report": {
        "epochs": 50,
        "batch_size": 128,
        "lr": 1e-3,
        "z_lr_factor": 1.0,
        "adam_beta2": 0.999,
        "schedule": "constant",
        "input_noise": 0.0,
        "moves": 0,
    },
    "speed": {
        "epochs": 15,
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
RecipeName = Literal["best", "report", "speed"]


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
        return f"{self.dataset_name}-{self.kind}{dimensions}"


def place_of(dataset: str) -> Path:
    """The PATH of folder:PATH, in which ~ is the user's home."""
    path = Path(dataset.removeprefix(FOLDER))
    try:
        return path.expanduser()
    except RuntimeError:  # nobody is called so
        return path


def options(values: Mapping[str, object]) -> str:
    """Write values of a recipe as options of the command line."""
    return " ".join(
        f"--{name.replace('_', '-')} {shlex.quote(str(value))}" for name, value in values.items()
    )


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


def _check_integer(name: str, value: object, minimum: int) -> None:
    # bool is an int to Python, and True epochs is a slip of the pen.
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise ConfigError(f"{name} must be an integer of at least {minimum}, got {value!r}")
