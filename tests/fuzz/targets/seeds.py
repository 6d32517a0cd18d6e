"""Small pictures, which several targets begin with."""

from __future__ import annotations

import sys
import tempfile
from functools import cache
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "runtime" / "pictures"))

import picture_files

SMALL = 2**13  # bytes of a seed at most


@cache
def picture_seeds() -> tuple[bytes, ...]:
    """One small picture in files of every kind."""
    with tempfile.TemporaryDirectory() as folder:
        written = [case.path.read_bytes() for case in picture_files.write(Path(folder))]
    return tuple(dict.fromkeys(content for content in written if len(content) <= SMALL))
