"""Writing files so that a reader meets the old one or the new one, never half of one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a path to write to; on success it becomes `path`, on failure it vanishes.

    Missing parent folders are created. The partial file has a fixed name, so that what a killed
    process leaves behind is overwritten by the next attempt.

    Raises:
        OSError: `path` cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder, because a rename is atomic only within one file system.
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically, as UTF-8 with one newline at the end."""
    with atomic(path) as partial:
        partial.write_text(text.rstrip("\n") + "\n", encoding="utf-8", newline="\n")
