"""CelebA: 202,599 photographs of faces, aligned, in the three parts that its authors made.

The files are those of torchvision's folder, of which the pictures and the list of parts are enough;
the pictures may stay in their archive.
"""

import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torchvision.datasets import CelebA
from torchvision.datasets.utils import check_integrity

from export.data import memory
from export.data.known import Half
from export.data.layout import PARTS, Part
from export.data.parallel import each
from export.data.shards import ALL, Share
from export.data.walk import counted
from export.errors import DataError
from vae_onnx.errors import FileError
from vae_onnx.pictures import files as reader
from vae_onnx.pictures import fitting

CLASS: Final = "face"  # its attributes are no classes: there are 40 of each picture
IMAGES: Final = "img_align_celeba"  # a folder, or an archive .zip
PARTITION: Final = "list_eval_partition.txt"
# What unpacking a damaged, cut or locked archive ends in.
DAMAGED: Final = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)
_MD5: Final = {name: md5 for _, md5, name in CelebA.file_list}

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


class Read(NamedTuple):
    """What a process has read of a part."""

    half: Half  # the pictures of its share
    pictures: int  # of all shares


def fetch(root: Path) -> None:
    """Download what is missing.

    Raises:
        FileNotFoundError: it is not to be had from the network.
    """
    if not _complete(root / CelebA.base_folder):
        _download(root)


def read(root: Path, part: Part, side: int, share: Share = ALL) -> Read:
    """Read one part as squares: the middle of each picture, 178 of 178x218 pixels, scaled.

    Raises:
        FileNotFoundError: a file is neither there nor to be had from the network.
        DataError: a file is damaged, or there is not enough memory.
    """
    folder = root / CelebA.base_folder
    fetch(root)
    names = _names(folder, part)
    memory.check(share.here(len(names)), (3, side, side))
    mine = share.of(names)
    images: Pixels = np.empty((len(mine), 3, side, side), np.uint8)
    with _Contents(folder) as contents:
        pictures = each(_square(contents.get, side), mine, len(mine), f"celeba, {part}")
        for row, picture in enumerate(pictures):
            images[row] = picture
    labels = torch.zeros(len(mine), dtype=torch.int64)
    return Read(Half(torch.from_numpy(images), labels, (CLASS,)), len(names))


def _square(get: Callable[[str], bytes], side: int) -> Callable[[str], Pixels]:
    def square(name: str) -> Pixels:
        try:
            rgb = reader.read(get(name), name=name).rgb
        except (FileError, OSError, KeyError, *DAMAGED) as error:
            raise DataError(f"{name} of celeba cannot be read: {error}; {_remedy()}") from error
        return fitting.fitted(rgb, side, side).transpose(2, 0, 1)

    return square


class _Contents:
    """The files of the pictures, in a folder or in its archive."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._archive = folder / IMAGES, None
        if not self._folder.is_dir():
            packed = folder / f"{IMAGES}.zip"
            try:
                self._archive = zipfile.ZipFile(packed)
            except (OSError, *DAMAGED) as error:
                raise DataError(f"{packed} cannot be unpacked ({error}); {_remedy()}") from error

    def __enter__(self) -> "_Contents":
        return self

    def __exit__(self, *_: object) -> None:
        if self._archive:
            self._archive.close()

    def get(self, name: str) -> bytes:
        if self._archive:
            return self._archive.read(f"{IMAGES}/{name}")
        return (self._folder / name).read_bytes()


def _names(folder: Path, part: Part) -> list[str]:
    """The files of a part, in the order of the list."""
    path = folder / PARTITION
    number = str(PARTS.index(part))  # 0, 1 and 2 there
    lines = [line.split() for line in path.read_text("utf-8", "replace").splitlines()]
    names = [line[0] for line in lines if line[1:] == [number]]
    if not check_integrity(str(path), _MD5[PARTITION]) or not names:
        counts = Counter(tuple(line[1:]) for line in lines)
        raise DataError(
            f"{path} is not the list of celeba's parts (its md5 differs): it has "
            f"{counted(len(lines), 'line')}, {counts[(number,)]:,} of them for {part}; {_remedy()}"
        )
    return names


def _complete(folder: Path) -> bool:
    has_images = (folder / IMAGES).is_dir() or (folder / f"{IMAGES}.zip").is_file()
    return has_images and (folder / PARTITION).is_file()


def _download(root: Path) -> None:
    try:
        CelebA(root, download=True)
    except Exception as error:  # Google Drive answers in many ways, often by a page about quotas
        reason = " ".join(str(error).split())
        raise FileNotFoundError(
            f"celeba is not complete in {root / CelebA.base_folder} and cannot be downloaded "
            f"({reason}); put {IMAGES}.zip and {PARTITION} there, which "
            "http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html has, or let --data-dir or "
            "VAE_ONNX_DATA name a folder that holds both in celeba/"
        ) from error


def _remedy() -> str:
    return f"put {IMAGES}.zip and {PARTITION} there anew"
