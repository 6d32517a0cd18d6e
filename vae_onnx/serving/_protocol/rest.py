"""The door for HTTP: our way of reading requests, and KServe's other routes."""

from __future__ import annotations

import os
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request, Response
from kserve import errors
from kserve.protocol.rest.v2_endpoints import register_v2_endpoints
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from vae_onnx.errors import InputError, InputTypeError, VaeOnnxError
from vae_onnx.serving._protocol import rest_body
from vae_onnx.serving._protocol.call import chosen
from vae_onnx.serving._protocol.models import Fixed, Plane, apart, refusal
from vae_onnx.serving._protocol.rest_body import LENGTH
from vae_onnx.serving.batching import BusyError

METRICS: Final = "PROMETHEUS_MULTIPROC_DIR"  # where the workers leave their counts for each other
OVERHEAD: Final = 4  # times as long numbers may be in JSON as in binary
HANDLERS: Final = {
    errors.InvalidInput: errors.invalid_input_handler,
    errors.ModelNotFound: errors.model_not_found_handler,
    errors.ModelNotReady: errors.model_not_ready_handler,
    errors.ServerNotLive: errors.server_not_live_handler,
    errors.ServerNotReady: errors.server_not_ready_handler,
    Exception: errors.generic_exception_handler,
}


def application(plane: Plane, max_bytes: int) -> FastAPI:
    """Return the application that answers HTTP.

    Args:
        plane: The models.
        max_bytes: That the tensor of a request may have.
    """
    app = FastAPI(title="vae-onnx", docs_url=None, redoc_url=None, openapi_url=None)

    async def infer(request: Request, name: str, version: str = "") -> Response:
        return await _infer(plane, max_bytes, request, name, version)

    async def metadata(name: str, version: str = "") -> dict[str, Any]:
        return await plane.model_metadata(plane.served(name, version).name)

    async def ready(name: str, version: str = "") -> dict[str, Any]:
        return {"name": plane.served(name, version).name, "ready": True}

    for place in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        app.add_api_route(f"{place}/infer", infer, methods=["POST"], response_model=None)
        app.add_api_route(f"{place}/ready", ready, methods=["GET"])
        app.add_api_route(place, metadata, methods=["GET"])
    app.add_api_route("/metrics", _metrics, methods=["GET"], response_model=None)
    register_v2_endpoints(app, plane, Fixed(plane.model_registry))
    for error, handler in HANDLERS.items():
        app.add_exception_handler(error, handler)
    return app


async def _infer(
    plane: Plane, max_bytes: int, request: Request, name: str, version: str
) -> Response:
    model = plane.served(name, version)
    if request.headers.get("content-encoding", "identity") != "identity":
        return _refused(415, "the body must be sent as it is, without a Content-Encoding")
    body = await _body(request, max_bytes * OVERHEAD)
    if body is None:
        return _refused(
            413,
            f"a request may have {max_bytes * OVERHEAD / 2**20:,.0f} MB, and this one has more; "
            "send fewer rows at a time, or start the service with a larger --max-mb",
        )
    try:
        asked = await apart(
            len(body), rest_body.read, model.part, body, request.headers.get(LENGTH)
        )
    except (InputError, InputTypeError) as error:
        raise refusal(name, error) from error
    if asked.call.value.nbytes > max_bytes:
        return _refused(
            413,
            f"a tensor may have {max_bytes / 2**20:,.0f} MB, got "
            f"{asked.call.value.nbytes / 2**20:,.0f}; send fewer rows at a time, or start the "
            "service with a larger --max-mb",
        )
    try:
        outputs, _ = await plane.infer(model_name=name, request=asked.call)
    except BusyError as error:
        return _refused(503, str(error))
    except VaeOnnxError as error:  # of the graph: ours, and no secret
        return _refused(500, str(error))
    told = chosen(asked.call, model.part.offered, outputs)
    size = sum(rows.nbytes for rows in told.values())
    content, length = await apart(size, rest_body.write, asked, model.part.offered, told)
    kind = "application/json" if length is None else "application/octet-stream"
    headers = {} if length is None else {LENGTH: str(length)}
    return Response(content, media_type=kind, headers=headers)


async def _body(request: Request, most: int) -> bytes | None:
    """Read the body; None if it is too long, of which the rest is read, and not kept."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size <= most:
            parts.append(part)
        else:
            parts.clear()
    return b"".join(parts) if size <= most else None


def _refused(status: int, message: str) -> Response:
    return Response(orjson.dumps({"error": message}), status, media_type="application/json")


async def _metrics() -> Response:
    """Return the counts of all workers, those that have ended too."""
    registry = REGISTRY
    if METRICS in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
