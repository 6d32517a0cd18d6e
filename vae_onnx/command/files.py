"""Pictures and arrays in files: `.npy`, IDX, and PNG through Pillow where it is installed."""

from __future__ import annotations

import io
import json
import math
import os
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from vae_onnx.errors import (
    FileError,
    FileMissingError,
    InputError,
    PackageMissingError,
    VaeOnnxError,
    accessing,
)
from vae_onnx.pictures.arrays import tile, to_uint8

PICTURES = (".npy", ".png")
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")  # Pillow's, of at most 8 bits a channel


def read_array(path: Path) -> npt.NDArray[Any]:
    """Read one `.npy` file; pickled objects are refused.

    Raises:
        FileMissingError: There is no such file.
        FileError: It is truncated, or holds no plain array.
    """
    try:
        with accessing(path), path.open("rb") as file:
            array = np.load(file, allow_pickle=False)
    except VaeOnnxError:
        raise
    except Exception as error:  # numpy, zipfile and tokenize each have their own
        # numpy takes whatever it does not know for a pickle, and says how to load it nevertheless.
        told = "it holds something else" if "pickle" in str(error) else error
        raise FileError(
            f"{path} is not a complete .npy file of numbers: {told}; np.save writes one"
        ) from error
    if not isinstance(array, np.ndarray):
        raise FileError(f"{path} must be a .npy file with one array, got an archive of several")
    return array


def read_data(path: Path) -> npt.NDArray[Any]:
    """Read the array in a `.npy` file, or in an IDX file, whatever its name.

    Raises:
        FileMissingError: There is no such file.
        FileError: It is truncated, or neither of the two.
    """
    return read_array(path) if path.suffix.lower() == ".npy" else read_idx(path)


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes, the format of MNIST's files.

    Raises:
        FileMissingError: There is no such file.
        FileError: It is truncated or too long, or no such file.
    """
    with accessing(path):
        content = path.read_bytes()
    if content[:3] != b"\x00\x00\x08" or len(content) < 4:  # 08: unsigned bytes
        remedy = "; unpack it first" if content[:2] == b"\x1f\x8b" else ""
        raise FileError(
            f"{path} must be a .npy file, or an IDX file, which starts with the bytes 00 00 08; "
            f"it starts with {content[:3].hex(' ') or 'nothing'}{remedy}"
        )
    rank = content[3]
    start = 4 + 4 * rank
    shape = struct.unpack(f">{rank}I", content[4:start]) if len(content) >= start else None
    if shape is None or len(content) != start + math.prod(shape):
        expected = (
            "its header" if shape is None else f"{start + math.prod(shape)} bytes for {shape}"
        )
        raise FileError(f"{path} is not a complete IDX file: {len(content)} bytes, not {expected}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def labels_beside(path: Path) -> Path | None:
    """Return where torchvision keeps the labels of an IDX file of images, if they are there."""
    labels = path.with_name(path.name.replace("images-idx3", "labels-idx1"))
    return labels if labels != path and labels.is_file() else None


def read_picture(path: Path, *, grey: bool, invert: bool) -> npt.NDArray[np.uint8]:
    """Read a picture file as uint8 (height, width), or (height, width, 3) unless `grey`.

    Args:
        path: PNG, or whatever else Pillow reads.
        grey: Turn colours into grey.
        invert: The picture has dark ink on light paper, and light on dark is wanted. Where the
            picture is transparent it is taken for paper.

    Raises:
        FileMissingError: There is no such file.
        FileError: It is truncated, or no picture, or has more than 8 bits a channel.
        PackageMissingError: Pillow is not installed.
    """
    pillow = _pillow()
    with accessing(path):
        content = path.read_bytes()
    try:
        with pillow.open(io.BytesIO(content)) as file:
            mode, picture = file.mode, file.convert("RGBA")
    except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as error:
        raise FileError(f"{path} is not a complete picture file: {error}") from error
    if mode not in MODES:
        raise FileError(f"{path} must have 8 bits a channel or fewer, got Pillow's mode {mode}")
    paper = (255, 255, 255, 255) if invert else (0, 0, 0, 255)
    opaque = pillow.alpha_composite(pillow.new("RGBA", picture.size, paper), picture)
    array = np.asarray(opaque.convert("L" if grey else "RGB"))
    return 255 - array if invert else array


def write_pictures(path: Path, pictures: npt.NDArray[np.float32]) -> None:
    """Write pictures (N, H, W) or (N, H, W, 3) in [0, 1]: `.npy` as they are, PNG as one sheet.

    Raises:
        InputError: The file name ends otherwise.
        FileMissingError: There is no folder to write to.
        PackageMissingError: PNG is wanted and Pillow is not installed.
        FileAccessError: The file cannot be written.
    """
    check_output(path, PICTURES)
    if path.suffix.lower() == ".npy":
        write_array(path, pictures)
        return
    sheet = _pillow().fromarray(to_uint8(tile(pictures)))
    _write(path, lambda file: sheet.save(file, format="PNG"))


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write one `.npy` file.

    Raises:
        FileAccessError: The file cannot be written.
    """
    _write(path, lambda file: np.save(file, array, allow_pickle=False))


def write_json(path: Path, value: Any) -> None:
    """Write one JSON file.

    Raises:
        FileAccessError: The file cannot be written.
    """
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    _write(path, lambda file: file.write(text.encode()))


def check_output(path: Path, suffixes: Sequence[str]) -> None:
    """See before the work that its result can be written.

    Raises:
        InputError: The file name ends in none of the suffixes.
        FileMissingError: There is no folder to write to.
    """
    if path.suffix.lower() not in suffixes:
        raise InputError(f"the file name must end in {' or '.join(suffixes)}, got {str(path)!r}")
    if not path.parent.is_dir():
        raise FileMissingError(f"cannot write {path}: there is no folder {path.parent}")


def _write(path: Path, save: Callable[[IO[bytes]], object]) -> None:
    """Write to a temporary file beside `path`, then rename: never half a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with accessing(path):
        try:
            with temporary.open("wb") as file:
                save(file)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _pillow() -> Any:
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise PackageMissingError(
            "picture files need Pillow: pip install pillow, or use .npy files"
        ) from error
    return Image
