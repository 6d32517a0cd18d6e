"""A user's own images as a data set: `--dataset folder:PATH`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from export.errors import DataError
from vae_onnx.errors import FileError
from vae_onnx.pictures import files

Pixels = npt.NDArray[np.uint8]

LEAST_IMAGES: Final = 20  # two to validate with and two to test on, and some to train on


def read(folder: Path, image_size: int) -> tuple[npt.NDArray[np.uint8], list[str], list[int]]:
    """Read every picture of a folder, of any size and mode, as grey squares.

    A picture is read as `vae_onnx.read_picture` does, cropped to its middle square and scaled with
    anti-aliasing. Pictures in folders below are of the class that their folder is named
    after; those in the folder itself are all of one class.

    Args:
        folder: Where the pictures are; other files are left alone.
        image_size: Side of the squares, in pixels.

    Returns:
        The images (N, image_size, image_size) in the order of their paths, the names of the
        classes, and the index of each image's class.

    Raises:
        FileNotFoundError: there is no such folder.
        DataError: it holds too few pictures, or one that cannot be read.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; --dataset folder:PATH names one")
    paths = _pictures(folder)
    if len(paths) < LEAST_IMAGES:
        raise DataError(
            f"{folder} must hold at least {LEAST_IMAGES} pictures, in itself or in folders named "
            f"after their classes, got {len(paths)}"
        )
    images = np.stack(
        [_square(path, image_size) for path in tqdm(paths, desc=str(folder), disable=None)]
    )
    classes = [path.relative_to(folder).parent.as_posix() for path in paths]
    names = sorted(set(classes))
    labels = [names.index(name) for name in classes]
    return images, [folder.resolve().name if name == "." else name for name in names], labels


def _pictures(folder: Path) -> list[Path]:
    suffixes = Image.registered_extensions()
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()
    )


def _square(path: Path, image_size: int) -> Pixels:
    try:
        grey, _ = _read(path.read_bytes())
    except DataError as error:
        raise DataError(f"{path}: {error}; or remove it") from error
    return files.fitted(grey, image_size, image_size)


def _read(content: bytes) -> tuple[Pixels, Sequence[str]]:
    """Decode a file to grey (height, width), with notes of what had to be decided.

    Raises:
        DataError: it is no complete picture.
    """
    try:
        picture = files.read(content)
    except FileError as error:
        raise DataError(str(error)) from error
    return picture.grey, picture.notes
