"""`vae-onnx serve`: as many workers as are asked for, and another one for each that dies.

All workers listen at the same two ports, and the kernel gives each new connection to one of them.
What a worker had in hand when it was killed is lost with it: its clients see their connection break
and ask again, which finds another one.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import vae_onnx
from vae_onnx.errors import DeviceError, InputError, PackageMissingError
from vae_onnx.loading import HUB
from vae_onnx.serving.layout import Layout, layout
from vae_onnx.serving.options import Options

# Modules are found where this process finds them, and not in the folder that it was started in.
START: Final = """
import json, sys
sys.path[:] = json.loads(sys.argv.pop())
from vae_onnx.serving.worker import main
main()
"""
READY: Final = "ready"  # as vae_onnx.serving.worker says
METRICS: Final = "PROMETHEUS_MULTIPROC_DIR"
PACKAGES: Final = ("kserve", "uvicorn", "grpc")
LOOK: Final = 0.1  # seconds between two looks at the workers
FAILURES: Final = 3  # workers in a row that die before they answer
GRACE: Final = 28  # seconds that a worker has to end, of which its requests have 25


class Worker:
    """A process that serves, and whether it has begun to."""

    def __init__(self, options: Options, metrics: str) -> None:
        self.process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, "-P", "-c", START, options.to_json(), json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, METRICS: metrics},
            text=True,
            start_new_session=True,  # Ctrl-C is for the service, which ends its workers
        )
        self.is_ready: threading.Event = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip() == READY:
                self.is_ready.set()
            else:
                sys.stderr.write(line)

    def end(self) -> None:
        """Ask the worker to end; it finishes what it has in hand."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()

    def wait(self, until: float) -> None:
        """Wait for the end, and bring it about if it does not come in time."""
        try:
            self.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run(options: Options) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        PackageMissingError: KServe's server is not installed.
        InputError: A port or the host cannot be had, or the system has no ports for several
            workers.
        DeviceError: The workers die before they answer, or cannot be started by this program.
        VaeOnnxError: The model cannot be had.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise PackageMissingError(
            f"{missing[0]} is needed to serve models: pip install 'vae-onnx[serve]'"
        )
    if getattr(sys, "frozen", False):
        raise DeviceError(
            "a packed program is no Python that workers could be started with; install vae-onnx "
            "and type `vae-onnx serve`"
        )
    options, planned = _planned(options)
    _check_ports(options)
    with _ending() as ended, tempfile.TemporaryDirectory(prefix="vae-onnx-metrics-") as metrics:
        _keep(options, planned, metrics, ended)


def _planned(options: Options) -> tuple[Options, Layout]:
    """Open the model once, so that what is wrong with it is told once.

    Of the Hub, the workers have it from the cache: one that starts later asks nobody.
    """
    with vae_onnx.load(
        options.model, device=options.device, threads=1, precision=options.precision
    ) as model:
        if options.model.startswith(HUB):
            options = replace(options, model=str(model.folder))
        return options, layout(model, options.name)


def _check_ports(options: Options) -> None:
    if options.workers > 1 and not hasattr(socket, "SO_REUSEPORT"):
        raise InputError(
            f"this system gives a port to one process alone, and --workers is {options.workers}; "
            "start services with a port each"
        )
    for port, option in ((options.http_port, "--http-port"), (options.grpc_port, "--grpc-port")):
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((options.host, port))
            except OSError as error:
                raise InputError(
                    f"{options.host}:{port} cannot be had: {error.strerror or error}; choose "
                    f"another one with {option} or --host"
                ) from error


@contextlib.contextmanager
def _ending() -> Iterator[threading.Event]:
    """Yield what is set by SIGTERM and SIGINT."""
    ended = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: ended.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _keep(options: Options, planned: Layout, metrics: str, ended: threading.Event) -> None:
    """Keep as many workers as are asked for until the end."""
    workers = [Worker(options, metrics) for _ in range(options.workers)]
    failures, told = 0, False
    try:
        while not ended.wait(LOOK):
            for place, worker in enumerate(workers):
                if worker.process.poll() is None:
                    continue
                failures = 0 if worker.is_ready.is_set() else failures + 1
                if failures >= FAILURES:
                    raise DeviceError(
                        f"{failures} workers died before they answered, the last with status "
                        f"{worker.process.returncode}; what they said stands above"
                    )
                print(
                    f"worker {worker.process.pid} died with status {worker.process.returncode}; "
                    "another one takes its place",
                    file=sys.stderr,
                    flush=True,
                )
                workers[place] = Worker(options, metrics)
            if not told and all(worker.is_ready.is_set() for worker in workers):
                told = True
                _tell(options, planned, workers)
    finally:
        _end(workers)


def _end(workers: list[Worker]) -> None:
    until = time.monotonic() + GRACE
    for worker in workers:
        worker.end()
    for worker in workers:
        worker.wait(until)


def _tell(options: Options, planned: Layout, workers: list[Worker]) -> None:
    names = ", ".join(offered.name for offered in planned)
    numbers = ", ".join(str(worker.process.pid) for worker in workers)
    host = f"[{options.host}]" if ":" in options.host else options.host
    print(
        f"{names}: http://{host}:{options.http_port}/v2, gRPC {host}:{options.grpc_port}; "
        f"processes {numbers}; Ctrl-C ends",
        flush=True,
    )
