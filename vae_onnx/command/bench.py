"""How fast a model runs on this machine, beside a bare `InferenceSession.run` of onnxruntime."""

from __future__ import annotations

import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import numpy as np
import onnxruntime as ort

import vae_onnx
from vae_onnx import checks
from vae_onnx.autoencoder import Autoencoder
from vae_onnx.engine import progress
from vae_onnx.engine.graph import Array, Graph
from vae_onnx.engine.sizes import ANY, Sizes

SECONDS: Final = 0.1  # of one way to compute in one round
USUAL: Final = (1, 16, 256, 4096)  # batch sizes
LARGEST: Final = 2**28  # bytes of the pictures of one
SIDE: Final = 64  # of a picture where any size will do
REST: Final = 0.2  # seconds: threads of whoever was measured before may yet spin

Call = Callable[[], object]


class Timing(NamedTuple):
    """How long one call takes, in seconds."""

    p50: float
    p99: float


class Row(NamedTuple):
    """One operation at one batch size."""

    operation: str
    batch_size: int
    ours: Timing
    bare: Timing

    @property
    def throughput(self) -> float:
        """Images a second."""
        return self.batch_size / self.ours.p50

    @property
    def ratio(self) -> float:
        """Our median by the bare session's; below 1 we are faster."""
        return self.ours.p50 / self.bare.p50


def bench(model: Autoencoder, batch_sizes: Sequence[int], rounds: int) -> list[Row]:
    """Measure `decode` and `encode` of a model, and the bare session on the same graph and input.

    The bare session has onnxruntime's best options: as many threads as the model uses, which spin
    while they wait for work. The two take turns, call by call in bursts, so that both meet the same
    machine.

    Args:
        model: What is measured, on its device.
        batch_sizes: Rows of a call, each at least 1.
        rounds: Turns of each, at least 1.

    Raises:
        InputError: A number is below 1.
    """
    for size in batch_sizes:
        checks.integer(size, "a batch size", at_least=1)
    checks.integer(rounds, "rounds", at_least=1)
    rng = np.random.default_rng(0)
    x = rng.random((max(batch_sizes), *picture_shape(model)), np.float32)
    z = rng.standard_normal((len(x), *model.encode(x[:1]).shape[1:]), np.float32)
    operations = (
        ("decode", model.decode, bare(model.decoder.graph), z),
        ("encode", model.encode, bare(model.encoder.graph), x),
    )
    cases = [(*operation, size) for operation in operations for size in batch_sizes]
    rows = []
    for number in progress.track(range(len(cases)), "measured"):
        name, ours, theirs, inputs, size = cases[number]
        some = inputs[:size]
        timings = alternate({"ours": partial(ours, some), "bare": partial(theirs, some)}, rounds)
        rows.append(Row(name, size, timings["ours"], timings["bare"]))
    return rows


def picture_shape(model: Autoencoder) -> Sizes:
    """Return (channels, height, width) of what is measured: about 64x64 where any size will do."""
    side = SIDE + -SIDE % model.size_multiple
    return tuple(side if size == ANY else size for size in model.image_shape)


def usual_sizes(model: Autoencoder) -> tuple[int, ...]:
    """Return the batch sizes that are measured unless others are asked for, as far as they fit."""
    row_bytes = 4 * math.prod(picture_shape(model))
    return tuple(size for size in USUAL if size == 1 or size * row_bytes <= LARGEST)


def bare(graph: Graph) -> Callable[[Array], object]:
    """Return `InferenceSession.run` on a graph's file, on its device and with as many threads."""
    if graph.device.on_cpu:
        options = ort.SessionOptions()
        options.intra_op_num_threads = graph.threads
        session = ort.InferenceSession(graph.path, options, providers=["CPUExecutionProvider"])
    else:
        session, _ = graph.device.open(graph.path.read_bytes())
    (name,) = graph.inputs
    return lambda inputs: session.run(None, {name: inputs})


def alternate(
    calls: Mapping[str, Call], rounds: int, seconds: float = SECONDS
) -> dict[str, Timing]:
    """Time calls that take turns: a burst of one, a rest, a burst of the next.

    Args:
        calls: What is measured, by name.
        rounds: Bursts of each.
        seconds: About how long a burst lasts; one call at least.
    """
    repeats = {name: max(1, round(seconds / min(_burst(call, 2)))) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            time.sleep(REST)
            times[name] += _burst(call, repeats[name])
    return {name: _timing(values) for name, values in times.items()}


def table(model: Autoencoder, rows: Sequence[Row]) -> str:
    """Lay out rows for reading."""
    name = model.metadata.get("name", model.folder.name)
    threads = model.decoder.graph.threads
    header = (
        f"{name}, {model.precision}, device {model.device}, {threads} thread{'s' * (threads > 1)}"
    )
    if ANY in model.image_shape:
        _, height, width = picture_shape(model)
        header += f", pictures of {width}x{height}"
    columns = "{:8}{:>7}{:>11}{:>11}{:>12}{:>13}{:>8}"
    lines = [
        header,
        columns.format("", "batch", "p50", "p99", "images/s", "bare p50", "ratio"),
    ]
    lines += [
        columns.format(
            row.operation,
            f"{row.batch_size:,}",
            milliseconds(row.ours.p50),
            milliseconds(row.ours.p99),
            f"{row.throughput:,.0f}",
            milliseconds(row.bare.p50),
            f"{row.ratio:.2f}",
        )
        for row in rows
    ]
    return "\n".join([*lines, machine()])


def machine() -> str:
    """The machine and the versions that figures are of."""
    versions = {
        "Python": platform.python_version(),
        "vae_onnx": vae_onnx.__version__,
        "onnxruntime": ort.__version__,
        "numpy": np.__version__,
    }
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores. {told}."


def milliseconds(seconds: float) -> str:
    """Write a time with three significant digits or more."""
    return f"{1000 * seconds:.3f} ms"


def _burst(call: Call, repeats: int) -> list[float]:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def _timing(times: Sequence[float]) -> Timing:
    return Timing(statistics.median(times), float(np.quantile(times, 0.99)))
