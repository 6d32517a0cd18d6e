"""What a model tells of its data set, and whether that is a known one itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TITLES: Final = {  # the known ones, as shown
    "mnist": "MNIST",
    "fashion-mnist": "Fashion-MNIST",
    "kmnist": "KMNIST",
    "emnist": "EMNIST",
    "cifar10": "CIFAR-10",
    "svhn": "SVHN",
    "celeba": "CelebA",
}
PICTURES: Final = "folder:"  # before the name of a folder of pictures, whatever that is called


def known_dataset(metadata: Mapping[str, str]) -> str | None:
    """Tell which known data set itself a model was trained on; None for any other.

    What lay in a folder is "folder:NAME" in the metadata. Graphs of an earlier version have the
    name alone, but of the known data sets only they tell a licence.
    """
    name = metadata.get("dataset", "")
    return name if name in TITLES and "licence" in metadata else None
