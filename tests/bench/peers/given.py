"""What a peer is given, what it is, and the ways to share rows out that several of them have."""

import shutil
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


def write(folder: Path, threads: int, name: str, images: Array) -> Given:
    """Write what all peers are given: graphs, weights, rows and what vae_onnx makes of them.

    Args:
        folder: Where to.
        threads: How many all of them may use.
        name: Of the model.
        images: (N, 784) uint8; larger batches repeat them, and as many z.
    """
    import onnx
    from onnx import numpy_helper

    import vae_onnx

    model = vae_onnx.load(name)
    shutil.copytree(model.folder, folder, dirs_exist_ok=True)
    given = Given(folder, threads)
    for operation in OUTPUTS:
        weights = {
            part.name.removeprefix("decoder."): numpy_helper.to_array(part)
            for part in onnx.load(given.graph(operation)).graph.initializer
            if part.name.endswith((".weight", ".bias"))
        }
        np.savez(folder / f"{operation}.npz", **weights)
    z = np.random.default_rng(0).standard_normal((len(images), 2), np.float32)
    posterior = model.posterior(images.reshape(-1, 28, 28))
    expected = {"x_recon": model.decode(z), "mu": posterior.mu, "log_var": posterior.log_var}
    np.save(folder / "decode.npy", z)
    np.save(folder / "encode.npy", images)
    for output, array in expected.items():
        np.save(folder / f"{output}.npy", array.reshape(-1, WIDTHS[output]))
    return given


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
        """Do the work for each part, and tell it which of the threads does it."""
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


def each(
    work: Callable[[slice, int], None], parts: Sequence[slice], callers: Callers | None
) -> None:
    """Do the work for each part: by callers, or without them one part after another."""
    if callers:
        callers.each(work, parts)
        return
    for part in parts:
        work(part, 0)


def number_of(threads: int) -> str:
    return f"{threads} thread{'s' * (threads > 1)}"
