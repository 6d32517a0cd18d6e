"""The folder of a model: whether it may be written to, and what is written."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vae_onnx.autoencoder import Autoencoder
from vae_onnx.engine.graph import Array
from vae_onnx.errors import FileAccessError, InputError, accessing, exists, is_folder
from vae_onnx.pictures.arrays import from_x, to_uint8
from vae_onnx.store import model_files

SHOWN: Final = 8  # pictures of the strip
SIDE: Final = 128  # pixels, the most of a picture there


def check_target(folder: Path, overwrite: bool) -> None:
    """See that a folder may be written to: it is missing or empty, or may hold anything.

    Raises:
        InputError: It holds something.
        FileAccessError: It is a file, or cannot be read.
    """
    with accessing(folder):
        if exists(folder) and not is_folder(folder):
            raise FileAccessError(f"{folder} is a file; name a folder")
        held = sorted(path.name for path in folder.iterdir()) if is_folder(folder) else []
    if held and not overwrite:
        raise InputError(
            f"{folder} holds {held[0]}; name another folder, or put the model in the place of what "
            "is there with overwrite=True (--overwrite)"
        )


def write(
    folder: Path, graphs: Mapping[str, bytes], card: Any, others: Mapping[str, bytes]
) -> None:
    """Write the files of a model folder, in the place of those of any other model there.

    All are complete before the first is replaced.

    Args:
        folder: Made if it is missing.
        graphs: Name -> content of each graph.
        card: What `card.json` tells.
        others: The same of `latents.npz` and whatever else there is.

    Raises:
        GraphError: A graph cannot be opened.
        FileAccessError: The folder cannot be written.
    """
    with model_files.replacing(folder) as partial:
        for name, content in {**graphs, **others}.items():
            (partial / name).write_bytes(content)
        write_card(partial, card)
        Autoencoder(partial).close()


def add_variants(
    folder: Path, card: Mapping[str, Any], files: Mapping[str, bytes], told: Mapping[Any, Any]
) -> None:
    """Put files of variants beside those that a model has, and what the card tells of them.

    All are complete before the first takes its place.

    Args:
        folder: Of the model.
        card: Its card, as it is.
        files: Name -> content.
        told: What the card is to tell, by variant; of others it tells what it told.

    Raises:
        FileAccessError: The folder cannot be written.
    """
    with model_files.replacing(folder) as partial:
        model_files.copy(folder, partial)
        for name, content in files.items():
            (partial / name).write_bytes(content)
        write_card(partial, {**card, "variants": {**card.get("variants", {}), **told}})


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """Write `card.json`."""
    text = json.dumps(card, indent=2) + "\n"
    (folder / model_files.CARD).write_text(text, encoding="utf-8", newline="\n")


def latents(z: npt.NDArray[Any], labels: npt.NDArray[Any]) -> bytes:
    """Return `latents.npz`, for a map of the latent space.

    z (N, latent_dim) as float16, which is as fine as a map needs, and labels (N,), uint8 where
    there are no more than 256 classes.
    """
    content = io.BytesIO()
    kind = np.min_scalar_type(int(labels.max()))
    np.savez_compressed(content, z=z.astype(np.float16), labels=labels.astype(kind))
    return content.getvalue()


def strip(x: Array, x_recon: Array, shown: int = SHOWN) -> bytes | None:
    """Return `strip.png`: pictures above, what becomes of them below; None without Pillow.

    Args:
        x: (N, C, H, W) in [0, 1]. Of more than four channels, or two, the first is shown.
        x_recon: The same, reconstructed.
        shown: How many, from the first on.
    """
    try:
        from PIL import Image
    except ImportError:
        return None
    both = np.concatenate([x[:shown], x_recon[:shown]])
    visible = both if both.shape[1] in (1, 3, 4) else both[:, :1]
    step = -(-max(visible.shape[2:]) // SIDE)
    pictures = to_uint8(from_x(np.ascontiguousarray(visible[:, :, ::step, ::step])))
    rows = [_row(pictures[: len(pictures) // 2]), _row(pictures[len(pictures) // 2 :])]
    content = io.BytesIO()
    Image.fromarray(np.concatenate(rows)).save(content, "PNG", optimize=True)
    return content.getvalue()


def _row(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    row: npt.NDArray[np.uint8] = np.concatenate(list(pictures), axis=1)
    return row
