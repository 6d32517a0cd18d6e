"""The models that the demo shows: the bundled ones, and those of a user's folder.

A group is what the page shows at once: the VAE and the AE of one data set whose latent space is a
plane, and a VAE of more dimensions where there is one. What came from elsewhere is shown by itself.
Nothing is loaded before it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import vae_onnx
from demo.library import testset
from demo.library.directions import Directions
from demo.library.latent_map import LatentMap, read_latents
from demo.library.single import Single
from demo.library.testset import TestSet
from vae_onnx import likelihood
from vae_onnx.store.bundled import FOLDER
from vae_onnx.store.datasets import PICTURES, TITLES

if TYPE_CHECKING:
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
            self.dataset = _dataset(str(config["dataset"]))
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
        path = self.folder / "history.jsonl"
        if not path.is_file():
            return []
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

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
        z, labels = self.latents
        return {
            name: z[labels == label].mean(axis=0)
            for label, name in enumerate(self.class_names)
            if (labels == label).any()
        }

    def nearest(self, z: NDArray[np.float32], count: int) -> list[int]:
        """Numbers of the test images that the demo has whose codes are nearest to z."""
        if self.tests is None:
            return []
        codes = self.latents[0][: len(self.tests.images)]
        order: list[int] = np.argsort(np.square(codes - z).sum(axis=1))[:count].tolist()
        return order


class Group(NamedTuple):
    """What the page shows at once: models of one data set."""

    title: str
    vae: Lane  # two dimensions
    ae: Lane  # two dimensions
    wide: Lane | None  # a VAE of more dimensions

    @property
    def lanes(self) -> list[Lane]:
        """All models of the group."""
        return [lane for lane in (self.vae, self.ae, self.wide) if lane is not None]

    @property
    def dataset(self) -> str:
        """What the models were trained on."""
        return self.vae.dataset

    @property
    def best(self) -> Lane:
        """The model whose codes tell images apart best."""
        return self.wide or self.vae


class Library:
    """All models of a running demo.

    Args:
        models: A user's folder of models, shown before the bundled ones.
        device: What to run them on, as `vae_onnx.load` takes it.

    Attributes:
        lanes: Every model of `python -m export`, by the name that the page has for it.
        groups: Which of them can be shown at once, by title.
        singles: The models that are shown by themselves, by name.
        titles: Of groups and singles, in the order in which they can be chosen; the page opens with
            the first.

    Raises:
        FileNotFoundError: A file of a model is missing, or the folder holds no group.
        ValueError: The card of a model is damaged.
    """

    def __init__(self, models: Path | None = None, device: str = "auto") -> None:
        if models is not None and not models.is_dir():
            raise FileNotFoundError(f"{models} is no folder")
        bundled, _ = _lanes(FOLDER, device)
        own, singles = _lanes(models, device) if models is not None else ({}, {})
        whose = models.name if models else ""
        for lane in own.values():
            lane.name = f"{whose}/{lane.name}" if lane.name in bundled else lane.name
        for single in singles.values():
            single.name = f"{whose}/{single.name}" if single.name in bundled else single.name
        self.singles = {single.name: single for single in singles.values()}
        self.lanes = {lane.name: lane for lane in (*own.values(), *bundled.values())}
        groups = [*_groups(own.values()), *_groups(bundled.values())]
        if models is not None and not singles and not _groups(own.values()):
            found = ", ".join(sorted({_told(lane) for lane in own.values()})) or "neither"
            raise FileNotFoundError(
                f"{models} must hold folders of a VAE and of an AE of one data set, both with "
                f"latent_dim 2, found {found}; `python -m export all` writes such to OUT/models; "
                "or models that vae_onnx.torch.export or vae_onnx.adopt wrote"
            )
        self.groups: dict[str, Group] = {}
        for group in groups:
            title = group.title
            if title in self.groups:  # the user's own of that name came first
                whose = "bundled" if group.vae in bundled.values() else group.vae.name
                title = f"{title}, {whose}"
            self.groups[title] = group._replace(title=title)
        mine = len(_groups(own.values()))
        titles = list(self.groups)
        self.titles = [*titles[:mine], *self.singles, *titles[mine:]]

    @property
    def first(self) -> Group:
        """The group that is shown first."""
        return next(iter(self.groups.values()))


def _lanes(folder: Path, device: str) -> tuple[dict[str, Lane], dict[str, Single]]:
    """The models in a folder, or the one that it is."""
    folders = [path.parent for path in sorted(folder.glob("*/encoder.onnx"))]
    if (folder / "encoder.onnx").is_file():
        folders.append(folder.resolve())
    lanes, singles = {}, {}
    for path in folders:
        if card := _foreign_card(path):
            singles[path.name] = Single(path.name, path, card, device)
        else:
            lanes[path.name] = Lane(path.name, path, device)
    return lanes, singles


def _foreign_card(folder: Path) -> dict[str, Any] | None:
    """The card of a model that `vae_onnx.torch.export` or `vae_onnx.adopt` made; None of others."""
    try:
        card = json.loads((folder / "card.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return card if isinstance(card, dict) and "made_by" in card else None


def _groups(lanes: Iterable[Lane]) -> list[Group]:
    groups = []
    lanes = list(lanes)
    bundled = list(TITLES)
    for data in sorted({lane.data for lane in lanes}, key=lambda data: _order(bundled, data)):
        mine = [lane for lane in lanes if lane.data == data]
        planes = {lane.kind: lane for lane in reversed(mine) if lane.latent_dim == 2}
        wide = [lane for lane in mine if lane.kind == "vae" and lane.latent_dim > 2]
        if {"vae", "ae"} <= planes.keys():
            largest = max(wide, key=lambda lane: lane.latent_dim, default=None)
            groups.append(Group(planes["vae"].title, planes["vae"], planes["ae"], largest))
    return groups


def _order(bundled: list[str], data: tuple[str, str]) -> tuple[int, tuple[str, str]]:
    """The bundled data sets first, the others by name."""
    return bundled.index(data[0]) if data[0] in bundled else len(bundled), data


def _dataset(told: str) -> str:
    """The data set of a card: mnist, fashion-mnist, or "folder:NAME", never a path."""
    if not told.startswith(PICTURES):
        return told
    return PICTURES + (Path(told.removeprefix(PICTURES)).name or "pictures")


def _told(lane: Lane) -> str:
    return f"{lane.kind} of latent_dim {lane.latent_dim}"
