"""Requests to `vae-onnx serve`, over HTTP and gRPC."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages

import vae_onnx
from vae_onnx.errors import InputError
from vae_onnx.serving._protocol import rest_body, rpc
from vae_onnx.serving.layout import layout
from vae_onnx.serving.parts import Part, parts

from ..target import Change, Target

GRAPHS = Path(__file__).parents[2] / "runtime" / "graphs"
PIXELS = np.linspace(0, 1, 8, dtype=np.float32)


@cache
def _part() -> Part:
    model = vae_onnx.load(GRAPHS / "vae", threads=1)
    return parts(model, layout(model, "tiny"), 2**20)[0]


def _tensor(**more: object) -> dict[str, object]:
    shape = [2, *_part().offered.input.row]
    return {"name": "x", "datatype": "FP32", "shape": shape, **more}


def _numbers() -> np.ndarray:
    return np.resize(PIXELS, [2, *_part().offered.input.row])


def _rest_seeds() -> Iterator[bytes]:
    """Each with the length of its JSON before it, as the header tells it."""
    data = _numbers()
    told = {"id": "1", "inputs": [_tensor(data=data.ravel().tolist())],
            "outputs": [{"name": "mu", "parameters": {"binary_data": True}}]}  # fmt: skip
    yield b"\n" + json.dumps(told).encode()
    yield b"\n" + json.dumps({"inputs": [_tensor(data=data.tolist())]}).encode()
    head = json.dumps({"inputs": [_tensor(parameters={"binary_data_size": data.nbytes})]}).encode()
    yield b"%d\n" % len(head) + head + data.tobytes()


def _take_rest(content: bytes) -> None:
    length, _, body = content.partition(b"\n")
    asked = rest_body.read(_part(), body, length.decode("latin-1") or None)
    _answered(asked)


def _answered(asked: rest_body.Asked) -> None:
    rows = _part().run(_part().check(asked.call.value))
    named = dict(zip([each.name for each in _part().offered.outputs], rows, strict=True))
    rest_body.write(asked, _part().offered, {name: named[name] for name in asked.call.wanted})


def _grpc_seeds() -> Iterator[bytes]:
    data = _numbers()
    plain = messages.ModelInferRequest(model_name="tiny-encoder", id="1")
    tensor = plain.inputs.add(name="x", datatype="FP32", shape=data.shape)
    tensor.contents.fp32_contents.extend(data.ravel().tolist())
    plain.outputs.add(name="mu")
    yield plain.SerializeToString()
    raw = messages.ModelInferRequest(model_name="tiny-encoder")
    raw.inputs.add(name="x", datatype="FP32", shape=data.shape)
    raw.raw_input_contents.append(data.tobytes())
    yield raw.SerializeToString()


def _take_grpc(content: bytes) -> None:
    try:
        request = messages.ModelInferRequest.FromString(content)
    except DecodeError as error:
        raise InputError("no message, of which gRPC tells") from error
    call = rpc.read(_part(), request)
    rows = _part().run(_part().check(call.value))
    rpc.write("tiny", call.id, {"mu": rows[0]}, raw=True)


def _within_grpc(content: bytes, change: Change, rng: random.Random) -> bytes:
    request = messages.ModelInferRequest.FromString(content)
    tensor = request.inputs[0]
    what = rng.randrange(5)
    if what == 0 and tensor.shape:
        tensor.shape[rng.randrange(len(tensor.shape))] = rng.choice((0, -1, 1, 2, 2**31, 2**63 - 1))
    elif what == 1:
        tensor.datatype = rng.choice(("UINT8", "FP32", "FP64", "BYTES", ""))
    elif what == 2 and request.raw_input_contents:
        request.raw_input_contents[0] = change(request.raw_input_contents[0])
    elif what == 3:
        tensor.contents.fp32_contents.append(rng.choice((np.inf, np.nan, 1e38, 0.5)))
    else:
        tensor.contents.uint_contents.append(rng.choice((0, 256, 2**32 - 1)))
    return request.SerializeToString()


_WORDS = (b'"inputs"', b'"data"', b'"shape"', b'"datatype"', b'"UINT8"', b'"binary_data_size"',
          b"null", b"true", b"[]", b"{}", b"1e308", b"9223372036854775807", b"-1", b'"parameters"',
          b'"outputs"', b'"log_var"', b'"binary_data_output"')  # fmt: skip
TARGETS = (
    Target("rest", _rest_seeds, _take_rest, words=_WORDS),
    Target("grpc", _grpc_seeds, _take_grpc, within=_within_grpc),
)
