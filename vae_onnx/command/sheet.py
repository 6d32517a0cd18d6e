"""A sheet of queries and their neighbours: each query in a row with what is most like it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vae_onnx.command import streams
from vae_onnx.errors import FileMissingError, InputError
from vae_onnx.pictures import files

if TYPE_CHECKING:
    from vae_onnx.bulk.neighbours import Neighbours

CELL: Final = 128  # pixels of a picture's longer side
GAP: Final = 12
APART: Final = 32  # the query from its neighbours, with a line between
CAPTION: Final = 20  # height below a picture
MOST: Final = 10_000  # pictures of a sheet
PAPER, INK, FAINT, LINE = (255, 255, 255), (40, 40, 40), (120, 120, 120), (215, 215, 215)


def write(
    path: Path,
    names: Sequence[str],
    queries: Sequence[Path | npt.NDArray[np.uint8]],
    found: Neighbours,
    folder: Path,
) -> None:
    """Write a PNG with a row for each query: its picture, then those that were found, in order.

    Args:
        path: Where to.
        names: Of the queries, below them.
        queries: Picture files, or pictures uint8 (H, W) or (H, W, 3).
        found: Ids that are picture files in the folder, and distances, which are written below.
        folder: Where they are.

    Raises:
        FileMissingError: An id is no picture file there.
        FileError: A picture cannot be read.
        InputError: There are too many.
        PackageMissingError: Pillow is not installed.
    """
    count, k = found.ids.shape
    if count * (k + 1) > MOST:
        raise InputError(
            f"a sheet may show {MOST:,} pictures, got {count} rows of {k + 1}; "
            "name fewer, or write a table (.csv)"
        )
    image = files.pillow()
    from PIL import ImageDraw, ImageFont

    font = ImageFont.load_default(13)
    step = CELL + GAP
    size = (CELL + GAP + APART + k * step, GAP + count * (step + CAPTION))
    sheet = image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    middle = CELL + (GAP + APART + GAP) // 2
    draw.line([(middle, GAP), (middle, size[1] - GAP)], LINE)
    for row in range(count):
        shown = [queries[row], *(folder / str(name) for name in found.ids[row])]
        told = [Path(names[row]).name, *(f"{distance:#.3g}" for distance in found.distances[row])]
        top = GAP + row * (step + CAPTION)
        for place, (picture, text) in enumerate(zip(shown, told, strict=True)):
            left = place * step + (APART if place else GAP)
            _place(sheet, _read(picture), left, top)
            _write(draw, font, text, left, top, FAINT if place else INK)
    content = io.BytesIO()  # a pipe has no place to go back to
    sheet.save(content, format="PNG")
    with streams.writing(path) as file:
        file.write(content.getbuffer())


def _read(picture: Path | npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    if not isinstance(picture, Path):
        return picture
    if not picture.is_file():
        raise FileMissingError(
            f"{picture} is missing; --pictures FOLDER says where the picture files are that the "
            "ids name, and -o table.csv needs none"
        )
    return files.read(picture, ground="white").pixels


def _place(sheet: Any, pixels: npt.NDArray[np.uint8], left: int, top: int) -> None:
    """Put a picture into the middle of its cell, enlarged by whole numbers: that stays sharp."""
    image = files.pillow()
    picture = image.fromarray(pixels)
    longest = max(picture.size)
    scale = CELL // longest if longest <= CELL else CELL / longest
    size = [max(1, round(side * scale)) for side in picture.size]
    way = image.Resampling.NEAREST if longest <= CELL else image.Resampling.LANCZOS
    where = (left + (CELL - size[0]) // 2, top + (CELL - size[1]) // 2)
    sheet.paste(picture.convert("RGB").resize(size, way), where)


def _write(draw: Any, font: Any, text: str, left: int, top: int, colour: tuple[int, ...]) -> None:
    """Write below a cell, in its middle; what is too long is cut."""
    while len(text) > 1 and draw.textlength(text, font) > CELL:
        text = text.removesuffix("…")[:-1] + "…"
    middle, below = left + CELL // 2, top + CELL + 4
    draw.text((middle, below), text, colour, font, anchor="mt")
