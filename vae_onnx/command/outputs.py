"""What a command writes: `.npy` block by block, a sheet of pictures as PNG, JSON, tables."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from vae_onnx.command import streams
from vae_onnx.engine.graph import Array
from vae_onnx.errors import FileMissingError, InputError
from vae_onnx.pictures.arrays import tile, to_uint8
from vae_onnx.pictures.files import pillow

PICTURES: Final = (".npy", ".png")


def suffix(path: Path, suffixes: Sequence[str], wanted: str | None = None) -> str:
    """Return which of the suffixes a result is written as, and see that it can be written.

    Args:
        path: A file whose name tells, or "-" or a pipe, of which it does not: the first then.
        suffixes: Which there are, ".npy" ...
        wanted: One of them whatever the name says.

    Raises:
        InputError: The name ends in none of the suffixes.
        FileMissingError: There is no folder to write to.
    """
    told = path.suffix.lower()
    if wanted or told in suffixes or path == streams.STANDARD or streams.is_pipe(path):
        if not path.parent.is_dir():
            raise FileMissingError(f"cannot write {path}: there is no folder {path.parent}")
        return wanted or (told if told in suffixes else suffixes[0])
    raise InputError(f"the file name must end in {' or '.join(suffixes)}, got {str(path)!r}")


def write_pictures(path: Path, ending: str, count: int, blocks: Iterable[Array]) -> None:
    """Write pictures (N, H, W) or (N, H, W, 3) in [0, 1]: `.npy` as they are, PNG as one sheet.

    Args:
        path: Where to.
        ending: ".npy" or ".png".
        count: N.
        blocks: Blocks of them, in order.

    Raises:
        PackageMissingError: PNG is wanted and Pillow is not installed.
        FileAccessError: The file cannot be written.
    """
    if ending == ".npy":
        write_array(path, count, blocks)
        return
    image = pillow()
    sheet = image.fromarray(tile(np.concatenate([to_uint8(block) for block in blocks])))
    content = io.BytesIO()  # a pipe has no place to go back to
    sheet.save(content, format="PNG")
    with streams.writing(path) as file:
        file.write(content.getbuffer())


def write_array(path: Path, count: int, blocks: Iterable[npt.NDArray[Any]]) -> None:
    """Write one `.npy` file of `count` rows, block by block.

    Raises:
        FileAccessError: The file cannot be written.
    """
    with streams.writing(path) as file:
        for number, block in enumerate(blocks):
            if number == 0:
                _write_header(file, (count, *block.shape[1:]), block.dtype)
            file.write(np.ascontiguousarray(block).data)


def write_json(path: Path, value: Any) -> None:
    """Write one JSON file.

    Raises:
        FileAccessError: The file cannot be written.
    """
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    with streams.writing(path) as file:
        file.write(text.encode())


def write_table(path: Path | None, columns: Mapping[str, Iterable[str]]) -> None:
    """Write columns under their names: as CSV, or without a file to stdout, between tabs.

    Raises:
        FileAccessError: The file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter="," if path else "\t", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    if path is None:
        print(text.getvalue(), end="")
        return
    with streams.writing(path) as file:
        file.write(text.getvalue().encode())


def _write_header(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    descr = np.lib.format.dtype_to_descr(dtype)
    told = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, told)
