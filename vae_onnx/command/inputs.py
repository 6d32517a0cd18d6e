"""What a command is given: images and labels in files, as the models take them."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vae_onnx import evaluation
from vae_onnx.autoencoder import Autoencoder
from vae_onnx.command.rows import Rows
from vae_onnx.engine import stream
from vae_onnx.engine.graph import Array
from vae_onnx.errors import InputError, InputTypeError, accessing
from vae_onnx.evaluation import Labels
from vae_onnx.pictures import drawing, taking
from vae_onnx.pictures import files as pictures
from vae_onnx.pictures.arrays import Shape, as_batch, to_x
from vae_onnx.pictures.fitting import Fit
from vae_onnx.pictures.taking import DRAWN, in_words
from vae_onnx.store import array_files as files

SAYS: Final = "--invert says that the paper is light, --no-invert that it is dark."
MASK: Final = "Its largest value is 1 of 255: all of it is nearly black; save a mask as float32."

Notes = Iterable[tuple[Path, str]]


def read_images(options: argparse.Namespace, model: Autoencoder) -> Array | Rows:
    """Read what the command line names as x (N, channels, height, width); tell what was decided."""
    paths: list[Path] = options.images
    if paths[0].suffix.lower() == ".npy":
        if len(paths) > 1 or options.drawing or options.invert is not None or options.fit:
            raise InputError("a .npy file stands alone, without --drawing, --[no-]invert and --fit")
        return _rows(paths[0], files.read_array(paths[0]), model)
    if options.drawing and options.fit:
        raise InputError("--drawing centres and scales by itself; leave --fit out")
    if options.drawing:
        return _drawings(paths, options.invert, model.image_shape)
    return _pictures(paths, options.invert, options.fit, model)


def read_data(options: argparse.Namespace, model: Autoencoder) -> tuple[Rows, Labels | None]:
    """Read the images as x (N, channels, height, width), and their classes if there are any."""
    if options.limit is not None and options.limit < 1:
        raise InputError(f"--limit must be at least 1, got {options.limit}")
    path = options.labels or files.labels_beside(options.data)
    labels = None if path is None else files.read_data(path)
    if options.data.is_dir():
        found = _in_folder(options.data)[: None if labels is not None else options.limit]
        x = _rows(options.data, _pictures(found, None, options.fit, model), model)
    elif options.fit:
        raise InputError(f"--fit is for a folder of picture files, {options.data} is a file")
    else:
        x = _rows(options.data, files.read_data(options.data), model)
    if labels is not None:
        evaluation.check_labels(labels, len(x))
        labels = np.array(labels[: options.limit])
    elif files.is_idx_of_images(options.data):
        said = "No file of labels lies beside it, so there is no kNN accuracy; --labels names one."
        _tell([(options.data, said)])
    return x.first(options.limit), labels


def _drawings(paths: Sequence[Path], invert: bool | None, image_shape: Shape) -> Array:
    if image_shape != DRAWN:
        raise InputError(
            f"--drawing makes pictures of 28x28 as MNIST's digits are, the model takes "
            f"{image_shape[2]}x{image_shape[1]}; give it pictures of that size without --drawing"
        )
    notes, xs = [], []
    for path in paths:
        picture = taking.read(path, invert=invert)
        try:
            drawn = drawing.picture_to_x(picture.grey, dark=invert)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        xs.append(drawn.x)
        says = () if drawn.clear or invert is not None else (SAYS,)
        notes += [(path, note) for note in (*picture.notes, *drawn.notes, *says)]
    _tell(notes)
    return np.concatenate(xs)


def _in_folder(folder: Path) -> list[Path]:
    """The picture files of a folder, by name."""
    ends = pictures.suffixes()
    with accessing(folder):
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in ends)
    if not found:
        raise InputError(f"{folder} holds no picture files ({', '.join(sorted(ends))})")
    return found


def _pictures(
    paths: Sequence[Path], invert: bool | None, fit: Fit | None, model: Autoencoder
) -> Array:
    take = taking.Taker(model, invert, fit)
    taken: list[npt.NDArray[np.uint8]] = []
    notes = []
    for path in paths:
        picture = take(path)
        notes += [(path, note) for note in picture.notes]
        if taken and picture.pixels.shape != taken[0].shape:
            raise InputError(
                f"{path} is {in_words(picture.pixels.shape)} pixels, {paths[0]} "
                f"{in_words(taken[0].shape)}; "
                "a model of any size takes pictures of one size together, others one by one"
            )
        taken.append(picture.pixels)
    _tell(notes)
    return to_x(np.stack(taken), model.image_shape, model.size_multiple)


def _rows(path: Path, images: npt.NDArray[Any], model: Autoencoder) -> Rows:
    image_shape, multiple = model.image_shape, model.size_multiple
    with _about(path):
        batch = as_batch(images, image_shape, multiple)
    if batch.dtype == np.uint8 and _are_zeros_and_ones(batch):
        _tell([(path, MASK)])

    def some_to_x(some: npt.NDArray[Any]) -> Array:
        with _about(path):
            return to_x(some, image_shape, multiple)

    return Rows(batch, some_to_x, batch.shape[1:])


def _are_zeros_and_ones(batch: npt.NDArray[Any]) -> bool:
    """Whether 1 is the largest number; most often the first block tells."""
    largest = 0
    for block in stream.blocks(batch, np.asarray):
        largest = max(largest, int(block.max()))
        if largest > 1:
            return False
    return largest == 1


@contextmanager
def _about(path: Path) -> Iterator[None]:
    """Say of which file an error is."""
    try:
        yield
    except (InputError, InputTypeError) as error:
        reader = (
            "np.load" if path.suffix.lower() == ".npy" else "vae_onnx.store.array_files.read_idx"
        )
        told = f" (images = {reader}({str(path)!r}); np.save writes what is taken)"
        raise type(error)(f"{path}: {error}{told if '`' in str(error) else ''}") from error


def _tell(notes: Notes) -> None:
    """Print notes to stderr, each once with the files that it is about."""
    about: defaultdict[str, list[Path]] = defaultdict(list)
    for path, note in notes:
        about[note].append(path)
    for note, paths in about.items():
        others = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        if sys.stderr is not None:  # as it is of programs without a console
            print(f"vae-onnx: note: {paths[0]}{others}: {note}", file=sys.stderr)
