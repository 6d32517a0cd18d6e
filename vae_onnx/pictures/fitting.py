"""A picture of another size -> the size, and the channels, that a model takes."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from vae_onnx.engine.sizes import ANY
from vae_onnx.errors import InputError
from vae_onnx.pictures.arrays import Shape
from vae_onnx.pictures.files import Picture, pillow

Pixels = npt.NDArray[np.uint8]
Fit = Literal["stretch", "crop", "pad"]
Ground = Literal["black", "white"]

FITS: Final[tuple[Fit, ...]] = get_args(Fit)
MEANS: Final = (
    "crop cuts the middle out in the proportions wanted, pad lays bars beside the picture, "
    "stretch changes its proportions"
)
PICTURED: Final = (1, 3, 4)  # channels that a picture file can give
GAP: Final = 3.0  # times the size wanted, down to which whole pixels may be averaged first


def fitted(
    pixels: Pixels,
    width: int,
    height: int,
    fit: Fit = "crop",
    ground: Ground = "black",
) -> Pixels:
    """Scale a picture to a size, with anti-aliasing (Lanczos).

    Of one many times larger whole pixels are averaged first, down to `GAP` times the size.

    Args:
        pixels: uint8 (H, W) or (H, W, channels).
        width: Wanted.
        height: Wanted.
        fit: What becomes of other proportions: "crop" takes the middle, as `folder:` trains on it,
            "pad" the whole with `ground` beside it, "stretch" the whole, distorted.
        ground: What "pad" lays beside the picture.

    Raises:
        PackageMissingError: Pillow is not installed.
    """
    image = pillow()
    from PIL import ImageOps

    picture, size, filter_ = image.fromarray(pixels), (width, height), image.Resampling.LANCZOS
    scaled = partial(picture.resize, resample=filter_, reducing_gap=GAP)
    if fit == "stretch":
        return np.asarray(scaled(size))
    if fit == "crop":
        return np.asarray(scaled(size, box=_middle(picture.size, size)))
    colour = ground if ground != "black" else None  # None: zeros in every channel
    return np.asarray(ImageOps.pad(scaled(_contained(picture.size, size)), size, filter_, colour))


def enough(side: int) -> int:
    """Return how long the sides of a picture must be that is to be scaled to a size of `side`."""
    return math.ceil(GAP * side)


def _middle(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[float, float, float, float]:
    """The largest box of the wanted proportions in the middle of a picture."""
    width, height = size
    ratio = wanted[0] / wanted[1]
    within = (min(width, ratio * height), min(height, width / ratio))
    left, top = (width - within[0]) * 0.5, (height - within[1]) * 0.5
    return left, top, left + within[0], top + within[1]


def _contained(size: tuple[int, int], within: tuple[int, int]) -> list[int]:
    """The largest size of the same proportions; a line of pixels at least."""
    scale = min(within[0] / size[0], within[1] / size[1])
    return [max(1, round(side * scale)) for side in size]


def to_model(
    pixels: Pixels,
    image_shape: Shape,
    multiple: int,
    fit: Fit = "crop",
    ground: Ground | None = None,
) -> Pixels:
    """Bring a picture to the size that a model takes.

    Args:
        pixels: uint8 (H, W) or (H, W, channels).
        image_shape: (channels, height, width) of the model. Where a size is open the picture keeps
            its own, cut at both ends to a multiple.
        multiple: Which one.
        fit: As in `fitted`.
        ground: What "pad" lays beside the picture; black unless told.
    """
    target = [
        max(multiple, size - size % multiple) if wanted == ANY else wanted
        for size, wanted in zip(pixels.shape, image_shape[1:], strict=False)
    ]
    for axis in (0, 1):
        size = pixels.shape[axis]
        if image_shape[1 + axis] == ANY and size > target[axis]:
            start = (size - target[axis]) // 2
            pixels = pixels.take(range(start, start + target[axis]), axis)
    height, width = target
    if pixels.shape[:2] == (height, width):
        return pixels
    return fitted(pixels, width, height, fit, ground or "black")


def in_channels(picture: Picture, channels: int) -> Pixels:
    """Return the pixels of a picture as a model of so many channels takes them.

    Returns:
        uint8 (H, W) of one channel, (H, W, 3) RGB, (H, W, 4) RGB and opaque.

    Raises:
        InputError: The channels are none of a picture's.
    """
    if channels not in PICTURED:
        raise InputError(
            f"the model takes {channels} channels, which no picture file has; give it a .npy file "
            f"(N, height, width, {channels})"
        )
    if channels == 1:
        return picture.grey
    rgb = picture.rgb
    opaque: Any = np.full((*rgb.shape[:2], 1), 255, np.uint8)
    return rgb if channels == 3 else np.concatenate([rgb, opaque], axis=2)
