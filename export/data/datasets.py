"""The data sets, each split held as one tensor: no `DataLoader`, no work per image."""

import http.client
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor
from torchvision.datasets import MNIST, FashionMNIST

from export.config import FOLDER
from export.data import folder as own
from export.errors import DataError

SIDE: Final = 28
CLASSES: Final = 10

# Not the seed of the run: validation losses can be compared only over the same images.
SPLIT_SEED: Final = 0
VALIDATION_IMAGES: Final = 10_000

_SETS: Final[dict[str, type[MNIST]]] = {"fashion-mnist": FashionMNIST, "mnist": MNIST}
_IMAGES: Final = {"train": 60_000, "t10k": 10_000}
_PARTS: Final = ("images-idx3-ubyte", "labels-idx1-ubyte")


@dataclass(frozen=True)
class Split:
    """Images and their classes, row by row."""

    x: Tensor  # (N, 784) float32 in [0, 1], ink 1.0
    labels: Tensor  # (N,) int64, index into class_names
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.x)


def folder(data_dir: Path | None) -> Path:
    """Where the data sets are kept: `data_dir`, or $VAE_ONNX_DATA, or ./data."""
    return data_dir or Path(os.environ.get("VAE_ONNX_DATA") or "data")


def load_train_validation(
    dataset: str,
    data_dir: Path | None = None,
    device: torch.device | str = "cpu",
    image_size: int = SIDE,
) -> tuple[Split, Split]:
    """Load the images to train on, 50,000 of the known sets, and those to choose the epoch by.

    Args:
        dataset: fashion-mnist, mnist, or folder:PATH; of a folder's pictures 8 in 10 are trained
            on, 1 in 10 each is kept for validation and test.
        data_dir: folder of the known sets.
        device: where the tensors shall be.
        image_size: side of the squares that the pictures of a folder are made to.

    Raises:
        FileNotFoundError: the data set is neither in the folder nor to be had from the network.
        DataError: the folder holds too few, damaged or foreign files.
    """
    if dataset.startswith(FOLDER):
        train, validation, _ = _split_folder(dataset, image_size)
    else:
        everything = _load(dataset, folder(data_dir), "train")
        order = _order(len(everything))
        train = _select(everything, order[VALIDATION_IMAGES:])
        validation = _select(everything, order[:VALIDATION_IMAGES])
    return _to(train, device), _to(validation, device)


def load_test(
    dataset: str,
    data_dir: Path | None = None,
    device: torch.device | str = "cpu",
    image_size: int = SIDE,
) -> Split:
    """Load the test images, 10,000 of the known sets: no choice about a model depends on them.

    Arguments and errors are those of `load_train_validation`.
    """
    if dataset.startswith(FOLDER):
        return _to(_split_folder(dataset, image_size)[2], device)
    return _to(_load(dataset, folder(data_dir), "t10k"), device)


def _split_folder(dataset: str, image_size: int) -> list[Split]:
    images, names, labels = own.read(Path(dataset.removeprefix(FOLDER)), image_size)
    x = torch.from_numpy(images).flatten(1).float() / 255
    everything = Split(x, torch.tensor(labels), tuple(names))
    order, tenth = _order(len(x)), len(x) // 10
    parts = (order[2 * tenth :], order[:tenth], order[tenth : 2 * tenth])
    return [_select(everything, rows) for rows in parts]


def _order(images: int) -> Tensor:
    return torch.randperm(images, generator=torch.Generator().manual_seed(SPLIT_SEED))


def _select(split: Split, rows: Tensor) -> Split:
    return Split(split.x[rows], split.labels[rows], split.class_names)


def _to(split: Split, device: torch.device | str) -> Split:
    return Split(split.x.to(device), split.labels.to(device), split.class_names)


def _load(dataset: str, root: Path, part: str) -> Split:
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
    expected = (_IMAGES[part], SIDE, SIDE)
    if images.shape != expected or labels.shape != expected[:1] or (labels >= CLASSES).any():
        raise DataError(
            f"{files} must hold images {expected} and as many labels below {CLASSES}, "
            f"got images {tuple(images.shape)} and labels {tuple(labels.shape)}; {remedy}"
        )
    names = tuple(name.partition(" - ")[0] for name in source.classes)  # MNIST: "7 - seven"
    return Split(images.flatten(1).float() / 255, labels.long(), names)


def _download(dataset: str, root: Path, raw: Path) -> None:
    try:
        _SETS[dataset](root, download=True)
    except (RuntimeError, OSError, http.client.HTTPException) as error:
        reason = " ".join(str(error).split())  # torchvision's takes a line for each mirror
        raise FileNotFoundError(
            f"{dataset} is not complete in {raw} and cannot be downloaded ({reason}); connect to "
            "the network, or let --data-dir or VAE_ONNX_DATA name a folder that holds "
            f"{raw.relative_to(root)}"
        ) from error
