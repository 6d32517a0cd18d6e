"""One process of a service: the model, HTTP and gRPC.

`service` starts it, and it ends with the service: its standard input is a pipe that stays open as
long as that lives.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from typing import Any, Final

import uvicorn
from kserve.errors import InferenceError

import vae_onnx
from vae_onnx.errors import VaeOnnxError
from vae_onnx.serving._protocol import models, rest, rpc
from vae_onnx.serving.layout import layout
from vae_onnx.serving.options import Options
from vae_onnx.serving.parts import parts

READY: Final = "ready"  # what a worker says on standard output once it answers
GRACE: Final = 25  # seconds that requests have to come to their end: Kubernetes kills after 30
BACKLOG: Final = 2048
RETURN: Final = 1  # second that a call has to return once its answer is out
LOOK: Final = 0.02  # seconds between two looks at what HTTP does


def main() -> None:
    """Serve what the first argument says, in JSON, until SIGTERM or until the service is gone."""
    options = Options.from_json(sys.argv[1])
    threading.Thread(target=_end_with_the_service, daemon=True).start()
    try:
        asyncio.run(serve(options))
    except (VaeOnnxError, InferenceError, OSError) as error:
        sys.exit(f"vae-onnx: error: {error}")


async def serve(options: Options) -> None:
    """Open the model, then the doors, and answer until SIGTERM or SIGINT.

    Raises:
        VaeOnnxError: The model cannot be had.
        InferenceError, OSError: A port cannot be had.
    """
    model = vae_onnx.load(
        options.model,
        device=options.device,
        threads=options.threads_each,
        precision=options.precision,
    )
    offered = parts(model, layout(model, options.name), options.max_bytes)
    plane = models.plane(offered, options)
    door = rpc.server(plane, f"{_bracketed(options.host)}:{options.grpc_port}", options.max_bytes)
    web = uvicorn.Server(
        uvicorn.Config(
            rest.application(plane, options.max_bytes),
            log_level=logging.WARNING,
            access_log=False,
            timeout_graceful_shutdown=GRACE,
        )
    )
    shared = listening(options.host, options.http_port)
    await door.start()
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn takes them, and raises them anew
        signal.signal(number, lambda *_: None)
    closing = asyncio.create_task(_close_with(web, door))
    await web.serve(sockets=[shared])
    await closing
    await _returned()


def listening(host: str, port: int) -> socket.socket:
    """Return a socket for HTTP on a port that the other workers have as well.

    Raises:
        OSError: The port or the host cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Of a socket that does not say it is TCP, asyncio leaves answers lying for 40 ms (Nagle).
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name != "nt":  # where it gives away ports that another process has
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "SO_REUSEPORT"):
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((host, port))
    made.listen(BACKLOG)
    return made


async def _close_with(web: uvicorn.Server, door: Any) -> None:
    """Say that both answer; once HTTP is told to end, let gRPC finish what it has in hand, too."""
    while not web.started:
        await asyncio.sleep(LOOK)
    print(READY, flush=True)
    while not web.should_exit:
        await asyncio.sleep(LOOK)
    await door.stop(GRACE)


async def _returned() -> None:
    """Let calls return whose answers are out: gRPC does not wait, and tells of each cut off."""
    if calls := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(calls, timeout=RETURN)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _end_with_the_service() -> None:
    """Wait for the end of the pipe; a service that was killed leaves no worker behind."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
