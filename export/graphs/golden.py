"""Golden vectors: what the models make of some drawings, images and codes.

They are of the bundled models, which know grey digits, clothes and emoji, and of tiny graphs
written by hand, which have maps of codes, transparency and any size.

Other hosts of the graphs (a browser, Node, C++, C) are tested against these files. They are raw
numbers beside a manifest, so that every language reads them without a library. The runtime alone
computes them.
"""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

import vae_onnx
from export import writing
from export.choices import FOLDER
from export.errors import DataError
from vae_onnx.engine.graph import Array
from vae_onnx.engine.sizes import ANY
from vae_onnx.pictures.arrays import Shape, to_x

MANIFEST: Final = "golden.json"
IMAGES: Final = 12  # of each data set
OTHERS: Final = 4  # codes of no image
TINY: Final = ("colour", "map", "open")  # what no bundled model has
SQUARES: Final = (2, 3)  # high and wide, of what the sizes are multiples of where they are open
DRAWN_FOR: Final = "mnist"  # the data set whose models are shown the drawings
SUFFIXES: Final = {"float32": ".f32", "uint8": ".u8"}

Ink = npt.NDArray[np.uint8]


def write(out: Path, images: Path, graphs: Path) -> None:
    """Write the vectors of all bundled models, and of some tiny ones.

    The same bytes again on the same machine; on another one, where a matrix product may be summed
    in another order, the last digits of what the graphs compute may differ.

    Args:
        out: Folder to write. The manifest comes last, and names every other file.
        images: .npz archive of test images, uint8 (N, height, width) or (N, height, width, 3),
            N >= 12: an array for each data set, "fashion_mnist" for fashion-mnist.
        graphs: Where the folders of the tiny models are.

    Raises:
        DataError: `images` lacks a data set, or is no such archive.
        vae_onnx.FileMissingError: `graphs` lacks a model.
        OSError: `images` is missing, or `out` cannot be written.
    """
    inks = drawings()
    drawn = np.concatenate([vae_onnx.drawing_to_x(ink) for ink in inks.values()])
    told: dict[str, Any] = {
        "version": vae_onnx.__version__,
        "drawings": [],
        "models": [],
        "tiny": [],
    }
    for (name, ink), x in zip(inks.items(), drawn, strict=True):
        tensors = {"ink": ink, "x": x[np.newaxis]}
        entry = {"name": name, "tensors": _write_tensors(out, f"drawings/{name}.", tensors)}
        told["drawings"].append(entry)
    for name in vae_onnx.models():
        model = vae_onnx.load(name)
        x = _read_images(images, model.metadata["dataset"], model.image_shape)
        if model.metadata["dataset"] == DRAWN_FOR:
            x = np.concatenate([x, drawn])
        told["models"].append(
            {
                "name": name,
                "kind": model.kind,
                "latent_dim": model.latent_dim,
                "image_shape": model.image_shape,
                "fingerprint": model.metadata["fingerprint"],
                "tensors": _write_tensors(out, f"{name}/", vectors(model, x)),
            }
        )
    for name in TINY:
        model = vae_onnx.load(graphs / name)
        told["tiny"].append(
            {
                "name": name,
                "kind": model.kind,
                "latent_shape": model.latent_shape,
                "image_shape": model.image_shape,
                "tensors": _write_tensors(out, f"{name}/", vectors(model, _noise(model))),
            }
        )
    writing.write_text(out / MANIFEST, _json(told))
    print(f"{len(told['models'])} models and {len(inks)} drawings, written to {out}")


def vectors(model: vae_onnx.Autoencoder, x: Array) -> dict[str, Array]:
    """Return the inputs and outputs of both graphs of a model, by their names in the graphs.

    Args:
        model: A VAE or an AE.
        x: (N, channels, height, width) in [0, 1].

    Returns:
        x; for a VAE mu and log_var (N, *latent_shape); z (N + 4, *latent_shape): the codes of x,
        which are a VAE's mu, and four others; x_recon (N + 4, channels, height, width), decoded
        from z.
    """
    if model.kind == "vae":
        posterior = model.posterior(x)
        encoded, codes = {"mu": posterior.mu, "log_var": posterior.log_var}, posterior.mu
    else:
        encoded, codes = {}, model.encode(x)
    z = np.concatenate([codes, _other_codes(model, codes.shape[1:])])
    (x_recon,) = model.decoder.graph(z)
    return {"x": x, **encoded, "z": z, "x_recon": x_recon}


