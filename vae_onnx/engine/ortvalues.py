"""Values of onnxruntime, which may lie in the memory of a GPU: what goes in and out uncopied."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as ort

from vae_onnx.engine import sizes
from vae_onnx.engine.sizes import Sizes
from vae_onnx.errors import InputError, InputTypeError


def to_ortvalue(value: Any, name: str, row: Sizes) -> ort.OrtValue:
    """Return a batch as a value of onnxruntime, where it lies and without a copy.

    Args:
        value: `onnxruntime.OrtValue`, a numpy array, or whatever else has `__dlpack__`, such as a
            tensor of PyTorch or CuPy: contiguous float32 (N, *row), N >= 1.
        name: What errors call it.
        row: The shape of one of the N; -1 is a dimension of any size.

    Raises:
        InputTypeError: It is none of these, or not float32.
        InputError: Its shape is another one, or it is not contiguous.
    """
    converted = _convert(value, name)
    if converted.data_type() != "tensor(float)":
        raise InputTypeError(f"{name} must be float32, got {converted.data_type()}")
    shape = tuple(converted.shape())
    if not shape or shape[0] < 1 or not sizes.fit(shape[1:], row):
        raise InputError(f"{name} must have shape (N, {sizes.text(row)}) with N >= 1, got {shape}")
    return converted


def place(value: ort.OrtValue) -> tuple[str, int]:
    """Return the device that a value lies on: its kind, and its number among those of the kind."""
    if not hasattr(value, "__dlpack_device__"):
        return value.device_name(), 0  # of older versions of onnxruntime the first is all we know
    return value.device_name(), value.__dlpack_device__()[1]


def _convert(value: Any, name: str) -> ort.OrtValue:
    if isinstance(value, ort.OrtValue):
        return value
    if isinstance(value, np.ndarray):
        if not value.flags.c_contiguous:
            raise InputError(f"{name} must be contiguous; pass np.ascontiguousarray({name})")
        if value.dtype != np.float32:
            raise InputTypeError(f"{name} must be float32, got {value.dtype}")
        return ort.OrtValue.ortvalue_from_numpy(value)
    if not hasattr(value, "__dlpack__"):
        raise InputTypeError(
            f"{name} must be an onnxruntime.OrtValue or have __dlpack__, as tensors of PyTorch "
            f"and CuPy do, got {type(value).__name__}"
        )
    if not hasattr(ort.OrtValue, "from_dlpack"):
        raise InputTypeError(
            f"onnxruntime {ort.__version__} does not read DLPack; update it, or pass an OrtValue"
        )
    try:
        return ort.OrtValue.from_dlpack(value)
    except Exception as error:  # each library has its own
        raise InputError(
            f"{name} cannot be shared by DLPack, which takes contiguous tensors that need no "
            f"gradient: {error}"
        ) from error
