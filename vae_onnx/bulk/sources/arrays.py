"""Parts that hold one array of images: `.npy`, `.npz` and IDX, packed or not."""

from __future__ import annotations

import gzip
import lzma
import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numpy.lib import format as header

from vae_onnx.bulk.blocks import pixels
from vae_onnx.engine import stream
from vae_onnx.errors import FileError, InputError, VaeOnnxError, accessing
from vae_onnx.store import array_files as files

CHUNK: Final = 2**24  # bytes that are passed over at once
# What gzip and zipfile raise of files that are damaged, encrypted or packed in ways of their own.
DAMAGED: Final = (
    EOFError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)
Read = Iterator[tuple[None, npt.NDArray[Any]]]


@dataclass(frozen=True)
class MappedPart:
    """A `.npy` file, or an IDX file that is not packed: any rows at any time."""

    path: Path
    count: int

    @classmethod
    def of(cls, path: Path) -> MappedPart:
        """Open one; errors are those of `files.read_data`, or InputError of no images."""
        array = files.read_data(path)
        _check_shape(str(path), array.shape)
        return cls(path, len(array))

    def read(self, start: int, stop: int, rows: int) -> Read:
        """See `Part.read`."""
        array = files.read_data(self.path)
        for first in range(start, stop, rows):
            some = array[first : min(first + rows, stop)]
            block = np.array(some)
            stream.forget(some)
            yield None, pixels(block)


@dataclass(frozen=True)
class StreamedPart:
    """An array that is packed: read from its beginning, and what comes before is passed over.

    Attributes:
        path: A `.npz` file, or a packed IDX file.
        member: Of a `.npz` file, which array; "" of IDX.
        count: Of its images.
        row: Their shape.
        dtype: Of the numbers.
    """

    path: Path
    member: str
    count: int
    row: tuple[int, ...]
    dtype: np.dtype[Any]

    @classmethod
    def of_idx(cls, path: Path) -> StreamedPart:
        """Open a packed IDX file.

        Raises:
            FileError: It is none.
            InputError: There are no images in it.
        """
        with _unpacked(path, "") as file:
            dtype, shape = files.idx_header(path, file)
        _check_shape(str(path), shape)
        return cls(path, "", shape[0], shape[1:], dtype)

    @classmethod
    def of_npz(cls, path: Path, wanted: str | None) -> StreamedPart:
        """Open a `.npz` file, of which one array is images.

        Args:
            path: The file.
            wanted: Which array; by default the only one of three dimensions or more, or the only
                one.

        Raises:
            FileError: It is damaged, or holds no such array.
            InputError: Which array is meant is not clear.
        """
        arrays = {name: _npz_header(path, name) for name in _members(path)}
        able = [name for name, (shape, _) in arrays.items() if len(shape) > 2] or list(arrays)
        if wanted is not None and wanted not in arrays:
            raise InputError(f"{path} has no array {wanted!r}; it has {', '.join(arrays)}")
        if wanted is None and len(able) != 1:
            raise InputError(
                f"{path} must have one array of images, it has {', '.join(arrays) or 'none'}; "
                "name one with --column"
            )
        name = wanted or able[0]
        shape, dtype = arrays[name]
        _check_shape(f"{name} of {path}", shape)
        return cls(path, name, shape[0], shape[1:], dtype)

    def read(self, start: int, stop: int, rows: int) -> Read:
        """See `Part.read`."""
        size = math.prod(self.row) * self.dtype.itemsize
        with _unpacked(self.path, self.member) as file:
            _skip_header(self, file)
            for passed in range(0, start * size, CHUNK):
                self._take(file, min(CHUNK, start * size - passed))
            for first in range(start, stop, rows):
                count = min(rows, stop - first)
                content = self._take(file, count * size)
                block = np.frombuffer(content, self.dtype).reshape(count, *self.row)
                yield None, pixels(block.astype(self.dtype.newbyteorder("="), copy=False))

    def _take(self, file: files.Readable, size: int) -> bytearray:
        content = files.up_to(size, file)
        if len(content) != size:
            raise FileError(f"{self.path} is cut off: its header promises {self.count:,} images")
        return content


def _check_shape(what: str, shape: tuple[int, ...]) -> None:
    if not shape:
        raise InputError(f"{what} holds one number, not images (N, height, width)")
    if shape[0] and not math.prod(shape[1:]):
        raise InputError(f"{what} holds {shape[0]:,} images without a pixel: {shape}")


def _skip_header(part: StreamedPart, file: files.Readable) -> None:
    if part.member:
        _npy_header(part.path, file)
    else:
        files.idx_header(part.path, file)


@contextmanager
def _unpacked(path: Path, member: str) -> Iterator[files.Readable]:
    """Open what is packed in a file; what is wrong with it becomes a FileError."""
    try:
        with accessing(path):
            if not member:
                with gzip.open(path) as file:
                    yield file
                return
            with zipfile.ZipFile(path) as archive, archive.open(f"{member}.npy") as inner:
                yield inner
    except VaeOnnxError:
        raise
    except DAMAGED as error:
        raise FileError(f"{path} is damaged or cut off: {error}") from error


def _members(path: Path) -> list[str]:
    try:
        with accessing(path), zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except DAMAGED as error:
        raise FileError(
            f"{path} is not a complete .npz file: {error}; np.savez writes one"
        ) from error
    return [name.removesuffix(".npy") for name in names if name.endswith(".npy")]


def _npz_header(path: Path, member: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    with _unpacked(path, member) as file:
        return _npy_header(path, file)


def _npy_header(path: Path, file: files.Readable) -> tuple[tuple[int, ...], np.dtype[Any]]:
    readers = {(1, 0): header.read_array_header_1_0, (2, 0): header.read_array_header_2_0}
    opened: Any = file
    try:
        shape, by_columns, dtype = readers[header.read_magic(opened)](opened)
    except Exception as error:  # numpy, tokenize and ast each have their own
        raise FileError(f"{path} holds an array that numpy's format 1 or 2 is not: {error}") from (
            error
        )
    if dtype.hasobject:
        raise FileError(f"{path} holds pickled objects, which are refused; save numbers")
    if by_columns and len(shape) > 1:
        raise FileError(f"{path} holds an array by columns; save np.ascontiguousarray of it")
    return shape, dtype
