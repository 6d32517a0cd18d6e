"""Images in a file as x of the encoder, read and scaled when they are asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from vae_onnx.engine import stream
from vae_onnx.engine.graph import Array


class Rows:
    """As much of an array (N, ...) float32 as an evaluation needs, without being in memory.

    Whatever else numpy is asked to do with it, it does with an array of all rows.

    Args:
        images: (N, ...), N >= 1, such as a memory map.
        to_x: Makes x of some of them.
        row: The shape of one x.
    """

    dtype: np.dtype[np.float32] = np.dtype(np.float32)

    def __init__(
        self,
        images: npt.NDArray[Any],
        to_x: Callable[[npt.NDArray[Any]], Array],
        row: tuple[int, ...],
    ) -> None:
        self._images, self._to_x = images, to_x
        self.shape: tuple[int, ...] = (len(images), *row)
        self.size: int = math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, some: Any) -> Array:
        images = self._images[some]
        x = self._to_x(images).reshape(-1, *self.shape[1:])
        if np.may_share_memory(x, images):
            x = x.copy()
        stream.forget(images if isinstance(some, slice) else self._images)
        return x

    def first(self, count: int | None) -> Rows:
        """Return the first rows alone, all for None."""
        return Rows(self._images[:count], self._to_x, self.shape[1:])

    def reshape(self, count: int, columns: int) -> Rows:
        """Return the same rows, each flat: what (N, -1) asks for is all that is known."""
        if (count, columns) != (len(self), -1):
            raise NotImplementedError((count, columns))
        return Rows(self._images, self._to_x, (math.prod(self.shape[1:]),))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.asarray(self[:], dtype)


def blocks(x: npt.NDArray[Any] | Rows, most: int = stream.ROWS) -> Iterator[Array]:
    """Yield blocks of up to `most` rows, in order; of a memory map, valid until the next one."""
    for start in range(0, len(x), most):
        block = x[start : start + most]
        yield block
        stream.forget(block)
