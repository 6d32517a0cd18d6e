"""A request, however it came: its one tensor, and the outputs that are wanted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from vae_onnx.engine.graph import Array
from vae_onnx.errors import InputError, InputTypeError
from vae_onnx.serving.layout import Offered
from vae_onnx.serving.parts import Part

MOST: Final = 9  # names of a request that an error repeats
LONG: Final = 60  # characters of each
WIRE: Final[dict[str, np.dtype[Any]]] = {"FP32": np.dtype("<f4"), "UINT8": np.dtype("u1")}


class Call(NamedTuple):
    """A request that has been read, and not yet checked."""

    value: npt.NDArray[Any]  # (N, ...)
    wanted: tuple[str, ...]  # names of outputs
    id: str = ""


class Named(NamedTuple):
    """What a request says of a tensor, beside its numbers."""

    name: str
    datatype: str
    shape: tuple[int, ...]


def check_inputs(part: Part, inputs: Sequence[Named]) -> None:
    """See that the tensors of a request are the one that a model takes.

    Raises:
        InputError: There are others, or its shape is none.
        InputTypeError: It has another number type.
    """
    names = [tensor.name for tensor in inputs]
    wanted = part.offered.input.name
    if names != [wanted]:
        got = ", ".join(map(short, names[:MOST])) + ", ..." * (len(names) > MOST)
        raise InputError(f"{part.offered.name} takes one input, {wanted}, got {got or 'none'}")
    (tensor,) = inputs
    if tensor.datatype not in part.datatypes:
        raise InputTypeError(
            f"{wanted} must have the datatype {' or '.join(part.datatypes)}, got "
            f"{short(tensor.datatype)}; send {wanted}.astype(np.float32)"
        )
    part.check_shape(tensor.shape)


def check_wanted(offered: Offered, names: Sequence[str]) -> tuple[str, ...]:
    """Return the outputs that are wanted: all unless some are named.

    Raises:
        InputError: The model has no such output.
    """
    known = [output.name for output in offered.outputs]
    for name in names:
        if name not in known:
            raise InputError(
                f"{offered.name} has the outputs {', '.join(known)}, and none called {short(name)}"
            )
    return tuple(names or known)


def from_bytes(tensor: Named, content: bytes | memoryview) -> npt.NDArray[Any]:
    """Return a tensor of its bytes, little endian and row by row.

    Raises:
        InputError: They are not as many as its shape says.
    """
    dtype = WIRE[tensor.datatype]
    expected = math.prod(tensor.shape) * dtype.itemsize
    if len(content) != expected:
        raise InputError(
            f"{tensor.name} of the shape {list(tensor.shape)} and the datatype {tensor.datatype} "
            f"has {expected:,} bytes, got {len(content):,}"
        )
    array = np.frombuffer(content, dtype).reshape(tensor.shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def from_numbers(tensor: Named, numbers: object) -> npt.NDArray[Any]:
    """Return a tensor of its numbers, flat or nested.

    Raises:
        InputError: They are not as many as its shape says, or out of the range of their datatype.
        InputTypeError: They are no numbers, or no whole ones where these are wanted.
    """
    # Of objects: numpy would make numbers of texts, or one large block of memory of a long one.
    array = np.array(numbers, dtype=object)
    kinds = set(map(type, array.ravel().tolist()))
    if not kinds <= ({int} if tensor.datatype == "UINT8" else {int, float}):
        kind = "whole numbers in [0, 255]" if tensor.datatype == "UINT8" else "numbers"
        raise InputTypeError(
            f"the data of {tensor.name} must be {kind}, flat or nested as its shape says"
        )
    if array.size != math.prod(tensor.shape):
        raise InputError(
            f"{tensor.name} of the shape {list(tensor.shape)} has {math.prod(tensor.shape):,} "
            f"numbers, got {array.size:,}"
        )
    if tensor.datatype == "UINT8" and not 0 <= array.min() <= array.max() <= 255:
        raise InputError(
            f"UINT8 {tensor.name} must be in [0, 255], got {array.min()} to {array.max()}"
        )
    with np.errstate(over="ignore"):
        return array.astype(WIRE[tensor.datatype].newbyteorder("=")).reshape(tensor.shape)


def chosen(call: Call, offered: Offered, outputs: Sequence[Array]) -> Mapping[str, Array]:
    """Return the outputs that a call wants, by name and in the order in which it named them."""
    found = {tensor.name: rows for tensor, rows in zip(offered.outputs, outputs, strict=True)}
    return {name: found[name] for name in call.wanted}


def short(told: str) -> str:
    """Return a text that came from outside as one that is short and of one line."""
    return repr(told if len(told) <= LONG else f"{told[:LONG]}...")
