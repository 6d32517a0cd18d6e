"""What can be chosen about a service."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Final

from vae_onnx import checks
from vae_onnx.autoencoder import Precision
from vae_onnx.engine import threads
from vae_onnx.errors import InputError

PORTS: Final = 65535
MEGABYTE: Final = 2**20


@dataclass(frozen=True)
class Options:
    """A service of one model: what, where, and how the work is shared out.

    Raises:
        InputError: A number is out of its range, or both ports are the same.
        InputTypeError: One is no integer.
    """

    model: str  # what `vae_onnx.load` takes
    name: str | None = None  # what to call it; by default as its graphs do
    host: str = "127.0.0.1"
    http_port: int = 8080
    grpc_port: int = 8081
    workers: int = 1  # processes, each with the model
    threads: int | None = None  # of each; by default the workers share what there are
    max_batch: int = 256  # rows that are computed together
    max_delay_ms: float = 0.0  # that a request waits for others, even if nothing is computed
    max_mb: int = 64  # of a request, and of its answer
    device: str = "auto"
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        for name in ("http_port", "grpc_port"):
            checks.integer(getattr(self, name), name, at_least=1, at_most=PORTS)
        for name in ("workers", "max_batch", "max_mb"):
            checks.integer(getattr(self, name), name, at_least=1, at_most=2**20)
        if self.threads is not None:
            checks.integer(self.threads, "threads", at_least=1)
        if not 0 <= self.max_delay_ms <= 10_000 or math.isnan(self.max_delay_ms):
            raise InputError(
                f"max_delay_ms must be in [0, 10000], ten seconds, got {self.max_delay_ms}"
            )
        if self.http_port == self.grpc_port:
            raise InputError(
                f"HTTP and gRPC need a port each, got {self.http_port} for both; choose another "
                "one with --grpc-port"
            )

    @property
    def threads_each(self) -> int:
        """Threads of one worker."""
        return self.threads or max(1, threads.available() // self.workers)

    @property
    def max_bytes(self) -> int:
        """Bytes of a request's tensor at the most, and of its answer's."""
        return self.max_mb * MEGABYTE

    def to_json(self) -> str:
        """Write the options for another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Options:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))
