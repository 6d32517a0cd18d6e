"""The gate that finds a wrong belief about the pixels, and weights that were never loaded."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from vae_onnx.crossing.folding import pixels as ranges
from vae_onnx.crossing.folding.pixels import Pixels
from vae_onnx.crossing.folding.steps import Affine, Channels, Clip, through
from vae_onnx.crossing.model import Half, Original
from vae_onnx.crossing.reading import Reading
from vae_onnx.engine.graph import Array
from vae_onnx.errors import (
    ExportError,
    ExportWarning,
    PixelRangeError,
    ReconstructionError,
)

MARGIN: Final = 0.5  # dB by which another range must be better
LOWEST: Final = 10.0  # dB below which nothing came back
COMPARED: Final = 16  # pictures, in each range
ENOUGH: Final = 20.0  # dB above which something did, however flat the pictures are


@dataclass(frozen=True)
class RoundTrip:
    """How pictures come back under the stated range of pixels."""

    x_recon: Array  # (N, C, H, W)
    psnr: float  # dB
    clipped: float  # share of the values that were outside [0, 1]


def go(encoder: Half, decoder: Half, x: Array) -> RoundTrip:
    """Encode and decode pictures x (N, C, H, W)."""
    (raw,) = decoder.without(Clip).all(encoder.all(x)[0])
    return _seen(raw, x)


def _seen(raw: Array, x: Array) -> RoundTrip:
    outside = float(((raw < 0) | (raw > 1)).mean())
    x_recon = raw.clip(0, 1)
    return RoundTrip(x_recon, psnr(x, x_recon), outside)


def psnr(x: Array, x_recon: Array) -> float:
    """Peak signal-to-noise ratio in dB, of values in [0, 1]."""
    error = float(np.square(x.astype(np.float64) - x_recon).mean())
    return 10 * math.log10(1 / max(error, 1e-10))


def check(
    reading: Reading,
    encoder: Original,
    decoder: Original,
    x: Array,
    pixels: Pixels,
    strict: bool,
) -> tuple[RoundTrip, str]:
    """Compare the stated range of pixels with the usual ones.

    Args:
        reading: What the model takes and gives.
        encoder: The network.
        decoder: The network.
        x: Pictures (N, C, H, W) in [0, 1].
        pixels: What the user says, or what is taken for granted.
        strict: Raise; otherwise warn.

    Returns:
        The round trip in the stated range, and a line on the others.

    Raises:
        PixelRangeError: Another range is better, and the user stated none.
        ReconstructionError: The pictures do not come back in any.
    """
    stated = go(*reading.halves(encoder, decoder, pixels), x)
    others = _others(reading, encoder, decoder, x, pixels)
    here = psnr(x[:COMPARED], stated.x_recon[:COMPARED])
    best, better = max(others.items(), key=lambda item: item[1], default=("", -math.inf))
    line = f"your pictures come back at {here:.1f} dB"
    least = max(LOWEST, min(psnr(x, _flat(x)), ENOUGH))
    if better >= here + MARGIN and better >= least:
        said = f"{line} with {pixels}, and at {better:.1f} dB with {best}"
        if pixels.stated:
            return stated, f"{said}; your range was taken as you stated it"
        _refuse(
            PixelRangeError(f"{said}: pass that; or, if {pixels} is right, say so yourself"),
            strict,
        )
    elif stated.psnr < least:
        flat = "" if least == LOWEST else f", one flat colour at {least:.1f}"
        _refuse(
            ReconstructionError(
                f"the model does not reconstruct your pictures ({stated.psnr:.1f} dB{flat}): are "
                "the weights loaded? Are the pictures like those that it was trained on, light "
                "on dark or dark on light? strict=False writes it all the same"
            ),
            strict,
        )
    return stated, f"{line} with {pixels}"


def _others(
    reading: Reading, encoder: Original, decoder: Original, x: Array, pixels: Pixels
) -> dict[str, float]:
    """Return what a user would have to say -> dB, for the usual ranges that were not stated.

    Networks that end in a sigmoid give [0, 1] whatever they take, so that is tried, too.
    """
    results: dict[str, float] = {}
    plain = Pixels(bgr=pixels.bgr)
    x = x[:COMPARED]
    for usual in ranges.usual(x.shape[1]):
        belief = replace(usual, bgr=pixels.bgr)
        if belief == replace(pixels, stated=False):
            continue
        given, taken = reading.halves(encoder, decoder, belief)
        try:
            (network,) = taken.without(Affine, Channels, Clip).all(given.all(x)[0])
        except ExportError:  # no belief to hold, then
            continue
        known = plain if reading.logits else belief
        results[str(belief)] = _seen(through(known.back(x.shape[1]), network), x).psnr
        if known != plain:
            said = f"{belief} and a decoder that gives back that range from its [0, 1]: " + (
                decoder.lambda_for(_undone(belief))
            )
            results[said] = _seen(through(plain.back(x.shape[1]), network), x).psnr
    return results


def _undone(belief: Pixels) -> str:
    """What takes [0, 1] to a range, as a user would write it."""
    if belief.std != (1.0,):
        return "({} - mean) / std"
    scale, shift = belief.high - belief.low, belief.low
    return f"{{}} * {scale:g}" + (f" - {-shift:g}" if shift else "")


def _flat(x: Array) -> Array:
    """The best that one flat colour can do for all pictures."""
    colour: Array = x.mean(axis=(0, 2, 3), keepdims=True)
    return colour


def _refuse(error: ExportError, strict: bool) -> None:
    if strict:
        raise error
    warnings.warn(f"{error}; written all the same", ExportWarning, stacklevel=5)
