"""The command `python -m vae_onnx.torch`: a network, its weights and pictures -> a model folder."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast, get_args

import numpy as np
import numpy.typing as npt
from torch import nn

from vae_onnx.crossing.model import Measure
from vae_onnx.crossing.options import MOST, Likelihood, Options, Prior
from vae_onnx.errors import InputError, ModelTypeError, VaeOnnxError, accessing
from vae_onnx.pictures import files as reader
from vae_onnx.pictures.fitting import FITS, MEANS, Fit, fitted
from vae_onnx.store import array_files as files
from vae_onnx.torch import export, load_weights

SIGNED: Final = ("--pixel-range", "--mean")  # whose values may begin with a minus


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status, 0 or 1 (2 for wrong usage, by argparse)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    given = vars(make_parser().parse_args(_joined(arguments)))
    factory, weights, out = given.pop("factory"), given.pop("weights"), given.pop("out")
    source, grey = given.pop("pictures"), given.pop("grey")
    size, fit = given.pop("size"), given.pop("fit")
    said = cast(Options, {name: value for name, value in given.items() if value is not None})
    try:
        parts = build(factory, weights)
        pictures = read_pictures(source, grey=grey, size=size, fit=fit)
        make: Any = export  # of one model or of two halves
        folder = make(out, *parts, pictures, **said)
    except (VaeOnnxError, MemoryError) as error:
        print(f"vae_onnx.torch: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("vae_onnx.torch: interrupted", file=sys.stderr)
        return 130  # as shells have it
    print(folder)
    return 0


def build(factory: str, weights: Path | None) -> tuple[Any, ...]:
    """Return the model, or encoder and decoder, that a factory `module:name` makes.

    Args:
        factory: A class or function to be called without arguments, or a model itself.
        weights: A file to load into it.

    Raises:
        ModelTypeError: There is no such module or name, or it raises, or makes something else.
        WeightsError: The weights do not fit.
    """
    module_name, _, name = factory.partition(":")
    try:
        if not name:
            raise ValueError("no name after a colon")
        if str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        made = importlib.import_module(module_name)
        for part in filter(None, name.split(".")):
            made = getattr(made, part)
        if not isinstance(made, nn.Module) and callable(made):
            made = made()
    except Exception as error:  # code of the user's own
        raise ModelTypeError(
            f"{factory!r} must name a module and a class or function in it that makes the network "
            f"without arguments, as in mynet:VAE or mynet:build; {type(error).__name__}: {error}"
        ) from error
    parts = tuple(made) if isinstance(made, tuple | list) else (made,)
    if weights is not None:
        if len(parts) > 1 or not isinstance(made, nn.Module):
            raise ModelTypeError(
                f"{factory!r} must make one nn.Module that --weights are loaded into, it makes "
                f"{type(made).__name__}; load them in the factory: vae_onnx.torch.load_weights"
            )
        load_weights(made, weights)
    return parts


def read_pictures(
    source: Path, *, grey: bool, size: tuple[int, int] | None, fit: Fit = "crop"
) -> npt.NDArray[Any]:
    """Return up to 64 pictures of a folder, or the array in a `.npy` file.

    Args:
        source: The folder, whose pictures are taken by name, or the file.
        grey: Turn colours into grey.
        size: (height, width) to bring them to.
        fit: What becomes of other proportions; see `vae_onnx.pictures.fitting`.

    Raises:
        InputError: There are none, or of different sizes.
        FileMissingError: There is no such folder.
        FileError: A file is no picture.
    """
    if source.suffix.lower() == ".npy":
        return files.read_array(source)[:MOST]
    ends = reader.suffixes()
    with accessing(source, "; --pictures takes a folder of pictures, or a .npy file"):
        found = sorted(path for path in source.iterdir() if path.suffix.lower() in ends)
    if not found:
        raise InputError(f"{source} holds no pictures ({', '.join(sorted(ends))})")
    read = [reader.read(path) for path in found[:MOST]]
    pictures = [picture.grey if grey else picture.rgb for picture in read]
    if size is not None:
        height, width = size
        pictures = [fitted(picture, width, height, fit) for picture in pictures]
    for path, picture in zip(found, pictures, strict=False):
        if picture.shape != pictures[0].shape:
            raise InputError(
                f"{path} is {picture.shape[1]}x{picture.shape[0]} pixels, and {found[0].name} "
                f"{pictures[0].shape[1]}x{pictures[0].shape[0]}; bring them to one size with "
                "--size 64 or --size HEIGHTxWIDTH"
            )
    return np.stack(pictures)


def _joined(arguments: Sequence[str]) -> list[str]:
    """Join options and values that begin with a minus, which argparse takes for other options."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in SIGNED:
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def make_parser() -> argparse.ArgumentParser:
    """What `python -m vae_onnx.torch` takes."""
    parser = argparse.ArgumentParser(
        prog="python -m vae_onnx.torch",
        description="Make a folder that vae_onnx.load takes of an autoencoder of PyTorch.",
    )
    add = parser.add_argument
    add("factory", metavar="MODULE:FACTORY", help="what makes the network, as mynet:VAE")
    add("--weights", type=Path, metavar="FILE", help="its state_dict, however it was wrapped")
    add("--pictures", type=Path, required=True, metavar="FOLDER", help="2 to 64 of yours, or .npy")
    add("--out", type=Path, required=True, metavar="FOLDER", help="of the model")
    add("--grey", action="store_true", help="turn the pictures into grey")
    add("--size", type=_size, metavar="N|HxW", help="bring them to it")
    add("--fit", choices=FITS, default="crop", help=f"how: {MEANS}; %(default)s by default")
    add("--pixel-range", type=_numbers, metavar="LOW:HIGH", help="of the network's pixels: -1:1")
    add("--mean", type=_numbers, metavar="A,B,C", help="subtracted from them")
    add("--std", type=_numbers, metavar="A,B,C", help="divided by")
    add("--bgr", action="store_true", default=None, help="blue comes first")
    add("--spread", choices=get_args(Measure), help="what the encoder's second output is")
    add("--outputs", choices=("pixels", "logits"), help="what the decoder gives")
    add("--dynamic-size", action="store_true", default=None, help="of any height and width")
    add("--likelihood", choices=get_args(Likelihood), help="that the decoder was trained as")
    add("--sigma", type=float, help="of a Gaussian one, for pixels in [0, 1]")
    add("--prior", choices=get_args(Prior), help="of the codes")
    add("--name", help="of the model; by default that of its folder")
    add("--licence", help="of the model")
    names = "of the classes that labels count"
    add("--class-names", type=lambda text: text.split(","), metavar="A,B,C", help=names)
    add("--tolerance", type=float, help="of graph and model; 1e-5")
    add("--no-strict", dest="strict", action="store_false", default=None, help="write it untrained")
    add("--overwrite", action="store_true", default=None, help="the folder may hold anything")
    return parser


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.replace(":", ",").split(",")]


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.lower().partition("x")
    return int(height), int(width or height)


if __name__ == "__main__":
    sys.exit(main())
