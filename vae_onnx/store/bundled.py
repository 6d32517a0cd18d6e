"""The models that are in the package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[1] / "models"
DRAWING: Final = FOLDER / "drawing.onnx"  # MNIST's preprocessing, which belongs to no model alone


def folders() -> dict[str, Path]:
    """Return the folders of the models by name, sorted."""
    return {path.parent.name: path.parent for path in sorted(FOLDER.glob("*/encoder.onnx"))}
