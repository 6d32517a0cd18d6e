"""What can be chosen about a model and its training; the command line is made from it."""

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Self, get_args

from export.errors import ConfigError
from export.networks.plan import Plan

DRAWS = 16  # samples of a VAE's noise per test image
NOISE_SEED = 0  # of that noise
BATCH = 1000  # images that are evaluated at once; has no influence on the result

GREY, COLOUR = 1, 3  # channels


class Shape(NamedTuple):
    """The pictures of a data set."""

    channels: int
    side: int
    any_size: bool = False  # they are larger, and come in whatever size is asked for


DATASETS: Final = {
    "fashion-mnist": Shape(GREY, 28),
    "mnist": Shape(GREY, 28),
    "kmnist": Shape(GREY, 28),
    "emnist": Shape(GREY, 28),
    "cifar10": Shape(COLOUR, 32),
    "svhn": Shape(COLOUR, 32),
    "celeba": Shape(COLOUR, 64, any_size=True),
}
FOLDER = "folder:"  # before the path of a user's own images
Kind = Literal["vae", "ae"]
KINDS: Final = {"vae": "variational autoencoder (VAE)", "ae": "plain autoencoder (AE)"}
Network = Literal["mlp", "conv"]
Likelihood = Literal["bernoulli", "gaussian"]
Ground = Literal["white", "black"]
Fit = Literal["crop", "pad"]
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
    """Data set to learn: fashion-mnist, mnist, kmnist, emnist (its digits and letters in 47
    classes), cifar10, svhn, celeba, or folder:PATH for pictures of your own, directly in the folder
    or in folders named after their classes."""

    colour: bool = False
    """Take the pictures of folder:PATH in colour, not grey."""

    image_size: int | None = None
    """Side in pixels of the squares that the pictures of folder:PATH, or of celeba, are made to: by
    default 28 for a folder and --network mlp, else 64."""

    ground: Ground | None = None
    """What is seen through transparent pictures of folder:PATH: "white" or "black". By default
    white with --colour, and without it whichever differs more from what is drawn there."""

    fit: Fit = "crop"
    """How the pictures of folder:PATH become squares: "crop" takes the middle, "pad" fills up with
    the ground."""

    network: Network = "mlp"
    """What encoder and decoder are: "mlp", the report's, with one hidden layer each, or "conv",
    residual convolutions."""

    hidden_dim: int = 400
    """Width of the hidden layer of an mlp's encoder and decoder."""

    width: int | None = None
    """Channels of the first level of a conv; the levels below have twice and three times as many.
    By default 32, above 64 pixels 24."""

    depth: int | None = None
    """Residual blocks in each level of a conv, by default 1."""

    latent_dim: int = 2
    """Dimensions of the latent space; of a map of codes, in each of its places."""

    latent_side: int = 0
    """Side of the map of codes of a conv, for example 8; at 0 the code is flat."""

    likelihood: Likelihood | None = None
    """p(x | z): "bernoulli", or "gaussian" with one deviation for all pixels, which is learned
    (Rybkin et al., Simple and Effective VAE Training with Calibrated Decoders, 2021). By default
    gaussian for colour, else bernoulli."""

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

    mirror: bool = False
    """Train on every image as often mirrored, left to right: for what has no left and right."""

    shift: int = 0
    """Pixels. Train on images moved by up to this many, each time anew, filled up at the edges with
    what lies there."""

    recolour: float = 0.0
    """Share of the colour images that are trained on with their channels exchanged at random, so
    that colours do not matter to shapes."""

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
            ("network", Network),
            ("fit", Fit),
        ):
            _check_choice(name, getattr(self, name), get_args(choices))
        if self.dataset not in DATASETS and not re.match(f"{FOLDER}.", self.dataset):
            raise ConfigError(
                f"dataset must be one of {', '.join(DATASETS)} or folder:PATH, got {self.dataset!r}"
            )
        for name in ("hidden_dim", "latent_dim", "epochs", "batch_size", "k"):
            _check_integer(name, getattr(self, name), minimum=1)
        self._check_pictures()
        self._check_network()
        for name in ("seed", "kl_warmup", "moves", "shift"):
            _check_integer(name, getattr(self, name), minimum=0)
        for name in ("moves", "shift"):
            if getattr(self, name) >= self.image_shape[1]:
                raise ConfigError(
                    f"{name} must be less than the {self.image_shape[1]} pixels of an image's "
                    f"side, got {getattr(self, name)}"
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

    def _check_pictures(self) -> None:
        """Fill in what follows from the data set, and refuse what it cannot have."""
        shape = DATASETS.get(self.dataset)
        if shape is not None and not shape.any_size and self.image_size not in (None, shape.side):
            raise ConfigError(
                f"image_size is of folder:PATH; {self.dataset} has {shape.side}, "
                f"got {self.image_size}"
            )
        if self.colour and shape is not None and shape.channels == GREY:
            raise ConfigError(f"colour is of folder:PATH; {self.dataset} is grey")
        own = 28 if self.network == "mlp" else 64
        self._set("image_size", shape.side if shape is not None else own)
        _check_integer("image_size", self.image_size, minimum=1)
        for name in ("ground", "fit"):
            if shape is not None and getattr(self, name) != getattr(Recipe, name):
                raise ConfigError(f"{name} is of folder:PATH, not of {self.dataset}")
        if self.ground is not None:
            _check_choice("ground", self.ground, get_args(Ground))
        elif self.colour:
            self._set("ground", "white")
        if not 0 <= self.recolour <= 1:
            raise ConfigError(f"recolour must be a share from 0 to 1, got {self.recolour!r}")
        if self.recolour and self.image_shape[0] == GREY:
            raise ConfigError("recolour is of colour pictures; these are grey")

    def _check_network(self) -> None:
        """Fill in what follows from the pictures, and refuse what the network does not have."""
        self._set("likelihood", "bernoulli" if self.image_shape[0] == GREY else "gaussian")
        _check_choice("likelihood", self.likelihood, get_args(Likelihood))
        _check_integer("latent_side", self.latent_side, minimum=0)
        if self.network == "mlp":
            for name in ("width", "depth", "latent_side"):
                if getattr(self, name):
                    raise ConfigError(f"{name} is of --network conv; mlp has hidden_dim")
            return
        if self.hidden_dim != Recipe.hidden_dim:
            raise ConfigError("hidden_dim is of --network mlp; conv has width and depth")
        for name in ("width", "depth"):
            if getattr(self, name) is not None:
                _check_integer(name, getattr(self, name), minimum=1)
        _ = self.plan  # or it says why there is none

    def _set(self, name: str, value: object) -> None:
        """Put in what was not given."""
        if getattr(self, name) is None:
            object.__setattr__(self, name, value)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of the pictures."""
        shape = DATASETS.get(self.dataset)
        channels = shape.channels if shape is not None else COLOUR if self.colour else GREY
        side = self.image_size
        assert side is not None  # since it was filled in
        return channels, side, side

    @property
    def plan(self) -> Plan:
        """The levels of a conv."""
        return Plan.of(self.image_shape, self.latent_shape, self.width, self.depth)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Of the code of one picture: (latent_dim,), or (latent_dim, side, side) of a map."""
        return (self.latent_dim, *[self.latent_side] * 2 * bool(self.latent_side))

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
        given = {"dataset": self.dataset, "network": self.network, "colour": self.colour}
        default = type(self)(**{**RECIPES[self.network]["best"], **given})
        others = [name for name, value in given.items() if value != getattr(Recipe, name)]
        told = ("dataset", "kind", *others)
        return options(
            {
                field.name: getattr(self, field.name)
                for field in fields(self)
                if field.name in told or getattr(self, field.name) != getattr(default, field.name)
            }
        )


MLP_RECIPES: Final[dict[str, Mapping[str, Any]]] = {
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
CONV_RECIPES: Final[dict[str, Mapping[str, Any]]] = {
    "best": {
        "network": "conv",
        "epochs": 60,
        "batch_size": 128,
        "lr": 2e-3,
        "z_lr_factor": 1.0,
    },
}
RECIPES: Final[dict[str, Mapping[str, Mapping[str, Any]]]] = {
    "mlp": MLP_RECIPES,
    "conv": CONV_RECIPES,
}
RecipeName = Literal["best", "report", "speed"]


@dataclass(frozen=True)
class Config(Recipe):
    """One training run: a recipe and the kind of model it is for."""

    kind: Kind = "vae"
    """Variational ("vae") or plain ("ae") autoencoder."""

    name: str = ""
    """What to call the model; by default after data set, network, kind and dimensions, for example
    mnist-conv-vae-16d."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choice("kind", self.kind, get_args(Kind))
        if not re.fullmatch(r"[a-z0-9]*(-[a-z0-9]+)*", self.name):
            raise ConfigError(
                f"name must be of small letters, digits and single hyphens, got {self.name!r}"
            )

    @property
    def model_name(self) -> str:
        """Name of the model, for example "mnist-vae"; the usual two dimensions go unsaid."""
        if self.name:
            return self.name
        network = "" if self.network == "mlp" else f"-{self.network}"
        place = f"x{self.latent_side}x{self.latent_side}" if self.latent_side else ""
        dimensions = "" if self.latent_shape == (2,) else f"-{self.latent_dim}{place}d"
        return f"{self.dataset_name}{network}-{self.kind}{dimensions}"


def place_of(dataset: str) -> Path:
    """The PATH of folder:PATH, in which ~ is the user's home."""
    path = Path(dataset.removeprefix(FOLDER))
    try:
        return path.expanduser()
    except RuntimeError:  # nobody is called so
        return path


def options(values: Mapping[str, object]) -> str:
    """Write values of a recipe as options of the command line."""
    return " ".join(_option(name, value) for name, value in values.items())


def _option(name: str, value: object) -> str:
    flag = f"--{name.replace('_', '-')}"
    return flag if value is True else f"{flag} {shlex.quote(str(value))}"


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


def _check_integer(name: str, value: object, minimum: int) -> None:
    # bool is an int to Python, and True epochs is a slip of the pen.
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise ConfigError(f"{name} must be an integer of at least {minimum}, got {value!r}")
