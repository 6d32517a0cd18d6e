"""The frame that takes a picture: file, camera or example; and what the model sees of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
from PIL import Image

from demo.library.single import MOST, Seen
from demo.page import pictures
from demo.page.maps import part
from demo.page.pictures import PictureError, png_url
from demo.tabs import pad
from vae_onnx import InputError
from vae_onnx.pictures.arrays import from_x
from vae_onnx.pictures.files import Picture

if TYPE_CHECKING:
    from demo.library.single import Single

EXPECTED = "expected a picture or the number of an example"


def component(elem_id: str, hint: str) -> gr.HTML:
    """The frame: its value is {"kind": ..., ...} as `read` takes it, or None while it is empty."""
    return pad.component(elem_id, hint, label="Picture: drop one here, or choose one")


def choice_of_fit() -> gr.Radio:
    """How a picture of other proportions is brought to the model's size."""
    return gr.Radio(
        [("cut", "crop"), ("padded", "pad"), ("stretched", "stretch")],
        value="crop",
        label="Fit: other proportions are",
        elem_classes="fit",
    )


def fit_shown(single: Single) -> dict[str, Any]:
    """The choice of the fit, where the model has a size of its own: at first as it was trained."""
    shown: dict[str, Any] = gr.update(value=single.fit, visible=not single.is_open)
    return shown


def offered() -> gr.HTML:
    """Pictures to take instead, below a frame in the same column `.hand`."""
    return part("offered.html", None, "examples.js")


def offers(single: Single) -> dict[str, Any]:
    """What `offered.html` shows."""
    return {
        "still": not single.is_drawn,
        "told": f"Or {'draw, or ' * single.is_drawn}take one of the model's own:",
        "pictures": [
            {"number": number, "src": _url(pixels), "name": f"Example {number + 1}"}
            for number, pixels in enumerate(single.examples)
        ],
    }


def example(single: Single, number: int) -> dict[str, Any] | None:
    """The value of the frame for an example; None where there is no such."""
    if number >= len(single.examples):
        return None
    return {"kind": "test", "number": number, "src": _url(single.examples[number])}


def opening(single: Single) -> int:
    """The number of the example to begin with.

    The first; of a model of ours the one that it redraws neither best nor worst.
    """
    shown = np.array(single.examples)
    if single.dataset is None or shown.ndim < 3 or single.is_open:
        return 0
    order = np.argsort(single.model.score(shown, draws=1).mse, kind="stable")
    return int(order[(len(order) - 1) // 2])


def read(value: object, single: Single, fit: object = "crop", most: int = MOST) -> Seen | None:
    """Turn the value of the frame into what a model sees.

    It comes over the network, from anyone: everything about it is checked.

    Args:
        value: {"kind": "picture", "data": data URL of a picture file}, {"kind": "test", "number":
            of an example}, {"kind": "drawing", "data": PNG data URL, white ink on black} for a
            model that can be drawn for, or None for an empty frame.
        single: The model.
        fit: "crop", "pad" or "stretch".
        most: Pixels, for a model of any size.

    Raises:
        PictureError: The value is anything else, or the model cannot be shown a picture.
    """
    if value is None or value == "":
        return None
    how = pictures.fit_of(fit)
    try:
        match value:
            case {"kind": "drawing", "data": data} if single.is_drawn:
                ink = pictures.read(pictures.from_data_url(data), ground="black").grey
                x = pictures.drawing_to_x(ink, single.model.image_shape)
                return None if x is None else Seen(from_x(x), ())
            case {"kind": "picture", "data": data}:
                picture = pictures.read(pictures.from_data_url(data), ground=single.ground)
                return single.read(picture, how, most)
            case {"kind": "test", "number": int(number)} if 0 <= number < len(single.examples):
                pixels = single.examples[number]
                shown = Picture(pixels[..., :3] if pixels.ndim == 3 else pixels)
                return single.read(shown, how, most)
    except InputError as error:
        raise PictureError(str(error)) from error
    raise PictureError(EXPECTED)


def _url(pixels: Any) -> str:
    return png_url(Image.fromarray(pixels))
