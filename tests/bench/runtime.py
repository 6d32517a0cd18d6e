"""The runtime beside bare onnxruntime and torch."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from tqdm import tqdm

import vae_onnx
from export.config import Config
from export.graphs import PictureDecoder
from export.markdown import table
from export.model import build

MODEL = "mnist-vae"
BATCH_SIZES = (1, 16, 256, 10_000)
ROUNDS = 15
SECONDS = 0.05  # the least that one measurement lasts

Call = Callable[[], object]


def section() -> str:
    rows = [
        measure(operation, batch_size)
        for operation in (decode_calls, encode_calls)
        for batch_size in tqdm(BATCH_SIZES, desc=operation.__name__, disable=None)
    ]
    rows.append(measure_drawing())
    header = [f"`{MODEL}`", "vae_onnx", "/ bare onnxruntime", "/ torch eager"]
    return f"""## The runtime

Median time of one call through the public API, and its ratio to a bare `InferenceSession.run` with
default options and to the torch module in `inference_mode`, on the same input; below 1 is faster.
The three take turns, {ROUNDS} rounds. Threads of vae_onnx do not spin while they wait for work,
those of the others do.

{table(header, rows)}"""


def decode_calls(batch_size: int) -> dict[str, Call]:
    """The same z decoded by each."""
    model = vae_onnx.load(MODEL)
    z = np.random.default_rng(0).standard_normal((batch_size, model.latent_dim), np.float32)
    session = bare_session(model.decoder.graph.path)
    # The weights do not change the time; this is the architecture of the bundled model.
    module, tensor = PictureDecoder(build(Config(dataset="mnist"))).eval(), torch.from_numpy(z)
    return {
        "vae_onnx": lambda: model.decode(z),
        "onnxruntime": lambda: session.run(None, {"z": z}),
        "torch": lambda: module(tensor),
    }


def encode_calls(batch_size: int) -> dict[str, Call]:
    """The same images encoded by each: x is given as the graph takes it."""
    model = vae_onnx.load(MODEL)
    x = np.random.default_rng(0).random((batch_size, *model.image_shape), np.float32)
    session = bare_session(model.encoder.graph.path)
    module, tensor = build(Config(dataset="mnist")).encoder.eval(), torch.from_numpy(x)
    return {
        "vae_onnx": lambda: model.encode(x),
        "onnxruntime": lambda: session.run(None, {"x": x}),
        "torch": lambda: module(tensor),
    }


def bare_session(path: Path) -> ort.InferenceSession:
    return ort.InferenceSession(path, providers=["CPUExecutionProvider"])


def measure(operation: Callable[[int], dict[str, Call]], batch_size: int) -> list[str]:
    """A row: median time of a call of vae_onnx, and how it stands to the others."""
    with torch.inference_mode():
        medians = alternate(operation(batch_size))
    ours = medians["vae_onnx"]
    name = operation.__name__.removesuffix("_calls")
    ratios = [f"{ours / medians[other]:.2f}" for other in ("onnxruntime", "torch")]
    return [f"{name}, batch {batch_size:,}", milliseconds(ours), *ratios]


def measure_drawing() -> list[str]:
    ink = np.zeros((280, 280), np.uint8)
    ink[40:240, 120:160] = 255
    medians = alternate({"vae_onnx": lambda: vae_onnx.drawing_to_x(ink)})
    return ["drawing_to_x, 280x280", milliseconds(medians["vae_onnx"]), "", ""]


def alternate(calls: dict[str, Call]) -> dict[str, float]:
    """Median seconds a call, the calls measured in turn so that all meet the same machine."""
    repeats = {name: max(1, round(SECONDS / seconds(call, 2))) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            times[name].append(seconds(call, repeats[name]))
    return {name: statistics.median(values) for name, values in times.items()}


def seconds(call: Call, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def milliseconds(value: float) -> str:
    return f"{1000 * value:.3f} ms"
