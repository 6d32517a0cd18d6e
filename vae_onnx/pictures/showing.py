"""Pictures where a notebook shows them, as PNG. Needs no Pillow."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vae_onnx import checks
from vae_onnx.errors import InputError
from vae_onnx.pictures.arrays import means, tile, to_uint8

Pixels = npt.NDArray[np.uint8]

SMALL: Final = 800  # pixels: a side is enlarged up to here, so that 28 of them can be seen
ENLARGED: Final = 8  # times, at most
LARGE: Final = 1024  # and reduced down to here, so that a photograph does not fill the notebook
COLOUR_TYPES: Final = {1: 0, 3: 2, 4: 6}  # of PNG, by the number of channels


@dataclass(frozen=True, repr=False)
class Sheet:
    """Pictures side by side, which a notebook shows.

    Attributes:
        pixels: uint8 (height, width), or (height, width, 3), with transparency (height, width, 4).
    """

    pixels: Pixels

    def __repr__(self) -> str:
        height, width = self.pixels.shape[:2]
        return f"<Sheet: {width} x {height} pixels>"

    def _repr_png_(self) -> bytes:
        return png(seen(self.pixels))


def show(pictures: npt.ArrayLike, columns: int | None = None) -> Sheet:
    """Lay pictures out on one sheet, as `tile` does, which a notebook shows.

    Args:
        pictures: (N, H, W), (N, H, W, 3) or (N, H, W, 4), or one of (H, W): float in [0, 1], as
            models give them, or uint8.
        columns: Pictures a row; by default as many as make the sheet nearly square.

    Raises:
        InputTypeError: They are neither uint8 nor float, or `columns` is no integer.
        InputError: The shape is another one, or a value is out of range.
    """
    array = checks.array(pictures, "pictures")
    sheet = tile(array[np.newaxis] if array.ndim == 2 else array, columns)
    channels = sheet.shape[2] if sheet.ndim == 3 else 1
    if channels not in COLOUR_TYPES:
        raise InputError(
            f"pictures must have 1, 3 or 4 channels to be shown, got {channels}; "
            "show some of them: pictures[..., :3]"
        )
    sheet = sheet[:, :, 0] if sheet.ndim == 3 and channels == 1 else sheet
    return Sheet(sheet if sheet.dtype == np.uint8 else to_uint8(sheet))


def seen(pixels: Pixels) -> Pixels:
    """Return a picture as large as is good to look at: enlarged dot by dot, or reduced."""
    longest = max(pixels.shape[:2])
    times = min(ENLARGED, SMALL // longest)
    if times > 1:
        return pixels.repeat(times, axis=0).repeat(times, axis=1)
    step = math.ceil(longest / LARGE)
    return pixels if step == 1 else np.rint(means(pixels, step)).astype(np.uint8)


def png(pixels: Pixels) -> bytes:
    """Write uint8 (height, width), (height, width, 3) or (height, width, 4) as a file of PNG."""
    height, width = pixels.shape[:2]
    colour_type = COLOUR_TYPES[pixels.shape[2] if pixels.ndim == 3 else 1]
    lines = np.pad(pixels.reshape(height, -1), ((0, 0), (1, 0)))  # each behind a 0: no filter
    header = struct.pack(">2I5B", width, height, 8, colour_type, 0, 0, 0)
    data = zlib.compress(lines.tobytes())
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", data), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
