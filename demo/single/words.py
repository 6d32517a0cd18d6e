"""How the sizes, codes and figures of a model are told."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

from demo.page.templates import fill
from vae_onnx.engine.sizes import ANY

if TYPE_CHECKING:
    from demo.library.single import Single

HEAD = (
    "<b>{}</b>: its encoder squeezes a picture into a code, <i>z</i>, and its decoder redraws it "
    "from that alone."
)
COLOURS = {1: "grey", 3: "colour", 4: "colour and alpha"}


def pictures(single: Single) -> str:
    """What it takes: "colour, 64 x 64 pixels"."""
    channels, height, width = single.model.image_shape
    kind = COLOURS.get(channels, f"{channels} channels")
    if not single.is_open:
        return f"{kind}, {width} x {height} pixels"
    multiple = single.model.size_multiple
    return f"{kind}, of any size" + (f" that {multiple} divides" if multiple > 1 else "")


def code(single: Single) -> str:
    """What its code is: "10 numbers", "a map of 4 x 8 x 8 numbers"."""
    shape = single.model.latent_shape
    if single.is_flat:
        return f"{shape[0]:,} numbers"
    if single.is_open:
        return f"a map of {shape[0]} channels that grows with the picture"
    return f"a map of {' x '.join(map(str, shape))} numbers"


def ratio(single: Single, picture: tuple[int, ...], z: tuple[int, ...]) -> str:
    """How many numbers a picture and its code have."""
    of, to = math.prod(picture), math.prod(z)
    shape = " x ".join(map(str, z))
    told = f"{to:,} numbers" if single.is_flat else f"A map of {shape} = {to:,} numbers"
    share = f"; the picture has {of:,}"
    return f"{told}{share}, {of / to:,.0f} times as many." if of > to else f"{told}{share}."


def title(single: Single) -> str:
    """The title of the page: what the model makes of a picture."""
    if single.is_flat:
        return f"A picture in {code(single)}"
    if single.is_open:
        return "A picture of any size, in a map of codes"
    return f"A picture in {code(single)}"


def head(single: Single) -> str:
    """The head of the page, as HTML."""
    return fill(
        "single_head.html", title=title(single), text=HEAD.format(html.escape(single.title))
    )


def size(shape: tuple[int, ...]) -> str:
    """Width and height of a picture (height, width, ...)."""
    return f"{shape[1]} x {shape[0]} pixels"


def is_large(shape: tuple[int, ...]) -> bool:
    """Whether a picture is better shown smooth than by its pixels."""
    return max(shape[:2]) > 128


def wanted(single: Single) -> str:
    """What a user has to do to a picture, for a comment of code."""
    _, height, width = single.model.image_shape
    if ANY in (height, width):
        return f"cut to multiples of {single.model.size_multiple}"
    return f"scaled to {width}x{height}"
