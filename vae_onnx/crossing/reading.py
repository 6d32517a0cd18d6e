"""Which layout a stranger's model takes and gives, found out by running it on the pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from vae_onnx.crossing.folding.pixels import Pixels
from vae_onnx.crossing.folding.steps import (
    Clip,
    Log,
    Reshape,
    Sigmoid,
    Step,
    Times,
    Transpose,
    through,
)
from vae_onnx.crossing.model import Half, Measure, Original
from vae_onnx.engine.graph import Array
from vae_onnx.errors import (
    BatchError,
    ModelRunError,
    NotFiniteError,
    OutputError,
    OutputShapeError,
    SpreadError,
)
from vae_onnx.pictures.arrays import Shape

BAKED: Final = (1, 8, 10, 16, 20, 25, 32, 50, 64, 100, 128, 200, 256, 500, 512)  # usual batches
PROBE: Final = 2**27  # bytes of pictures that are tried at once

CHANNELS_LAST: Final = Transpose((0, 2, 3, 1))
CHANNELS_FIRST: Final = Transpose((0, 3, 1, 2))

# What makes a log variance of each measure of spread.
TO_LOG_VAR: Final[dict[Measure, list[Step]]] = {
    "log_var": [],
    "log_std": [Times(2)],
    "std": [Log(2)],
    "var": [Log(1)],
}


@dataclass(frozen=True)
class Reading:
    """How a model wants its values, and how it gives them; steps as in `Half`."""

    image_shape: Shape
    latent_shape: tuple[int, ...]
    picture_in: list[Step]
    codes_out: list[list[Step]]  # of one output or, for a VAE, of two
    code_in: list[Step]
    picture_out: list[Step]
    logits: bool

    def halves(
        self, encoder: Original, decoder: Original, pixels: Pixels, back: Pixels | None = None
    ) -> tuple[Half, Half]:
        """Return the two halves as the contract has them, for pixels in some range.

        Args:
            encoder: The network.
            decoder: The network.
            pixels: What the encoder takes.
            back: What the decoder gives, where that is another range.
        """
        channels = self.image_shape[0]
        names = ("mu", "log_var") if len(self.codes_out) == 2 else ("z",)
        leave = tuple(zip(names, self.codes_out, strict=True))
        given = Pixels(bgr=pixels.bgr) if self.logits else back or pixels
        last = [Sigmoid()] if self.logits else []
        bounds = [] if self.logits else [Clip()]
        steps = [*self.picture_out, *last, *given.back(channels), *bounds]
        return (
            Half(encoder, ("x", [*pixels.into(channels), *self.picture_in]), leave),
            Half(decoder, ("z", self.code_in), (("x_recon", steps),)),
        )


def read(
    encoder: Original,
    decoder: Original,
    x: Array,
    pixels: Pixels,
    spread: Measure | None,
    logits: bool,
) -> Reading:
    """Run a model on pictures x (N, C, H, W) in [0, 1], and see what it makes of them.

    Raises:
        ExportError: It does not run, or gives what cannot be taken; each its own kind.
    """
    inside = through(pixels.into(x.shape[1]), x)
    picture_in, outputs = _encode(encoder, decoder, inside)
    check(encoder, outputs, len(x))
    shape = outputs[0].shape[1:]
    if len(outputs) == 2 and outputs[1].shape != outputs[0].shape:
        raise OutputShapeError(
            f"the encoder's two outputs must have one shape, got {outputs[0].shape} and "
            f"{outputs[1].shape}; take the ones that are the mean and its spread: "
            + encoder.lambda_for("{}[:2]")
        )
    measure = spread or encoder.measure
    if len(outputs) == 2:
        check_spread(encoder, outputs[1], measure)
    code_in, pictures = _decode(encoder, decoder, outputs)
    check(decoder, pictures, len(x))
    flat = _code_steps(shape)
    codes_out = [flat, [*flat, *TO_LOG_VAR[measure or "log_var"]]][: len(outputs)]
    image_shape: Shape = (x.shape[1], x.shape[2], x.shape[3])
    return Reading(
        image_shape=image_shape,
        latent_shape=through(flat, outputs[0]).shape[1:],
        picture_in=picture_in,
        codes_out=codes_out,
        code_in=[*([Reshape(shape)] if flat else []), *code_in],
        picture_out=_picture_steps(
            decoder, pictures[0].shape[1:], image_shape, CHANNELS_LAST in picture_in
        ),
        logits=logits,
    )


def check(original: Original, outputs: Sequence[Array], rows: int) -> None:
    """See that outputs are finite float numbers, a row for each row that went in.

    Raises:
        OutputError: They are whole or complex numbers.
        NotFiniteError: NaN or infinity.
        BatchError: Another number of rows.
    """
    for output in outputs:
        if output.dtype != np.float32:
            raise OutputError(
                f"the {original.part} gives {output.dtype} {output.shape}, and must give float "
                "numbers: codes that are places in a table (VQ-VAE) or complex numbers are not "
                "supported yet; of a VQ model, take what comes before it looks into its table"
            )
        if output.ndim == 0 or len(output) != rows:
            raise BatchError(
                f"the {original.part} gives {output.shape} for {rows} rows: the batch is fixed in "
                "it, or mixed with something else by a view or reshape; write "
                "x.flatten(1) or x.view(x.shape[0], -1) there"
            )
        if not np.isfinite(output).all():
            raise NotFiniteError(
                f"the {original.part} gives NaN or infinity for your pictures; are its weights "
                "whole, or was it trained in another range of pixels?"
            )


def check_spread(encoder: Original, values: Array, measure: Measure | None) -> None:
    """Ask what the second output of an encoder is, where it can hardly be a log variance.

    Raises:
        SpreadError: It is positive everywhere, and nobody said what it is; or it was said to be
            a deviation or variance, and is negative somewhere.
    """
    if measure is None and values.min() > 0:
        raise SpreadError(
            "the encoder's second output is positive everywhere, from "
            f"{values.min():.3g} to {values.max():.3g}: is it a standard deviation? Then pass "
            "spread='std'; a variance: spread='var'; a logarithm of the variance all the same: "
            "spread='log_var'"
        )
    if measure in ("std", "var") and values.min() < 0:
        raise SpreadError(
            f"the encoder's second output is taken as spread={measure!r}, and falls to "
            f"{values.min():.3g}: pass spread='log_var' or 'log_std' if it is a logarithm"
        )


def _encode(encoder: Original, decoder: Original, x: Array) -> tuple[list[Step], list[Array]]:
    """Run the encoder in the first layout that it takes; returns the layout and what came."""
    failed: ModelRunError | None = None
    for layout in _layouts(x.shape[1:]):
        try:
            return layout, encoder.run(np.ascontiguousarray(through(layout, x)))
        except ModelRunError as error:
            failed = failed or error
    assert failed is not None  # there is more than one layout
    for layout in list(_layouts(x.shape[1:]))[:2]:
        for rows in BAKED:
            if (
                rows != len(x)
                and rows * x[0].nbytes <= PROBE
                and _runs(encoder, through(layout, x[np.arange(rows) % len(x)]))
            ):
                raise BatchError(
                    f"the encoder runs on a batch of {rows} and not on your {len(x)} pictures: the "
                    "size of the batch is fixed in it; write x.flatten(1) or "
                    f"x.view(x.shape[0], -1) there. It says: {failed}"
                ) from failed
    exchanged = any(_is_encoder(decoder, encoder, through(way, x)) for way in _layouts(x.shape[1:]))
    hint = "; the decoder takes them: are the two exchanged?" * exchanged
    raise ModelRunError(f"{failed}{hint}") from failed


def _decode(
    encoder: Original, decoder: Original, codes: Sequence[Array]
) -> tuple[list[Step], list[Array]]:
    """Run the decoder on the codes, as they are or in a layout that says the same."""
    shape = codes[0].shape[1:]
    layouts: list[list[Step]] = [[]]
    if len(shape) == 1:
        layouts.append([Reshape((*shape, 1, 1))])
    elif shape:
        layouts.append([Reshape((math.prod(shape),))])
    failed: ModelRunError | None = None
    for layout in layouts:
        try:
            return layout, decoder.run(np.ascontiguousarray(through(layout, codes[0])))
        except ModelRunError as error:
            failed = failed or error
    remedy = "do both belong to one model, or is there a step between them?"
    half = codes[0].shape[1] // 2 if shape else 0
    if len(codes) == 1 and half and _runs(decoder, codes[0][:, :half]):
        remedy = (
            "it takes the first half of them: if the two halves are the mean and the log "
            "variance, say so: " + encoder.lambda_for("{}.chunk(2, dim=1)")
        )
    raise OutputShapeError(
        f"the decoder does not take the codes {codes[0].shape} that the encoder gives; {remedy} "
        f"({failed})"
    ) from failed


def _layouts(shape: tuple[int, ...]) -> Iterator[list[Step]]:
    """The layouts of pictures that networks take, the usual one first."""
    yield []
    yield [Reshape((math.prod(shape),))]
    yield [CHANNELS_LAST]
    if shape[0] == 1:
        yield [Reshape(shape[1:])]


def _code_steps(shape: tuple[int, ...]) -> list[Step]:
    """Return what makes codes flat that are neither flat nor a map of more than one place."""
    if len(shape) == 1 or (len(shape) == 3 and shape[1:] != (1, 1)):
        return []
    return [Reshape((math.prod(shape),))]


def _picture_steps(
    decoder: Original, shape: tuple[int, ...], image_shape: Shape, channels_last: bool
) -> list[Step]:
    channels, height, width = image_shape
    if shape == image_shape:
        return []
    last = (height, width, channels)
    if shape == last:
        return [CHANNELS_FIRST]
    if math.prod(shape) == math.prod(image_shape):
        return [Reshape(last), CHANNELS_FIRST] if channels_last else [Reshape(image_shape)]
    raise OutputShapeError(
        f"the decoder gives {shape} for pictures of {image_shape} (channels, height, width); bring "
        "your pictures to the size that the model works in, or cut what it gives: "
        + decoder.lambda_for(f"{{}}[..., :{height}, :{width}]")
    )


def _is_encoder(one: Original, other: Original, x: Array) -> bool:
    """Whether one half makes codes of pictures that the other makes pictures of."""
    try:
        codes = one.run(np.ascontiguousarray(x))
        return other.run(codes[0])[0].size == x.size
    except (ModelRunError, OutputError):
        return False


def _runs(original: Original, value: Array) -> bool:
    try:
        original.run(np.ascontiguousarray(value))
    except (ModelRunError, OutputError):
        return False
    return True
