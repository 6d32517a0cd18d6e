"""The models that are in the package, whatever that has been packed into."""

from __future__ import annotations

import os
import sys
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vae_onnx.errors import accessing

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

PACKAGE: Final = Path(__file__).parents[1]
FOLDER: Final = PACKAGE / "models"  # is there unless the package is in a zip file, or came without
DRAWING: Final = "drawing.onnx"  # MNIST's preprocessing, which belongs to no model alone
ENCODER: Final = "encoder.onnx"  # which every model has

_unpacking = threading.Lock()


def names() -> list[str]:
    """Return the names of the models, sorted; none where the package came without them."""
    if FOLDER.is_dir():
        return sorted(path.parent.name for path in FOLDER.glob(f"*/{ENCODER}"))
    packed = _packed()
    if not packed.is_dir():
        return []
    return sorted(each.name for each in packed.iterdir() if (each / ENCODER).is_file())


def file(place: str) -> Path:
    """Return where a file or a folder is, given its place among the models.

    Of a package in a zip file it is unpacked, for as long as this process runs.

    Args:
        place: "mnist-vae", "mnist-vae/encoder.onnx", or DRAWING.
    """
    if not FOLDER.is_dir():
        with _unpacking, accessing(_temporary()):
            name = place.partition("/")[0]
            if not (_temporary() / name).exists():
                _unpack(_packed() / name, _temporary())
        return _temporary() / place
    return FOLDER / place


def within(path: Path) -> str | None:
    """Return the place of a file among the models, None if it is none of theirs."""
    for folder in (FOLDER, *([_temporary()] if _temporary.cache_info().currsize else [])):
        if path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
    return None


def absence() -> str:
    """Say why there are no models, and what to do."""
    if getattr(sys, "frozen", False):
        return (
            "this program was packed without those of vae_onnx: pack them too, with PyInstaller by "
            "--collect-data vae_onnx"
        )
    archive = next((path for path in FOLDER.parents if path.is_file()), None)
    if archive:
        return f"{archive} holds vae_onnx without the folder vae_onnx/models: put that in, too"
    return f"{FOLDER} is missing: install vae_onnx again"


def _packed() -> Traversable:
    from importlib import resources  # takes time, and few need it

    return resources.files("vae_onnx") / "models"


def _unpack(source: Traversable, folder: Path) -> None:
    """Copy a file, or a folder of files, into a folder."""
    if source.is_dir():
        partial = folder / f".{source.name}"
        partial.mkdir(exist_ok=True)
        for each in source.iterdir():
            _unpack(each, partial)
        partial.rename(folder / source.name)
    elif source.is_file():
        (folder / source.name).write_bytes(source.read_bytes())


@cache
def _temporary() -> Path:
    """A folder that goes with this process, not with those that it forks."""
    import atexit
    import shutil
    import tempfile

    folder, owner = tempfile.mkdtemp(prefix="vae-onnx-"), os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return Path(folder)
