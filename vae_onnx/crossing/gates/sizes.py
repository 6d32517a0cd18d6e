"""Models for pictures of any size: the multiple that height and width must have, by trying."""

from __future__ import annotations

import math

import numpy as np

from vae_onnx.crossing.folding.steps import Reshape
from vae_onnx.crossing.model import Half
from vae_onnx.engine.graph import Array
from vae_onnx.errors import ModelRunError, SizeError

Size = tuple[int, int]  # height, width


def find_multiple(encoder: Half, decoder: Half, x: Array) -> int:
    """Return the smallest number whose multiples come back in the size that they went in.

    It divides height and width of x (N, C, H, W). Each number is tried at sizes that x does not
    have, higher and wider by one, two and three of it.

    Raises:
        SizeError: The codes or pictures are flat, or no other size comes back.
    """
    steps = [*encoder.enter[1], *decoder.enter[1]]
    for half in (encoder, decoder):
        steps += [step for _, some in half.leave for step in some]
    height, width = x.shape[2:]
    if any(isinstance(step, Reshape) for step in steps) or encoder(x[:1])[0].ndim != 4:
        raise SizeError(
            "dynamic_size=True needs pictures and codes that are maps all the way; this model "
            "makes them flat, which fixes their size. Leave dynamic_size out"
        )
    common = math.gcd(height, width)
    for multiple in (number for number in range(1, common + 1) if common % number == 0):
        if all(_comes_back(encoder, decoder, x, size) for size in tried((height, width), multiple)):
            return multiple
    raise SizeError(
        f"dynamic_size=True: the model takes {height}x{width}, and no other size came back as it "
        "went in; leave dynamic_size out"
    )


def tried(size: Size, multiple: int) -> list[Size]:
    """Return sizes near one, of pairwise different height and width."""
    height, width = size
    sizes = [(height + multiple, width + 2 * multiple), (height + 3 * multiple, width + multiple)]
    return [(h, w + multiple) if h == w else (h, w) for h, w in sizes]


def resized(x: Array, size: Size) -> Array:
    """Return pictures x (N, C, H, W) in a size that is no smaller, by repeating them."""
    missing = [(0, wanted - has) for wanted, has in zip(size, x.shape[2:], strict=True)]
    return np.pad(x, [(0, 0), (0, 0), *missing], mode="wrap")


def _comes_back(encoder: Half, decoder: Half, x: Array, size: Size) -> bool:
    try:
        (x_recon,) = decoder(encoder(resized(x[:1], size))[0])
    except ModelRunError:
        return False
    return x_recon.shape[2:] == size
