"""A reader of bytes that come from outside, and files that it takes, to be mutated."""

from __future__ import annotations

import random
import struct
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vae_onnx.errors import VaeOnnxError

COUNTS = struct.Struct("4q")  # inputs, taken, KB in memory after the first tenth, KB now
COUNTED = "counts"  # the file that a child counts in
Change = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Target:
    """What is to be fuzzed.

    Attributes:
        name: Of the target.
        seeds: Makes inputs that are taken.
        take: The reader.
        refuses: The errors that it may raise; every other one is a finding.
        words: What the format gives a meaning to.
        within: Changes what a wrapping protects (sums, packing, a grammar), and wraps it again:
            given an input, what changes bytes, and a generator.
    """

    name: str
    seeds: Callable[[], Iterable[bytes]]
    take: Callable[[bytes], object]
    refuses: tuple[type[Exception], ...] = (VaeOnnxError,)
    words: tuple[bytes, ...] = ()
    within: Callable[[bytes, Change, random.Random], bytes] | None = None


def as_file(content: bytes, name: str) -> Path:
    """Write an input where a reader of files finds it; the next of this name takes its place."""
    path = _folder() / name
    path.unlink(missing_ok=True)  # never written into: the one before may be mapped
    path.write_bytes(content)
    return path


@cache
def _folder() -> Path:
    memory = Path("/dev/shm")  # where a million files cost little
    return Path(tempfile.mkdtemp(prefix="vae-onnx-fuzz-", dir=memory if memory.is_dir() else None))
