"""The Open Inference Protocol, version 2, on the model server of KServe: REST and gRPC.

Reading order: `call` (a request, however it came), `rest_body` (one as JSON and binary tensors),
`models` (what KServe's server knows of our models), `rest` and `rpc` (the two doors). This room
needs what `pip install 'vae-onnx[serve]'` brings, and only the process that serves imports it. Its
name begins with _ because KServe's classes have no types for those who use what is made of them.
"""

from __future__ import annotations

from vae_onnx.errors import PackageMissingError

try:
    import kserve as _kserve  # noqa: F401
except ImportError as _error:
    raise PackageMissingError(
        f"{_error.name or _error} is needed to serve models: pip install 'vae-onnx[serve]'"
    ) from _error
