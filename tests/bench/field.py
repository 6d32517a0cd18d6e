"""The complete field: everybody who computes the same as vae_onnx on a CPU, in one table.

python tests/bench/field.py --rounds 15 prints its section of docs/benchmarks.md alone.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from peers import driver, ours, torches, worker
from peers.driver import Entry
from peers.given import BLOCK, OUTPUTS, SHAPES, WIDTHS, Given
from peers.text import tables

import vae_onnx
from export.config import Config
from export.data import datasets
from vae_onnx.engine.threads import available

MODEL = "mnist-vae"
SIZES = (1, 16, 256, 4096, 100_000)
ROUNDS = 15
DIFFERENT = 4096  # rows; larger batches repeat them
ENTRIES = (
    Entry("ours", "float32", "vae_onnx"),
    Entry("ours", "spin", "vae_onnx, spin=True"),
    Entry("ours", "uint8", "vae_onnx, uint8 images"),
    Entry("ours", "int8", "vae_onnx, int8"),
    Entry("engines", "onnxruntime", "bare onnxruntime"),
    Entry("engines", "openvino_latency", "OpenVINO, latency"),
    Entry("engines", "openvino_throughput", "OpenVINO, throughput"),
    Entry("torches", "eager", "torch, eager"),
    Entry("torches", "compiled", "torch, compiled"),
    Entry("torches", "executorch", "ExecuTorch", own=True),
    Entry("arrays", "jax", "JAX", own=True),
    Entry("lite", "litert", "LiteRT", own=True),
    Entry("engines", "tract", "tract", own=True),
    Entry("arrays", "numpy", "numpy", own=True),
    Entry("arrays", "numba", "numba", own=True),
    Entry("compiled", "c99", "C99 of `export c-source`"),
    Entry("compiled", "onnx2c", "onnx2c"),
    Entry("torches", "floor", "a product of large matrices"),
)
LEFT_OUT = """Left out: GPUs, which [devices.md](devices.md) measures; JavaScript and C++, which
stand [below](#hosts-of-the-graphs); TVM, IREE, MNN, ncnn and tinygrad, which compile or convert for other
purposes than a dense layer on x86 and would each need a converter of their own here; TensorFlow, whose
CPU kernels for such layers are LiteRT's XNNPACK and oneDNN, both of which are here; `onnx.reference`,
which is there to be right, not fast."""


def section(rounds: int = ROUNDS, sizes: tuple[int, ...] = SIZES) -> str:
    threads = available()
    with tempfile.TemporaryDirectory() as name:
        given = write(Path(name), threads)
        results = driver.measure(ENTRIES, given, sizes, rounds)
    return f"""## The field

`{MODEL}`, a batch of rows in one call and float32 numbers there and back, on {threads} threads. Each
peer has a process of its own; all take turns, a burst of {driver.SECONDS} s and a rest of
{driver.REST} s, medians of {rounds} rounds. In brackets stands how long a peer takes by comparison with
vae_onnx: below 1 it is faster. Before a peer is timed, what it gives is compared with vae_onnx's: within
{worker.BOUND:g}, relative to the largest where that is above 1, and int8's within {ours.INT8:g} on average.

Who can be used in several ways was tried in all of them, and the fastest for each batch was taken;
the tables after the next two say which. Blocks are at most {BLOCK} rows, which stay in a core's
cache, and are written into one array of results; N callers are N threads of Python that take blocks
and compute with one thread each. Engines that compile for a shape were given each batch's and
block's own. torch is compiled frozen and for fixed shapes; numba from PyPI has no SVML.

{tables(results, torches.SIDE)}

{LEFT_OUT}"""


def write(folder: Path, threads: int) -> Given:
    """What all peers are given, as files: graphs, weights, rows and what vae_onnx makes of them."""
    model = vae_onnx.load(MODEL)
    shutil.copytree(model.folder, folder, dirs_exist_ok=True)
    given = Given(folder, threads)
    for operation in OUTPUTS:
        graph = onnx.load(given.graph(operation)).graph
        weights = {
            part.name.removeprefix("decoder."): numpy_helper.to_array(part)
            for part in graph.initializer
            if part.name.endswith((".weight", ".bias"))
        }
        np.savez(folder / f"{operation}.npz", **weights)
    z = np.random.default_rng(0).standard_normal((DIFFERENT, *SHAPES["decode"]), np.float32)
    images = datasets.load_test(Config(dataset="mnist")).pixels[:DIFFERENT].numpy()
    posterior = model.posterior(images.reshape(-1, 28, 28))
    expected = {"x_recon": model.decode(z), "mu": posterior.mu, "log_var": posterior.log_var}
    np.save(folder / "decode.npy", z)
    np.save(folder / "encode.npy", images)
    for name, array in expected.items():
        np.save(folder / f"{name}.npy", array.reshape(-1, WIDTHS[name]))
    return given


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="bursts of each (default: 15)")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="rows of a batch")
    options = parser.parse_args()
    print(section(options.rounds, tuple(options.sizes)))


if __name__ == "__main__":
    main()
