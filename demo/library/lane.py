"""A model of one of the data sets of grey pictures, with everything that the page knows of it."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

import vae_onnx
from demo.library import beside, testset
from demo.library.directions import Directions
from demo.library.latent_map import LatentMap, read_latents
from demo.library.testset import TestSet
from vae_onnx import likelihood
from vae_onnx.store.datasets import PICTURES, TITLES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vae_onnx import Autoencoder

DIGITS = "mnist"  # the data set itself, whose images were centred and scaled by their ink
FILES = ("encoder.onnx", "decoder.onnx", "card.json", "latents.npz")
RANKED = 1000  # test images among which the ELBO of a drawing is ranked
RANKED_DRAWS = 4  # of the noise, for each of them


class Lane:
    """A model with everything that the page knows of it.

    Args:
        name: What the page calls it.
        folder: Where its files are.
        device: What to run it on, as `vae_onnx.load` takes it.

    Raises:
        FileNotFoundError: A file of it is missing.
        ValueError: Its card is none.
    """

    def __init__(self, name: str, folder: Path, device: str = "auto") -> None:
        self.name, self.folder, self._device = name, folder, device
        missing = [file for file in FILES if not (folder / file).is_file()]
        if missing:
            raise FileNotFoundError(f"{folder / missing[0]} is missing; `make train` writes it")
        try:
            self.card: dict[str, Any] = json.loads((folder / "card.json").read_text("utf-8"))
            config = self.card["config"]
            self.kind, self.latent_dim = str(config["kind"]), int(config["latent_dim"])
            self.dataset = beside.dataset(str(config["dataset"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{folder / 'card.json'} is not the card of a model") from error
        self.data = (self.dataset, str(self.card.get("data")))  # which pictures, of a folder

    @property
    def title(self) -> str:
        """What the page calls the data set."""
        name = self.dataset.removeprefix(PICTURES)
        clashes = name.casefold() in (title.casefold() for title in TITLES.values())
        return TITLES.get(self.dataset) or (f"{name}, own pictures" if clashes else name)

    @cached_property
    def model(self) -> Autoencoder:
        """The graphs, opened."""
        return vae_onnx.load(self.folder, device=self._device)

    @cached_property
    def map(self) -> LatentMap:
        """The encoded test set, of a model of two dimensions."""
        return LatentMap.of(self.model)

    @cached_property
    def latents(self) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Codes (N, latent_dim) of the test set and their classes (N,)."""
        return read_latents(self.folder / "latents.npz")

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(json.loads(self.model.metadata["class_names"]))

    @cached_property
    def directions(self) -> Directions:
        """The principal directions of the codes of the test set."""
        return Directions.of(self.latents[0])

    @cached_property
    def tests(self) -> TestSet | None:
        """Some real test images, of a bundled data set itself."""
        return testset.read(self.dataset, self.latents[1])

    @cached_property
    def ranking(self) -> NDArray[np.float64]:
        """ELBO in nats of real test images, ascending; empty where the demo has none."""
        if self.tests is None or self.model.image_shape != (1, testset.SIDE, testset.SIDE):
            return np.empty(0)
        return np.sort(self.elbo(self.tests.x[:RANKED], RANKED_DRAWS))

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """Losses of every epoch as training wrote them; none where the folder has no history."""
        return beside.history(self.folder)

    def decode(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pictures (N, height, width) at z (N, latent_dim)."""
        return self.model.decode(z)

    def elbo(self, x: NDArray[np.float32], draws: int) -> NDArray[np.float64]:
        """ELBO in nats, (N,), of images x (N, 1, height, width) under a VAE.

        The noise is the same at every call: a drawing's figure does not flicker.
        """
        rng = np.random.default_rng(0)
        posterior = self.model.posterior(x)
        return likelihood.elbo(x[:, 0], posterior, self.model.decode, rng, draws).elbo

    def percentile(self, nats: float) -> float | None:
        """Percent of real test images that are less probable than an ELBO; None without any."""
        if len(self.ranking) == 0:
            return None
        return 100 * float(np.searchsorted(self.ranking, nats)) / len(self.ranking)

    def averages(self) -> dict[str, NDArray[np.float32]]:
        """The mean code (latent_dim,) of the test images of each class, by its name."""
        return beside.averages(*self.latents, self.class_names)

    def nearest(self, z: NDArray[np.float32], count: int) -> list[int]:
        """Numbers of the test images that the demo has whose codes are nearest to z."""
        if self.tests is None:
            return []
        codes = self.latents[0][: len(self.tests.images)]
        order: list[int] = np.argsort(np.square(codes - z).sum(axis=1))[:count].tolist()
        return order
