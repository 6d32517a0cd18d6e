"""What there is to choose from: data sets, networks, kinds of model, and their names."""

from pathlib import Path
from typing import Final, Literal, NamedTuple

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
Precision = Literal["float32", "bfloat16", "auto"]
Variant = Literal["float16", "int8"]  # of a model's graphs, beside float32
Objective = Literal["elbo", "iwae"]


def place_of(dataset: str) -> Path:
    """The PATH of folder:PATH, in which ~ is the user's home."""
    path = Path(dataset.removeprefix(FOLDER))
    try:
        return path.expanduser()
    except RuntimeError:  # nobody is called so
        return path
