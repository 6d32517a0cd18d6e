"""From what the page hands in, a drawing or a picture file, to x; and from pictures to the page.

What is handed in comes over the network, from anyone: everything about it is checked, and its size
before anything is decoded. How a picture is read and where its paper is, `vae_onnx.pictures` knows.
"""

from __future__ import annotations

import base64
import binascii
import io
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, ImageOps

import vae_onnx
from vae_onnx import contract
from vae_onnx.pictures import drawing, fitting, paper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vae_onnx import Autoencoder
    from vae_onnx.pictures.files import Picture
    from vae_onnx.pictures.fitting import Fit

MAX_BYTES = 10_000_000
"""The largest file worth reading."""

MAX_SIDE = 4096
"""The largest width and height, in pixels."""

INVERTED = "It shows dark on light, and was inverted."


class PictureError(ValueError):
    """What came cannot be shown to a model: the message says why."""


def from_data_url(url: object) -> bytes:
    """The bytes in a data URL of a picture.

    Raises:
        PictureError: It is no such thing, or too long.
    """
    if not isinstance(url, str) or not url.startswith("data:"):
        raise PictureError("expected a picture as a data URL")
    if len(url) > MAX_BYTES * 4 / 3 + 100:
        raise PictureError(f"the file is larger than {MAX_BYTES // 1_000_000} MB")
    _, _, body = url.partition(";base64,")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PictureError("the picture is not valid base64") from error


def read(data: bytes, ground: Literal["black", "white"] | None = None) -> Picture:
    """Decode a picture file as `vae_onnx.read_picture` does, within the limits of the page.

    Args:
        data: The file.
        ground: What lies where the picture is transparent; by default that is found.

    Raises:
        PictureError: It is too large, damaged, or no picture.
    """
    if len(data) > MAX_BYTES:
        raise PictureError(f"the file is larger than {MAX_BYTES // 1_000_000} MB")
    try:
        return vae_onnx.read_picture(data, ground=ground, max_side=MAX_SIDE)
    except vae_onnx.FileError as error:
        raise PictureError(str(error)) from error


def drawing_to_x(
    ink: NDArray[np.uint8], image_shape: tuple[int, int, int]
) -> NDArray[np.float32] | None:
    """Strokes (height, width), 255 = ink, as a model takes them: (1, *image_shape), or None.

    They are centred and scaled as MNIST's digits are, whatever their place and size on the canvas.
    """
    return _framed(vae_onnx.drawing_to_x(ink), image_shape) if ink.any() else None


def fit_of(value: object) -> Fit:
    """What becomes of other proportions, as it came over the network.

    Raises:
        PictureError: It is none of the choices.
    """
    for fit in fitting.FITS:
        if value == fit:
            return fit
    raise PictureError(f"fit must be {', '.join(fitting.FITS)}, got {value!r}: {fitting.MEANS}")


def picture_to_x(
    picture: Picture, model: Autoencoder, *, digits: bool, fit: Fit = "crop"
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """A picture as a model takes it, (1, *image_shape), and what had to be decided.

    Args:
        picture: As it was handed in.
        model: Whom it is for. A model of light on dark sees the whole picture in its frame, light
            on dark; another one what `fit` leaves of it.
        digits: The model knows digits: the ink is found on its paper, centred and scaled as
            MNIST's digits are.
        fit: "crop" takes the middle, as `folder:` trains on it.

    Raises:
        PictureError: The picture is one even surface.
    """
    grey, notes = picture.grey, picture.notes
    _, height, width = model.image_shape
    try:
        if digits:
            drawn = drawing.picture_to_x(grey)
            return _framed(drawn.x, model.image_shape), (*notes, *drawn.notes)
    except vae_onnx.InputError as error:
        raise PictureError(str(error)) from error
    if int(grey.max()) - int(grey.min()) < paper.FLAT:
        raise PictureError(paper.EVEN)
    if not paper.expected(model.metadata):
        ground = contract.ground(model.metadata) or "black"
        return _to_x(fitting.fitted(grey, width, height, fit, ground)), notes
    if paper.is_light(grey):
        grey, notes = np.invert(grey), (*notes, INVERTED)
    return _to_x(_whole(grey, width, height)), notes


def _framed(x: NDArray[np.float32], image_shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """What `drawing_to_x` made, in the frame of a model of another size."""
    _, height, width = image_shape
    if x.shape[1:] == image_shape:
        return x
    return _to_x(_whole(vae_onnx.to_uint8(x[0, 0]), width, height))


def _whole(light: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The whole picture within a frame, keeping its proportions, on black."""
    picture = Image.fromarray(light)
    return np.asarray(ImageOps.pad(picture, (width, height), Image.Resampling.BOX, color=0))


def _to_x(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    x: NDArray[np.float32] = grey[np.newaxis, np.newaxis].astype(np.float32)
    return x / np.float32(255)


def as_image(picture: NDArray[np.float32]) -> Image.Image:
    """A picture (height, width) or (height, width, channels) in [0, 1] as an image.

    Of channels that make no colours the first is shown.
    """
    if picture.ndim == 3 and picture.shape[2] not in (3, 4):
        picture = picture[..., 0]
    return Image.fromarray(vae_onnx.to_uint8(picture))


def sheet(pictures: NDArray[np.float32], columns: int | None = None) -> Image.Image:
    """Pictures (N, height, width) or (N, height, width, channels) in [0, 1] side by side."""
    return as_image(vae_onnx.tile(pictures, columns))


def png_bytes(picture: Image.Image) -> bytes:
    """The picture as a PNG file."""
    png = io.BytesIO()
    picture.save(png, "PNG")
    return png.getvalue()


def png_url(picture: Image.Image) -> str:
    """The picture as a data URL: the page shows it without a file on disk."""
    return data_url("image/png", png_bytes(picture))


def data_url(kind: str, data: bytes) -> str:
    """Data of a MIME type as a URL."""
    return f"data:{kind};base64," + base64.b64encode(data).decode("ascii")


def animation(pictures: Sequence[Image.Image], kind: str) -> bytes:
    """An endless animation, "gif" or "webp", there and back."""
    frames = [*pictures, *pictures[-2:0:-1]]
    out = io.BytesIO()
    options = {"lossless": True} if kind == "webp" else {}
    frames[0].save(
        out,
        kind.upper(),
        save_all=True,
        append_images=frames[1:],
        duration=[400, *[70] * (len(pictures) - 2), 400, *[70] * (len(pictures) - 2)],
        loop=0,
        **options,
    )
    return out.getvalue()
