"""A model that the page shows by itself: of colours, of any size, with a code of any shape.

Such come from `vae_onnx.torch.export` and `vae_onnx.adopt`, without a test set, a training that
anybody told of, and often without a likelihood or prior; or from `python -m export`, with all of
that but no partner. What there is, is found here.
"""

from __future__ import annotations

import json
import math
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

import vae_onnx
from demo.library import beside
from demo.library.directions import Directions
from demo.library.latent_map import read_latents
from vae_onnx import contract
from vae_onnx.engine import sizes
from vae_onnx.pictures import fitting, paper
from vae_onnx.pictures.arrays import from_x, to_x
from vae_onnx.store import model_files

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from vae_onnx import Autoencoder
    from vae_onnx.evaluation import Scores
    from vae_onnx.pictures.files import Picture
    from vae_onnx.pictures.fitting import Fit, Ground

    Pictures = NDArray[np.float32]

MOST = 512 * 512  # pixels that a model of any size is shown here: more would take half a minute
DRAWS = 16  # of the noise, for the nats of a picture
LARGE = 3 * 128 * 128  # numbers of a picture, above which one draw has to do
DRAWN = 32  # pixels a side: up to that a grey model may be of drawn digits
INVERTED = "It shows dark on light, and was inverted."


class Seen(NamedTuple):
    """A picture as a model takes it."""

    picture: NDArray[np.float32]  # (1, height, width) or (1, height, width, channels) in [0, 1]
    notes: tuple[str, ...]  # what had to be decided


class Classes(NamedTuple):
    """Of codes beside a model."""

    labels: NDArray[np.uint8]  # (N,)
    names: tuple[str, ...]


