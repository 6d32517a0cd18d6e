"""Whether pictures fit into the memory, before they are read: asked, not found out."""

import math
import os
from pathlib import Path
from typing import Final

from export.errors import DataError

MEMORY: Final = Path("/proc/meminfo")
CGROUP: Final = Path("/sys/fs/cgroup")
# What a container or a batch job may have, and what it has, without files that can be let go.
LIMITS: Final = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file "),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file ",
    ),
)


def check(pictures: int, image_shape: tuple[int, int, int], copies: int = 1) -> None:
    """See that so many pictures can be held.

    Args:
        pictures: How many.
        image_shape: (channels, height, width) of each, of a byte a value.
        copies: How often they are held at once, while they are divided.

    Raises:
        DataError: they take more memory than is available.
    """
    channels, height, width = image_shape
    needed, there = pictures * channels * height * width, available()
    if needed * copies <= there:
        return
    shape = f"{height}x{width}" + f"x{channels}" * (channels > 1)
    twice = ", which are held twice while they are divided," if copies > 1 else ""
    raise DataError(
        f"{pictures:,} pictures of {shape} take {needed / 1e9:.1f} GB{twice} and there are "
        f"{there / 1e9:.1f}: a smaller --image-size, fewer pictures, or a machine with more memory"
    )


def available() -> float:
    """Bytes that this process may still take; infinity where no system tells."""
    return min(_of_machine(), *(_of_group(*limit) for limit in LIMITS))


def _of_machine() -> float:
    kilobytes = _entry(MEMORY, "MemAvailable:")
    if kilobytes is not None:
        return kilobytes * 1024
    try:  # all that there is, where the system does not tell what is free
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # Windows
        return math.inf


def _of_group(limit: str, used: str, stat: str, cached: str) -> float:
    try:
        most, taken = (int((CGROUP / name).read_text("utf-8")) for name in (limit, used))
    except (OSError, ValueError):  # there is none, or it is "max"
        return math.inf
    return max(0, most - taken + (_entry(CGROUP / stat, cached) or 0))


def _entry(path: Path, name: str) -> int | None:
    """The number of a line "NAME NUMBER ..." of a file, if it is there."""
    try:
        lines = path.read_text("utf-8").splitlines()
        return next(
            int(line.removeprefix(name).split()[0]) for line in lines if line.startswith(name)
        )
    except (OSError, ValueError, StopIteration, IndexError):
        return None
