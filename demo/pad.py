"""The drawing pad: a canvas in the browser, and the checked way from what it sends to ink."""

from __future__ import annotations

import base64
import binascii
import io
import struct

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from demo.page import static

PREFIX = "data:image/png;base64,"
MAX_CHARS = 1_000_000
"""The longest value worth decoding; the pad sends some 5,000 characters."""

MAX_SIDE = 1024
"""The largest width and height, in pixels; the pad sends 280 x 280."""

MODES = ("L", "RGB", "RGBA")
"""Pillow's names for 8-bit grey and colour; a canvas sends RGBA."""


class DrawingError(ValueError):
    """What came is no drawing: the message says why."""


def component() -> gr.HTML:
    """The pad as a component: its value is a PNG data URL, or "" while nothing is drawn."""
    # Gradio makes a function's body of it, in which nothing can be exported.
    script = static("pad.js").replace("export function", "function") + static("pad_gradio.js")
    return gr.HTML(
        value="",
        html_template=static("pad.html"),
        js_on_load=script,
        apply_default_css=False,
        elem_id="pad",
    )


def read_ink(value: object) -> NDArray[np.uint8] | None:
    """Decode the value of the pad.

    It comes over the network, from anyone: everything about it is checked, and its size before
    anything is decoded.

    Args:
        value: A PNG as a data URL, white ink on black; "" or None for an empty pad.

    Returns:
        Ink (height, width), 255 = full ink, or None where nothing is drawn.

    Raises:
        DrawingError: The value is anything else, or too large.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not value.startswith(PREFIX):
        raise DrawingError("expected a PNG picture as a data URL")
    if len(value) > MAX_CHARS:
        raise DrawingError(f"expected at most {MAX_CHARS:,} characters, got {len(value):,}")
    try:
        png = base64.b64decode(value.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise DrawingError("the picture is not valid base64") from error
    ink = _read_png(png)
    return ink if ink.any() else None


def _read_png(png: bytes) -> NDArray[np.uint8]:
    width, height = _png_size(png)
    if max(width, height) > MAX_SIDE:
        raise DrawingError(
            f"expected at most {MAX_SIDE} x {MAX_SIDE} pixels, got {width} x {height}"
        )
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            picture.load()
    except Exception as error:  # Pillow answers a broken file with errors of a dozen kinds
        raise DrawingError("the picture is not a readable PNG") from error
    if picture.mode not in MODES:
        raise DrawingError("expected an 8-bit grey or colour picture")
    return _on_black(picture)


def _png_size(png: bytes) -> tuple[int, int]:
    """Width and height as the first bytes of a PNG tell them, without decoding it."""
    if len(png) < 24 or not png.startswith(b"\x89PNG\r\n\x1a\n") or png[12:16] != b"IHDR":
        raise DrawingError("the picture is not a PNG")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def _on_black(picture: Image.Image) -> NDArray[np.uint8]:
    """The picture's brightness (height, width); where it is transparent lies black paper."""
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture)
    return np.asarray(picture.convert("L"))
