"""A user's own pictures as a data set, `--dataset folder:PATH`: read, and told what was read."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from export.data import layout
from export.data.fingerprint import content_hash
from export.data.layout import Part, Picture
from export.data.walk import Left, counted, first_process, say, some, walk
from export.errors import DataError
from vae_onnx.errors import FileError
from vae_onnx.pictures import files as reader
from vae_onnx.pictures import fitting

LEAST_IMAGES: Final = 20  # two to validate with and two to test on, and some to train on
SHOWN: Final = 10  # of the files that cannot be read

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Folder:
    """The pictures of a folder, row by row in the order of their contents.

    That order, which the split hangs on, stays when files or folders get other names.
    """

    images: Pixels  # (N, image_size, image_size) grey
    labels: npt.NDArray[np.int64]  # (N,) index into class_names
    parts: tuple[Part | None, ...]  # (N,) None: for the split to come
    names: tuple[str, ...]  # (N,) of the files, below the folder
    contents: tuple[str, ...]  # (N,) hashes of the files
    class_names: tuple[str, ...]


def read(folder: Path, image_size: int) -> Folder:
    """Read every picture of a folder, of any size and mode, as grey squares.

    A picture is read as `vae_onnx.read_picture` does, cropped to its middle square and scaled with
    anti-aliasing. `export.data.walk` says which files are pictures, and `export.data.layout` which
    class and part of a split they belong to.

    Args:
        folder: Where the pictures are.
        image_size: Side of the squares, in pixels.

    Raises:
        FileNotFoundError: there is no such folder.
        DataError: it holds too few pictures, some that cannot be read, or folders that could mean
            two things.
        OSError: a folder cannot be listed.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; --dataset folder:PATH names one")
    files, left = walk(folder)
    pictures = layout.arrange(folder, files, left)
    if len(pictures) < LEAST_IMAGES:
        raise DataError(too_few(folder, f"got {len(pictures)}", left))
    images, contents, notes = _read_all(folder, pictures, image_size)
    order = sorted(range(len(pictures)), key=lambda row: (contents[row], pictures[row].name))
    pictures, contents = [pictures[row] for row in order], [contents[row] for row in order]
    labels = sorted({picture.label for picture in pictures})  # "" first, whatever it is called
    read = Folder(
        images[order],
        np.array([labels.index(picture.label) for picture in pictures]),
        tuple(picture.part for picture in pictures),
        tuple(picture.name for picture in pictures),
        tuple(contents),
        tuple(label or _own_name(folder, labels) for label in labels),
    )
    _tell(folder, read, left, notes)
    return read


def too_few(folder: Path, got: str, left: Left | None = None) -> str:
    """Say that there are too few pictures, and what else there is."""
    alone = f"; left alone: {'; '.join(left.lines())}" if left and left.lines() else ""
    return (
        f"{folder} must hold at least {LEAST_IMAGES} pictures to train on, in itself or in folders "
        f"named after their classes, {got}{alone}"
    )


def _read_all(
    folder: Path, pictures: Sequence[Picture], image_size: int
) -> tuple[Pixels, list[str], dict[str, list[str]]]:
    """Read all pictures; return images, hashes, and names of files by what was noted of them."""
    images = np.empty((len(pictures), image_size, image_size), np.uint8)
    contents, bad, notes = [], [], defaultdict(list)
    quiet = None if first_process() else True
    for row, picture in enumerate(tqdm(pictures, desc=str(folder), disable=quiet)):
        try:
            content = picture.path.read_bytes()
            grey, said = _read(content)
        except (OSError, DataError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            bad.append(f"{picture.name}: {reason}")
            continue
        images[row] = fitting.fitted(grey, image_size, image_size)
        contents.append(content_hash(content))
        for note in said:
            notes[note].append(picture.name)
    if bad:
        more = [f"and {len(bad) - SHOWN:,} more"] if len(bad) > SHOWN else []
        raise DataError(
            f"{len(bad):,} of {counted(len(pictures), 'picture')} in {folder} cannot be read; "
            "remove or mend them:\n  " + "\n  ".join([*bad[:SHOWN], *more])
        )
    return images, contents, notes


def _read(content: bytes) -> tuple[Pixels, Sequence[str]]:
    """Decode a file to grey (height, width), with notes of what had to be decided.

    Raises:
        DataError: it is no complete picture.
    """
    try:
        picture = reader.read(content)
    except FileError as error:
        raise DataError(str(error)) from error
    return picture.grey, picture.notes


def _own_name(folder: Path, labels: Sequence[str]) -> str:
    """What to call the class of pictures that lie in no folder of their own."""
    name = folder.resolve().name or "pictures"
    return f"{name} itself" if name in labels else name


def _tell(folder: Path, read: Folder, left: Left, notes: dict[str, list[str]]) -> None:
    """Say what was taken, what was left, and what was noted about how many."""
    classes = f"{counted(len(read.class_names), 'class')} ({some(list(read.class_names), 9)})"
    say(f"{folder}: {counted(len(read.names), 'picture')} of {classes}")
    if left.lines():
        say(f"  left alone: {'; '.join(left.lines())}")
    alike: dict[str, list[str]] = defaultdict(list)  # notes that differ in numbers alone
    said: dict[str, str] = {}
    for note, names in notes.items():
        kind = re.sub(r"[-+]?\d[\d.,]*", "#", note)
        said.setdefault(kind, note)
        alike[kind] += names
    for kind, names in alike.items():
        say(f"  {counted(len(names), 'picture')} ({some(names)}): {said[kind]}")
