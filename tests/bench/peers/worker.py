"""The process of one peer: it computes when it is told to, and holds nothing of it in between.

python -m peers.worker HANDLE MODULE FUNCTION FOLDER THREADS

HANDLE is of a pipe, on which requests and answers are JSON.
"""

import gc
import json
import os
import statistics
import sys
import time
import traceback
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from .given import Array, Call, Given, Peer

REST = 0.2  # seconds, after which the threads of another way no longer spin
HOPELESS = 1.3  # times as slow as the fastest once, and a way is not tried again
BOUND = 1e-5  # for results, relative to the largest where that is above 1


class Worker:
    """What a process remembers."""

    def __init__(self, peer: Peer, given: Given) -> None:
        self._peer, self._given = peer, given
        self._opened: tuple[str, int, str] | None = None
        self._call: Call | None = None

    def best(self, operation: str, rows: int, seconds: float, tries: int) -> dict[str, Any]:
        """The fastest way whose results are right, and what is wrong with others."""
        ways = self._peer.ways(operation, rows)
        times: dict[str, list[float]] = {}
        failed: dict[str, str] = {}
        for attempt in range(tries if len(ways) > 1 else 1):
            for way in ways:
                fastest = min(map(min, times.values()), default=0.0)
                if way in failed or (attempt and min(times[way]) > HOPELESS * fastest):
                    continue
                try:
                    self._open(operation, rows, way)
                    if attempt == 0:
                        self._check(operation, rows)
                    time.sleep(REST)
                    times.setdefault(way, []).append(self._burst(seconds))
                except Exception as error:
                    failed[way] = _line(error)
                    traceback.print_exc()
                self.close()
        found = {way: min(some) for way, some in times.items() if way not in failed}
        return {"way": min(found, key=found.__getitem__, default=None), "failed": failed}

    def burst(self, operation: str, rows: int, way: str, seconds: float) -> dict[str, Any]:
        """The median of calls, about so many seconds of them, one at least."""
        self._open(operation, rows, way)
        return {"seconds": self._burst(seconds)}

    def close(self) -> dict[str, Any]:
        """Forget rows and results."""
        self._opened = self._call = None
        gc.collect()
        return {}

    def _open(self, operation: str, rows: int, way: str) -> None:
        if self._opened != (operation, rows, way):
            self.close()
            make = self._peer.ways(operation, rows)[way]
            self._call = make(self._given.rows(operation, rows))
            self._call()
            self._opened = operation, rows, way

    def _check(self, operation: str, rows: int) -> None:
        assert self._call is not None
        # vae_onnx's encode gives mu alone; who only sets a measure gives nothing.
        for result, expected in zip(self._call(), self._given.expected(operation), strict=False):
            check(np.asarray(result), expected, self._peer.mean_bound, rows)

    def _burst(self, seconds: float) -> float:
        assert self._call is not None
        times: list[float] = []
        end = time.perf_counter() + seconds
        while not times or time.perf_counter() < end:
            start = time.perf_counter()
            self._call()
            times.append(time.perf_counter() - start)
        return statistics.median(times)


def check(
    result: Array, expected: Array, mean_bound: float | None, rows: int | None = None
) -> None:
    """Compare with what vae_onnx gives for so many rows, of which `expected` has the first.

    Raises:
        ValueError: It differs by more than it may.
    """
    result = result.reshape(len(result), -1)
    if rows is not None and len(result) != rows:
        raise ValueError(f"{rows} rows are right, it gives {len(result)}")
    if result.shape[1] != expected.shape[1]:
        raise ValueError(f"{expected.shape[1]} numbers a row are right, it gives {result.shape[1]}")
    largest, total, count = np.float32(0), 0.0, 0
    for start in range(0, len(result), len(expected)):
        some = result[start : start + len(expected)]
        differences = np.abs(some - expected[: len(some)])
        largest = np.maximum(largest, differences.max())  # which keeps NaN
        total, count = total + float(differences.sum(dtype=float)), count + differences.size
    bound = BOUND * max(1.0, float(np.abs(expected).max()))
    if mean_bound is None and not largest <= bound:
        raise ValueError(f"a result differs from vae_onnx's by {largest:.2g}, above {bound:.2g}")
    if mean_bound is not None and not total / count <= mean_bound:
        raise ValueError(
            f"results differ by {total / count:.2g} on average, above {mean_bound:.2g}"
        )


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip().splitlines()[0][:300]


def main() -> None:
    handle, module, function, folder, threads = sys.argv[1:]
    given = Given(Path(folder), int(threads))
    with Connection(int(handle)) as pipe:

        def send(answer: dict[str, Any]) -> None:
            pipe.send_bytes(json.dumps(answer).encode())

        try:
            peer = getattr(import_module(f".{module}", __package__), function)(given)
        except BaseException as error:
            send({"absent": _line(error)})
            raise
        send({"name": peer.name})
        worker = Worker(peer, given)
        while True:
            try:
                request = json.loads(pipe.recv_bytes())
            except EOFError:
                break
            try:
                answer = getattr(worker, request.pop("do"))(**request)
            except Exception as error:
                traceback.print_exc()
                answer = {"error": _line(error)}
            send(answer)
    sys.stdout.flush()
    os._exit(0)  # whatever threads there are


if __name__ == "__main__":
    main()
