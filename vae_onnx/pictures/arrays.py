"""Arrays as people have them -> x of the graphs, and x -> pictures."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vae_onnx import checks
from vae_onnx.engine.graph import Array
from vae_onnx.engine.sizes import ANY, fit, text
from vae_onnx.errors import InputError, InputTypeError
from vae_onnx.pictures import remedies

Shape = tuple[int, int, int]  # channels, height, width; -1 is any that fits

UINT8: Final = np.dtype(np.uint8)  # to compare with, quicker than a type
FLOAT32: Final = np.dtype(np.float32)
BITS: Final = np.dtype(np.uint32)
# The bits of 1.0. Those of the float32 numbers below, down to 0.0, are less, all others are more.
ONE: Final = int(np.float32(1).view(np.uint32))

TAKEN: Final = "uint8 in [0, 255] or float in [0, 1]"


def to_x(images: npt.ArrayLike, image_shape: Shape, multiple: int = 1) -> Array:
    """Turn images into the encoder's input.

    Args:
        images: uint8 in [0, 255] or float in [0, 1]. For grey 28x28 images: (28, 28), (N, 28, 28),
            (N, 28, 28, 1), (N, 1, 28, 28) or (N, 784); for colour (H, W, 3), (N, H, W, 3),
            (N, 3, H, W) or (N, 3*H*W), and with 4 channels likewise. A picture of Pillow in mode
            L, RGB or RGBA counts as an array.
        image_shape: (channels, height, width) that the graph expects.
        multiple: Of which height and width must be multiples where the shape leaves them open.

    Returns:
        x (N, channels, height, width) float32 in [0, 1].

    Raises:
        InputTypeError: The dtype is neither uint8 nor float, or Pillow's mode another one. The
            message says what to pass instead, by the values that came.
        InputError: The shape is another one, there is no image, or a value is out of range.
    """
    return scale(as_batch(images, image_shape, multiple))


def as_batch(images: npt.ArrayLike, image_shape: Shape, multiple: int = 1) -> npt.NDArray[Any]:
    """Return images as (N, channels, height, width), N >= 1, of their own dtype.

    Arguments and errors are those of `to_x`, but for the range of the values.
    """
    array = _as_array(images, image_shape[0])
    batch = _to_nchw(array, _met(array, image_shape, multiple))
    if batch.shape[0] == 0:
        raise InputError(f"images must hold at least one image, got shape {array.shape}")
    return batch


def scale(batch: npt.NDArray[Any]) -> Array:
    """Return what `as_batch` gave, or some of it, as x of the encoder: float32 in [0, 1].

    Raises:
        InputError: A value is out of range.
    """
    if batch.dtype == UINT8:
        x = batch.astype(np.float32, order="C")
        return np.divide(x, np.float32(255), out=x)
    if batch.dtype == FLOAT32:
        batch = np.ascontiguousarray(batch)  # before it is looked at, twice as fast
    check_range(batch, "images", "images")
    return np.ascontiguousarray(batch, FLOAT32)


def from_x(x: Array) -> Array:
    """Turn x (N, C, H, W) into pictures: (N, H, W) where C is 1, else (N, H, W, C)."""
    if x.shape[1] == 1:
        return x[:, 0]
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def to_uint8(pictures: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Turn pictures in [0, 1] into uint8 in [0, 255] of the same shape, rounded to nearest.

    Raises:
        InputTypeError: The pictures are not float.
        InputError: A value is out of range or NaN.
    """
    array = checks.array(pictures, "pictures")
    it = checks.expression(pictures, "pictures")
    if array.dtype.kind != "f":
        remedy = remedies.said(remedies.pictures(array, it, floats=True))
        raise InputTypeError(f"pictures must be float in [0, 1], got {array.dtype}{remedy}")
    check_range(array, "pictures", it)
    return np.rint(array * np.float32(255)).astype(np.uint8)


