"""The data sets, each split held as one tensor: no `DataLoader`, no work per image."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from export.choices import FOLDER, place_of
from export.config import Recipe
from export.data import celeba, fetched, known
from export.data import folder as own
from export.data.fetched import PartName
from export.data.fingerprint import Expected, Fingerprint
from export.data.known import Half
from export.data.layout import Part
from export.data.shards import ALL, Shard, Share
from export.data.split import order, split

VALIDATION_IMAGES: Final = 10_000  # of the known data sets that are not small
VALIDATION_SHARE: Final = 6  # of those that are: one image in so many


@dataclass(frozen=True)
class Split:
    """Images and their classes, row by row."""

    pixels: Tensor  # (N, channels * height * width) uint8, channel by channel, ink 255
    labels: Tensor  # (N,) int64, index into class_names
    class_names: tuple[str, ...]
    rows: Tensor | None = None  # (N,) of a process that holds its share: which of the whole; or all
    whole: int | None = None  # images of the whole, then

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def shard(self) -> Shard:
        """The images, as training takes them: all, or a process's share."""
        return Shard(self.pixels, self.rows, self.whole)

    @property
    def x(self) -> Tensor:
        """The images as networks take them, (N, pixels) float32 in [0, 1]: four times the bytes."""
        return self.pixels.float() / 255


class DataSet(ABC):
    """The three splits of a data set, made when they are asked for."""

    fingerprint: Fingerprint | None = None
    """Which pictures there are, of a folder: the known data sets do not change."""

    @property
    @abstractmethod
    def train(self) -> Split:
        """The images to train on."""

    @property
    @abstractmethod
    def validation(self) -> Split:
        """Those to choose the epoch by."""

    @property
    @abstractmethod
    def test(self) -> Split:
        """Those that no choice about a model depends on."""


def load(
    config: Recipe,
    data_dir: Path | None = None,
    expected: Expected | None = None,
    share: Share = ALL,
) -> DataSet:
    """Load a data set.

    Args:
        config: Names it, and says how the pictures of a folder are read; of these 8 in 10 are
            trained on, 1 in 10 each is kept for validation and test, unless its own folders say
            otherwise.
        data_dir: folder of the known sets.
        expected: what the pictures of a folder must be, because a model was trained on them.
        share: which images this process holds, of those that train and validate together; each
            calls this.

    Raises:
        FileNotFoundError: the data set is neither in the folder nor to be had from the network.
        DataError: the folder holds too few, damaged or foreign files, or others than expected, or
            more than the memory.
    """
    root = folder(data_dir)
    name = config.dataset
    if name == "celeba":
        return _CelebA(root, config.image_shape[1], share)
    if name in known.SETS:
        parts = {"train": "train", "test": "t10k"}
        return _Known(
            lambda part, rows: known.read(name, root, parts[part], rows),
            known.IMAGES["train"],
            share,
        )
    if not name.startswith(FOLDER):
        return _Known(
            lambda part, rows: fetched.read(name, root, part, rows), fetched.images(name), share
        )
    path = place_of(name)
    if expected is not None:
        expected.find(path)
    return _Folder(path, own.read(path, config, share), expected, share)


def fetch(config: Recipe, data_dir: Path | None = None) -> None:
    """Download what is missing of a data set to train on.

    Raises:
        FileNotFoundError: it is not to be had from the network.
    """
    root = folder(data_dir)
    if config.dataset == "celeba":
        celeba.fetch(root)
    elif config.dataset in known.SETS:
        known.fetch(config.dataset, root)
    elif not config.dataset.startswith(FOLDER):
        fetched.fetch(config.dataset, root)


def load_train_validation(
    config: Recipe, data_dir: Path | None = None, device: torch.device | str = "cpu"
) -> tuple[Split, Split]:
    """Load the images to train on and those to choose the epoch by, onto a device; see `load`."""
    loaded = load(config, data_dir)
    return to(loaded.train, device), to(loaded.validation, device)


def load_test(
    config: Recipe, data_dir: Path | None = None, device: torch.device | str = "cpu"
) -> Split:
    """Load the test images, onto a device; see `load`."""
    return to(load(config, data_dir).test, device)


