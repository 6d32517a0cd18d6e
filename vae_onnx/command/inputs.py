"""What a command is given: images and labels in files, as the models take them."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import vae_onnx
from vae_onnx import evaluation
from vae_onnx.command import files
from vae_onnx.engine.graph import Array
from vae_onnx.errors import InputError
from vae_onnx.evaluation import Labels
from vae_onnx.pictures.arrays import Shape, to_x


def read_images(options: argparse.Namespace, image_shape: Shape) -> Array:
    """Read what the command line names as x (N, channels, height, width)."""
    paths: list[Path] = options.images
    if paths[0].suffix.lower() == ".npy":
        if len(paths) > 1 or options.drawing or options.invert:
            raise InputError("a .npy file stands alone, without --drawing and --invert")
        return to_x(files.read_array(paths[0]), image_shape)
    grey = options.drawing or image_shape[0] == 1
    pictures = [files.read_picture(path, grey=grey, invert=options.invert) for path in paths]
    if options.drawing:
        return np.concatenate([vae_onnx.drawing_to_x(picture) for picture in pictures])
    height, width = image_shape[1:]
    for path, picture in zip(paths, pictures, strict=True):
        if picture.shape[:2] != (height, width):
            raise InputError(
                f"{path} is {picture.shape[1]}x{picture.shape[0]} pixels, the model takes "
                f"{width}x{height}; resize it, or pass --drawing if it shows one drawn digit"
            )
    return to_x(np.stack(pictures), image_shape)


def read_data(options: argparse.Namespace, image_shape: Shape) -> tuple[Array, Labels | None]:
    """Read the images as x (N, channels, height, width), and their classes if there are any."""
    if options.limit is not None and options.limit < 1:
        raise InputError(f"--limit must be at least 1, got {options.limit}")
    images = files.read_data(options.data)
    path = options.labels or files.labels_beside(options.data)
    labels = None if path is None else files.read_data(path)
    x = to_x(images, image_shape)
    if labels is not None:
        evaluation.check_labels(labels, len(x))
        labels = labels[: options.limit]
    return x[: options.limit], labels
