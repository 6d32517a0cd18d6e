"""Files in the IDX format, those of MNIST: some of their rows, without holding all of them."""

import gzip
import hashlib
import zlib
from pathlib import Path
from typing import IO, Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt

BLOCK: Final = 1 << 20  # bytes that are read at once, about
DAMAGED: Final = (ValueError, IndexError, EOFError, OSError, zlib.error)  # of reading any of it

Pixels = npt.NDArray[np.uint8]


class Read(NamedTuple):
    """What was read of a file."""

    values: Pixels  # (n, ...) the rows asked for
    sha256: str  # of the whole file, unpacked


def shape(path: Path) -> tuple[int, ...]:
    """Return the shape that a file of bytes, packed (.gz) or not, says it has; see DAMAGED."""
    with _open(path) as file:
        return _header(file)[1]


def read(path: Path, rows: npt.NDArray[np.int64] | None = None) -> Read:
    """Go through a file of bytes, packed (.gz) or not, and keep some rows of it, or all.

    Args:
        path: The file.
        rows: (n,) which rows, in the order wanted.

    Raises:
        ValueError: It is no such file, or ends too early or too late; or one of DAMAGED.
    """
    with _open(path) as file:
        header, (count, *row) = _header(file)
        rows = np.arange(count) if rows is None else rows
        places = np.argsort(rows, kind="stable")
        wanted = rows[places]
        values = np.empty((len(rows), *row), np.uint8)
        size = int(np.prod(row))
        checksum = hashlib.sha256(header)
        at_once = max(1, BLOCK // max(1, size))
        for start in range(0, count, at_once):
            stop = min(start + at_once, count)
            block = file.read((stop - start) * size)
            if len(block) < (stop - start) * size:
                raise ValueError(f"it ends before the {count} rows that its header tells")
            checksum.update(block)
            first, end = np.searchsorted(wanted, (start, stop))
            found = np.frombuffer(block, np.uint8).reshape(stop - start, *row)
            values[places[first:end]] = found[wanted[first:end] - start]
        if file.read(1):
            raise ValueError(f"it goes on after the {count} rows that its header tells")
    return Read(values, checksum.hexdigest())


def _open(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _header(file: IO[bytes]) -> tuple[bytes, tuple[int, ...]]:
    """The first bytes of a file, and the shape that they tell."""
    start = file.read(4)
    if start[:3] != b"\0\0\x08" or len(start) < 4 or start[3] == 0:
        raise ValueError("it does not begin as an IDX file of bytes does")
    sizes = file.read(4 * start[3])
    if len(sizes) < 4 * start[3]:
        raise ValueError("it ends within its header")
    return start + sizes, tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
