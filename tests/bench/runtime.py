"""The runtime beside bare onnxruntime, torch, OpenVINO and numpy."""

from functools import partial
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime as ort
import openvino
import torch
from onnx import numpy_helper

import vae_onnx
from export.config import Config
from export.experiments.speedrun import SIDE
from export.graphs.freezing import PictureDecoder
from export.markdown import table
from export.networks.building import build
from vae_onnx.command.bench import Call, Timing, alternate, bench, milliseconds

MODEL = "mnist-vae"
BATCH_SIZES = (1, 16, 256, 10_000)
MANY = 100_000
ROUNDS = 15


def section() -> str:
    model = vae_onnx.load(MODEL)
    rows = [
        [
            f"{row.operation}, batch {row.batch_size:,}",
            milliseconds(row.ours.p50),
            milliseconds(row.ours.p99),
            f"{row.throughput:,.0f}",
            f"{row.ratio:.2f}",
        ]
        for row in bench(model, BATCH_SIZES, ROUNDS)
    ]
    ink = np.zeros((280, 280), np.uint8)
    ink[40:240, 120:160] = 255
    drawing = alternate({"": partial(vae_onnx.drawing_to_x, ink)}, ROUNDS)[""]
    rows.append(["drawing_to_x, 280x280", *map(milliseconds, drawing), "", ""])
    header = [f"`{MODEL}`", "median", "99 of 100", "images/s", "/ bare onnxruntime"]
    return f"""## Calls of any size

Through the public API, and as a ratio to a bare `InferenceSession.run` with its best options, on
the same number of threads; below 1 is faster. `vae-onnx bench` measures this on any machine.

{table(header, rows)}

{one_section()}

{many_section()}"""


def one_section() -> str:
    """One z, on one thread each."""
    torch.set_num_threads(1)
    z = np.array([[0.3, -0.7]], np.float32)
    calls = {
        "vae_onnx": partial(vae_onnx.load(MODEL, threads=1).decode, z),
        "vae_onnx, int8": partial(vae_onnx.load(MODEL, threads=1, precision="int8").decode, z),
        "bare onnxruntime, best options": bare_call(z, threads=1),
        "torch eager": torch_call(z),
        "numpy, by hand": numpy_call(z),
    }
    with torch.inference_mode():
        timings = alternate(calls, rounds=25)
    return f"""## One z

`decode` of a single z, on one thread each, in turns.

{beside("one z", timings)}"""


def many_section() -> str:
    """Many z at once, on two threads each."""
    threads = vae_onnx.engine.threads.available()
    torch.set_num_threads(threads)
    z = np.random.default_rng(0).standard_normal((MANY, 2), np.float32)
    model, int8 = vae_onnx.load(MODEL), vae_onnx.load(MODEL, precision="int8")
    out = np.empty((MANY, 28, 28), np.float32)
    a, b = torch.randn(2, SIDE, SIDE)
    calls = {
        "vae_onnx": partial(model.decode, z, out),
        "vae_onnx, int8": partial(int8.decode, z, out),
        "bare onnxruntime": bare_call(z, threads),
        "torch eager": torch_call(z),
        "OpenVINO": openvino_call(z, threads),
        "floor": partial(torch.mm, a, b, out=torch.empty(SIDE, SIDE)),
    }
    with torch.inference_mode():
        timings = alternate(calls, rounds=9, seconds=0)
    floor = timings.pop("floor")
    operations = 2.0 * MANY * 400 * (784 + 2)
    least = operations / (2 * SIDE**3) * floor.p50
    share = least / timings["vae_onnx"].p50
    return f"""## Many z

`decode` of {MANY:,} z into a buffer, on {threads} threads each, in turns. The matrix products alone
would take {milliseconds(least)} at the speed of a float32 one of {SIDE}x{SIDE} in the same run:
vae_onnx runs at {share:.0%} of that.

{beside(f"{MANY:,} z", timings)}"""


def beside(what: str, timings: dict[str, Timing]) -> str:
    """A table of who takes how long, and how long vae_onnx takes by comparison."""
    ours = timings["vae_onnx"].p50
    rows = [
        [name, milliseconds(timing.p50), f"{ours / timing.p50:.2f}"]
        for name, timing in timings.items()
    ]
    return table([f"`{MODEL}`, {what}", "median", "vae_onnx / this"], rows)


def bare_call(z: np.ndarray, threads: int) -> Call:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(path(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"z": z})


def torch_call(z: np.ndarray) -> Call:
    # The weights do not change the time; this is the architecture of the bundled model.
    module, tensor = PictureDecoder(build(Config(dataset="mnist"))).eval(), torch.from_numpy(z)
    return lambda: module(tensor)


def openvino_call(z: np.ndarray, threads: int) -> Call:
    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    request = openvino.compile_model(path(), "CPU", hints).create_infer_request()
    return lambda: request.infer({"z": z}, share_inputs=True, share_outputs=True)


class Weights(NamedTuple):
    """Those of the decoder, by the names that the graph gives them."""

    hidden: np.ndarray
    hidden_bias: np.ndarray
    logits: np.ndarray
    logits_bias: np.ndarray


def numpy_call(z: np.ndarray) -> Call:
    """The decoder by hand, without an array that need not be made."""
    found = {part.name: numpy_helper.to_array(part) for part in onnx.load(path()).graph.initializer}
    names = ("hidden.weight", "hidden.bias", "logits.weight", "logits.bias")
    weights = Weights(*(np.ascontiguousarray(found[f"decoder.{name}"]) for name in names))
    hidden = np.ascontiguousarray(weights.hidden.T)

    def decode() -> np.ndarray:
        h = z @ hidden
        h += weights.hidden_bias
        np.maximum(h, 0, out=h)
        p = h @ weights.logits.T
        p += weights.logits_bias
        np.negative(p, out=p)
        with np.errstate(over="ignore"):  # of an infinity the reciprocal is 0, as it should be
            np.exp(p, out=p)
        p += 1
        return np.reciprocal(p, out=p)

    expected = vae_onnx.load(MODEL).decode(z).reshape(len(z), -1)
    np.testing.assert_allclose(decode(), expected, atol=1e-5)
    return decode


def path() -> str:
    return str(vae_onnx.load(MODEL).decoder.graph.path)
