"""KMNIST, EMNIST, CIFAR-10 and SVHN, read and fetched by torchvision, as whole arrays.

Their files lie where torchvision keeps them; it knows those of CIFAR-10 and SVHN by their md5.
"""

import http.client
import importlib.util
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchvision.datasets import CIFAR10, EMNIST, KMNIST, SVHN

from export.choices import DATASETS
from export.data.known import Half
from export.errors import DataError

PartName = Literal["train", "test"]


class _Source(NamedTuple):
    """Where a data set comes from."""

    open: Callable[[Path, PartName, bool], Any]  # root, part, whether to download
    files: Callable[[PartName], list[str]]  # that torchvision asks for a part, below the root
    images: dict[PartName, int]
    upright: Callable[
        [Any], Tensor
    ]  # its data -> (N, channels, height, width), or without channels


def _idx(*parts: str) -> list[str]:
    names = ("images-idx3-ubyte", "labels-idx1-ubyte")
    return [f"{part}-{name}" for part in parts for name in names]


_CIFAR: Final = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"]


_SOURCES: Final = {
    "kmnist": _Source(
        lambda root, part, get: KMNIST(root, train=part == "train", download=get),
        lambda _: _idx("KMNIST/raw/train", "KMNIST/raw/t10k"),
        {"train": 60_000, "test": 10_000},
        torch.as_tensor,
    ),
    "emnist": _Source(
        lambda root, part, get: EMNIST(root, "balanced", train=part == "train", download=get),
        lambda part: _idx(f"EMNIST/raw/emnist-balanced-{part}"),
        {"train": 112_800, "test": 18_800},
        lambda data: data.transpose(1, 2),  # its files have rows and columns exchanged
    ),
    "cifar10": _Source(
        lambda root, part, get: CIFAR10(root, train=part == "train", download=get),
        lambda _: [f"{CIFAR10.base_folder}/{name}" for name in _CIFAR],
        {"train": 50_000, "test": 10_000},
        lambda data: torch.from_numpy(data).permute(0, 3, 1, 2),
    ),
    "svhn": _Source(
        lambda root, part, get: SVHN(root, split=part, download=get),
        lambda part: [f"{part}_32x32.mat"],
        {"train": 73_257, "test": 26_032},
        lambda data: torch.from_numpy(np.ascontiguousarray(data)),
    ),
}


def images(dataset: str) -> int:
    """How many images there are to train on."""
    return _SOURCES[dataset].images["train"]


def fetch(dataset: str, root: Path, part: PartName = "train") -> None:
    """Download what is missing of one half of a data set.

    Raises:
        FileNotFoundError: it is not to be had from the network.
    """
    if _missing(_SOURCES[dataset], root, part):
        _download(dataset, root, part)


def read(dataset: str, root: Path, part: PartName, rows: Tensor | None = None) -> Half:
    """Read one half of a data set; what is missing of it is downloaded.

    Of the rows (n,) int64, if they are given, in this order; all are held while they are read.

    Raises:
        FileNotFoundError: a file is neither there nor to be had from the network.
        DataError: a file is damaged, or of another data set, or needs a package to be read.
    """
    source = _SOURCES[dataset]
    if dataset == "svhn" and importlib.util.find_spec("scipy") is None:
        raise DataError("the files of svhn are MATLAB's, which scipy reads: pip install scipy")
    fetch(dataset, root, part)
    places = [root / name for name in source.files(part)]
    try:
        with warnings.catch_warnings():  # of numpy, about the age of CIFAR-10's pickles
            warnings.simplefilter("ignore")
            found = source.open(root, part, False)
        images = source.upright(found.data).contiguous()
        labels = torch.as_tensor(found.targets if dataset != "svhn" else found.labels).long()
    except MemoryError:
        raise
    except Exception as error:  # pickle, scipy and torchvision have errors of a dozen kinds
        raise DataError(
            f"{_all(places)} cannot be read as {dataset} ({_reason(error)}); {_remedy(places)}"
        ) from error
    names = tuple(getattr(found, "classes", "0123456789"))
    _check(dataset, part, images, labels, len(names), places)
    return Half(images, labels, names) if rows is None else Half(images[rows], labels[rows], names)


def _check(
    dataset: str, part: PartName, images: Tensor, labels: Tensor, classes: int, places: list[Path]
) -> None:
    """See that these are as many images of the size as the data set has: all of it."""
    channels, side, _ = DATASETS[dataset]
    expected = (_SOURCES[dataset].images[part], *[channels] * (channels > 1), side, side)
    got = tuple(images.shape)
    in_range = labels.numel() > 0 and int(labels.min()) >= 0 and int(labels.max()) < classes
    if images.dtype == torch.uint8 and got == expected and len(labels) == got[0] and in_range:
        return
    raise DataError(
        f"{_all(places)} must hold images {expected} of uint8 and as many labels below {classes}, "
        f"got images {got} of {str(images.dtype).removeprefix('torch.')} and labels "
        f"{tuple(labels.shape)}; {_remedy(places)}"
    )


def _missing(source: _Source, root: Path, part: PartName) -> list[str]:
    return [name for name in source.files(part) if not (root / name).is_file()]


def _download(dataset: str, root: Path, part: PartName) -> None:
    source = _SOURCES[dataset]
    reason = "the download brought none"
    try:
        source.open(root, part, True)
    except (RuntimeError, OSError, EOFError, http.client.HTTPException) as error:
        reason = _reason(error)
    if missing := _missing(source, root, part):
        raise FileNotFoundError(
            f"{dataset} is not complete in {root}: {', '.join(missing)} cannot be downloaded "
            f"({reason}); put them there, as torchvision has them, connect to the network, or let "
            "--data-dir or VAE_ONNX_DATA name a folder that holds them"
        )


def _reason(error: Exception) -> str:
    if "not found or corrupted" in str(error):  # said by torchvision of whatever it reads
        return "the md5 of one is not that of the original"
    return " ".join(str(error).split()) or type(error).__name__


def _all(places: list[Path]) -> str:
    return (
        f"{places[0]} and others beside it" if len(places) > 2 else " and ".join(map(str, places))
    )


def _remedy(places: list[Path]) -> str:
    what = places[0].parent if len(places) > 2 else " and ".join(map(str, places))
    return f"remove {what} and run again to download what is missing"
