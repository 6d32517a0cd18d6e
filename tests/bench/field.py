"""The complete field: everybody who computes the same as vae_onnx on a CPU, in one table.

python tests/bench/field.py --rounds 15 prints its section of docs/benchmarks.md alone.
"""

import argparse
import tempfile
from pathlib import Path

from peers import driver, ours, torches, worker
from peers.driver import Entry
from peers.given import BLOCK, write
from peers.text import tables

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
WHY = """Who is ahead of vae_onnx, and why: in calls of 1 and 16 rows a bare session, ExecuTorch and
LiteRT, which look at neither shape nor range, and the C99, which has no engine around it; of 256
and 4,096 rows a bare session, LiteRT and OpenVINO's latency hint, whose threads spin between the
calls where ours sleep and are woken, unless `spin=True`. At 100,000 rows those who are near each
other run the same products at the speed of the processor."""
LEFT_OUT = """Left out on purpose: GPUs, which [devices.md](devices.md) measures; JavaScript and
C++, [below](#hosts-of-the-graphs); ncnn and MNN, which are made for phones, TVM and IREE, which are
tuned for a machine first, and tinygrad, which is made for accelerators; TensorFlow, for which
LiteRT stands; `onnx.reference`, which is there to be right, not fast."""


def section(rounds: int = ROUNDS, sizes: tuple[int, ...] = SIZES) -> str:
    threads = available()
    with tempfile.TemporaryDirectory() as name:
        images = datasets.load_test(Config(dataset="mnist")).pixels[:DIFFERENT].numpy()
        given = write(Path(name), threads, MODEL, images)
        results = driver.measure(ENTRIES, given, sizes, rounds)
    return f"""## The field

`{MODEL}`, a batch of rows in one call, float32 numbers there and back, {threads} threads. Each
peer has a process of its own; all take turns, a burst of {driver.SECONDS} s and a rest of
{driver.REST} s. Medians of {rounds} rounds; in brackets how long it takes by comparison with
vae_onnx, below 1 is faster. Before a peer is timed, what it gives is compared with vae_onnx's:
within {worker.BOUND:g}, relative to the largest where that is above 1; int8's within {ours.INT8:g}
on average.

Who can be used in several ways was tried in all of them, and the fastest for each batch taken,
which the tables below name. Blocks are at most {BLOCK} rows, which stay in a core's cache, written
into one array of results; N callers are N threads of Python that take blocks and compute with one
thread each. Engines that compile for a shape had each batch's and block's own. torch is frozen and
compiled for fixed shapes; numba has no SVML, without which PyPI's comes. onnx2c is built from
source and named in `ONNX2C`; its C has global buffers, and so one thread.

{tables(results, torches.SIDE)}

{WHY}

{LEFT_OUT}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="bursts of each (default: 15)")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="rows of a batch")
    options = parser.parse_args()
    print(section(options.rounds, tuple(options.sizes)))


if __name__ == "__main__":
    main()
