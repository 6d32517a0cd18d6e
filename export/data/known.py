"""MNIST and Fashion-MNIST, from their files: packed or not, or downloaded.

A data set is what its files hold, not what a folder is called: they are known by their sha256.
"""

import http.client
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import torch
from torch import Tensor
from torchvision.datasets import MNIST, FashionMNIST

from export.data import idx
from export.errors import DataError

T = TypeVar("T")

SIDE: Final = 28
CLASSES: Final = 10

SETS: Final[dict[str, type[MNIST]]] = {"fashion-mnist": FashionMNIST, "mnist": MNIST}
IMAGES: Final = {"train": 60_000, "t10k": 10_000}
_PARTS: Final = ("images-idx3-ubyte", "labels-idx1-ubyte")

_SHA256: Final = {  # of images and labels, unpacked
    ("fashion-mnist", "train"): (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    ("fashion-mnist", "t10k"): (
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    ("mnist", "train"): (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    ("mnist", "t10k"): (
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}


class Half(NamedTuple):
    """The images of a known data set to train on, or those to test with."""

    images: Tensor  # uint8 (N, height, width), or (N, channels, height, width)
    labels: Tensor  # (N,) int64
    class_names: tuple[str, ...]


def fetch(dataset: str, root: Path) -> None:
    """Download what is missing of a data set.

    Raises:
        FileNotFoundError: it is not to be had from the network.
    """
    if any(_find(dataset, root, half, name) is None for half in IMAGES for name in _PARTS):
        _download(dataset, root)


def read(dataset: str, root: Path, part: str, rows: Tensor | None = None) -> Half:
    """Read one half of a data set, `part` being "train" or "t10k" as in the names of its files.

    They are looked for in ROOT/MNIST/raw, where torchvision keeps them, in ROOT/MNIST and in ROOT,
    as they are or packed (.gz), with a hyphen or a dot in the name; else they are downloaded.

    Args:
        dataset: "mnist" or "fashion-mnist".
        root: Where the data sets are.
        part: Which half.
        rows: (n,) int64, those that are wanted, in this order; else all. Others are not held.

    Raises:
        FileNotFoundError: a file is neither there nor to be had from the network.
        DataError: a file is damaged, or of another data set.
    """
    fetch(dataset, root)
    paths = [path for name in _PARTS if (path := _find(dataset, root, part, name))]
    shape, labels = _reading(idx.shape, paths[0]), _reading(idx.read, paths[1])
    expected = (IMAGES[part], SIDE, SIDE)
    files = " and ".join(map(str, paths))
    if shape != expected or labels.values.shape != expected[:1] or (labels.values >= CLASSES).any():
        raise DataError(
            f"{files} must hold images {expected} and as many labels below {CLASSES}, "
            f"got images {shape} and labels {labels.values.shape}; {_remedy(*paths)}"
        )
    wanted = None if rows is None else rows.numpy()
    images = _reading(lambda path: idx.read(path, wanted), paths[0])
    for path, content, expected_sum in zip(
        paths, (images, labels), _SHA256[dataset, part], strict=True
    ):
        if content.sha256 != expected_sum:
            raise DataError(
                f"{path} is not the file of {dataset} (its sha256 differs); {_remedy(path)}. "
                "Images of another data set can be saved as pictures and named with "
                "--dataset folder:PATH"
            )
    classes = torch.from_numpy(labels.values).long()
    names = (name.partition(" - ")[0] for name in SETS[dataset].classes)  # MNIST: "7 - seven"
    return Half(
        torch.from_numpy(images.values), classes if rows is None else classes[rows], tuple(names)
    )


def _find(dataset: str, root: Path, part: str, name: str) -> Path | None:
    """Where a file is, if anywhere."""
    for path in _places(dataset, root, part, name):
        if path.is_file():
            return path
    return None


def _places(dataset: str, root: Path, part: str, name: str) -> Iterator[Path]:
    own = root / SETS[dataset].__name__
    for folder in (own / "raw", own, root):
        for written in (f"{part}-{name}", f"{part}-{name.replace('-idx', '.idx')}"):
            yield folder / written
            yield folder / f"{written}.gz"


def _reading(read: Callable[[Path], T], path: Path) -> T:
    """Read a file of bytes in the IDX format.

    Raises:
        DataError: it is damaged.
    """
    try:
        return read(path)
    except idx.DAMAGED as error:
        raise DataError(f"{path} cannot be read ({error}); {_remedy(path)}") from error


def _remedy(*paths: Path) -> str:
    return f"remove {' and '.join(map(str, paths))} and run again to download what is missing"


def _download(dataset: str, root: Path) -> None:
    raw = root / SETS[dataset].__name__ / "raw"
    try:
        SETS[dataset](root, download=True)
    except (RuntimeError, OSError, http.client.HTTPException) as error:
        reason = " ".join(str(error).split())  # torchvision's takes a line for each mirror
        missing = [
            f"{half}-{name}"
            for half in IMAGES
            for name in _PARTS
            if _find(dataset, root, half, name) is None
        ]
        raise FileNotFoundError(
            f"{dataset} is not complete in {raw}: {', '.join(missing)} (or .gz) "
            f"cannot be downloaded ({reason}); put them there, connect to the network, or let "
            "--data-dir or VAE_ONNX_DATA name a folder that holds all of "
            f"{raw.relative_to(root)}"
        ) from error
