"""A user's own pictures as a data set, `--dataset folder:PATH`: read, and told what was read."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from export.choices import GREY, Ground
from export.config import Recipe
from export.data import layout, memory
from export.data.fingerprint import content_hash
from export.data.layout import Part, Picture
from export.data.parallel import each
from export.data.shards import ALL, Share
from export.data.walk import Left, counted, say, some, walk
from export.errors import DataError
from vae_onnx.errors import FileError
from vae_onnx.pictures import files as reader
from vae_onnx.pictures import fitting

LEAST_IMAGES: Final = 20  # two to validate with and two to test on, and some to train on
SHOWN: Final = 10  # of the files that cannot be read
GRID: Final = 64  # pixels a side that are looked at for colours
TINT: Final = 24  # of 255, between channels: less is the grey of a scan or of JPEG
COLOURED: Final = "They have colour; --colour trains on it."

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Folder:
    """The pictures of a folder, row by row in the order of their contents.

    That order, which the split hangs on, stays when files or folders get other names.
    """

    images: Pixels  # (n, channels, height, width) of a process's share, as they were read: see `of`
    places: npt.NDArray[np.int64]  # (N,) of the rows, in the order of reading
    share: Share
    labels: npt.NDArray[np.int64]  # (N,) index into class_names
    parts: tuple[Part | None, ...]  # (N,) None: for the split to come
    names: tuple[str, ...]  # (N,) of the files, below the folder
    contents: tuple[str, ...]  # (N,) hashes of the files
    class_names: tuple[str, ...]

    def of(self, rows: Sequence[int]) -> Pixels:
        """The images of some rows of the share, copied: all of them together are held once."""
        return self.images[self.places[rows] // self.share.size]


class _Told(NamedTuple):
    """What is known of one picture beside its pixels, or why there is none."""

    content: str = ""  # its hash
    notes: Sequence[str] = ()
    coloured: bool = False
    error: str = ""


class _Read(NamedTuple):
    """One picture."""

    pixels: Pixels | None  # (channels, height, width)
    told: _Told


def read(folder: Path, config: Recipe, share: Share = ALL) -> Folder:
    """Read every picture of a folder, of any size and mode, as squares, grey or in colour.

    A picture is read as `vae_onnx.read_picture` does, made a square as config.fit says and scaled
    with anti-aliasing. `export.data.walk` says which files are pictures, and `export.data.layout`
    which class and part of a split they belong to.

    Args:
        folder: Where the pictures are.
        config: Size, colour, ground and fit of the squares.
        share: Which of them this process reads; what the others do, they tell each other.

    Raises:
        FileNotFoundError: there is no such folder.
        DataError: it holds too few pictures, more than the memory, some that cannot be read, or
            folders that could mean two things.
        OSError: a folder cannot be listed.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; --dataset folder:PATH names one")
    files, left = walk(folder)
    pictures = layout.arrange(folder, files, left)
    if len(pictures) < LEAST_IMAGES:
        raise DataError(too_few(folder, f"got {len(pictures)}", left))
    # What is read, and its parts.
    memory.check(share.here(len(pictures)), config.image_shape, copies=2)
    images, told = _read_mine(folder, pictures, config, share)
    contents, notes = _contents(folder, pictures, told), _notes(pictures, told, config)
    order = sorted(range(len(pictures)), key=lambda row: (contents[row], pictures[row].name))
    pictures, contents = [pictures[row] for row in order], [contents[row] for row in order]
    labels = sorted({picture.label for picture in pictures})  # "" first, whatever it is called
    read = Folder(
        images,
        np.array(order),
        share,
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


def _read_mine(
    folder: Path, pictures: Sequence[Picture], config: Recipe, share: Share
) -> tuple[Pixels, list[_Told]]:
    """Read the pictures of a share; return their images, and what is known of all pictures."""
    _check_same(folder, pictures, share)
    mine = share.of(pictures)
    images = np.empty((len(mine), *config.image_shape), np.uint8)
    told = []
    read = each(partial(_square, config=config), mine, len(mine), str(folder))
    for row, one in enumerate(read):
        if one.pixels is not None:
            images[row] = one.pixels
        told.append(one.told)
    return images, share.merged(told)


def _check_same(folder: Path, pictures: Sequence[Picture], share: Share) -> None:
    """See that all processes find the same files, of which each is read by one."""
    names = "\n".join(picture.name for picture in pictures)
    found = share.gather((len(pictures), content_hash(names.encode("utf-8", "surrogateescape"))))
    if len(set(found)) > 1:
        counts = ", ".join(f"{number:,}" for number, _ in found)
        raise DataError(
            f"the processes do not find the same pictures in {folder}: {counts}, by their ranks; "
            "give all of them a folder that they share, or the same copy of it"
        )


def _contents(folder: Path, pictures: Sequence[Picture], told: Sequence[_Told]) -> list[str]:
    """The hashes of all pictures; raises DataError where some could not be read."""
    bad = [
        f"{picture.name}: {one.error}"
        for picture, one in zip(pictures, told, strict=True)
        if one.error
    ]
    if bad:
        more = [f"and {len(bad) - SHOWN:,} more"] if len(bad) > SHOWN else []
        raise DataError(
            f"{len(bad):,} of {counted(len(pictures), 'picture')} in {folder} cannot be read; "
            "remove or mend them:\n  " + "\n  ".join([*bad[:SHOWN], *more])
        )
    return [one.content for one in told]


def _notes(
    pictures: Sequence[Picture], told: Sequence[_Told], config: Recipe
) -> dict[str, list[str]]:
    """Names of files by what was noted of them."""
    notes = defaultdict(list)
    for picture, one in zip(pictures, told, strict=True):
        for note in [*one.notes, *[COLOURED] * (one.coloured and not config.colour)]:
            notes[note].append(picture.name)
    return notes


def _square(picture: Picture, config: Recipe) -> _Read:
    """Read one picture of a folder, in one of several threads."""
    channels, side, _ = config.image_shape
    try:
        content = picture.path.read_bytes()
        found = _read(content, config.ground, fitting.enough(side))
    except (OSError, DataError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        return _Read(None, _Told(error=reason or str(error)))
    pixels = found.grey if channels == GREY else found.rgb
    square = fitting.fitted(pixels, side, side, config.fit, config.ground or "black")
    planes = square[np.newaxis] if channels == GREY else square.transpose(2, 0, 1)
    return _Read(planes, _Told(content_hash(content), found.notes, _is_coloured(found.pixels)))


def _is_coloured(pixels: Pixels) -> bool:
    """Whether a picture shows colours, by a grid of its pixels; a grey one may be of RGB, too."""
    if pixels.ndim == 2:
        return False
    height, width = (max(1, side // GRID) for side in pixels.shape[:2])
    some_pixels = pixels[::height, ::width]
    return bool((some_pixels.max(axis=2) - some_pixels.min(axis=2)).max() > TINT)


def _read(
    content: bytes, ground: Ground | None = None, enough: int | None = None
) -> reader.Picture:
    """Decode a file, with notes of what had to be decided.

    Raises:
        DataError: it is no complete picture.
    """
    try:
        return reader.read(content, ground=ground, enough=enough)
    except FileError as error:
        raise DataError(str(error)) from error


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
