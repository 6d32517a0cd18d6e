"""Many clients at once, with requests of mixed sizes, and a worker that is killed among them.

python tests/serving/load.py --clients 64 --requests 10000 prints what came of it as JSON.

Every answer is compared with what the runtime itself gives. A request whose connection breaks is
asked again on a new one, as a client of any service in several processes has to: encoding and
decoding change nothing, so that asking twice does no harm.
"""

import argparse
import contextlib
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tritonclient.grpc
import tritonclient.http
from geventhttpclient.response import HTTPConnectionClosed
from tritonclient.utils import InferenceServerException

import vae_onnx

ROWS = (1, 1, 1, 1, 1, 1, 2, 3, 7, 16, 64, 256, 300)  # of a request: from one picture to many
MODEL = "mnist-vae"
COMMAND = Path(sys.executable).with_name("vae-onnx")
CLOSE = 1e-5  # of the largest magnitude: blocks of other sizes are summed up in another order
TRIES = 600
CHANNEL = [
    # Without this all channels of a process share one connection, so one worker.
    ("grpc.use_local_subchannel_pool", 1),
    # What tritonclient sets itself, unless it is given any: gRPC's own limit is 4 MB.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]
PAUSE = 0.1  # seconds between two tries
START = 180  # seconds that a service has to begin


@dataclass
class Result:
    """What came of a load."""

    clients: int
    requests: int
    workers: int
    right: int = 0
    wrong: int = 0
    lost: int = 0  # given up after TRIES
    retried: int = 0  # tries that broke
    killed: int = 0
    rows: int = 0
    seconds: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    worst_ms: float = 0.0
    batch_rows: float = 0.0  # on average
    broke: dict = field(default_factory=dict)  # messages, of tries


@contextlib.contextmanager
def serving(model, *options):
    """Yield a running Service of a model, by `vae-onnx serve`."""
    http, grpc = free_ports()
    command = [COMMAND, "serve", str(model)]
    command += ["--http-port", str(http), "--grpc-port", str(grpc), *map(str, options)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log = []
    listening = threading.Thread(target=lambda: log.extend(process.stderr), daemon=True)
    listening.start()
    timer = threading.Timer(START, process.kill)
    timer.start()
    try:
        told = process.stdout.readline()
        timer.cancel()
        assert told, f"no service: {''.join(log)}"
        pids = [int(pid) for pid in re.search(r"processes ([\d, ]+);", told)[1].split(", ")]
        yield Service(process, f"127.0.0.1:{http}", f"127.0.0.1:{grpc}", pids, log)
    finally:
        timer.cancel()
        process.terminate()
        process.wait(120)
        listening.join(120)
        process.stdout.close()
        process.stderr.close()


@dataclass
class Service:
    process: subprocess.Popen
    http: str
    grpc: str
    pids: list
    log: list  # lines of standard error


def free_ports():
    """Two ports that nobody has."""
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


class Expected:
    """Inputs, and what the runtime makes of them."""

    def __init__(self, model, count=1500):
        rng = np.random.default_rng(0)
        images = rng.random((count, *model.image_shape), np.float32)
        posterior = model.posterior(images)
        z = rng.standard_normal((count, *model.latent_shape)).astype(np.float32)
        name = model.metadata["name"]
        x_recon = model.decoder.to_x_recon
        self.models = {
            f"{name}-encoder": ("x", images, {"mu": posterior.mu, "log_var": posterior.log_var}),
            f"{name}-decoder": ("z", z, {"x_recon": x_recon(z)}),
            name: ("x", images, {"x_recon": x_recon(posterior.mu)}),
        }

    def draw(self, rng):
        """A request: its model, the name of its input, the input, and the right answer."""
        name = rng.choice(list(self.models))
        port, values, outputs = self.models[name]
        rows = int(rng.choice(ROWS))
        part = slice(start := int(rng.integers(len(values) - rows)), start + rows)
        return name, port, values[part], {key: value[part] for key, value in outputs.items()}


def connect(service, protocol):
    if protocol == "http":
        return tritonclient.http.InferenceServerClient(service.http)
    return tritonclient.grpc.InferenceServerClient(service.grpc, channel_args=CHANNEL)


def ask(client, protocol, name, port, value, wanted):
    """Ask once; gives the outputs that are wanted."""
    kind = tritonclient.http if protocol == "http" else tritonclient.grpc
    tensor = kind.InferInput(port, value.shape, "UINT8" if value.dtype == np.uint8 else "FP32")
    tensor.set_data_from_numpy(value)
    outputs = [kind.InferRequestedOutput(output) for output in wanted]
    answer = client.infer(name, [tensor], outputs=outputs)
    return {output: answer.as_numpy(output) for output in wanted}


def is_broken(error):
    """Whether it is the connection that broke: what the service refuses, it would refuse again."""
    if isinstance(error, InferenceServerException):
        return error.status() in ("StatusCode.UNAVAILABLE", "StatusCode.CANCELLED")
    return isinstance(error, OSError | HTTPConnectionClosed)


def close_to(found, expected):
    scale = max(1.0, float(np.abs(expected).max()))
    return found.shape == expected.shape and np.abs(found - expected).max() <= CLOSE * scale


class Client(threading.Thread):
    """Asks until there is nothing left to ask."""

    def __init__(self, number, service, expected, tickets, kill):
        super().__init__(daemon=True)
        self.protocol = ("grpc", "http")[number % 2]
        self.rng = np.random.default_rng((1, number))
        self.service, self.expected, self.tickets, self.kill = service, expected, tickets, kill
        self.latencies, self.rows, self.count, self.broke = [], 0, Counter(), Counter()

    def run(self):
        client = None
        for ticket in self.tickets:
            self.kill(ticket)
            name, port, value, right = self.expected.draw(self.rng)
            start = time.perf_counter()
            for _ in range(TRIES):
                try:
                    client = client or connect(self.service, self.protocol)
                    found = ask(client, self.protocol, name, port, value, right)
                    same = all(close_to(found[key], right[key]) for key in right)
                    self.count["right" if same else "wrong"] += 1
                    break
                except Exception as error:
                    if not is_broken(error):
                        self.count["wrong"] += 1
                        self.broke[str(error)[:200]] += 1
                        break
                    self.count["retried"] += 1
                    self.broke[str(error)[:80]] += 1
                    with contextlib.suppress(Exception):
                        client.close()
                    client = None
                    time.sleep(PAUSE)
            else:
                self.count["lost"] += 1
            self.latencies.append(time.perf_counter() - start)
            self.rows += len(value)
        if client:
            client.close()


class Tickets:
    """So many requests, shared out among all."""

    def __init__(self, count):
        self._lock, self._numbers = threading.Lock(), iter(range(count))

    def __iter__(self):
        return self

    def __next__(self):
        with self._lock:
            return next(self._numbers)


def load(service, clients, requests, workers, kill=True):
    """Put a service under load; returns a Result."""
    expected = Expected(vae_onnx.load(MODEL))
    result = Result(clients, requests, workers)

    def kill_one(ticket):
        if kill and ticket == requests * 2 // 5:
            os.kill(service.pids[0], signal.SIGKILL)
            result.killed += 1

    tickets = Tickets(requests)
    threads = [Client(n, service, expected, tickets, kill_one) for n in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result.seconds = time.perf_counter() - start
    count = sum((thread.count for thread in threads), Counter())
    for name in ("right", "wrong", "lost", "retried"):
        setattr(result, name, count[name])
    result.rows = sum(thread.rows for thread in threads)
    times = list(itertools.chain(*(thread.latencies for thread in threads)))
    result.p50_ms, result.p99_ms = (1000 * float(q) for q in np.percentile(times, [50, 99]))
    result.worst_ms = 1000 * max(times)
    result.broke = dict(sum((thread.broke for thread in threads), Counter()))
    result.batch_rows = batch_rows(service)
    return result


def batch_rows(service):
    """Rows of a batch on average, of all workers, by the service's own metrics."""
    total = {"sum": 0.0, "count": 0.0}
    for line in metrics(service).splitlines():
        if found := re.match(r"vae_onnx_batch_rows_(sum|count){.*} (\S+)$", line):
            total[found[1]] += float(found[2])
    return total["sum"] / total["count"]


def metrics(service):
    with urllib.request.urlopen(f"http://{service.http}/metrics", timeout=30) as answer:
        return answer.read().decode()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--no-kill", action="store_true")
    options = parser.parse_args()
    with serving(MODEL, "--workers", options.workers) as service:
        result = load(
            service, options.clients, options.requests, options.workers, not options.no_kill
        )
        log = "".join(service.log)
    print(json.dumps(vars(result) | {"log": log}))


if __name__ == "__main__":
    main()