def drawings() -> dict[str, Ink]:
    """Return drawings of many sizes, uint8 (height, width), ink 255 on paper 0."""
    return {
        "two": stroke((280, 280), [(60, 90), (90, 60), (130, 75), (70, 170), (150, 170)], 16),
        "seven": stroke((150, 400), [(250, 20), (330, 20), (280, 130)], 9),
        "one-at-the-border": stroke((240, 60), [(58, 0), (50, 239)], 6),
        "eight-as-in-mnist": stroke(
            (28, 28), [(14, 4), (9, 9), (18, 18), (14, 23), (9, 18), (18, 9), (14, 4)], 2
        ),
        "zero-in-a-corner": stroke(
            (64, 96), [(6, 12), (12, 6), (18, 12), (18, 24), (12, 30), (6, 24), (6, 12)], 3
        ),
        "noise": np.random.default_rng(0).integers(0, 256, (30, 45), dtype=np.uint8),
        "full": np.full((50, 31), 255, np.uint8),
        "one-pixel": np.full((1, 1), 255, np.uint8),
        "empty": np.zeros((20, 30), np.uint8),
    }


def stroke(size: tuple[int, int], points: list[tuple[int, int]], width: float) -> Ink:
    """Draw a polyline with soft edges, as a pen on a canvas does.

    Args:
        size: (height, width) of the drawing.
        points: Corners (x, y) in pixels, two or more.
        width: Of the pen, in pixels.
    """
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float64)
    distance = np.full(size, np.inf)
    for (x0, y0), (x1, y1) in pairwise(points):
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
        distance = np.minimum(distance, np.hypot(x - x0 - along * dx, y - y0 - along * dy))
    ink: Ink = np.rint(255 * np.clip(width / 2 + 0.5 - distance, 0, 1)).astype(np.uint8)
    return ink


def _other_codes(model: vae_onnx.Autoencoder, shape: tuple[int, ...]) -> Array:
    """Four codes (4, *shape): of a VAE's prior, or of where an AE's codes lie."""
    rng = np.random.default_rng(0)
    if model.kind == "vae":
        return rng.standard_normal((OTHERS, *shape), dtype=np.float32)
    row = (-1, *(1,) * (len(shape) - 1))
    low, high = (bound.reshape(row) for bound in model.latent_range())
    return low + (high - low) * rng.random((OTHERS, *shape), dtype=np.float32)


def _noise(model: vae_onnx.Autoencoder) -> Array:
    """Three images x (3, channels, height, width) in which no two pixels are equal."""
    open_sizes = (side * model.size_multiple for side in SQUARES)
    channels, *sizes = model.image_shape
    shape = [open_ if size == ANY else size for size, open_ in zip(sizes, open_sizes, strict=True)]
    return np.random.default_rng(0).random((3, channels, *shape), dtype=np.float32)


def _read_images(path: Path, dataset: str, image_shape: Shape) -> Array:
    """Return the first images of a data set as x (12, channels, height, width)."""
    dataset = dataset.removeprefix(FOLDER)
    try:
        with np.load(path, allow_pickle=False) as archive:
            images = archive[dataset.replace("-", "_")][:IMAGES]
    except OSError:
        raise
    except Exception as error:  # numpy and zipfile each have their own
        raise DataError(f"{path} must be an .npz archive with images of {dataset}") from error
    channels, *size = image_shape
    wanted = (*size, channels) if channels > 1 else tuple(size)
    if images.dtype != np.uint8 or images.shape[1:] != wanted or len(images) < IMAGES:
        raise DataError(
            f"{path}: {dataset} must be uint8 (N, {', '.join(map(str, wanted))}) with "
            f"N >= {IMAGES}, got {images.dtype} {images.shape}"
        )
    return to_x(images, image_shape)


def _write_tensors(
    out: Path, prefix: str, tensors: dict[str, Array] | dict[str, npt.NDArray[Any]]
) -> dict[str, Any]:
    """Write each array as raw little-endian numbers; return what the manifest says of them."""
    told = {}
    for name, array in tensors.items():
        dtype = array.dtype.name
        path = f"{prefix}{name}{SUFFIXES[dtype]}"
        with writing.atomic(out / path) as partial:
            partial.write_bytes(array.astype(array.dtype.newbyteorder("<")).tobytes())
        told[name] = {"file": path, "dtype": dtype, "shape": array.shape}
    return told


def _json(value: Any) -> str:
    """As `json.dumps` indents it, with whatever holds numbers or names alone on one line."""
    text = json.dumps(value, indent=2)
    for innermost in (r"\[[^][{}]*\]", r"\{[^{}]*\}"):
        text = re.sub(innermost, lambda match: json.dumps(json.loads(match.group())), text)
    return text
