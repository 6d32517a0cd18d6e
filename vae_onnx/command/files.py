"""Arrays in files, `.npy` and IDX, and what a command writes: these, PNG and JSON."""

from __future__ import annotations

import gzip
import json
import math
import os
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import numpy.typing as npt

from vae_onnx.errors import (
    FileError,
    FileMissingError,
    InputError,
    VaeOnnxError,
    accessing,
)
from vae_onnx.pictures.arrays import tile, to_uint8
from vae_onnx.pictures.files import pillow

PICTURES = (".npy", ".png")
CHUNK = 1 << 24  # bytes that are read at once
GZIP = b"\x1f\x8b"  # how such a file starts
IDX: dict[bytes, np.dtype[Any]] = {  # the numbers of an IDX file, by the third byte of it
    b"\x08": np.dtype(np.uint8),
    b"\x09": np.dtype(np.int8),
    b"\x0b": np.dtype(">i2"),
    b"\x0c": np.dtype(">i4"),
    b"\x0d": np.dtype(">f4"),
    b"\x0e": np.dtype(">f8"),
}


class Readable(Protocol):
    """A file, unpacked or plain."""

    def read(self, size: int, /) -> bytes:
        """Read at most so many bytes."""


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


def read_idx(path: Path) -> npt.NDArray[Any]:
    """Read one IDX file, the format of MNIST's files, packed with gzip or not.

    Raises:
        FileMissingError: There is no such file.
        FileError: It is truncated or too long, or no such file.
    """
    with accessing(path), path.open("rb") as plain:
        packed = plain.read(2) == GZIP
        plain.seek(0)
        try:
            with gzip.open(plain) if packed else plain as file:
                return _idx(path, file)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FileError(f"{path} is not a complete gzip file: {error}") from error


def _idx(path: Path, file: Readable) -> npt.NDArray[Any]:
    start = file.read(4)
    dtype = IDX.get(start[2:3]) if start[:2] == b"\0\0" and len(start) == 4 else None
    if dtype is None:
        raise FileError(
            f"{path} must be a .npy file, or an IDX file, which starts with the bytes 00 00 and "
            f"one of {', '.join(code.hex() for code in IDX)}; "
            f"it starts with {start[:3].hex(' ') or 'nothing'}"
        )
    rank = start[3]
    sizes = file.read(4 * rank)
    if len(sizes) != 4 * rank:
        raise FileError(f"{path} is not a complete IDX file: its header is cut off")
    shape = struct.unpack(f">{rank}I", sizes)
    expected = math.prod(shape) * dtype.itemsize
    content = _up_to(expected + 1, file)  # one more, to see whether it ends there
    if len(content) != expected:
        got = "more" if len(content) > expected else f"{len(content)}"
        raise FileError(
            f"{path} is not a complete IDX file: {got} bytes follow its header, not {expected} "
            f"for {shape}"
        )
    values = np.frombuffer(content, dtype).reshape(shape)
    return values.astype(dtype.newbyteorder("="), copy=False)


def _up_to(most: int, file: Readable) -> bytearray:
    """Read so many bytes or what there is: a damaged header may promise more than memory holds."""
    content = bytearray()
    while part := file.read(min(most - len(content), CHUNK)):
        content += part
    return content


def is_idx_of_images(path: Path) -> bool:
    """Whether an IDX file is called as those of images are."""
    return "images" in path.name and path.suffix.lower() != ".npy"


def labels_beside(path: Path) -> Path | None:
    """Return where the labels of an IDX file of images are, by its name, if they are there.

    MNIST's files are found with a dash or a dot in their names, packed or not, and each in a folder
    that is called as it is.
    """
    if not is_idx_of_images(path):
        return None
    labels = _of_labels(path.name.removesuffix(".gz"))
    names = dict.fromkeys(
        [labels, labels.replace(".idx1", "-idx1"), labels.replace("-idx1", ".idx1")]
    )
    folders = [path.parent]
    if "images" in path.parent.name:
        folders.append(path.parent.with_name(_of_labels(path.parent.name)))
    places = (
        folder / f"{name}{end}" for folder in folders for name in names for end in ("", ".gz")
    )
    return next((place for place in places if place.is_file()), None)


def _of_labels(name: str) -> str:
    return name.replace("images", "labels").replace("idx3", "idx1")


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
    sheet = pillow().fromarray(to_uint8(tile(pictures)))
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
