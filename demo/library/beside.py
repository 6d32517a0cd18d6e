"""What training wrote of a model, beside its graphs and in its card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_onnx.store import model_files
from vae_onnx.store.datasets import PICTURES, TITLES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def history(folder: Path) -> list[dict[str, Any]]:
    """Losses of every epoch as training wrote them; none where the folder has no history."""
    path = folder / model_files.HISTORY
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def averages(
    z: NDArray[np.float32], labels: NDArray[np.uint8], names: tuple[str, ...]
) -> dict[str, NDArray[np.float32]]:
    """The mean code (latent_dim,) of each class, by its name; of classes without codes none."""
    return {
        name: z[labels == label].mean(axis=0)
        for label, name in enumerate(names)
        if (labels == label).any()
    }


def dataset(told: str) -> str:
    """Tell the data set of a card: mnist, fashion-mnist, or "folder:NAME", never a path."""
    if not told.startswith(PICTURES):
        return told
    return PICTURES + (Path(told.removeprefix(PICTURES)).name or "pictures")


def title(card: dict[str, Any], name: str) -> str:
    """What the page calls a bundled model that is shown by itself: "Emoji" of folder:emoji."""
    told = card.get("config", {}).get("dataset")
    return name if told is None else _titled(dataset(str(told)))


def _titled(data: str) -> str:
    return TITLES.get(data) or data.removeprefix(PICTURES).replace("-", " ").capitalize()