def folder(data_dir: Path | None) -> Path:
    """Where the data sets are kept: `data_dir`, or $VAE_ONNX_DATA, or ./data."""
    return data_dir or Path(os.environ.get("VAE_ONNX_DATA") or "data")


def to(split: Split, device: torch.device | str) -> Split:
    """Return a split with its tensors on a device."""
    pixels, labels = split.pixels.to(device), split.labels.to(device)
    return replace(split, pixels=pixels, labels=labels)


class _Known(DataSet):
    """A data set of images to train on, of which some validate, and others to test with."""

    def __init__(
        self, read: Callable[[PartName, Tensor | None], Half], images: int, share: Share = ALL
    ) -> None:
        """`read` gives some rows of a half; `images` are those to train on."""
        self._read, self._images, self._share = read, images, share

    @cached_property
    def _first(self) -> tuple[Split, Split]:
        """What is validated with, and what is trained on: a fixed random part each."""
        validation = min(VALIDATION_IMAGES, self._images // VALIDATION_SHARE)
        rows = order(self._images)
        parts = rows[:validation], rows[validation:]
        places = [self._share.places(part) for part in parts]
        mine = [
            part if held is None else part[held] for part, held in zip(parts, places, strict=True)
        ]
        half = self._read("train", torch.cat(mine))  # in one pass through its files
        pixels, labels = (
            torch.split(values, [len(part) for part in mine])
            for values in (half.images.flatten(1), half.labels)
        )
        first, second = (
            Split(pixels[part], labels[part], half.class_names, places[part], len(parts[part]))
            for part in (0, 1)
        )
        return first, second

    @property
    def train(self) -> Split:
        return self._first[1]

    @property
    def validation(self) -> Split:
        return self._first[0]

    @cached_property
    def test(self) -> Split:
        return _of_half(self._read("test", None))


class _CelebA(DataSet):
    """The three parts of CelebA, each read when it is asked for."""

    def __init__(self, root: Path, side: int, share: Share = ALL) -> None:
        self._root, self._side, self._share = root, side, share

    @cached_property
    def train(self) -> Split:
        return self._split("train")

    @cached_property
    def validation(self) -> Split:
        return self._split("validation")

    @cached_property
    def test(self) -> Split:
        return self._split("test")

    def _split(self, part: Part) -> Split:
        half, pictures = celeba.read(self._root, part, self._side, self._share)
        rows = self._share.places(torch.arange(pictures))
        return Split(half.images.flatten(1), half.labels, half.class_names, rows, pictures)


class _Folder(DataSet):
    """The pictures of a folder."""

    def __init__(
        self, path: Path, pictures: own.Folder, expected: Expected | None, share: Share = ALL
    ) -> None:
        self._pictures, self._share = pictures, share
        self._rows = split(path, pictures)
        parts = dict.fromkeys(pictures.names, "left out")
        for part, rows in zip(("train", "validation", "test"), self._rows, strict=True):
            parts |= {pictures.names[row]: part for row in rows}
        hashes = dict(zip(pictures.names, pictures.contents, strict=True))
        self.fingerprint = Fingerprint(hashes, pictures.class_names, parts)
        if expected is not None:
            self.fingerprint = expected.check(path, self.fingerprint)

    @cached_property
    def train(self) -> Split:
        return self._split(self._rows.train)

    @cached_property
    def validation(self) -> Split:
        return self._split(self._rows.validation)

    @cached_property
    def test(self) -> Split:
        return self._split(self._rows.test)

    def _split(self, rows: Sequence[int]) -> Split:
        assert self.fingerprint is not None
        held = self._share.places(torch.from_numpy(self._pictures.places[rows]))
        mine = rows if held is None else [rows[place] for place in held.tolist()]
        pixels = torch.from_numpy(self._pictures.of(mine)).flatten(1)
        labels = torch.from_numpy(self._pictures.labels[mine])
        return Split(pixels, labels, self.fingerprint.class_names, held, len(rows))


def _of_half(half: Half) -> Split:
    return Split(half.images.flatten(1), half.labels, half.class_names)


def one_of_each(labels: list[int]) -> list[int]:
    """Indices of all labels: first the first one of each class, then those left over."""
    first = [labels.index(label) for label in sorted(set(labels))]
    return first + sorted(set(range(len(labels))) - set(first))