def means(pixels: npt.NDArray[np.uint8], step: int) -> npt.NDArray[np.float64]:
    """Return the means of squares of `step` x `step` pixels; those at the edges may be smaller.

    Args:
        pixels: uint8 (H, W) or (H, W, C).
        step: At least 1.

    Returns:
        (ceil(H / step), ceil(W / step)) or with C, in [0, 255].
    """
    total: npt.NDArray[Any] = pixels
    for axis in (0, 1):
        starts = np.arange(0, pixels.shape[axis], step)
        total = np.add.reduceat(total, starts, axis=axis, dtype=np.uint32)
    rows, columns = (np.minimum(step, n - np.arange(0, n, step)) for n in pixels.shape[:2])
    counts = np.outer(rows, columns).reshape(*total.shape[:2], *(1,) * (pixels.ndim - 2))
    found: npt.NDArray[np.float64] = total / counts
    return found


def tile(pictures: npt.ArrayLike, columns: int | None = None) -> npt.NDArray[Any]:
    """Lay pictures (N, H, W) or (N, H, W, C) out on one sheet, row by row.

    Args:
        pictures: Of any dtype; at least one.
        columns: Pictures a row; by default as many as make the sheet nearly square.

    Returns:
        (rows * H, columns * W) or (rows * H, columns * W, C); places left over hold zeros.

    Raises:
        InputTypeError: `columns` is no integer.
        InputError: `pictures` has another rank or is empty, or `columns` is below 1.
    """
    array = checks.array(pictures, "pictures")
    if array.ndim not in (3, 4) or len(array) == 0:
        it = checks.expression(pictures, "pictures")
        remedy = remedies.said(_to_pictures(array.shape, it))
        raise InputError(
            f"pictures must be (N, H, W) or (N, H, W, C), N >= 1, got {array.shape}{remedy}"
        )
    count, height, width = array.shape[:3]
    square = math.ceil(math.sqrt(count))
    columns = square if columns is None else checks.integer(columns, "columns", at_least=1)
    rows = math.ceil(count / columns)
    sheet = np.zeros((rows * columns, *array.shape[1:]), array.dtype)
    sheet[:count] = array
    sheet = sheet.reshape(rows, columns, *array.shape[1:]).swapaxes(1, 2)
    return sheet.reshape(rows * height, columns * width, *array.shape[3:])


def _as_array(images: npt.ArrayLike, channels: int) -> npt.NDArray[Any]:
    array = checks.array(images, "images")
    if array is not images:
        _check_mode(images, array, channels)
    if array.dtype.kind != "f" and array.dtype != UINT8:
        it = checks.expression(images, "images")
        raise InputTypeError(
            f"images must be {TAKEN}, got {array.dtype}"
            + remedies.said(remedies.pictures(array, it))
        )
    return array


def _met(array: npt.NDArray[Any], image_shape: Shape, multiple: int) -> Shape:
    """Return the shape of one image with the height and width that came where any may come."""
    channels, height, width = image_shape
    if ANY not in image_shape:
        return channels, height, width
    sizes = _sizes(array.shape, channels)
    if sizes is None or not fit(sizes, (height, width)):
        raise InputError(f"images must be {_layouts(image_shape)}, got shape {array.shape}")
    down = [size - size % multiple for size in sizes]
    if list(sizes) != down or 0 in sizes:
        up = [max(multiple, size + -size % multiple) for size in sizes]
        raise InputError(
            f"height and width of the images must be multiples of {multiple}, got "
            f"{sizes[0]}x{sizes[1]}; cut or scale them to {max(down[0], multiple)}x"
            f"{max(down[1], multiple)}, or fill them up to {up[0]}x{up[1]}"
        )
    return channels, *sizes


