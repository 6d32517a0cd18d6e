"""Parquet files, whoever wrote them: how they are opened, and what ours say of themselves."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from vae_onnx.bulk import places
from vae_onnx.errors import FileError, VaeOnnxError
from vae_onnx.store import mistaken

KEY: Final = b"vae_onnx"  # of what a file says of itself, JSON in the metadata of its schema
BUFFER: Final = 2**20  # bytes of a column that are read at once: a group of rows may be gigabytes
REMEDY: Final = "write it again (`vae-onnx embed` makes such files of pictures)"


@contextmanager
def opened(place: str | os.PathLike[str]) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file, here or elsewhere, for reading piece by piece.

    Raises:
        FileMissingError: There is no such file.
        FileAccessError: It cannot be read.
        FileError: It is truncated, damaged, or no Parquet file.
    """
    with places.opened(os.fspath(place)) as file, readable(place, "Parquet"):
        yield pq.ParquetFile(
            file, buffer_size=BUFFER, pre_buffer=False, page_checksum_verification=True
        )


@contextmanager
def readable(place: str | os.PathLike[str], kind: str) -> Iterator[None]:
    """Turn what pyarrow says of a file into a FileError."""
    try:
        yield
    except VaeOnnxError:
        raise
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the system, of which `places.opened` tells
        remote = places.is_remote(os.fspath(place))
        told = None if remote else mistaken.in_place_of(Path(place))
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise FileError(
            f"{place} is not a complete {kind} file: {told or f'{first}; {REMEDY}'}"
        ) from error


def about(schema: pa.Schema, place: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a file says of itself, nothing if it is not of this package.

    Raises:
        FileError: It is no object of JSON.
    """
    try:
        told = json.loads((schema.metadata or {}).get(KEY, b"{}"))
    except (ValueError, RecursionError) as error:
        raise FileError(f"{place} tells of its model in no JSON: {error}; {REMEDY}") from error
    if not isinstance(told, dict):
        raise FileError(f"{place} must tell of its model in a JSON object, got {told!r}; {REMEDY}")
    return told
