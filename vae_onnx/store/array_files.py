"""Arrays in files, `.npy` and IDX: mapped where they can be, for they may be large."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import numpy.typing as npt
from numpy.lib import format as header

from vae_onnx.errors import FileError, VaeOnnxError, accessing
from vae_onnx.store import mistaken

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
    """Read one `.npy` file as a memory map; pickled objects are refused.

    Raises:
        FileMissingError: There is no such file.
        FileError: It is truncated, or holds no plain array.
    """
    try:
        with accessing(path), path.open("rb") as file:
            array = _load(path, file)
    except VaeOnnxError:
        raise
    except Exception as error:  # numpy, zipfile and tokenize each have their own
        # numpy takes whatever it does not know for a pickle, and says how to load it nevertheless.
        other = "it holds something else" if "pickle" in str(error) else error
        told = mistaken.in_place_of(path) or f"{other}; np.save writes one"
        raise FileError(f"{path} is not a complete .npy file of numbers: {told}") from error
    if not isinstance(array, np.ndarray):
        raise FileError(f"{path} must be a .npy file with one array, got an archive of several")
    return array


def _load(path: Path, file: IO[bytes]) -> Any:
    try:
        return _mapped(path, file)
    except ValueError:  # of what cannot be mapped: nothing at all, or a file on some file systems
        file.seek(0)
        return np.load(file, allow_pickle=False)


def _mapped(path: Path, file: IO[bytes]) -> npt.NDArray[Any]:
    """Map the array of a `.npy` file; numpy's own way leaves a damaged file open."""
    readers = {(1, 0): header.read_array_header_1_0, (2, 0): header.read_array_header_2_0}
    version = header.read_magic(file)
    if version not in readers:
        raise ValueError(f"version {version} is left to numpy")
    shape, by_columns, dtype = readers[version](file)
    if dtype.hasobject:
        raise ValueError("objects are left to numpy, which refuses them")
    return np.memmap(path, dtype, "r", file.tell(), shape, "F" if by_columns else "C")


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
                return _idx(path, file, plain)
        except VaeOnnxError:
            raise
        except ValueError as error:  # of numpy: more dimensions, or larger ones, than it knows
            raise FileError(f"{path} must have the shape of an array, got another: {error}") from (
                error
            )
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FileError(f"{path} is not a complete gzip file: {error}") from error


def idx_header(path: Path, file: Readable) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Read the beginning of an IDX file: the dtype of its numbers, and its shape.

    Raises:
        FileError: It is no such file, or cut off.
    """
    start = file.read(4)
    dtype = IDX.get(start[2:3]) if start[:2] == b"\0\0" and len(start) == 4 else None
    if dtype is None:
        told = mistaken.in_place_of(path) or f"it starts with {start[:3].hex(' ')}"
        raise FileError(
            f"{path} must be a .npy file, or an IDX file, which starts with the bytes 00 00 and "
            f"one of {', '.join(code.hex() for code in IDX)}; "
            f"{told}"
        )
    rank = start[3]
    sizes = file.read(4 * rank)
    if len(sizes) != 4 * rank:
        raise FileError(f"{path} is not a complete IDX file: its header is cut off")
    return dtype, struct.unpack(f">{rank}I", sizes)


def _idx(path: Path, file: Readable, plain: IO[bytes]) -> npt.NDArray[Any]:
    dtype, shape = idx_header(path, file)
    at = 4 + 4 * len(shape)
    expected = math.prod(shape) * dtype.itemsize
    if file is plain and expected and os.fstat(plain.fileno()).st_size == at + expected:
        return _native(np.memmap(path, dtype, "r", at, shape))
    content = up_to(expected + 1, file)  # one more, to see whether it ends there
    if len(content) != expected:
        got = "more" if len(content) > expected else f"{len(content)}"
        raise FileError(
            f"{path} is not a complete IDX file: {got} bytes follow its header, not {expected} "
            f"for {shape}"
        )
    return _native(np.frombuffer(content, dtype).reshape(shape))


def _native(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return numbers in the order of bytes that this machine has; those of one byte as they are."""
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def up_to(most: int, file: Readable) -> bytearray:
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