class Single:
    """A model, and what is known of it.

    Args:
        name: What programs call it.
        folder: Where its files are.
        card: Its `card.json`.
        device: What to run it on, as `vae_onnx.load` takes it.

    Attributes:
        title: What the page calls it.
    """

    def __init__(self, name: str, folder: Path, card: dict[str, Any], device: str = "auto") -> None:
        self.name = self.title = name
        self.folder, self.card, self._device = folder, card, device

    @cached_property
    def model(self) -> Autoencoder:
        """The graphs, opened."""
        return vae_onnx.load(self.folder, device=self._device)

    @property
    def kind(self) -> str:
        """Its kind, "vae" or "ae"."""
        return self.model.kind

    @property
    def is_open(self) -> bool:
        """Whether it takes pictures of any size."""
        return not sizes.are_fixed(self.model.image_shape)

    @property
    def is_flat(self) -> bool:
        """Whether its code is a list of numbers, not a map."""
        return len(self.model.latent_shape) == 1

    @property
    def is_drawn(self) -> bool:
        """Whether a hand may draw what it takes: it is grey and as small as MNIST's digits."""
        channels, height, width = self.model.image_shape
        return channels == 1 and 0 < height == width <= DRAWN

    @property
    def has_prior(self) -> bool:
        """Whether its codes have the prior N(0, I)."""
        return contract.has_normal_prior(self.model.metadata, self.kind)

    @cached_property
    def has_likelihood(self) -> bool:
        """Whether nats can be told."""
        return contract.likelihood(self.model.metadata) is not None

    @cached_property
    def statistics(self) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """Mean and deviation of the codes, each of the shape that adds to a code; None if untold.

        They are those of a dimension, or of a channel of a map of codes.
        """
        told = [
            contract.codes(self.model.metadata, key, self.model.latent_shape)
            for key in ("latent_mean", "latent_std")
        ]
        if told[0] is None or told[1] is None:
            return None
        shape = (-1, *(1,) * (len(self.model.latent_shape) - 1))
        return told[0].reshape(shape), told[1].reshape(shape)

    @property
    def ground(self) -> Ground | None:
        """What lies where a picture is transparent; None where the model does not say."""
        return contract.ground(self.model.metadata)

    @property
    def fit(self) -> Fit:
        """What became of other proportions when it was trained; what the page offers first."""
        told = self.model.metadata.get("fit")
        return next((fit for fit in fitting.FITS if fit == told), "crop")

    @property
    def dataset(self) -> str | None:
        """What `python -m export` trained it on, as /models tells it; None of others."""
        config = self.card.get("config")
        return beside.dataset(str(config["dataset"])) if isinstance(config, dict) else None

    @property
    def measured(self) -> dict[str, Any]:
        """What `python -m export` measured on the test set, by the names of its card."""
        told = self.card.get("metrics")
        return told if isinstance(told, dict) else {}

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """Losses of every epoch; none where there is no history."""
        return beside.history(self.folder)

    @cached_property
    def latents(self) -> NDArray[np.float32] | None:
        """Codes (N, latent_dim) that lie beside the graphs, of a flat code."""
        path = self.folder / model_files.LATENTS
        if not self.is_flat or not path.is_file():
            return None
        z, _ = read_latents(path)
        return z if len(z) > 2 and z.shape[1:] == self.model.latent_shape else None

    @cached_property
    def directions(self) -> Directions | None:
        """The principal directions of `latents`."""
        return None if self.latents is None else Directions.of(self.latents)

    @cached_property
    def classes(self) -> Classes | None:
        """Which class each of `latents` has; None where that, or its name, is not told."""
        told = self.model.metadata.get("class_names")
        if told is None or self.latents is None:
            return None
        _, labels = read_latents(self.folder / model_files.LATENTS)
        names = tuple(map(str, json.loads(told)))
        known = labels.shape == self.latents.shape[:1] and int(labels.max()) < len(names)
        return Classes(labels, names) if known else None

    def averages(self) -> dict[str, NDArray[np.float32]]:
        """The mean code (latent_dim,) of each class, by its name; none without classes."""
        if self.classes is None or self.latents is None:
            return {}
        return beside.averages(self.latents, *self.classes)

    @cached_property
    def examples(self) -> list[NDArray[np.uint8]]:
        """Pictures to begin with: those of its strip, or what it decodes codes of its own to."""
        path = self.folder / model_files.STRIP
        if path.is_file():
            with Image.open(path) as strip:
                return _upper_row(np.asarray(strip), self.card.get("image_shape"))
        if self.is_open or self.model.image_shape[0] not in fitting.PICTURED:
            return []
        z = self.latents[:8] if self.latents is not None else self.codes(8, 0, 1.0)
        return list(vae_onnx.to_uint8(self.model.decode(z)))

    def read(self, picture: Picture, fit: Fit = "crop", most: int = MOST) -> Seen:
        """Bring a picture to what the model takes.

        Args:
            picture: As it was handed in.
            fit: What becomes of other proportions, where the model has a size.
            most: Pixels, where it has none; larger pictures are reduced.

        Raises:
            InputError: No picture can have the model's channels.
        """
        shape, notes = self.model.image_shape, picture.notes
        pixels = fitting.in_channels(picture, shape[0])
        if paper.expected(self.model.metadata) and paper.is_light(picture.grey):
            pixels, notes = np.invert(pixels), (*notes, INVERTED)
        height, width = pixels.shape[:2]
        if self.is_open and height * width > most:
            scale = math.sqrt(most / (height * width))
            small = max(1, int(width * scale)), max(1, int(height * scale))
            pixels = fitting.fitted(pixels, *small, "stretch")
            notes = (*notes, f"It was reduced to {small[0]} x {small[1]} pixels, to answer soon.")
        pixels = fitting.to_model(pixels, shape, self.model.size_multiple, fit, self.ground)
        return Seen(from_x(to_x(pixels, shape, self.model.size_multiple)), notes)

    def alike(self, a: Pictures, b: Pictures) -> tuple[Pictures, Pictures]:
        """Two pictures (1, ...) of one size, that of the first."""
        if a.shape == b.shape:
            return a, b
        height, width = a.shape[1:3]
        pixels = fitting.fitted(vae_onnx.to_uint8(b[0]), width, height)
        return a, from_x(to_x(pixels, self.model.image_shape, self.model.size_multiple))

    def codes(self, count: int, seed: int, temperature: float) -> NDArray[np.float32]:
        """Draw z (count, *latent_shape) from the prior, or of a Gaussian where the codes lie.

        Args:
            count: How many.
            seed: Of the noise.
            temperature: Factor of the deviation.

        Raises:
            InputError: The model takes pictures of any size.
        """
        z = self.model.sample_codes(count, np.random.default_rng(seed))
        told = None if self.has_prior else self.statistics
        middle = np.float32(0) if told is None else told[0]
        return middle + np.float32(temperature) * (z - middle)

    def score(self, picture: NDArray[np.float32]) -> Scores:
        """Mean squared error and PSNR of a picture (1, ...), nats where there is a likelihood."""
        draws = DRAWS if picture.size <= LARGE else 1
        return self.model.score(picture, draws=draws)


def _upper_row(strip: NDArray[np.uint8], image_shape: Any) -> list[NDArray[np.uint8]]:
    """The pictures that `vae_onnx.torch.export` was given, as its strip shows them."""
    try:
        _, height, width = image_shape
        columns = round(strip.shape[1] / (strip.shape[0] / 2 * width / height))
        row = strip[: strip.shape[0] // 2]
        return [np.ascontiguousarray(one) for one in np.array_split(row, columns, axis=1)]
    except (TypeError, ValueError, ZeroDivisionError):
        return []
