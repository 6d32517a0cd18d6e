"""Fashion-MNIST and MNIST, each split held as one tensor: no `DataLoader`, no work per image."""

import http.client
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor
from torchvision.datasets import MNIST, FashionMNIST

from export.config import Dataset
from export.errors import DataError

IMAGE_SHAPE: Final = (1, 28, 28)  # channels, height, width
CLASSES: Final = 10

# Not the seed of the run: validation losses can be compared only over the same images.
SPLIT_SEED: Final = 0
VALIDATION_IMAGES: Final = 10_000

_SETS: Final[dict[Dataset, type[MNIST]]] = {"fashion-mnist": FashionMNIST, "mnist": MNIST}
_IMAGES: Final = {"train": 60_000, "t10k": 10_000}
_PARTS: Final = ("images-idx3-ubyte", "labels-idx1-ubyte")


@dataclass(frozen=True)
class Split:
    """Images and their classes, row by row."""

    x: Tensor  # (N, 784) float32 in [0, 1], ink 1.0
    labels: Tensor  # (N,) int64 in 0..9

    def __len__(self) -> int:
        return len(self.x)


def folder(data_dir: Path | None) -> Path:
    """Where the data sets are kept: `data_dir`, or $VAE_ONNX_DATA, or ./data."""
    return data_dir or Path(os.environ.get("VAE_ONNX_DATA") or "data")


def class_names(dataset: Dataset) -> list[str]:
    """Names of the classes 0..9, for example "Sneaker" or "7"."""
    return [name.partition(" - ")[0] for name in _SETS[dataset].classes]  # MNIST: "7 - seven"


def load_train_validation(
    dataset: Dataset, data_dir: Path | None = None, device: torch.device | str = "cpu"
) -> tuple[Split, Split]:
    """Load 50,000 images to train on and 10,000 to choose the best epoch by.

    Raises:
        FileNotFoundError: the data set is neither in the folder nor to be had from the network.
        DataError: the folder holds damaged or foreign files.
    """
    everything = _load(dataset, folder(data_dir), "train")
    order = torch.randperm(len(everything), generator=torch.Generator().manual_seed(SPLIT_SEED))
    train, validation = order[VALIDATION_IMAGES:], order[:VALIDATION_IMAGES]
    return _select(everything, train, device), _select(everything, validation, device)


def load_test(
    dataset: Dataset, data_dir: Path | None = None, device: torch.device | str = "cpu"
) -> Split:
    """Load the 10,000 test images, which no choice about a model may depend on.

    Raises:
        FileNotFoundError: the data set is neither in the folder nor to be had from the network.
        DataError: the folder holds damaged or foreign files.
    """
    test = _load(dataset, folder(data_dir), "t10k")
    return Split(test.x.to(device), test.labels.to(device))


def _select(split: Split, rows: Tensor, device: torch.device | str) -> Split:
    return Split(split.x[rows].to(device), split.labels[rows].to(device))


def _load(dataset: Dataset, root: Path, part: str) -> Split:
    """Read one half of a data set, `part` being "train" or "t10k" as in the file names."""
    raw = root / _SETS[dataset].__name__ / "raw"
    if not all((raw / f"{half}-{name}").is_file() for half in _IMAGES for name in _PARTS):
        _download(dataset, root, raw)
    files = " and ".join(str(raw / f"{part}-{name}") for name in _PARTS)
    remedy = f"delete the folder {raw} and run again to download it anew"
    try:
        source = _SETS[dataset](root, train=part == "train", download=False)
    except PermissionError:
        raise  # the file itself may be sound
    except Exception as error:  # torchvision asserts, reshapes and indexes what it reads unchecked
        raise DataError(f"{files} cannot be read ({error}); {remedy}") from error
    images, labels = source.data, source.targets
    expected = (_IMAGES[part], *IMAGE_SHAPE[1:])
    if images.shape != expected or labels.shape != expected[:1] or (labels >= CLASSES).any():
        raise DataError(
            f"{files} must hold images {expected} and as many labels below {CLASSES}, "
            f"got images {tuple(images.shape)} and labels {tuple(labels.shape)}; {remedy}"
        )
    return Split(images.flatten(1).float() / 255, labels.long())


def _download(dataset: Dataset, root: Path, raw: Path) -> None:
    try:
        _SETS[dataset](root, download=True)
    except (RuntimeError, OSError, http.client.HTTPException) as error:
        reason = " ".join(str(error).split())  # torchvision's takes a line for each mirror
        raise FileNotFoundError(
            f"{dataset} is not complete in {raw} and cannot be downloaded ({reason}); connect to "
            "the network, or let --data-dir or VAE_ONNX_DATA name a folder that holds "
            f"{raw.relative_to(root)}"
        ) from error
