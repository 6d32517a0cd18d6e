"""A model folder and the images that it is for, opened together."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any, Final

import onnx

from export.errors import ModelError
from export.lowprecision.conversion import find_product
from export.training import origin
from vae_onnx import Autoencoder, VaeOnnxError
from vae_onnx.engine.graph import Array
from vae_onnx.store import model_files

SIDES: Final = ("encoder", "decoder")


@dataclasses.dataclass(frozen=True)
class Model:
    """A model folder, opened, and the images that it is for."""

    folder: Path
    card: dict[str, Any]
    graphs: Autoencoder
    protos: dict[str, onnx.ModelProto]  # by side
    train: Array  # (N, channels, height, width)
    test: Array


def open_model(folder: Path, dataset: str | None, data_dir: Path | None) -> Model:
    """Open a model folder, see that its files belong together, and load its images.

    Raises:
        FileNotFoundError: a graph, the card or the data set is missing.
        ModelError: a file is damaged, or not from `python -m export onnx`.
        ConfigError: there is no such data set, or the model is of another one.
        DataError: it is damaged, or not named, or not that of the model any more.
    """
    try:
        graphs = Autoencoder(folder)
    except FileNotFoundError:
        raise
    except VaeOnnxError as error:
        raise ModelError(str(error)) from error
    card = read_card(folder)
    protos = {side: onnx.load(folder / f"{side}.onnx") for side in SIDES}
    for proto in protos.values():
        find_product(proto)
    images = origin.of_model(folder, graphs.metadata, graphs.image_shape, data_dir, dataset)
    shape = (-1, *graphs.image_shape)
    x_train, x_test = (split.x.numpy().reshape(shape) for split in (images.train, images.test))
    return Model(folder, card, graphs, protos, x_train, x_test)


def read_card(folder: Path) -> dict[str, Any]:
    """Read `card.json`, and see that it is of the graphs beside it.

    Raises:
        FileNotFoundError: it is missing.
        ModelError: it is damaged, or of other graphs, or of another version.
    """
    path = folder / model_files.CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        known = {f"{side}.onnx": card["sha256"][f"{side}.onnx"] for side in SIDES}
        told = [card["name"], card["config"]["dataset"], *known.values()]
        if not all(isinstance(value, str) for value in told):
            raise TypeError("a name, data set or sha256 is no text")
    except FileNotFoundError:
        message = f"{path} is missing; `python -m export onnx` writes it"
        raise FileNotFoundError(message) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path} is not a card of this version ({type(error).__name__}: {error}); "
            "`python -m export onnx` writes one"
        ) from error
    for name, expected in known.items():
        if sha256((folder / name).read_bytes()) != expected:
            raise ModelError(
                f"{path} is the card of another {name}: sha256 differs; export both again"
            )
    result: dict[str, Any] = card
    return result


def sha256(content: bytes) -> str:
    """The checksum of a file, as cards have it."""
    return hashlib.sha256(content).hexdigest()
