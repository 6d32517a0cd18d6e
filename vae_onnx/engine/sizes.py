"""Shapes of rows, the dimensions after the batch, some of which may be open."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

ANY: Final = -1  # stands where a dimension may have any size

Sizes = tuple[int, ...]


def are_fixed(sizes: Sizes) -> bool:
    """Whether no dimension is open."""
    return ANY not in sizes


def fit(shape: tuple[int, ...], sizes: Sizes) -> bool:
    """Whether the sizes allow a shape."""
    return len(shape) == len(sizes) and all(
        got > 0 and wanted in (ANY, got) for got, wanted in zip(shape, sizes, strict=True)
    )


def in_bytes(rows: Iterable[Sizes]) -> float:
    """Return how many bytes float32 rows have together, infinity where one is open."""
    return 4 * sum(math.prod(row) if are_fixed(row) else math.inf for row in rows)


def text(sizes: Sizes) -> str:
    """Write sizes for an error: "4, any, any"."""
    return ", ".join("any" if size == ANY else str(size) for size in sizes)
