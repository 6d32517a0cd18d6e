"""What a peer is given, what it is, and the ways to share rows out that several of them have."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Call = Callable[[], Sequence[Any]]  # computes; numpy.asarray takes what it gives
Make = Callable[[Array], Call]  # of rows (N, numbers), a call on them
Ways = Mapping[str, Make]

BLOCK = 256  # rows that stay in a core's cache with what they become
LEAST = 64  # rows that are worth dividing
OUTPUTS = {"decode": ("x_recon",), "encode": ("mu", "log_var")}
SHAPES = {"decode": (2,), "encode": (1, 28, 28)}  # of a row of the graph's input
WIDTHS = {"x_recon": 784, "mu": 2, "log_var": 2}


class Given(NamedTuple):
    """What all peers have in common."""

    folder: Path  # of the graphs, the weights, rows to compute with and what they become
    threads: int

    def graph(self, operation: str) -> Path:
        return self.folder / f"{operation}r.onnx"

    def weights(self, operation: str) -> dict[str, Array]:
        """Matrices (outputs, inputs) and biases, by the names of the layers."""
        with np.load(self.folder / f"{operation}.npz") as file:
            return dict(file)

    def rows(self, operation: str, count: int) -> Array:
        """(N, numbers) float32: the same few thousand again and again."""
        rows = np.load(self.folder / f"{operation}.npy")
        if rows.dtype == np.uint8:
            rows = rows.astype(np.float32) / 255
        return np.resize(rows, (count, rows.shape[1]))

    def expected(self, operation: str) -> list[Array]:
        """What vae_onnx makes of the first rows, for each output."""
        return [np.load(self.folder / f"{name}.npy") for name in OUTPUTS[operation]]


class Peer(NamedTuple):
    """One who computes: what he is called, with his version, and how he can be used.

    `ways` tells for an operation and a number of rows by which ways it can be done, none if it
    cannot; the fastest of them counts. `mean_bound` is what results may differ by on average,
    where they are not meant to be exact.
    """

    name: str
    ways: Callable[[str, int], Ways]
    mean_bound: float | None = None


def called(package: str, more: str = "", name: str = "") -> str:
    """A package with its version."""
    return f"{name or package} {version(package)}{', ' if more else ''}{more}"


def blocks(rows: int, threads: int) -> list[slice]:
    """Divide rows into blocks of one size that stay in the cache, enough for all threads.

    One block of all of them where that is best.
    """
    most = min(BLOCK, rows // threads)
    size = next(size for size in range(most, 0, -1) if rows % size == 0) if rows >= LEAST else rows
    return [slice(start, start + size) for start in range(0, rows, size)]


def out(operation: str, rows: int) -> list[Array]:
    """Where to write results, for each output."""
    return [np.empty((rows, WIDTHS[name]), np.float32) for name in OUTPUTS[operation]]


class Callers:
    """Threads that take blocks off a list, each of them one after another."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(max(1, threads - 1))

    def each(self, work: Callable[[slice, int], None], parts: Sequence[slice]) -> None:
        """Do the work for each part; it is told the number of the thread, which is below `threads`."""
        todo, lock = iter(parts), threading.Lock()

        def take(number: int) -> None:
            while True:
                with lock:
                    part = next(todo, None)
                if part is None:
                    return
                work(part, number)

        helping = [self._pool.submit(take, number) for number in range(1, self.threads)]
        take(0)
        for helper in helping:
            helper.result()


def number_of(threads: int) -> str:
    return f"{threads} thread{'s' * (threads > 1)}"
