"""Batches larger than memory: blocks of them one after another, in order."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vae_onnx import checks
from vae_onnx.engine import progress
from vae_onnx.errors import InputTypeError

ROWS: Final = 4096  # of a block: enough for all threads, and little memory

Rows = npt.NDArray[Any]  # (N, ...)


def blocks(
    source: npt.ArrayLike | Iterable[Any],
    to_rows: Callable[[Any], Rows],
    *,
    rows: int = ROWS,
    name: str | None = None,
) -> Iterator[Rows]:
    """Cut a source into blocks.

    Args:
        source: An array or memory map, or an iterable whose items are what `to_rows` takes.
        to_rows: Makes rows (N, ...) of an array or an item, and refuses what it cannot take.
        rows: Most rows of a block, at least 1.
        name: Show progress under this name.

    Yields:
        Blocks (up to `rows`, ...) in order. Those of a memory map are valid until the next one.

    Raises:
        InputTypeError: `rows` is no integer, or `source` is nothing to iterate over.
        InputError: `rows` is below 1, or `to_rows` refuses something.
    """
    most = checks.integer(rows, "rows", at_least=1)
    if hasattr(source, "__array__") or isinstance(source, list | tuple):
        return _of_array(to_rows(source), most, name)
    if not isinstance(source, Iterable):
        raise InputTypeError(f"expected an array or an iterable, got {type(source).__name__}")
    return _of_items(source, to_rows, most, name)


def forget(block: Rows) -> None:
    """Let go of the pages of a memory map that a block lies in: what is read is read anew.

    Otherwise all of a file comes to count as memory in use.
    """
    mapping = _mapping(block)
    if mapping is None:
        return
    first = block.ctypes.data - np.frombuffer(mapping, np.uint8).ctypes.data
    start = first - first % mmap.PAGESIZE
    mapping.madvise(mmap.MADV_DONTNEED, start, first + block.nbytes - start)


def _of_array(array: Rows, most: int, name: str | None) -> Iterator[Rows]:
    starts = range(0, len(array), most)
    for start in progress.track(starts, name) if name else starts:
        block = array[start : start + most]
        yield block
        forget(block)


def _of_items(
    items: Iterable[Any], to_rows: Callable[[Any], Rows], most: int, name: str | None
) -> Iterator[Rows]:
    waiting: list[Rows] = []
    count = 0
    for item in progress.count(items, name) if name else items:
        batch = to_rows(item)
        if waiting and (count + len(batch) > most or waiting[0].dtype != batch.dtype):
            yield np.concatenate(waiting)
            waiting, count = [], 0
        if len(batch) >= most:
            yield from _of_array(batch, most, None)
        else:
            waiting.append(batch)
            count += len(batch)
    if waiting:
        yield np.concatenate(waiting)


def _mapping(array: Rows) -> mmap.mmap | None:
    """The memory map that an array looks into, if its pages can be had again from the file."""
    base: Any = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap) and base.mode not in ("r", "r+"):
            return None  # what was written to a private copy would be lost
        base = base.base
    known = isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED")
    return base if known and array.flags.c_contiguous else None
