"""Convolutional models in shorter numbers: as anybody's, on pictures of their own data set."""

from pathlib import Path
from typing import Final

import numpy as np
import onnx

import vae_onnx
from export.choices import Variant
from export.errors import ConfigError
from export.lowprecision.measuring import QualityError
from export.lowprecision.opening import read_card
from export.training import origin
from vae_onnx import VaeOnnxError
from vae_onnx.crossing.shortening import quantize

PICTURES: Final = 256  # of the training images: half to find ranges by, half to measure with
SEED: Final = 0


def has_convolutions(folder: Path) -> bool:
    """Whether the model in a folder is made of them; no, where there is no readable graph."""
    try:
        proto = onnx.load(folder / "decoder.onnx")
    except Exception:  # whoever opens the model says what is wrong with it
        return False
    return any(node.op_type == "Conv" for node in proto.graph.node)


def shorten(
    folder: Path, variants: tuple[Variant, ...], dataset: str | None, data_dir: Path | None
) -> None:
    """Write variants beside the graphs by `vae_onnx.quantize`, which measures their loss in dB.

    Raises:
        QualityError: One loses more than 0.5 dB, or cannot be made; nothing is written.
        ConfigError, DataError, FileNotFoundError: The images are not to be had.
        ModelError: The card is missing or of other graphs.
    """
    read_card(folder)
    model = vae_onnx.load(folder)
    images = origin.of_model(folder, model.metadata, model.image_shape, data_dir, dataset).train
    rows = np.random.default_rng(SEED).permutation(len(images))[:PICTURES]
    x = (images.pixels[rows].float() / 255).numpy().reshape(-1, *model.image_shape)
    try:
        quantize(folder, x, list(variants))
    except VaeOnnxError as error:
        raise QualityError(str(error)) from error


def check(folders: list[Path], page: Path | None, dry_run: bool) -> None:
    """See that nothing is asked for that is of dense networks alone.

    Raises:
        ConfigError: It is.
    """
    if folders and (page is not None or dry_run):
        raise ConfigError(
            f"--page and --dry-run are of dense networks, and {folders[0]} holds convolutions; "
            "name it without them"
        )
