"""Real test images, as many as fit into the repository: 2,000 of each bundled data set.

They stand in `data/NAME.png`, 50 in a row, in the order of the test set, so that image i is what
row i of a model's `latents.npz` was encoded from. `python -m demo.library.testset --data-dir DIR`
writes them from the complete data sets.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

DATA = Path(__file__).parent / "data"
IDX = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}  # folders as torchvision has them
COUNT = 2000
COLUMNS = 50
SIDE = 28


@dataclass(frozen=True)
class TestSet:
    """Images that a model was not trained on, with their classes."""

    __test__ = False  # pytest: no test

    images: NDArray[np.uint8]  # (N, 28, 28)
    labels: NDArray[np.uint8]  # (N,)

    @cached_property
    def x(self) -> NDArray[np.float32]:
        """The images as the models take them, (N, 1, 28, 28) in [0, 1]."""
        return self.images[:, np.newaxis].astype(np.float32) / np.float32(255)

    @cached_property
    def firsts(self) -> list[int]:
        """Numbers of the first image of each class, by class."""
        return [int(np.argmax(self.labels == label)) for label in np.unique(self.labels)]


def read(dataset: str, labels: NDArray[np.uint8]) -> TestSet | None:
    """The test images of a bundled data set; None of any other.

    Args:
        dataset: Its name.
        labels: Classes of the complete test set, in its order.
    """
    path = DATA / f"{dataset}.png"
    if dataset not in IDX or not path.is_file():
        return None
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet)
    rows = pixels.reshape(-1, SIDE, COLUMNS, SIDE).swapaxes(1, 2)
    images = rows.reshape(-1, SIDE, SIDE)
    return TestSet(images, labels[: len(images)])


def write(data_dir: Path) -> None:
    """Write the sheets, from the IDX files of the complete test sets."""
    for dataset, folder in IDX.items():
        raw = (data_dir / folder / "raw" / "t10k-images-idx3-ubyte").read_bytes()
        images = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, SIDE, SIDE)[:COUNT]
        rows = images.reshape(-1, COLUMNS, SIDE, SIDE).swapaxes(1, 2)
        path = DATA / f"{dataset}.png"
        Image.fromarray(rows.reshape(-1, COLUMNS * SIDE)).save(path, optimize=True)
        print(f"wrote {path}, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m demo.library.testset", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    write(parser.parse_args().data_dir)
