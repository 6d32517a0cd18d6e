"""Embedding many images: beside `encode` of an array in memory, beside Ray, and in pictures.

python tests/bench/bulk.py prints its section of docs/benchmarks.md alone; --most 1000000 leaves the
largest count out, which needs 8 GB of disk and two minutes.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

import vae_onnx
from export.markdown import table
from vae_onnx.bulk import embedding
from vae_onnx.engine import threads
from vae_onnx.pictures.taking import Taker

COUNTS = (10_000, 100_000, 1_000_000, 2_000_000, 10_000_000)
COMPARED = 2_000_000  # of these, `encode` of the array in memory is timed beside it
BESIDE_RAY = (100_000, 1_000_000, 10_000_000)
WORKERS = (1, 2, 4, 8)
PICTURES, SIDE = 20_000, 256
GROUP = 10_000  # rows of a group in the Parquet file
ROUNDS = 3

IN_MEMORY = """
import sys, time, numpy as np, pyarrow.parquet as pq, vae_onnx
rows = int(sys.argv[2])
x = np.empty((rows, 784), np.uint8)
at = 0
for batch in pq.ParquetFile(sys.argv[1], buffer_size=2**20).iter_batches(10_000):
    part = np.frombuffer(batch.column(0).buffers()[2], np.uint8).reshape(-1, 784)
    x[at : at + len(part)] = part[: rows - at]
    at += len(part)
model = vae_onnx.load("mnist-vae")
model.posterior(x[:10_000])
begin = time.perf_counter()
model.posterior(x)
print(time.perf_counter() - begin)
"""


def section(most: int = COUNTS[-1]) -> str:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        counts = [count for count in COUNTS if count <= most]
        sets = {count: digits(folder / f"{count}.parquet", count) for count in counts}
        rows, seconds = [], {}
        for count, path in sets.items():
            alone, time_of, memory = measured(path, count, folder)
            seconds[count] = time_of
            rate = count / time_of
            beside = f"{time_of and alone / time_of:.2f}" if alone else ""
            rows.append(
                [f"{count:,}", f"{time_of:.2f} s", f"{rate:,.0f}", f"{memory:,.0f} MiB", beside]
            )
        fixed, each = np.polynomial.polynomial.polyfit(
            list(seconds), list(seconds.values()), 1, w=[1 / s for s in seconds.values()]
        )
        told = table(["images", "seconds", "images/s", "most memory", "/ encode in memory"], rows)
        pictures_told = pictures(folder)
        ray_told = table(
            ["images", "on this machine", "Ray, one actor", "more"],
            [beside_ray(sets[count], count, folder) for count in BESIDE_RAY if count in sets],
        )
        shares = scheduling(sets[min(1_000_000, max(sets))], folder)
    return f"""## Many images

`vae-onnx embed` with `mnist-vae` on {threads.available()} cores: digits in a Parquet file
with a column of raw bytes, {GROUP:,} rows a group, become `id`, `mu`, `log_var` in Parquet files.
The median of {ROUNDS} runs, each a process of its own whose start is not counted, in turns with `posterior` of
an array of the same digits in memory; the last column is the share of its images a second.

{told}

The time is {fixed:.2f} s + {1e6 * each:.2f} s a million images (least squares, relative errors).

{pictures_told}

**Ray** does the same job to the same bytes, on one machine for the price of its start and of its
store of objects. One actor of {threads.available()} cores:

{ray_told}

