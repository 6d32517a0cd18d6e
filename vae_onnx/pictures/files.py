"""A picture file -> pixels of 8 bits: the one reader of command line, demo and `folder:`.

Whatever it is (turned by its EXIF orientation, with a palette, transparent, for print, of 16 bits,
animated), it becomes grey or RGB by the same rules for all three, and what had to be decided on the
way is told in notes. What cannot be read whole is refused. Colours are taken as sRGB: profiles are
not applied.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, TextIO

import numpy as np
import numpy.typing as npt

from vae_onnx import checks
from vae_onnx.errors import FileError, PackageMissingError, VaeOnnxError, accessing
from vae_onnx.pictures import colours, levels

Pixels = npt.NDArray[np.uint8]

# What Pillow reads by itself, tells by its first bytes and refuses where it is cut off. Others need
# a program beside it (EPS), have no signature, so that any file might be taken for one (TGA), or
# give half a picture without a word (JPEG 2000).
FORMATS: Final = ("PNG", "JPEG", "MPO", "GIF", "WEBP", "TIFF", "BMP", "DIB", "PPM", "AVIF")
SCALED: Final = ("JPEG", "MPO")  # which can be decoded smaller than they are
NEAR_BLACK: Final = 16  # of 255: a brightest level below it is told

FIRST_FRAME: Final = "Of an animated picture the first frame is taken."
FIRST_PAGE: Final = "Of several pages the first is taken."

DEFLATED: Final = 1032  # bytes that zlib makes of one at most
CUT: Final = "Expecting to read"  # of a warning of Pillow: tags of a TIFF are missing
ORIENTATION: Final = 0x0112  # of EXIF
TURNS: Final = {  # that put a picture upright, by its orientation
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}

# What people take for a picture, by how it starts (after `skip` bytes), and what to do with it.
OTHERS: Final = (
    (4, b"ftyphei", "it is a HEIC picture; save it as JPEG or PNG"),
    (4, b"ftypmif1", "it is a HEIC picture; save it as JPEG or PNG"),
    (0, b"version https://git-lfs", "it is a pointer of Git LFS; `git lfs pull` brings the file"),
    (0, b"%PDF", "it is a PDF; save the page as PNG"),
    (0, b"<svg", "it is an SVG drawing; save it as PNG"),
    (0, b"<?xml", "it is XML, perhaps an SVG drawing; save it as PNG"),
    (0, b"<!DOCTYPE html", "it is a page of the web; download the picture itself"),
    (0, b"<html", "it is a page of the web; download the picture itself"),
)


@dataclass(frozen=True)
class Picture:
    """A decoded picture, and what had to be done to it.

    Attributes:
        pixels: uint8 (height, width), or (height, width, 3) RGB where it has colours.
        notes: Sentences that say what was decided; none where there was nothing to decide.
    """

    pixels: Pixels
    notes: tuple[str, ...] = ()

    @property
    def grey(self) -> Pixels:
        """The brightness, uint8 (height, width)."""
        return colours.to_grey(self.pixels)

    @property
    def rgb(self) -> Pixels:
        """The colours, uint8 (height, width, 3)."""
        if self.pixels.ndim == 3:
            return self.pixels
        return np.repeat(self.pixels[:, :, np.newaxis], 3, axis=2)

    def _repr_png_(self) -> bytes:
        """What a notebook shows: the picture, reduced where it is large."""
        from vae_onnx.pictures import showing

        return showing.png(showing.seen(self.pixels))


def read(
    source: str | os.PathLike[str] | bytes | Any,
    *,
    name: str | None = None,
    ground: Literal["black", "white"] | None = None,
    max_side: int | None = None,
    enough: int | None = None,
) -> Picture:
    """Read a picture.

    Args:
        source: A path, the bytes of a file, or a picture that Pillow has opened.
        name: What errors call it; by default its path.
        ground: What lies where the picture is transparent, its paper. By default whichever
            differs more from what is drawn there, so that nothing vanishes.
        max_side: Refuse a larger width or height, in pixels, before anything is decoded.
        enough: Pixels of each side that will do, at least 1. A JPEG file at least twice, four or
            eight times as large is decoded at that part of its size, in much less time; other files
            and pictures of Pillow are taken as they are.

    Raises:
        FileMissingError: There is no such file.
        FileAccessError: It cannot be read.
        FileError: It is damaged or truncated, no picture, too large, or of levels whose white
            cannot be told; the message says what to do.
        PackageMissingError: Pillow is not installed.
    """
    image = pillow()
    if enough is not None:
        checks.integer(enough, "enough", at_least=1)
    if isinstance(source, image.Image):
        with _readable(name or "this picture"):
            return _decode(source, b"", ground)
    if isinstance(source, bytes):
        content, name = source, name or "this file"
    else:
        path = checks.path(source, "source")
        name = name or str(path)
        with accessing(path):
            content = path.read_bytes()
    with _readable(name) as told:
        if reason := _other(content):
            raise FileError(reason)
        with image.open(io.BytesIO(content), formats=_formats(image)) as opened:
            if max_side is not None and max(opened.size) > max_side:
                width, height = opened.size
                raise FileError(
                    f"it has {width} x {height} pixels; at most {max_side} x {max_side} are taken"
                )
            if opened.format == "PNG" and _least(opened) > len(content):
                raise FileError("it is cut off: it holds fewer pixels than it says; save it anew")
            if opened.format == "TIFF" and any(CUT in str(one.message) for one in told):
                raise FileError("it is cut off within its tags; save it anew")
            if enough is not None and opened.format in SCALED:
                opened.draft(None, (enough, enough))
            return _decode(opened, content, ground)


def suffixes() -> frozenset[str]:
    """Return how the names of files end that `read` may take: .png, .jpg, ..."""
    image = pillow()
    return frozenset(
        suffix for suffix, form in image.registered_extensions().items() if form in FORMATS
    )


def _least(opened: Any) -> int:
    """Return how many bytes a PNG has at least; Pillow makes black of rows that are not there."""
    return int(opened.width * opened.height) // 8 // DEFLATED


def _formats(image: Any) -> list[str]:
    image.init()
    return [form for form in FORMATS if form in image.OPEN]  # older releases lack AVIF


def _decode(opened: Any, content: bytes, ground: str | None) -> Picture:
    depth = levels.depth(opened, content)  # forgotten once it is loaded
    notes = []
    if opened.format != "MPO" and getattr(opened, "n_frames", 1) > 1:  # MPO: previews of the first
        notes.append(FIRST_PAGE if opened.format == "TIFF" else FIRST_FRAME)
    opened.load()
    deep = levels.to_eight_bits(opened, depth)
    flat = colours.flatten(deep.picture, ground)
    notes += [*deep.notes, *flat.notes]
    pixels = np.ascontiguousarray(_upright(opened, flat.pixels))
    if 0 < (brightest := int(pixels.max())) < NEAR_BLACK:
        notes.append(f"It is nearly black: its brightest level is {brightest} of 255.")
    return Picture(pixels, tuple(notes))


def _upright(opened: Any, pixels: Pixels) -> Pixels:
    """The pixels, turned as the file says; Pillow has turned those of a TIFF already."""
    try:
        orientation = opened.getexif().get(ORIENTATION)
    except Exception:  # EXIF is broken in many ways, and a picture without it is a picture yet
        return pixels
    if not isinstance(orientation, int) or orientation not in TURNS:
        return pixels
    picture = pillow().fromarray(pixels)
    turned = picture.transpose(getattr(pillow().Transpose, TURNS[orientation]))
    return np.asarray(turned)


@contextmanager
def _readable(name: str) -> Iterator[list[warnings.WarningMessage]]:
    """Turn whatever is raised about a file into a FileError that names it."""
    try:
        with _WARNED.apart(pillow().DecompressionBombWarning) as told:  # of odd but readable files
            yield told
    except PackageMissingError:
        raise
    except VaeOnnxError as error:
        raise FileError(f"{name} is not a picture that can be taken: {error}") from error
    except MemoryError:
        raise
    except Exception as error:  # Pillow answers a broken file with errors of a dozen kinds
        said = str(error).partition(" <_io")[0] or type(error).__name__  # not where in memory
        raise FileError(
            f"{name} is not a picture that can be taken: it is damaged, cut off or of an unknown "
            f"kind ({said}); save it as PNG or JPEG"
        ) from error


class _Warned:
    """Python's warnings, kept apart for each thread that reads a picture.

    The filters are those of the whole process: `warnings.catch_warnings` in several threads at once
    would leave them changed. So the first reader sets them, and the last one puts them back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._before = contextlib.ExitStack()
        self._own = threading.local()

    @contextmanager
    def apart(self, fatal: type[Warning]) -> Iterator[list[warnings.WarningMessage]]:
        """Give a list of what this thread is warned of within; `fatal` is raised."""
        if getattr(sys.flags, "context_aware_warnings", False):  # Python keeps them apart itself
            with warnings.catch_warnings(record=True) as own:
                warnings.simplefilter("always")
                warnings.simplefilter("error", fatal)
                yield own
            return
        told: list[warnings.WarningMessage] = []
        outer, self._own.told = getattr(self._own, "told", None), told
        with self._lock:
            self._readers += 1
            if self._readers == 1:
                self._set(fatal)
        try:
            yield told
        finally:
            self._own.told = outer
            with self._lock:
                self._readers -= 1
                if not self._readers:
                    self._before.close()

    def _set(self, fatal: type[Warning]) -> None:
        self._before.enter_context(warnings.catch_warnings())
        warnings.simplefilter("always")
        warnings.simplefilter("error", fatal)
        elsewhere = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            own = getattr(self._own, "told", None)
            if own is None:  # of a thread that reads none
                elsewhere(message, category, filename, lineno, file, line)
            else:
                own.append(warnings.WarningMessage(message, category, filename, lineno))

        warnings.showwarning = show


_WARNED: Final = _Warned()


def _other(content: bytes) -> str | None:
    """What a file is that is no picture, if that can be told."""
    if not content:
        return "the file is empty"
    head = content[:64]
    return next((said for skip, start, said in OTHERS if head[skip:].startswith(start)), None)


def pillow() -> Any:
    """Return Pillow's module `Image`.

    Raises:
        PackageMissingError: It is not installed.
    """
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise PackageMissingError(
            "picture files need Pillow: pip install pillow, or use .npy files"
        ) from error
    return Image
