"""A user's own images as a data set: `--dataset folder:PATH`."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps
from tqdm import tqdm

from export.errors import DataError

LEAST_IMAGES: Final = 20  # two to validate with and two to test on, and some to train on


def read(folder: Path, image_size: int) -> tuple[npt.NDArray[np.uint8], list[str], list[int]]:
    """Read every picture of a folder, of any size and mode, as grey squares.

    A picture is cropped to its middle square and scaled with anti-aliasing; where it is
    transparent it is black. Pictures in folders below are of the class that their folder is named
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
        [_read(path, image_size) for path in tqdm(paths, desc=str(folder), disable=None)]
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


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Scale 16-bit grey down; Pillow's own conversion would cut it off at 255."""
    if not picture.mode.startswith("I"):
        return picture
    return Image.fromarray((np.asarray(picture) // 257).clip(0, 255).astype(np.uint8))


def _read(path: Path, image_size: int) -> npt.NDArray[np.uint8]:
    try:
        with Image.open(path) as file:
            picture = _eight_bits(ImageOps.exif_transpose(file)).convert("RGBA")
    except Exception as error:  # Pillow answers a broken file with errors of a dozen kinds
        raise DataError(f"{path} is not a readable picture ({error}); remove or mend it") from error
    opaque = Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture).convert("L")
    square = ImageOps.fit(opaque, (image_size, image_size), Image.Resampling.LANCZOS)
    return np.asarray(square)
