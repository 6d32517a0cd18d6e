"""Run trained variational and plain autoencoders with numpy and onnxruntime, without PyTorch.

>>> import numpy as np, vae_onnx
>>> model = vae_onnx.load("mnist-vae")
>>> model.sample(16, np.random.default_rng(0)).shape
(16, 28, 28)

Reading order: `loading` (a model by its name), `autoencoder` with `encoder`, `decoder` and
`posterior` (what it can do), `latent` (places in its latent space), `likelihood` and `evaluation`
(how good it is). Below them are the rooms `pictures` (what goes in and comes out), `engine` (how a
graph is run) and `store` (where models are kept), above them `command` and `doctor`, the command
line, `bulk`, whole collections with pyarrow, and `serving`, models for other machines. `errors`,
`checks` and `terminal` (where is printed) serve all; `notebook` is what notebooks show of models,
`packing` is for programs that PyInstaller makes. Apart from these, `crossing` makes a model folder
of graphs that exist already (`adopt`, with onnx) and shortens graphs (`quantize`), and
`vae_onnx.torch` makes one of models of PyTorch.
"""

import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING

from vae_onnx.errors import (
    ClosedError,
    DeviceError,
    DeviceWarning,
    ExportError,
    ExportWarning,
    FileAccessError,
    FileError,
    FileMissingError,
    GraphError,
    InputError,
    InputTypeError,
    PackageMissingError,
    VaeOnnxError,
)

if TYPE_CHECKING:
    from vae_onnx import likelihood
    from vae_onnx.autoencoder import Autoencoder
    from vae_onnx.crossing.adopting import adopt
    from vae_onnx.crossing.shortening import quantize
    from vae_onnx.decoder import Decoder
    from vae_onnx.encoder import Encoder
    from vae_onnx.loading import load, models
    from vae_onnx.pictures.arrays import tile, to_uint8
    from vae_onnx.pictures.drawing import drawing_to_x
    from vae_onnx.pictures.files import read as read_picture
    from vae_onnx.pictures.showing import show
    from vae_onnx.posterior import Posterior

__all__ = [
    "Autoencoder",
    "ClosedError",
    "Decoder",
    "DeviceError",
    "DeviceWarning",
    "Encoder",
    "ExportError",
    "ExportWarning",
    "FileAccessError",
    "FileError",
    "FileMissingError",
    "GraphError",
    "InputError",
    "InputTypeError",
    "PackageMissingError",
    "Posterior",
    "VaeOnnxError",
    "adopt",
    "drawing_to_x",
    "likelihood",
    "load",
    "models",
    "quantize",
    "read_picture",
    "show",
    "tile",
    "to_uint8",
]

__version__ = "1.0.0"

# Where each name is that needs numpy and onnxruntime. They are imported when it is first asked for,
# so that `vae-onnx doctor` can say what is wrong with them.
_HOME = {
    **{name: name.lower() for name in ("Autoencoder", "Decoder", "Encoder", "Posterior")},
    **dict.fromkeys(("load", "models"), "loading"),
    "adopt": "crossing.adopting",
    "quantize": "crossing.shortening",
    "drawing_to_x": "pictures.drawing",
    "read_picture": "pictures.files:read",
    "show": "pictures.showing",
    **dict.fromkeys(("tile", "to_uint8"), "pictures.arrays"),
}

if not TYPE_CHECKING:  # which would take every name for one that is here

    def __getattr__(name: str) -> object:
        if name in _HOME:
            _check_runtime()
            module, _, own = _HOME[name].partition(":")
            value = getattr(importlib.import_module(f"{__name__}.{module}"), own or name)
            globals()[name] = value
            return value
        if not name.startswith("_") and importlib.util.find_spec(f"{__name__}.{name}"):
            return importlib.import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


def _check_runtime() -> None:
    try:
        import numpy  # noqa: F401
        import onnxruntime

        # Where one of two onnxruntime packages was uninstalled, an empty module is left.
        onnxruntime.InferenceSession  # noqa: B018
    except Exception as error:  # what is half installed may raise whatever it likes
        packed = getattr(sys, "frozen", False)
        remedy = "pack both into this program" if packed else "`vae-onnx doctor` says what to do"
        raise PackageMissingError(
            f"numpy and onnxruntime are needed, and one of them is missing or broken: {error}; "
            f"{remedy}"
        ) from error
