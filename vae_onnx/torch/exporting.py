"""`export`: anybody's encoder and decoder of PyTorch -> a model folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Unpack, overload

import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae_onnx import checks
from vae_onnx.crossing import door, options
from vae_onnx.crossing import folder as folders
from vae_onnx.crossing.options import Options
from vae_onnx.errors import InputTypeError
from vae_onnx.torch import sides
from vae_onnx.torch.side import Side

Part = nn.Module | Callable[[Tensor], Any]
Pictures = npt.ArrayLike | Tensor


@overload
def export(
    folder: str | os.PathLike[str], model: nn.Module, pictures: Pictures, /, **said: Unpack[Options]
) -> Path: ...


@overload
def export(
    folder: str | os.PathLike[str],
    encoder: Part,
    decoder: Part,
    pictures: Pictures,
    **said: Unpack[Options],
) -> Path: ...


def export(
    folder: str | os.PathLike[str],
    encoder: Any,
    decoder: Any = None,
    pictures: Any = None,
    **said: Unpack[Options],
) -> Path:
    """Write the model folder of an autoencoder of PyTorch: two graphs, proven equal to it.

    The model is left as it was found: the work is done on a float32 copy on the CPU, in evaluation
    mode. Nothing is written unless every gate is passed.

    Args:
        folder: Where to; missing or empty, or with `overwrite=True` anything.
        encoder: An nn.Module, a method of one (`vae.encode`), or a function of a tensor. It takes
            pictures (N, C, H, W), (N, C*H*W) or (N, H, W, C), and gives z, or mu and log variance.
            Or a whole model and no decoder: its methods encode and decode are taken, or else its
            modules encoder and decoder.
        decoder: The same; it takes z and gives pictures of one of these shapes.
        pictures: 2 to 64 of your own, uint8 or float in [0, 1]: (N, H, W), (N, H, W, C) or
            (N, C, H, W). They give the shape, and what the graphs and the range of the pixels are
            tried on.
        said: What you know of the model; see `vae_onnx.crossing.options.Options`.

    Returns:
        The folder, which `vae_onnx.load` takes.

    Raises:
        ExportError: The model cannot cross as it is; each reason is a kind of its own, with what
            to do about it.
        InputError: Pictures or an option cannot be taken, or the folder holds something.
        InputTypeError: They are of another type.
        FileAccessError: The folder cannot be written.
    """
    whole = decoder is None or (pictures is None and not callable(decoder))
    if whole:
        encoder, decoder, pictures = encoder, None, decoder if pictures is None else pictures
    if pictures is None:
        raise InputTypeError("pictures are missing: export(folder, encoder, decoder, pictures)")
    target, wishes = checks.path(folder, "folder"), options.read(said)
    folders.check_target(target, wishes.overwrite)
    x = options.pictures(_array(pictures))
    wishes.pixels(x.shape[1])
    if whole:
        encoder, decoder = sides.find(encoder)
    copier = sides.Copier()
    with _undisturbed():
        halves = [
            Side(part, sides.unwrap(call, part), copier)
            for part, call in (("encoder", encoder), ("decoder", decoder))
        ]
        about = {
            "made_by": "vae_onnx.torch.export",
            "parameters": _parameters(halves),
            "versions": {"torch": torch.__version__.partition("+")[0]},
        }
        return door.cross(target, halves[0], halves[1], x, wishes, about)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Leave random numbers as they were found, and let distributions be made without looking."""
    looks = Distribution._validate_args
    Distribution.set_default_validate_args(False)  # looking is an if on data
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            yield
    finally:
        Distribution.set_default_validate_args(looks)


def _parameters(halves: list[Side]) -> int:
    """Count the numbers of both halves, those that they share once."""
    known = {id(parameter): parameter for half in halves for parameter in half.parameters()}
    return sum(parameter.numel() for parameter in known.values())


def _array(pictures: Any) -> Any:
    """Return pictures that numpy takes: of a tensor its values, wherever it lies."""
    if not isinstance(pictures, Tensor):
        return pictures
    values = pictures.detach().to("cpu")
    return (values.float() if values.dtype == torch.bfloat16 else values).numpy()
