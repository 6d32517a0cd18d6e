"""The pad: a canvas in the browser, and the checked way from what it sends to x.

It is drawn on, or takes a picture file, a photo of the camera, or one of the test images below it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr
import numpy as np

from demo.library.lane import DIGITS
from demo.page import pictures
from demo.page.maps import part
from demo.page.pictures import PictureError
from demo.page.templates import fill, static
from vae_onnx import contract

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from demo.library.models import Group

LABEL = "Drawing pad: draw with mouse, finger or pen"
CAMERA = "<video playsinline muted hidden></video>"
NOTE = '<p class="pad-note" role="status"></p>'


class Seen(NamedTuple):
    """What the models are shown."""

    x: NDArray[np.float32]  # (1, 1, height, width)
    note: str  # what had to be done to the picture, or ""


def component(elem_id: str, hint: str, value: object = None, label: str = LABEL) -> gr.HTML:
    """The pad: its value is {"kind": ..., ...} as `read` takes it, or None while it is empty."""
    files = static("pad_files.html")
    return gr.HTML(
        value=value,
        html_template=fill("pad.html", label=label, hint=hint, camera=CAMERA, files=files) + NOTE,
        js_on_load=script(),
        apply_default_css=False,
        elem_id=elem_id,
    )


def script() -> str:
    """What brings a pad to life."""
    # Gradio makes a function's body of it, in which nothing can be exported.
    return static("pad.js").replace("export function", "function") + static("pad_gradio.js")


def examples(group: Group) -> gr.HTML:
    """A row of test images to take instead, below a pad in the same column `.hand`."""
    return part("examples.html", example_list(group), "examples.js")


def example_list(group: Group) -> list[dict[str, Any]]:
    """One test image of each class, where the demo has any."""
    tests = group.vae.tests
    if tests is None:
        return []
    return [
        {
            "number": number,
            "src": f"tests/{group.vae.name}/{number}.png",
            "name": group.vae.class_names[tests.labels[number]],
        }
        for number in tests.firsts
    ]


def read(value: object, group: Group) -> Seen | None:
    """Turn the value of the pad into what the models of a group are shown.

    It comes over the network, from anyone: everything about it is checked.

    Args:
        value: {"kind": "drawing", "data": PNG data URL, white ink on black}, {"kind": "picture",
            "data": data URL of a picture file}, {"kind": "test", "number": of a test image}, or
            None for an empty pad.
        group: Models that take images of one size.

    Returns:
        x and a note, or None where nothing is drawn.

    Raises:
        PictureError: The value is anything else, or too large.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, dict):
        raise PictureError("expected a drawing, a picture or the number of a test image")
    image_shape = group.vae.model.image_shape
    match value:
        case {"kind": "drawing", "data": data}:
            ink = pictures.read(pictures.from_data_url(data), ground="black").grey
            x = pictures.drawing_to_x(ink, image_shape)
            return None if x is None else Seen(x, "")
        case {"kind": "picture", "data": data}:
            ground = contract.ground(group.vae.model.metadata)
            picture = pictures.read(pictures.from_data_url(data), ground)
            digits = group.dataset == DIGITS
            x, notes = pictures.picture_to_x(picture, group.vae.model, digits=digits)
            return Seen(x, " ".join(notes))
        case {"kind": "test", "number": int(number)}:
            tests = group.vae.tests
            if tests is None or not 0 <= number < len(tests.images):
                raise PictureError(f"there is no test image {number}")
            return Seen(tests.x[number : number + 1], "A test image, as the models know it.")
    raise PictureError("expected a drawing, a picture or the number of a test image")
