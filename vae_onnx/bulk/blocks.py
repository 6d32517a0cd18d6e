"""What goes through the work: images as they come from files, some in a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Unusable:
    """Stands where an image should be, and says why there is none."""

    reason: str


# The content of a picture file, where one is, or numbers; or nothing.
Item = bytes | Path | npt.NDArray[Any] | Unusable
Items = npt.NDArray[Any] | list[Item]  # an array (n, ...) where all are alike


class Block(NamedTuple):
    """Images of a source, in its order.

    Attributes:
        start: The place of the first one in the source.
        ids: int64 or string, one an image.
        items: The images.
    """

    start: int
    ids: pa.Array
    items: Items

    def cut(self, first: int, last: int) -> Block:
        """Return those from `first` to before `last`, counted within the block."""
        return Block(self.start + first, self.ids[first:last], self.items[first:last])


def aligned(pieces: Iterable[Block], bounds: Iterable[int]) -> Iterator[Block]:
    """Cut blocks of any length anew, so that each ends at the next bound.

    Args:
        pieces: Without gaps between them, but where a bound is.
        bounds: Places in the source, ascending; the last is where the pieces end.
    """
    places = iter(bounds)
    end = next(places)
    waiting: list[Block] = []
    for piece in pieces:
        rest = piece
        while len(rest.items):
            some = rest.cut(0, end - rest.start)
            rest = rest.cut(len(some.items), len(rest.items))
            waiting.append(some)
            if some.start + len(some.items) == end:
                yield joined(waiting)
                waiting, end = [], next(places, end)


def joined(blocks: list[Block]) -> Block:
    """Return blocks that follow one another as one."""
    if len(blocks) == 1:
        return blocks[0]
    import pyarrow as pa

    arrays = [block.items for block in blocks if isinstance(block.items, np.ndarray)]
    alike = len({(each.shape[1:], each.dtype) for each in arrays}) == 1
    items: Items
    if len(arrays) == len(blocks) and alike:
        items = np.concatenate(arrays)
    else:
        items = [item for block in blocks for item in block.items]
    ids = pa.concat_arrays([block.ids for block in blocks])
    return Block(blocks[0].start, ids, items)


def numbers(array: npt.NDArray[Any]) -> pa.Array:
    """Return an array (n,) for Arrow without a copy; `pa.array` would import pandas first."""
    import pyarrow as pa

    flat = np.ascontiguousarray(array)
    return pa.Array.from_buffers(
        pa.from_numpy_dtype(flat.dtype), len(flat), [None, pa.py_buffer(flat)]
    )


def pixels(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return integers of more than 8 bits, as lists of Python become, as uint8 where they are it.

    Others stay as they are, and are refused where they are taken.
    """
    if array.dtype.kind not in "iu" or array.dtype == np.uint8 or not array.size:
        return array
    if array.min() < 0 or array.max() > 255:
        return array
    return array.astype(np.uint8)


def printable(name: str) -> str:
    """Return the name of a file, of which a system may allow any bytes, as text of Unicode."""
    return name.encode("utf-8", "backslashreplace").decode()
