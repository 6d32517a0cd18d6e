"""Run trained variational and plain autoencoders with numpy and onnxruntime, without PyTorch.

>>> import numpy as np, vae_onnx
>>> model = vae_onnx.load("mnist-vae")
>>> model.sample(16, np.random.default_rng(0)).shape
(16, 28, 28)
"""

from vae_onnx import likelihood
from vae_onnx.autoencoder import Autoencoder, Decoder, Encoder, Posterior, load, models
from vae_onnx.drawing import drawing_to_x
from vae_onnx.errors import (
    ClosedError,
    DeviceError,
    DeviceWarning,
    FileAccessError,
    FileError,
    FileMissingError,
    GraphError,
    InputError,
    InputTypeError,
    PackageMissingError,
    VaeOnnxError,
)
from vae_onnx.images import tile, to_uint8

__all__ = [
    "Autoencoder",
    "ClosedError",
    "Decoder",
    "DeviceError",
    "DeviceWarning",
    "Encoder",
    "FileAccessError",
    "FileError",
    "FileMissingError",
    "GraphError",
    "InputError",
    "InputTypeError",
    "PackageMissingError",
    "Posterior",
    "VaeOnnxError",
    "drawing_to_x",
    "likelihood",
    "load",
    "models",
    "tile",
    "to_uint8",
]

__version__ = "0.1.0"
