"""From what people hand in, a drawing or a picture file, to x; and from pictures to the page.

What is handed in comes over the network, from anyone: everything about it is checked, and its size
before anything is decoded.
"""

from __future__ import annotations

import base64
import binascii
import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

import vae_onnx

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
LOSSLESS = ("PNG", "GIF", "BMP")
MAX_BYTES = 10_000_000
"""The largest file worth reading."""

MAX_SIDE = 4096
"""The largest width and height, in pixels."""

WORKED_SIDE = 640  # a larger picture is reduced to it: no model sees more than a fraction
FLAT = 24  # levels of grey: a picture that has no more shows nothing
DRAWN = (1, 28, 28)  # channels, height, width of what `drawing_to_x` makes of a drawing


class PictureError(ValueError):
    """What came cannot be shown to a model: the message says why."""


@dataclass(frozen=True)
class Picture:
    """A picture as it was handed in, in grey, and what had to be done to it."""

    grey: NDArray[np.uint8]  # (height, width)
    notes: tuple[str, ...] = ()
    lossless: bool = False  # its paper is of one level, if it was drawn so


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


def read(data: bytes, paper: str | None = None) -> Picture:
    """Decode a picture file: PNG, JPEG, GIF, WebP or BMP, of any mode.

    Args:
        data: The file.
        paper: "black" or "white" lies where the picture is transparent; by default whichever
            differs more from what is drawn there.

    Raises:
        PictureError: It is too large, damaged, or no picture.
    """
    if len(data) > MAX_BYTES:
        raise PictureError(f"the file is larger than {MAX_BYTES // 1_000_000} MB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd but readable files
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                _check_size(*opened.size)
                notes, lossless = _notes(opened), opened.format in LOSSLESS
                opened.load()
                picture = ImageOps.exif_transpose(opened)
    except PictureError:
        raise
    except Exception as error:  # Pillow answers a broken file with errors of a dozen kinds
        raise PictureError(
            f"this is not a picture that can be read; take a {', '.join(FORMATS)} file"
        ) from error
    if max(picture.size) > WORKED_SIDE:
        picture = _eight_bits(picture)
        picture.thumbnail((WORKED_SIDE, WORKED_SIDE), Image.Resampling.BOX)
    return Picture(_grey(picture, paper), notes, lossless)


def _check_size(width: int, height: int) -> None:
    if max(width, height) > MAX_SIDE:
        raise PictureError(
            f"the picture has {width} x {height} pixels; at most {MAX_SIDE} x {MAX_SIDE} are taken"
        )


def _notes(picture: Image.Image) -> tuple[str, ...]:
    notes = []
    if getattr(picture, "n_frames", 1) > 1:
        notes.append("Of an animated picture the first frame is taken.")
    if picture.mode == "CMYK":
        notes.append("Inks of print (CMYK) were turned into grey.")
    if picture.mode.startswith("I") or picture.mode == "F":
        notes.append("16 bits a pixel were reduced to 8.")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        notes.append("What is transparent counts as paper.")
    return tuple(notes)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """The picture in a mode of 8 bits a channel."""
    if picture.mode.startswith("I") or picture.mode == "F":
        levels = np.asarray(picture, np.float64)
        return Image.fromarray((levels.clip(0, 65535) / 257).astype(np.uint8))
    if picture.mode == "P" or picture.mode == "PA":
        return picture.convert("RGBA")
    return picture.convert("L") if picture.mode == "1" else picture


def _grey(picture: Image.Image, paper: str | None) -> NDArray[np.uint8]:
    """The picture's brightness (height, width), on paper where it is transparent."""
    picture = _eight_bits(picture)
    if picture.mode not in ("RGBA", "LA", "La", "RGBa") and "transparency" not in picture.info:
        return np.asarray(picture.convert("L"))
    layers = np.asarray(picture.convert("LA"), np.float32)
    grey, alpha = layers[..., 0], layers[..., 1] / 255
    drawn = float((grey * alpha).sum() / max(alpha.sum(), 1e-6))
    ground = {"black": 0, "white": 255, None: 0 if drawn > 127 else 255}[paper]
    return np.rint(grey * alpha + ground * (1 - alpha)).astype(np.uint8)


def drawing_to_x(
    ink: NDArray[np.uint8], image_shape: tuple[int, int, int]
) -> NDArray[np.float32] | None:
    """Strokes (height, width), 255 = ink, as a model takes them: (1, *image_shape), or None.

    They are centred and scaled as MNIST's digits are, whatever their place and size on the canvas.
    """
    if not ink.any():
        return None
    x: NDArray[np.float32] = vae_onnx.drawing_to_x(ink)
    if image_shape == DRAWN:
        return x
    return _fit(vae_onnx.to_uint8(x[0, 0]), image_shape)


def picture_to_x(
    picture: Picture, image_shape: tuple[int, int, int], *, digits: bool
) -> NDArray[np.float32]:
    """A picture as a model takes it, (1, *image_shape).

    Args:
        picture: As it was handed in.
        image_shape: (channels, height, width) of the model.
        digits: The model knows digits: the ink is found on its paper, centred and scaled as
            MNIST's digits are. Otherwise the whole picture is fitted into the frame.

    Raises:
        PictureError: The picture is one even surface.
    """
    grey = picture.grey
    if int(grey.max()) - int(grey.min()) < FLAT:
        raise PictureError("the picture is one even surface: nothing is drawn on it")
    light = _light_on_dark(grey)
    if not digits:
        return _fit(light, image_shape)
    x = drawing_to_x(_ink(light, picture.lossless), image_shape)
    assert x is not None, "a picture that is not flat has ink"
    return x


def _light_on_dark(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture with its rim, which is paper, dark."""
    rim = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if np.median(rim) <= (int(grey.max()) + int(grey.min())) / 2:
        return grey
    inverted: NDArray[np.uint8] = np.invert(grey)
    return inverted


def _ink(light: NDArray[np.uint8], lossless: bool) -> NDArray[np.uint8]:
    """The picture with its paper set to 0 and its ink stretched to 255.

    The level between them is Otsu's (1979): it parts the pixels into the two classes that differ
    most. A drawing that a computer made has clean paper, and is left as it is.
    """
    rim = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])
    if lossless and not rim.any() and np.median(light) == 0:
        return light
    counts = np.bincount(light.ravel(), minlength=256).astype(np.float64)
    levels = np.arange(256)
    below, total = counts.cumsum(), counts.sum()
    mass = (counts * levels).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mass[-1] * below / total - mass) ** 2 / (below * (total - below))
    level = int(np.nanargmax(between))
    paper, drawn = mass[level] / below[level], (mass[-1] - mass[level]) / (total - below[level])
    # Below the middle of the two: the soft rim of a stroke belongs to it, uneven paper does not.
    foot = paper + 0.4 * (drawn - paper)
    ink: NDArray[np.float64] = (light.astype(np.float64) - foot) / (drawn - foot) * 255
    return ink.clip(0, 255).astype(np.uint8)


def _fit(light: NDArray[np.uint8], image_shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """The whole picture within the frame of a model, keeping its proportions, on black."""
    _, height, width = image_shape
    picture = ImageOps.pad(Image.fromarray(light), (width, height), Image.Resampling.BOX, color=0)
    x: NDArray[np.float32] = np.asarray(picture, np.float32)[np.newaxis, np.newaxis]
    return x / np.float32(255)


def grey_image(picture: NDArray[np.float32]) -> Image.Image:
    """A picture (height, width) in [0, 1] as a grey image."""
    return Image.fromarray(vae_onnx.to_uint8(picture))


def sheet(pictures: NDArray[np.float32], columns: int | None = None) -> Image.Image:
    """Pictures (N, height, width) in [0, 1] side by side."""
    return grey_image(vae_onnx.tile(pictures, columns))


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
