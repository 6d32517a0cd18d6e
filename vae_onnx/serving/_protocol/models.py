"""What KServe's server knows of our models: what they take and give, and how to ask them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import kserve
from kserve.errors import InvalidInput, ModelNotFound
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from prometheus_client import Counter, Histogram

import vae_onnx
from vae_onnx.engine.graph import Array
from vae_onnx.errors import InputError, InputTypeError
from vae_onnx.serving._protocol.call import Call, short
from vae_onnx.serving.batching import Batcher
from vae_onnx.serving.layout import VERSION, Tensor
from vae_onnx.serving.options import Options
from vae_onnx.serving.parts import Part

T = TypeVar("T")

AT_ONCE: Final = 2**18  # bytes of a request that the event loop works on itself
QUEUE: Final = 8  # times the largest request that may wait for a model
EXTENSIONS: Final = ["binary_tensor_data"]

ROWS: Final = Histogram(
    "vae_onnx_batch_rows",
    "Rows that were computed together",
    ["model_name"],
    buckets=[2**power for power in range(13)],
)
REFUSED: Final = Counter(
    "vae_onnx_refused", "Requests that were refused for what was in them", ["model_name"]
)


class Served(kserve.Model):
    """A part, with its batches, as KServe's server calls it."""

    def __init__(self, part: Part, options: Options) -> None:
        super().__init__(part.offered.name)
        self.part = part
        self.ready = True
        self._batcher = Batcher(
            part.run,
            options.max_batch,
            options.max_delay_ms / 1000,
            ThreadPoolExecutor(1, part.offered.name),
            ThreadPoolExecutor(1, f"{part.offered.name}-large"),
            QUEUE * part.max_bytes,
            ROWS.labels(self.name).observe,
        )

    def validate(self, payload: object) -> object:
        """Let through what our doors have read, and nothing of KServe's other protocols."""
        if not isinstance(payload, Call):
            raise InvalidInput("this service speaks version 2 of the Open Inference Protocol")
        return payload

    async def predict(self, payload: Call, *_: object, **__: object) -> list[Array]:
        """Return the outputs for a call, in the order that is offered.

        Raises:
            InvalidInput: The model does not take the tensor; the message says what it takes.
            BusyError: Too much waits already.
        """
        check, value = self.part.check, payload.value
        try:
            rows = await apart(value.nbytes, check, value)
        except (InputError, InputTypeError) as error:
            raise refusal(self.name, error) from error
        return await self._batcher(rows)

    def get_input_types(self) -> list[dict[str, Any]]:
        """Return the metadata of the inputs."""
        return [_described(self.part.offered.input)]

    def get_output_types(self) -> list[dict[str, Any]]:
        """Return the metadata of the outputs."""
        return [_described(output) for output in self.part.offered.outputs]


async def apart(size: int, work: Callable[..., T], *arguments: Any) -> T:
    """Do work on so many bytes: many of them in a thread, for the event loop waits for no one."""
    if size > AT_ONCE:
        return await asyncio.to_thread(work, *arguments)
    return work(*arguments)


class Plane(DataPlane):
    """KServe's data plane, which tells the truth about us."""

    def metadata(self) -> dict[str, Any]:
        """Return name, version and extensions of the service."""
        return {
            "name": "vae-onnx",
            "version": vae_onnx.__version__,
            "extensions": EXTENSIONS,
        }

    async def model_metadata(self, model_name: str) -> dict[str, Any]:
        """Return name, versions, inputs and outputs of a model; raises ModelNotFound."""
        told: dict[str, Any] = await super().model_metadata(model_name)
        return told | {"platform": "onnxruntime", "versions": [VERSION]}

    def served(self, name: str, version: str = "") -> Served:
        """Return a model.

        Raises:
            ModelNotFound: There is none of this name and version; the message says which there are.
        """
        model = self.model_registry.get_model(name)
        if not isinstance(model, Served):
            raise _missing(f"model {short(name)}", ", ".join(self.model_registry.get_models()))
        if version not in ("", VERSION):
            raise _missing(f"version {short(version)} of {name}", VERSION)
        return model


class Fixed(ModelRepositoryExtension):
    """The models are those of the start: no client may load or unload one for all others."""

    async def load(self, model_name: str) -> None:
        """Refuse."""
        raise InvalidInput(f"{model_name} cannot be loaded from outside: the models are fixed")

    async def unload(self, model_name: str) -> None:
        """Refuse."""
        raise InvalidInput(f"{model_name} cannot be unloaded from outside: the models are fixed")


class Briefly(logging.Filter):
    """A request that was refused takes a line of the log, and no traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Take the traceback off the record of a refusal."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, InvalidInput | ModelNotFound):
            record.exc_info, record.levelno, record.levelname = None, logging.INFO, "INFO"
            record.msg, record.args = "refused: %s", (str(error)[:500],)
        return True


def refusal(name: str, error: Exception) -> InvalidInput:
    """Count a refusal; return what KServe answers with status 400 or INVALID_ARGUMENT."""
    REFUSED.labels(name).inc()
    return InvalidInput(str(error))


def plane(parts: list[Part], options: Options) -> Plane:
    """Return the data plane of all parts."""
    models = kserve.ModelRepository()
    for part in parts:
        models.update(Served(part, options))
    logging.getLogger("kserve").addFilter(Briefly())
    return Plane(model_registry=models)


def _described(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}


def _missing(what: str, known: str) -> ModelNotFound:
    error = ModelNotFound()
    error.reason = f"there is no {what}; this service has {known}"
    return error
