"""What takes a process of its own to measure: the start, memory, and many threads at once."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

import vae_onnx
from export.markdown import table

MODEL = "mnist-vae"
ROUNDS = 9
STREAMED = 2_000_000
CALLS = 20_000  # of each of THREADS
THREADS = 8

# Each prints seconds and the most memory that the process has had.
TELL = """
seconds = time.perf_counter() - start
with open("/proc/self/status") as file:
    (most,) = [line for line in file if line.startswith("VmHWM")]
print(json.dumps([seconds, int(most.split()[1]) / 1024]))
"""

STARTS = {
    "vae_onnx": """
import vae_onnx
vae_onnx.load({model!r}).decode([[0.3, -0.7]])
""",
    "bare onnxruntime": """
import numpy as np, onnxruntime as ort
session = ort.InferenceSession({decoder!r}, providers=["CPUExecutionProvider"])
session.run(None, {{"z": np.array([[0.3, -0.7]], np.float32)}})
""",
    "torch": """
import torch
from torch import nn
decoder = nn.Sequential(nn.Linear(2, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid())
decoder.load_state_dict(torch.load({weights!r}))
with torch.inference_mode():
    decoder(torch.tensor([[0.3, -0.7]]))
""",
}

STREAMS = {
    "encode_iter over a memory map": """
import numpy as np, vae_onnx
model = vae_onnx.load({model!r})
images = np.load({images!r}, mmap_mode="r")
start = time.perf_counter()
assert sum(map(len, model.encode_iter(images))) == len(images)
""",
    "encode of the array in memory": """
import numpy as np, vae_onnx
model = vae_onnx.load({model!r})
images = np.load({images!r})
start = time.perf_counter()
assert len(model.encode(images)) == len(images)
""",
}

CROWD = """
import threading
import numpy as np, vae_onnx
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20
model, calls = vae_onnx.load({model!r}), {calls}
rng = np.random.default_rng(0)
z = [rng.standard_normal((n, 2), np.float32) for n in rng.integers(1, 5, 50)]
images = [model.decode(some) for some in z]
x = [model.encode(some) for some in images]
wrong, levels = [], []
def work(number):
    for call in range(calls):
        at = (call * 7 + number) % 50
        same = (np.array_equal(model.encode(images[at]), x[at]) if (call + number) % 2
                else np.array_equal(model.decode(z[at]), images[at]))
        if not same:
            wrong.append(at)
        if number == 0 and call % (calls // 20) == 0:
            levels.append(resident())
threads = [threading.Thread(target=work, args=(number,)) for number in range({threads})]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps([time.perf_counter() - start, len(wrong), levels[2], max(levels[2:])]))
"""


def section() -> str:
    return "\n\n".join([start_section(), stream_section(), crowd_section()])


def start_section() -> str:
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.pt"
        layers = nn.Linear(2, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid()
        torch.save(nn.Sequential(*layers).state_dict(), weights)
        figures = alternate(STARTS, ROUNDS, weights=str(weights))
    ours = figures["vae_onnx"]
    rows = [
        [name, f"{seconds:.3f} s", f"{ours[0] / seconds:.2f}", f"{megabytes:.0f} MiB",
         f"{ours[1] / megabytes:.2f}"]
        for name, (seconds, megabytes) in figures.items()
    ]  # fmt: skip
    header = ["a new process", "seconds", "vae_onnx / this", "most memory", "vae_onnx / this"]
    return f"""## The start

Import, load and one `decode` in a new process, {ROUNDS} of each in turns. torch is given no more
than the decoder's layers, its weights in a file.

{table(header, rows)}"""


def stream_section() -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        images = np.lib.format.open_memmap(path, "w+", np.uint8, (STREAMED, 28, 28))
        rng = np.random.default_rng(0)
        for start in range(0, STREAMED, 100_000):
            images[start : start + 100_000] = rng.integers(0, 256, (100_000, 28, 28), np.uint8)
        del images
        figures = alternate(STREAMS, 3, images=str(path))
    rows = [
        [name, f"{STREAMED / seconds:,.0f}", f"{megabytes:,.0f} MiB"]
        for name, (seconds, megabytes) in figures.items()
    ]
    return f"""## More than memory holds

{STREAMED:,} uint8 images of 28x28, 1.6 GB, encoded by `{MODEL}`.

{table(["", "images/s", "most memory of the process"], rows)}"""


def crowd_section() -> str:
    code = CROWD.format(model=MODEL, calls=CALLS, threads=THREADS)
    seconds, wrong, before, after = run(code)
    return f"""## Many threads

{THREADS} threads share one model and make {CALLS:,} calls each, `encode` and `decode` of one to
four rows: {THREADS * CALLS / seconds:,.0f} calls a second. {wrong:.0f} of them gave other bits than
the same calls one after another. The process had {before:.1f} MiB after a tenth of the calls, and
{after:.1f} MiB at most from then on."""


def alternate(codes: dict[str, str], rounds: int, **places: str) -> dict[str, tuple[float, float]]:
    """Run each in a new process, in turns; return its median seconds and mebibytes."""
    model = vae_onnx.load(MODEL)
    values = {"model": MODEL, "decoder": str(model.decoder.graph.path), **places}
    results: dict[str, list[list[float]]] = {name: [] for name in codes}
    for _ in tqdm(range(rounds), desc=next(iter(codes)), disable=None):
        for name, code in codes.items():
            results[name].append(run(code.format(**values) + TELL))
    return {
        name: (statistics.median(run[0] for run in runs), statistics.median(run[1] for run in runs))
        for name, runs in results.items()
    }


def run(code: str) -> list[float]:
    """What a process prints that runs the code; its clock starts before the first import."""
    code = f"import json, time\nstart = time.perf_counter()\n{code}"
    # As installed packages are: compiled once, not at every start.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    figures: list[float] = json.loads(done.stdout)
    return figures
