"""The data sets, each split held as one tensor: no `DataLoader`, no work per image."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from export.config import FOLDER, place_of
from export.data import folder as own
from export.data import known
from export.data.fingerprint import Expected, Fingerprint
from export.data.known import SIDE, Half
from export.data.split import order, split

VALIDATION_IMAGES: Final = 10_000  # of the known data sets


@dataclass(frozen=True)
class Split:
    """Images and their classes, row by row."""

    x: Tensor  # (N, 784) float32 in [0, 1], ink 1.0
    labels: Tensor  # (N,) int64, index into class_names
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.x)


class DataSet(ABC):
    """The three splits of a data set, made when they are asked for."""

    fingerprint: Fingerprint | None = None
    """Which pictures there are, of a folder: the known data sets do not change."""

    @property
    @abstractmethod
    def train(self) -> Split:
        """The images to train on, 50,000 of the known sets."""

    @property
    @abstractmethod
    def validation(self) -> Split:
        """Those to choose the epoch by."""

    @property
    @abstractmethod
    def test(self) -> Split:
        """Those that no choice about a model depends on, 10,000 of the known sets."""


def load(
    dataset: str,
    data_dir: Path | None = None,
    image_size: int = SIDE,
    expected: Expected | None = None,
) -> DataSet:
    """Load a data set.

    Args:
        dataset: fashion-mnist, mnist, or folder:PATH; of a folder's pictures 8 in 10 are trained
            on, 1 in 10 each is kept for validation and test, unless its own folders say otherwise.
        data_dir: folder of the known sets.
        image_size: side of the squares that the pictures of a folder are made to.
        expected: what the pictures of a folder must be, because a model was trained on them.

    Raises:
        FileNotFoundError: the data set is neither in the folder nor to be had from the network.
        DataError: the folder holds too few, damaged or foreign files, or others than expected.
    """
    if not dataset.startswith(FOLDER):
        return _Known(dataset, folder(data_dir))
    path = place_of(dataset)
    if expected is not None:
        expected.find(path)
    return _Folder(path, own.read(path, image_size), expected)


def load_train_validation(
    dataset: str,
    data_dir: Path | None = None,
    device: torch.device | str = "cpu",
    image_size: int = SIDE,
) -> tuple[Split, Split]:
    """Load the images to train on and those to choose the epoch by, onto a device; see `load`."""
    loaded = load(dataset, data_dir, image_size)
    return to(loaded.train, device), to(loaded.validation, device)


def load_test(
    dataset: str,
    data_dir: Path | None = None,
    device: torch.device | str = "cpu",
    image_size: int = SIDE,
) -> Split:
    """Load the test images, onto a device; see `load`."""
    return to(load(dataset, data_dir, image_size).test, device)


def folder(data_dir: Path | None) -> Path:
    """Where the data sets are kept: `data_dir`, or $VAE_ONNX_DATA, or ./data."""
    return data_dir or Path(os.environ.get("VAE_ONNX_DATA") or "data")


def to(split: Split, device: torch.device | str) -> Split:
    """Return a split with its tensors on a device."""
    return Split(split.x.to(device), split.labels.to(device), split.class_names)


class _Known(DataSet):
    """A data set of 60,000 images to train on, 10,000 of them to validate with, and 10,000 more."""

    def __init__(self, dataset: str, root: Path) -> None:
        self._dataset, self._root = dataset, root

    @cached_property
    def _first(self) -> Half:
        return known.read(self._dataset, self._root, "train")

    @cached_property
    def train(self) -> Split:
        return _of_half(self._first, order(len(self._first.labels))[VALIDATION_IMAGES:])

    @cached_property
    def validation(self) -> Split:
        return _of_half(self._first, order(len(self._first.labels))[:VALIDATION_IMAGES])

    @cached_property
    def test(self) -> Split:
        half = known.read(self._dataset, self._root, "t10k")
        return _of_half(half, torch.arange(len(half.labels)))


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
        x = torch.from_numpy(self._pictures.images[rows]).flatten(1).float() / 255
        labels = torch.from_numpy(self._pictures.labels[rows])
        return Split(x, labels, self.fingerprint.class_names)


def _of_half(half: Half, rows: Tensor) -> Split:
    x = half.images[rows].flatten(1).float() / 255
    return Split(x, half.labels[rows], half.class_names)