def _sizes(shape: tuple[int, ...], channels: int) -> tuple[int, int] | None:
    """Return height and width of images in any layout; channels last where both could be."""
    if len(shape) in (3, 4) and shape[-1] == channels:
        return shape[-3], shape[-2]
    if len(shape) in (3, 4) and shape[-3] == channels:
        return shape[-2], shape[-1]
    return (shape[-2], shape[-1]) if channels == 1 and len(shape) in (2, 3) else None


def _check_mode(images: npt.ArrayLike, array: npt.NDArray[Any], channels: int) -> None:
    """See that a picture of Pillow holds intensities: not a palette's numbers, inks or alpha."""
    mode = getattr(images, "mode", None)
    if not isinstance(mode, str) or not hasattr(images, "getbands"):
        return
    wanted, grey = ("RGB", "rgb") if channels == 3 else ("L", "grey")
    if mode == wanted or channels not in (1, 3):
        return
    # Only who knows the picture can say what is white in it.
    numeric = mode == "F" or mode.startswith("I")
    remedy = (
        remedies.pictures(array, "np.asarray(images)")
        if numeric
        else f"vae_onnx.read_picture(images).{grey}"
    )
    raise InputTypeError(
        f"a picture of Pillow must have the mode {wanted}, got {mode}" + remedies.said(remedy)
    )


def _to_nchw(array: npt.NDArray[Any], image_shape: Shape) -> npt.NDArray[Any]:
    if array.shape[1:] == image_shape:
        return array
    channels, height, width = image_shape
    if channels == 1 and (height, width) in (array.shape, array.shape[1:]):
        return array.reshape(-1, *image_shape)
    nhwc, flat = (height, width, channels), (channels * height * width,)
    batch = array[np.newaxis] if array.shape in (image_shape, nhwc) else array
    if batch.shape[1:] in (image_shape, flat):
        return batch.reshape(-1, *image_shape)
    if batch.shape[1:] == nhwc:
        return batch.transpose(0, 3, 1, 2)
    raise InputError(f"images must be {_layouts(image_shape)}, got shape {array.shape}")


def _layouts(image_shape: Shape) -> str:
    channels, height, width = image_shape
    if ANY in image_shape:
        picture = text((height, width, channels) if channels > 1 else (height, width))
        return f"({picture}), (N, {picture}) or (N, {text(image_shape)})"
    picture = f"{height}, {width}" if channels == 1 else f"{height}, {width}, {channels}"
    return (
        f"({picture}), (N, {picture}), (N, {channels}, {height}, {width}) "
        f"or (N, {channels * height * width})"
    )


def _to_pictures(shape: tuple[int, ...], it: str) -> str | None:
    """The expression that makes pictures to tile of an array of another shape, if one does."""
    if 0 in shape:
        return None
    ways = {2: f"{it}[np.newaxis]"}
    if len(shape) == 4 and shape[3] == 1:
        ways[4] = f"{it}[..., 0]"
    elif len(shape) == 4 and shape[1] == 1:
        ways[4] = f"{it}[:, 0]"
    elif len(shape) == 4 and shape[1] == 3:
        ways[4] = f"{it}.transpose(0, 2, 3, 1)"
    return ways.get(len(shape))


def check_range(array: npt.NDArray[Any], name: str, it: str) -> None:
    """See that all values are in [0, 1].

    Args:
        array: Of floats.
        name: What the error calls it.
        it: The expression of Python that it is, for the remedy.

    Raises:
        InputError: A value is out of range or NaN; the remedy follows from all of them.
    """
    if array.dtype == FLOAT32 and array.size:
        bits = array.view(BITS)
        if bits.item(bits.argmax()) <= ONE:  # of one image in a quarter of the time of max
            return
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    if low >= 0 and high <= 1:
        return
    finite = math.isfinite(low) and math.isfinite(high)
    remedy = remedies.said(remedies.pictures(array, it, floats=True))
    raise InputError(
        f"float {name} must be in [0, 1], got [{low!r}, {high!r}]{remedy}"
        if finite
        else f"{name} must be finite, got NaN or infinity{remedy}"
    )