{shares}"""


def digits(path: Path, count: int) -> Path:
    """Write MNIST's training images again and again, each time moved by a pixel."""
    from vae_onnx.command.files import read_idx

    root = Path(os.environ.get("VAE_ONNX_DATA", "data"))
    images = next(
        path
        for path in root.rglob("train-images*")
        if path.is_file() and "MNIST" in str(path) and "Fashion" not in str(path)
    )
    x = read_idx(images).reshape(-1, 784)
    rng = np.random.default_rng(0)
    with pq.ParquetWriter(
        path, pa.schema([("image", pa.binary())]), compression="none", use_dictionary=False
    ) as writer:
        for start in range(0, count, GROUP):
            rows = min(GROUP, count - start)
            block = np.ascontiguousarray(
                np.roll(x[rng.integers(0, len(x), rows)], start // GROUP, 1)
            )
            ends = pa.py_buffer(np.arange(0, rows * 784 + 1, 784, dtype=np.int32))
            column = pa.BinaryArray.from_buffers(
                pa.binary(), rows, [None, ends, pa.py_buffer(block)]
            )
            writer.write_batch(pa.record_batch([column], names=["image"]))
    return path


def measured(path: Path, count: int, folder: Path) -> tuple[float | None, float, float]:
    """Seconds of `posterior` in memory, seconds of embed, and the most memory of its process."""
    alone, times, memory = [], [], []
    for turn in range(ROUNDS if count <= COMPARED else 1):
        if count == COMPARED:
            alone.append(float(run([sys.executable, "-c", IN_MEMORY, str(path), str(count)])[0]))
        seconds, kibibytes = embed(path, folder / f"out-{count}-{turn}")
        times.append(seconds)
        memory.append(kibibytes / 1024)
    return statistics.median(alone) if alone else None, statistics.median(times), max(memory)


def embed(path: Path, out: Path, *arguments: str) -> tuple[float, float]:
    """Seconds that the command says it took, and the most memory of its process in KiB."""
    command = [
        sys.executable,
        "-m",
        "vae_onnx",
        "embed",
        str(path),
        str(out),
        "--model",
        "mnist-vae",
    ]
    said, memory = run([*command, *arguments])
    return float(said.splitlines()[-1].split(" s,")[0]), memory


def run(command: list[str]) -> tuple[str, float]:
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=said, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        errors.seek(0)
        if process.returncode:
            raise RuntimeError(errors.read())
        return said.read(), usage.ru_maxrss


def pictures(folder: Path) -> str:
    """Say how fast JPEG files of colour are embedded, beside decoding and the model alone."""
    place = folder / "pictures"
    files = jpegs(place)
    model = vae_onnx.load("emoji-vae")
    take = Taker(model, fit="crop")
    begin = time.perf_counter()
    with ThreadPoolExecutor(threads.available()) as pool:
        pixels = list(pool.map(lambda path: take(path).pixels, files))
    decoding = time.perf_counter() - begin
    batch = np.stack(pixels)
    rows = embedding.rows_of(model)
    begin = time.perf_counter()
    for start in range(0, len(batch), rows):
        model.posterior(batch[start : start + rows])
    alone = time.perf_counter() - begin
    command = [sys.executable, "-m", "vae_onnx", "embed", str(place), str(folder / "out-pictures")]
    said, memory = run([*command, "--model", "emoji-vae", "--fit", "crop"])
    seconds = float(said.splitlines()[-1].split(" s,")[0])
    slower = max(decoding, alone)
    return f"""{PICTURES:,} JPEG files of {SIDE}x{SIDE} in a folder, through `emoji-vae` with `--fit
crop`: {seconds:.1f} s, {PICTURES / seconds:,.0f} images/s, {memory / 1024:,.0f} MiB. Decoding them
alone on all cores takes {decoding:.1f} s, the model alone {alone:.1f} s, both one after the other
{decoding + alone:.1f} s: {slower / seconds:.2f} of the speed of the slower alone."""


def jpegs(place: Path) -> list[Path]:
    """Smooth pictures with some noise, whose files are as large as those of photographs."""
    place.mkdir()
    rng = np.random.default_rng(0)
    files = []
    for number in range(PICTURES):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8))
        smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.int16)
        noisy = smooth + rng.integers(-8, 9, smooth.shape, np.int16)
        path = place / f"{number:05}.jpg"
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path, quality=85)
        files.append(path)
    return files


def beside_ray(path: Path, count: int, folder: Path) -> list[str]:
    here, _ = embed(path, folder / f"here-{count}")
    there, _ = embed(
        path,
        folder / f"ray-{count}",
        "--engine",
        "ray",
        "--actors",
        "1",
        "--cpus",
        str(threads.available()),
    )
    return [f"{count:,}", f"{here:.1f} s", f"{there:.1f} s", f"{there - here:.1f} s"]


def scheduling(path: Path, folder: Path) -> str:
    """Say what several actors cost that have the same two cores: the share of the scheduling."""
    code = """
import json, os, sys, time, ray
from vae_onnx import bulk
path, out, workers, cores = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
ray.init(num_cpus=workers, log_to_driver=False)
times = []
for turn in range(2):
    report = bulk.embed(path, f"{out}-{turn}", "mnist-vae", rows=10_000,
                        cluster=bulk.Cluster(actors=workers), max_errors=0)
    times.append(report.seconds)
print(json.dumps(times))
"""
    rows = []
    first = 0.0
    for workers in WORKERS:
        out = folder / f"workers-{workers}"
        said, _ = run(
            [
                sys.executable,
                "-c",
                code,
                str(path),
                str(out),
                str(workers),
                str(threads.available()),
            ]
        )
        seconds = min(json.loads(said.splitlines()[-1]))
        first = first or seconds
        rows.append([f"{workers}", f"{seconds:.1f} s", f"{seconds / first:.2f}"])
    return f"""Logical workers of one core each, also more than this machine has: what the work of
{threads.available()} cores takes when it is dealt out to so many, 10,000 images at a time, on a
cluster that runs already.

{table(["workers", "seconds", "/ one"], rows)}"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=COUNTS[-1], help="images (default %(default)s)")
    print(section(parser.parse_args().most))
