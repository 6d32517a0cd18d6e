"""Pictures of any colours -> grey or RGB, on paper where they are transparent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from vae_onnx.errors import FileError

Pixels = npt.NDArray[np.uint8]

CONVERTED: Final = {  # Pillow's modes of other terms than those of a screen
    "CMYK": "Inks of print (CMYK) were turned into colours of a screen.",
    "LAB": "Colours of the space LAB were turned into RGB.",
    "HSV": "Colours of the space HSV were turned into RGB.",
}
GREYS: Final = ("1", "L", "LA", "La")
STRIP: Final = 2**18  # numbers that are worked on at once
GROUNDS: Final = {"black": 0, "white": 255}


class Flat(NamedTuple):
    """What nothing is transparent of."""

    pixels: Pixels  # (height, width), or (height, width, 3)
    notes: tuple[str, ...] = ()


def flatten(picture: Any, ground: str | None) -> Flat:
    """Turn a picture of Pillow, of 8 bits, into grey or RGB.

    Args:
        picture: Of any mode.
        ground: "black" or "white" lies where it is transparent; None: whichever differs more from
            what is drawn there.
    """
    grey = picture.mode in GREYS
    notes = (CONVERTED[picture.mode],) if picture.mode in CONVERTED else ()
    if picture.mode == "LAB":
        return Flat(np.asarray(_from_lab(picture)), notes)
    if not _may_be_transparent(picture):
        return Flat(np.asarray(picture.convert("L" if grey else "RGB")), notes)
    layers = np.asarray(picture.convert("LA" if grey else "RGBA"))
    colours, alpha = layers[..., :-1], layers[..., -1:]
    if alpha.min() == 255:
        return Flat(colours[..., 0] if grey else colours, notes)
    ground = ground or _contrary(to_grey(colours[..., 0] if grey else colours), alpha[..., 0])
    mixed = _in_strips(partial(_mixed, GROUNDS[ground]), colours.shape, colours, alpha)
    told = f"What is transparent counts as {ground} paper."
    return Flat(mixed[..., 0] if grey else mixed, (*notes, told))


def to_grey(pixels: Pixels) -> Pixels:
    """The brightness (height, width) of pixels, to the bit as Pillow has it (ITU-R 601)."""
    if pixels.ndim == 2:
        return pixels
    return _in_strips(_grey, pixels.shape[:-1], pixels)


def _grey(pixels: Pixels) -> Pixels:
    shares = np.array([19595, 38470, 7471], np.uint32)  # of 65536
    return ((pixels @ shares + np.uint32(0x8000)) >> 16).astype(np.uint8)


def _mixed(ground: int, colours: Pixels, alpha: Pixels) -> Pixels:
    share = alpha / np.float32(255)
    return np.rint(colours * share + ground * (1 - share)).astype(np.uint8)


def _in_strips(work: Callable[..., Pixels], shape: tuple[int, ...], *layers: Pixels) -> Pixels:
    made = np.empty(shape, np.uint8)
    for rows in _strips(made):
        made[rows] = work(*(layer[rows] for layer in layers))
    return made


def _strips(pixels: Pixels) -> Iterator[slice]:
    """Yield some rows at a time: what lies between takes many times a picture's memory."""
    count = max(1, STRIP * len(pixels) // max(1, pixels.size))
    return (slice(start, start + count) for start in range(0, len(pixels), count))


def _may_be_transparent(picture: Any) -> bool:
    return picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info


def _contrary(grey: Pixels, alpha: Pixels) -> str:
    """The ground that differs more from what is drawn."""
    drawn = total = 0
    for rows in _strips(grey):
        weights = alpha[rows].astype(np.uint32)
        drawn += int((grey[rows] * weights).sum(dtype=np.uint64))
        total += int(weights.sum(dtype=np.uint64))
    return "black" if drawn / max(total, 1) > 127 else "white"


def _from_lab(picture: Any) -> Any:
    try:
        from PIL import ImageCms
    except ImportError as error:
        raise FileError("its colours are those of the space LAB; save it as RGB") from error
    try:
        profiles = (ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"))
        return ImageCms.profileToProfile(picture, *profiles, outputMode="RGB")
    except ImageCms.PyCMSError as error:
        raise FileError(
            f"its colours are those of the space LAB ({error}); save it as RGB"
        ) from error
