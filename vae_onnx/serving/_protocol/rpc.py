"""The door for gRPC: KServe's service, with our way of reading requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from grpc import aio
from grpc_interceptor.exceptions import Internal, Unavailable
from kserve.errors import InferenceError
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc as services
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
from kserve.protocol.grpc.servicer import InferenceServicer

from vae_onnx.engine.graph import Array
from vae_onnx.errors import InputError, InputTypeError, VaeOnnxError
from vae_onnx.serving._protocol.call import (
    Call,
    Named,
    check_inputs,
    check_wanted,
    chosen,
    from_bytes,
    from_numbers,
)
from vae_onnx.serving._protocol.models import Fixed, Plane, apart, refusal
from vae_onnx.serving.batching import BusyError
from vae_onnx.serving.layout import VERSION
from vae_onnx.serving.parts import Part

ENVELOPE: Final = 2**16  # bytes of a message beside its tensor
CONTENTS: Final = {"FP32": "fp32_contents", "UINT8": "uint_contents"}


class Servicer(InferenceServicer):
    """KServe's service of gRPC, reading requests as our door for HTTP does."""

    def __init__(self, plane: Plane) -> None:
        super().__init__(plane, Fixed(plane.model_registry))
        self._plane = plane

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802, which gRPC calls
        """Answer a request; what is wrong with it comes as INVALID_ARGUMENT or NOT_FOUND."""
        model = self._plane.served(request.model_name, request.model_version)
        try:
            call = await apart(request.ByteSize(), read, model.part, request)
        except (InputError, InputTypeError) as error:
            raise refusal(model.name, error) from error
        try:
            outputs, _ = await self._plane.infer(model_name=model.name, request=call)
        except BusyError as error:
            raise Unavailable(str(error)) from error
        except VaeOnnxError as error:  # of the graph: ours, and no secret
            raise Internal(str(error)) from error
        told = chosen(call, model.part.offered, outputs)
        size = sum(rows.nbytes for rows in told.values())
        return await apart(size, write, model.name, call.id, told, bool(request.raw_input_contents))

    async def ModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Return name, versions, inputs and outputs of a model."""
        name = self._plane.served(request.name, request.version).name
        return messages.ModelMetadataResponse(**await self._plane.model_metadata(name))

    async def ModelReady(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Say that a model is ready, as all are from the start on."""
        self._plane.served(request.name, request.version)
        return messages.ModelReadyResponse(ready=True)


def write(model: str, call_id: str, told: Mapping[str, Array], raw: bool) -> Any:
    """Return a ModelInferResponse.

    Args:
        model: Which has answered.
        call_id: The request's own.
        told: The outputs that were asked for, float32.
        raw: As bytes, or as numbers.
    """
    answer = messages.ModelInferResponse(model_name=model, model_version=VERSION, id=call_id)
    for name, values in told.items():
        tensor = answer.outputs.add(name=name, datatype="FP32", shape=values.shape)
        rows = np.ascontiguousarray(values, "<f4")
        if raw:
            answer.raw_output_contents.append(rows.tobytes())
        else:
            tensor.contents.fp32_contents.extend(rows.reshape(-1).tolist())
    return answer


def read(part: Part, request: Any) -> Call:
    """Read a ModelInferRequest.

    Raises:
        InputError, InputTypeError: Its tensors are not those of the model.
    """
    named = [Named(each.name, each.datatype, tuple(each.shape)) for each in request.inputs]
    check_inputs(part, named)
    (tensor,), (told,) = named, request.inputs
    wanted = check_wanted(part.offered, [output.name for output in request.outputs])
    raw = request.raw_input_contents
    if not raw:
        numbers = list(getattr(told.contents, CONTENTS[tensor.datatype]))
        return Call(from_numbers(tensor, numbers), wanted, request.id)
    if len(raw) > 1 or told.HasField("contents"):
        raise InputError(
            f"{tensor.name} must have its numbers once, in raw_input_contents or in contents"
        )
    return Call(from_bytes(tensor, raw[0]), wanted, request.id)


def server(plane: Plane, address: str, max_bytes: int) -> aio.Server:
    """Return a server of gRPC that other processes may share its port with.

    Raises:
        InferenceError: The port cannot be had.
    """
    made = aio.server(
        interceptors=(ExceptionToStatusInterceptor(),),
        options=[
            ("grpc.so_reuseport", 1),
            ("grpc.max_receive_message_length", max_bytes + ENVELOPE),
            ("grpc.max_send_message_length", -1),  # how long an answer is, the model has checked
        ],
    )
    services.add_GRPCInferenceServiceServicer_to_server(Servicer(plane), made)
    if not made.add_insecure_port(address):
        raise InferenceError(f"{address} cannot be had")
    return made
