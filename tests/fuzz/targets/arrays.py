"""Arrays in files: `.npy`, `.npz` and IDX, packed or not."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
from collections.abc import Iterator

import numpy as np

from vae_onnx.bulk.sources.arrays import MappedPart, StreamedPart
from vae_onnx.store import array_files

from ..target import Change, Target, as_file

ROWS = 2  # that are read at once


def npy_seeds() -> Iterator[bytes]:
    """Arrays of several types and orders."""
    pictures = np.arange(32, dtype=np.uint8).reshape(2, 4, 4)
    for array in (pictures, pictures.astype(">f4"), np.asfortranarray(pictures), np.float64(3)):
        yield _saved(np.save, array)


def _npz_seeds() -> Iterator[bytes]:
    pictures = np.arange(32, dtype=np.uint8).reshape(2, 4, 4)
    yield _saved(np.savez, images=pictures)
    yield _saved(np.savez_compressed, images=pictures, labels=np.arange(2))


def _saved(save: object, *arrays: object, **named: object) -> bytes:
    out = io.BytesIO()
    save(out, *arrays, **named)
    return out.getvalue()


def _idx_seeds() -> Iterator[bytes]:
    for code, kind in array_files.IDX.items():
        numbers = np.arange(8).astype(kind).tobytes()
        yield b"\0\0" + code + b"\x03" + struct.pack(">3I", 2, 2, 2) + numbers


def _packed_seeds() -> Iterator[bytes]:
    return (gzip.compress(seed, mtime=0) for seed in _idx_seeds())


def _read(part: MappedPart | StreamedPart) -> None:
    for _ in part.read(0, part.count, ROWS):
        pass


def _take_npy(content: bytes) -> None:
    path = as_file(content, "input.npy")
    array_files.read_data(path)
    _read(MappedPart.of(path))


def _take_npz(content: bytes) -> None:
    _read(StreamedPart.of_npz(as_file(content, "input.npz"), None))


def _take_idx(content: bytes) -> None:
    path = as_file(content, "input-idx3-ubyte")
    array_files.read_data(path)
    _read(MappedPart.of(path))


def _take_packed(content: bytes) -> None:
    path = as_file(content, "input-idx3-ubyte.gz")
    array_files.read_data(path)
    _read(StreamedPart.of_idx(path))


def _within_npz(content: bytes, change: Change, rng: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    chosen = rng.choice([*members])
    members[chosen] = change(members[chosen])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, inner in members.items():
            archive.writestr(name, inner)
    return out.getvalue()


def _within_gzip(content: bytes, change: Change, _: random.Random) -> bytes:
    return gzip.compress(change(gzip.decompress(content)), mtime=0)


NPY = (b"\x93NUMPY\x01\x00", b"\x93NUMPY\x02\x00", b"'descr': '<f4'", b"'|O'", b"'fortran_order'",
       b"'shape': (2, 4, 4)", b"(4294967296,)", b"(-1,)", b"True", b"False")  # fmt: skip
TARGETS = (
    Target("npy", npy_seeds, _take_npy, words=NPY),
    Target(
        "npz",
        _npz_seeds,
        _take_npz,
        words=(*NPY, b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"images.npy"),
        within=_within_npz,
    ),
    Target("idx", _idx_seeds, _take_idx),
    Target("idx_gz", _packed_seeds, _take_packed, within=_within_gzip),
)
