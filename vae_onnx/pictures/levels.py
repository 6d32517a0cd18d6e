"""Pictures of more than 8 bits -> 8 bits, by what their file says or by a stated rule.

How bright the value 3000 is, depends on what white is: 65535, or 4095 of a camera of 12 bits. A
file may say it (TIFF's SMaxSampleValue and BitsPerSample, PNG's sBIT). Where it does not, whole
numbers are taken for 8 bits if none is above 255, for 12 if none is above 4095, else for 16, and a
note says so. Fractions must lie in [0, 1]. All else is refused.
"""

from __future__ import annotations

import struct
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from vae_onnx.errors import FileError

SIXTEEN: Final = "16 bits a pixel were reduced to 8."
COLOURS: Final = "16 bits a channel were reduced to 8."

# Tags of TIFF.
BITS, PHOTOMETRIC, LARGEST, SMALLEST, WHITE = 258, 262, 281, 340, 341


class Depth(NamedTuple):
    """What a file says of its levels, before they are decoded."""

    sixteen: bool  # a channel has 16 bits in the file, of which Pillow may keep the upper 8
    low: float | None = None  # black, if the file says it
    high: float | None = None  # white
    inverted: bool = False  # low values are light: Pillow turns those of 8 bits alone


class Deep(NamedTuple):
    """A picture of 8 bits."""

    picture: Any  # Pillow's
    notes: tuple[str, ...] = ()


def depth(opened: Any, content: bytes) -> Depth:
    """Tell what a picture that is not loaded yet says of its levels."""
    raw = [tile[3] for tile in getattr(opened, "tile", [])[:1]]
    words = [word for some in raw for word in (some if isinstance(some, tuple) else (some,))]
    sixteen = any(isinstance(word, str) and ";16" in word for word in words)
    if opened.format == "PPM":
        return Depth(sixteen, 0, 65535)  # to which Pillow has scaled them
    if opened.format == "PNG":
        meant = _significant_bits(content)
        return Depth(sixteen, high=None if meant is None else 2**meant - 1)
    if opened.format == "TIFF":
        tags = opened.tag_v2
        bits = _number(tags.get(BITS))
        high = _number(tags.get(WHITE)) or _number(tags.get(LARGEST))
        if high is None and bits is not None and bits < 16:
            high = 2 ** int(bits) - 1
        return Depth(sixteen, _number(tags.get(SMALLEST)), high, tags.get(PHOTOMETRIC) == 0)
    return Depth(sixteen)


def to_eight_bits(picture: Any, depth: Depth) -> Deep:
    """Return a loaded picture in a mode of 8 bits a channel.

    Raises:
        FileError: What is white in it cannot be told.
    """
    if picture.mode == "F":
        return _deep(picture, *_of_fractions(np.asarray(picture, np.float64), depth), depth)
    if picture.mode.startswith("I"):
        return _deep(picture, *_of_integers(np.asarray(picture).astype(np.int64), depth), depth)
    if not depth.sixteen:
        return Deep(picture)
    upper = np.asarray(picture)
    colours = upper[..., :-1] if picture.mode in ("LA", "RGBA") else upper
    if 0 < colours.max() < 16:
        raise FileError(
            "it has 16 bits a channel and no value is above 4095, so that it would be nearly "
            "black; save it with 8 bits a channel, scaled to their whole range"
        )
    key = picture.info.get("transparency")
    if isinstance(key, tuple):  # the colour that is transparent, in 16 bits
        picture.info["transparency"] = tuple(value >> 8 for value in key)
    return Deep(picture, (COLOURS,))


def _deep(
    picture: Any, share: npt.NDArray[np.floating], notes: tuple[str, ...], depth: Depth
) -> Deep:
    """Make a grey picture of shares of white in [0, 1], transparent where the first one was."""
    from PIL import Image

    grey = Image.fromarray(np.rint(255 * (1 - share if depth.inverted else share)).astype(np.uint8))
    key = picture.info.get("transparency")
    if isinstance(key, int):
        alpha = np.where(np.asarray(picture).astype(np.int64) == key, 0, 255).astype(np.uint8)
        grey = Image.merge("LA", (grey, Image.fromarray(alpha)))
    return Deep(grey, notes)


def _of_integers(
    values: npt.NDArray[np.int64], depth: Depth
) -> tuple[npt.NDArray[np.floating], tuple[str, ...]]:
    lowest, highest = int(values.min()), int(values.max())
    low, high = depth.low or 0, depth.high
    if high is not None and low <= lowest and highest <= high:
        return (values - low) / (high - low), (SIXTEEN,)
    if lowest < 0 or highest > 65535:
        raise FileError(
            f"its values go from {lowest} to {highest}, and what is black and white in it cannot "
            "be told; scale it to 0..255 and save it with 8 bits"
        )
    bits = 8 if highest <= 255 else 12 if highest <= 4095 else 16
    note = f"No value of 16 bits is above {2**bits - 1}: it was taken for {bits} bits."
    return values / (2**bits - 1), (SIXTEEN if bits == 16 else note,)


def _of_fractions(
    values: npt.NDArray[np.float64], depth: Depth
) -> tuple[npt.NDArray[np.floating], tuple[str, ...]]:
    if not np.isfinite(values).all():
        raise FileError("it holds NaN or infinity; replace them, and save it with 8 bits")
    lowest, highest = float(values.min()), float(values.max())
    low, high = depth.low or 0.0, depth.high or 1.0
    if low <= lowest and highest <= high and low < high:
        return (values - low) / (high - low), ("Fractions were reduced to 8 bits.",)
    raise FileError(
        f"it holds fractions from {lowest:g} to {highest:g}, which must lie in "
        f"[{low:g}, {high:g}]; scale it to 0..255 and save it with 8 bits"
    )


def _significant_bits(content: bytes) -> int | None:
    """The bits of a sample that a PNG says are meant, in its chunk sBIT."""
    at = 8  # behind the signature
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind = content[at + 4 : at + 8]
        if kind == b"sBIT" and 1 <= length <= 4:
            return max(content[at + 8 : at + 8 + length])
        if kind in (b"IDAT", b"PLTE"):
            return None
        at += 12 + length
    return None


def _number(value: Any) -> float | None:
    """The one number of a tag, the first of several."""
    try:
        return float(value[0] if isinstance(value, tuple) else value)
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return None
