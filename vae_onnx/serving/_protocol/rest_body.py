"""A request and its answer over HTTP: JSON, with tensors in it or binary behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from vae_onnx.engine.graph import Array
from vae_onnx.errors import InputError, InputTypeError
from vae_onnx.serving._protocol.call import (
    Call,
    Named,
    check_inputs,
    check_wanted,
    from_bytes,
    from_numbers,
)
from vae_onnx.serving.layout import VERSION, Offered
from vae_onnx.serving.parts import Part

LENGTH: Final = "Inference-Header-Content-Length"  # of the JSON, where something is behind it
UNSUPPORTED: Final = ("shared_memory_region", "classification")


class Asked(NamedTuple):
    """A call, and which of its outputs are to come binary."""

    call: Call
    binary: frozenset[str]


def read(part: Part, body: bytes, json_length: str | None) -> Asked:
    """Read the body of a request.

    Args:
        part: The model that it is for.
        body: JSON, and behind it the tensors that it says are binary.
        json_length: The header LENGTH; None where there is none, and all is JSON.

    Raises:
        InputError, InputTypeError: It is no such body; the message says what is expected.
    """
    length = _length(json_length, len(body))
    told = _object(_json(body[:length]), "the request")
    inputs = [_object(each, "an input") for each in _list(told, "inputs", "the request")]
    named = [_named(each) for each in inputs]
    check_inputs(part, named)
    value = _value(named[0], inputs[0], memoryview(body)[length:])
    outputs = [_object(each, "an output") for each in _list(told, "outputs", "the request", [])]
    wanted = check_wanted(part.offered, [_text(each, "name", "an output") for each in outputs])
    default = _flag(_parameters(told), "binary_data_output", False)
    flags = {
        _text(each, "name", "an output"): _flag(_parameters(each), "binary_data", default)
        for each in outputs
    }
    binary = frozenset(name for name in wanted if flags.get(name, default))
    return Asked(Call(value, wanted, _id(told)), binary)


def write(asked: Asked, offered: Offered, outputs: Mapping[str, Array]) -> tuple[bytes, int | None]:
    """Return the body of an answer, and the length of its JSON where something is behind it."""
    tensors, behind = [], []
    for name, rows in outputs.items():
        tensor: dict[str, Any] = {"name": name, "datatype": "FP32", "shape": list(rows.shape)}
        rows = np.ascontiguousarray(rows, "<f4")
        if name in asked.binary:
            behind.append(rows.tobytes())
            tensor["parameters"] = {"binary_data_size": rows.nbytes}
        else:
            tensor["data"] = rows.reshape(-1)
        tensors.append(tensor)
    told = {"model_name": offered.name, "model_version": VERSION, "outputs": tensors}
    if asked.call.id:
        told["id"] = asked.call.id
    head = orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY)
    return b"".join([head, *behind]), len(head) if behind else None


def _value(tensor: Named, told: Mapping[str, Any], behind: memoryview) -> npt.NDArray[Any]:
    parameters = _parameters(told)
    if "data" in told:
        if behind:
            raise InputError(
                f"{tensor.name} has its numbers in the JSON, and {len(behind):,} bytes lie behind "
                "that; send them one way or the other"
            )
        return from_numbers(tensor, told["data"])
    size = parameters.get("binary_data_size")
    if not isinstance(size, int):
        raise InputError(
            f"{tensor.name} must have its numbers in `data`, or behind the JSON with their length "
            f"as the parameter `binary_data_size` and that of the JSON in the header {LENGTH}"
        )
    if size != len(behind):
        raise InputError(
            f"binary_data_size of {tensor.name} is {size:,}, and {len(behind):,} bytes lie behind "
            "the JSON"
        )
    return from_bytes(tensor, behind)


def _length(told: str | None, most: int) -> int:
    if told is None:
        return most
    if not (told.isascii() and told.isdecimal() and int(told) <= most):
        raise InputError(
            f"{LENGTH} must be the length of the JSON, at most the {most:,} bytes of the body, got "
            f"{told!r}"
        )
    return int(told)


def _json(text: bytes) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InputError(
            f"the body must be JSON of the Open Inference Protocol: {error}; NaN and infinity are "
            f"none, and binary tensors need the header {LENGTH}"
        ) from error


def _named(told: Mapping[str, Any]) -> Named:
    shape = told.get("shape")
    if not isinstance(shape, list) or not all(type(size) is int for size in shape):
        raise InputTypeError(f"the shape of an input must be a list of integers, got {shape!r}")
    name, datatype = (_text(told, key, "an input") for key in ("name", "datatype"))
    return Named(name, datatype, tuple(shape))


def _object(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InputTypeError(f"{what} must be a JSON object, got {type(value).__name__}")
    return value


def _list(told: Mapping[str, Any], key: str, what: str, default: Any = None) -> list[Any]:
    value = told.get(key, default)
    if not isinstance(value, list):
        raise InputTypeError(f"{what} must have a list of {key}, got {type(value).__name__}")
    return value


def _text(told: Mapping[str, Any], key: str, what: str) -> str:
    value = told.get(key)
    if not isinstance(value, str):
        raise InputTypeError(f"{what} must have a {key}, a text, got {type(value).__name__}")
    return value


def _parameters(told: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = _object(told.get("parameters") or {}, "`parameters`")
    for name in UNSUPPORTED:
        if name in parameters:
            raise InputError(f"{name} is no extension of this service; send the tensors themselves")
    return parameters


def _flag(parameters: Mapping[str, Any], name: str, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise InputTypeError(f"{name} must be true or false, got {value!r}")
    return value


def _id(told: Mapping[str, Any]) -> str:
    value = told.get("id", "")
    if not isinstance(value, str):
        raise InputTypeError(f"the id of a request must be a text, got {type(value).__name__}")
    return value
