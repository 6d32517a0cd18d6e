"""The data sets, each split held as one tensor: no `DataLoader`, no work per image."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from export.data.split import order, split

VALIDATION_IMAGES: Final = 10_000  # of the known data sets that are not small
VALIDATION_SHARE: Final = 6  # of those that are: one image in so many


@dataclass(frozen=True)
class Split:
    """Images and their classes, row by row."""

    pixels: Tensor  # (N, channels * height * width) uint8, channel by channel, ink 255
    labels: Tensor  # (N,) int64, index into class_names
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pixels)

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


def load(config: Recipe, data_dir: Path | None = None, expected: Expected | None = None) -> DataSet:
    """Load a data set.

    Args:
        config: Names it, and says how the pictures of a folder are read; of these 8 in 10 are
            trained on, 1 in 10 each is kept for validation and test, unless its own folders say
            otherwise.
        data_dir: folder of the known sets.
        expected: what the pictures of a folder must be, because a model was trained on them.

    Raises:
        FileNotFoundError: the data set is neither in the folder nor to be had from the network.
        DataError: the folder holds too few, damaged or foreign files, or others than expected, or
            more than the memory.
    """
    root = folder(data_dir)
    if config.dataset == "celeba":
        return _CelebA(root, config.image_shape[1])
    if config.dataset in known.SETS:
        parts = {"train": "train", "test": "t10k"}
        return _Known(lambda part: known.read(config.dataset, root, parts[part]))
    if not config.dataset.startswith(FOLDER):
        return _Known(lambda part: fetched.read(config.dataset, root, part))
    path = place_of(config.dataset)
    if expected is not None:
        expected.find(path)
    return _Folder(path, own.read(path, config), expected)


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
    return Split(split.pixels.to(device), split.labels.to(device), split.class_names)


class _Known(DataSet):
    """A data set of images to train on, of which some validate, and others to test with."""

    def __init__(self, read: Callable[[PartName], Half]) -> None:
        self._read = read

    @cached_property
    def _first(self) -> tuple[Half, Tensor, int]:
        """The images to train on, a fixed random order of them, and how many of it validate."""
        half = self._read("train")
        rows = order(len(half.labels))
        return half, rows, min(VALIDATION_IMAGES, len(rows) // VALIDATION_SHARE)

    @cached_property
    def train(self) -> Split:
        half, rows, validation = self._first
        return _of_half(half, rows[validation:])

    @cached_property
    def validation(self) -> Split:
        half, rows, validation = self._first
        return _of_half(half, rows[:validation])

    @cached_property
    def test(self) -> Split:
        return _of_half(self._read("test"))


class _CelebA(DataSet):
    """The three parts of CelebA, each read when it is asked for."""

    def __init__(self, root: Path, side: int) -> None:
        self._root, self._side = root, side

    @cached_property
    def train(self) -> Split:
        return _of_half(celeba.read(self._root, "train", self._side))

    @cached_property
    def validation(self) -> Split:
        return _of_half(celeba.read(self._root, "validation", self._side))

    @cached_property
    def test(self) -> Split:
        return _of_half(celeba.read(self._root, "test", self._side))


class _Folder(DataSet):
    """The pictures of a folder."""

    def __init__(self, path: Path, pictures: own.Folder, expected: Expected | None) -> None:
        self._pictures = pictures
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
        pixels = torch.from_numpy(self._pictures.of(rows)).flatten(1)
        labels = torch.from_numpy(self._pictures.labels[rows])
        return Split(pixels, labels, self.fingerprint.class_names)


def _of_half(half: Half, rows: Tensor | None = None) -> Split:
    """Some rows, or all, which are not copied."""
    images, labels = (
        (half.images, half.labels) if rows is None else (half.images[rows], half.labels[rows])
    )
    return Split(images.flatten(1), labels, half.class_names)


def one_of_each(labels: list[int]) -> list[int]:
    """Indices of all labels: first the first one of each class, then those left over."""
    first = [labels.index(label) for label in sorted(set(labels))]
    return first + sorted(set(range(len(labels))) - set(first))
