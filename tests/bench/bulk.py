"""Embedding many images: how long it takes, what limits it, and what more of them would need.

python tests/bench/bulk.py --page docs/scale.md fills in what is measured and what follows from it.
--most 1000000 leaves the largest counts out, which need 10 GB of disk.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

import vae_onnx
from export.markdown import fill, table
from vae_onnx.bulk import embedding
from vae_onnx.command.bench import machine
from vae_onnx.engine import threads
from vae_onnx.pictures.taking import Taker
from vae_onnx.store.array_files import read_idx

COUNTS = (10_000, 100_000, 1_000_000, 2_000_000, 10_000_000)
COMPARED = 2_000_000  # beside which `posterior` of the array in memory is timed
BESIDE_RAY = (100_000, 1_000_000, 10_000_000)
WORKERS = (1, 2, 4, 8)
PICTURES, SIDE = 20_000, 256
GROUP = 10_000  # rows of a group in the Parquet file
ROUNDS = 3
PLANNED = (1e8, 1e10)  # images
CORES = {1e8: 16, 1e10: 256}
CORE_HOUR, GIGABYTE_MONTH = 0.05, 0.023  # dollars, as large clouds ask for at the time of writing
LINK = 1.25e9  # bytes a second that one machine reads over 10 Gbit/s

IN_MEMORY = """
import sys, time, numpy as np, pyarrow.parquet as pq, vae_onnx
rows = int(sys.argv[2])
x = np.empty((rows, 784), np.uint8)
at = 0
for batch in pq.ParquetFile(sys.argv[1], buffer_size=2**20).iter_batches(10_000):
    part = np.frombuffer(batch.column(0).buffers()[2], np.uint8).reshape(-1, 784)
    x[at : at + len(part)] = part
    at += len(part)
model = vae_onnx.load("mnist-vae")
model.posterior(x[:10_000])
begin = time.perf_counter()
model.posterior(x)
print(time.perf_counter() - begin)
"""
# What `getrusage` tells would begin with the memory of the process that started it.
MEASURED = """
import sys
from pathlib import Path
from vae_onnx.__main__ import main
code = main(sys.argv[1:])
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
sys.exit(code)
"""
ON_RAY = """
import sys, ray
from vae_onnx import bulk
path, out, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
ray.init(num_cpus=workers, log_to_driver=False)
for turn in range(2):  # the first starts the workers
    report = bulk.embed(path, f"{out}-{turn}", "mnist-vae", rows=10_000,
                        cluster=bulk.Cluster(actors=workers))
print(report.seconds)
"""


class Measured(NamedTuple):
    """A workload, for one core."""

    name: str
    rate: float  # images a second
    bytes_in: float  # an image
    bytes_out: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, help="where to fill it in; without, it is printed")
    parser.add_argument("--most", type=int, default=COUNTS[-1], help="images (default %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        sets = {count: digits(folder, count) for count in COUNTS if count <= options.most}
        told, drawn = of_digits(sets, folder)
        told_pictures, photographs = of_pictures(folder)
        parts = [told, told_pictures, of_ray(sets, folder), of_workers(sets, folder)]
    measured = "\n\n".join([*parts, f"{machine()} pyarrow {pa.__version__}."])
    planned = plan([drawn, photographs])
    if options.page:
        fill(options.page, "measured", measured)
        fill(options.page, "planned", planned)
    print(measured, planned, sep="\n\n")


def digits(folder: Path, count: int) -> Path:
    """Write MNIST's training images again and again, each time moved by a pixel."""
    path = folder / f"{count}.parquet"
    root = Path(os.environ.get("VAE_ONNX_DATA", "data")) / "MNIST"
    x = read_idx(next(path for path in root.rglob("train-images*") if path.is_file()))
    x = x.reshape(-1, 784)
    rng = np.random.default_rng(0)
    schema = pa.schema([("image", pa.binary())])
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for start in range(0, count, GROUP):
            rows = min(GROUP, count - start)
            block = np.roll(x[rng.integers(0, len(x), rows)], start // GROUP, 1)
            ends = pa.py_buffer(np.arange(0, rows * 784 + 1, 784, dtype=np.int32))
            buffers = [None, ends, pa.py_buffer(np.ascontiguousarray(block))]
            column = pa.BinaryArray.from_buffers(pa.binary(), rows, buffers)
            writer.write_batch(pa.record_batch([column], names=["image"]))
    return path


def of_digits(sets: dict[int, Path], folder: Path) -> tuple[str, Measured]:
    rows, seconds, resumed = [], {}, 0.0
    for count, path in sets.items():
        alone, times, memory = [], [], []
        for turn in range(ROUNDS if count <= COMPARED else 1):
            out = folder / f"out-{count}-{turn}"
            if count == COMPARED:
                command = [sys.executable, "-c", IN_MEMORY, str(path), str(count)]
                alone.append(float(run(command)))
            time_of, mebibytes = embed(path, out)
            times.append(time_of)
            memory.append(mebibytes)
        seconds[count] = statistics.median(times)
        rate = count / seconds[count]
        share = f"{statistics.median(alone) / seconds[count]:.2f}" if alone else ""
        told = [f"{seconds[count]:.2f} s", f"{rate:,.0f}", f"{max(memory):,.0f} MiB", share]
        rows.append([f"{count:,}", *told])
        resumed, _ = embed(path, out, "--resume")
    fixed, each = np.polynomial.polynomial.polyfit(
        list(seconds), list(seconds.values()), 1, w=[1 / time_of for time_of in seconds.values()]
    )
    written = sum(file.stat().st_size for file in out.glob("part-*")) / count
    header = ["images", "seconds", "images/s", "most memory", "of `posterior` in memory"]
    text = f"""**Digits** of a Parquet file with a column of raw bytes, {GROUP:,} rows a group,
through `mnist-vae` on {threads.available()} cores. The median of {ROUNDS} runs of
`vae-onnx embed`, whose start is not counted, in turns with `posterior`
of an array of the same digits in memory; above {COMPARED:,} images one run.

{table(header, rows)}

The time is {fixed:.2f} s and {1e6 * each:.2f} s for each million images (least squares of relative
errors). A row of the result takes {written:.1f} bytes. To see that a finished job of {count:,}
images is sound, `--resume` takes {resumed:.1f} s."""
    rate = 1 / each / threads.available()
    return text, Measured("digits, raw, `mnist-vae`", rate, 784, written)


def of_pictures(folder: Path) -> tuple[str, Measured]:
    place, out = folder / "pictures", folder / "out-pictures"
    files = jpegs(place)
    model = vae_onnx.load("emoji-vae")
    take = Taker(model, fit="crop")
    begin = time.perf_counter()
    with ThreadPoolExecutor(threads.available()) as pool:
        pixels = list(pool.map(lambda path: take(path).pixels, files))
    decoding = time.perf_counter() - begin
    begin = time.perf_counter()
    with ThreadPoolExecutor(threads.available()) as pool:
        for _ in pool.map(by_pillow, files):
            pass
    plain = time.perf_counter() - begin
    batch = np.stack(pixels)
    rows = embedding.rows_of(model)
    begin = time.perf_counter()
    for start in range(0, len(batch), rows):
        model.posterior(batch[start : start + rows])
    alone = time.perf_counter() - begin
    seconds, memory = embed(place, out, "--fit", "crop", model="emoji-vae")
    slower = max(decoding, alone)
    read = sum(path.stat().st_size for path in files) / PICTURES
    written = sum(path.stat().st_size for path in out.glob("part-*")) / PICTURES
    rate = PICTURES / seconds
    text = f"""**Pictures**: {PICTURES:,} JPEG files of {SIDE}x{SIDE}, {read / 1024:.0f} KiB
each, in a folder, through `emoji-vae` with `--fit crop`: {seconds:.1f} s, {rate:,.0f} images/s,
{memory:,.0f} MiB. Decoding and scaling them alone on all cores takes {decoding:.1f} s, the model
alone {alone:.1f} s: {slower / seconds:.2f} of the speed of the slower of the two alone, and
{(decoding + alone) / seconds:.2f} of that of the two one after the other, which is all that there
is to gain where both need the same cores. Pillow takes {plain:.1f} s to decode them to all of their
pixels and scale them with Lanczos."""
    return text, Measured(
        f"JPEG of {SIDE}x{SIDE}, `emoji-vae`", rate / threads.available(), read, written
    )


def by_pillow(path: Path) -> np.ndarray:
    """A picture at the model's size, as one would write it by hand."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB").resize((32, 32), Image.Resampling.LANCZOS))


def jpegs(place: Path) -> list[Path]:
    """Smooth pictures with some noise, whose files are as large as those of photographs."""
    place.mkdir()
    rng = np.random.default_rng(0)
    files = [place / f"{number:05}.jpg" for number in range(PICTURES)]
    for path in files:
        coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8))
        smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.int16)
        noisy = smooth + rng.integers(-8, 9, smooth.shape, np.int16)
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path, quality=85)
    return files


def of_ray(sets: dict[int, Path], folder: Path) -> str:
    cores = str(threads.available())
    rows = []
    for count in (count for count in BESIDE_RAY if count in sets):
        here, _ = embed(sets[count], folder / f"here-{count}")
        cluster = ["--engine", "ray", "--actors", "1", "--cpus", cores]
        there, _ = embed(sets[count], folder / f"there-{count}", *cluster)
        more = f"{there - here:.1f} s"
        rows.append([f"{count:,}", f"{here:.1f} s", f"{there:.1f} s", more])
    return f"""**Ray** on the same machine, one actor of {cores} cores, the start of the cluster
counted: the same files, and so much more time.

{table(["images", "this machine alone", "Ray", "more"], rows)}"""


def of_workers(sets: dict[int, Path], folder: Path) -> str:
    count = min(1_000_000, max(sets))
    rows, first = [], 0.0
    for workers in WORKERS:
        out = folder / f"workers-{workers}"
        command = [sys.executable, "-c", ON_RAY, str(sets[count]), str(out), str(workers)]
        seconds = float(run(command).splitlines()[-1])
        first = first or seconds
        rows.append([f"{workers}", f"{seconds:.1f} s", f"{count / seconds:,.0f}"])
    return f"""**Scheduling**: logical workers of one core each on a cluster that runs already, also
more of them than this machine has cores; {count:,} digits, dealt out 10,000 at a time. What is lost
from {threads.available()} workers on is the price of dealing out.

{table(["workers", "seconds", "images/s"], rows)}"""


def plan(workloads: list[Measured]) -> str:
    header = ["images", "of", "read", "written", "core hours", "cores", "hours", "compute"]
    header += ["a million", "a month of the result", "held up by"]
    rows = []
    for count in PLANNED:
        for name, rate, bytes_in, bytes_out in workloads:
            hours = count / rate / 3600
            price = hours * CORE_HOUR
            cores = CORES[count]
            link = LINK / (rate * bytes_in)  # cores that one machine's link feeds
            held = "the network" if link < 16 else "decoding and the model"
            kept = count * bytes_out / 1e9
            rows.append(
                [
                    *(f"{count:,.0f}", name, size(count * bytes_in), size(count * bytes_out)),
                    *(f"{hours:,.1f}", f"{cores}", f"{hours / cores:,.2f}", dollars(price)),
                    *(dollars(1e6 * price / count), dollars(kept * GIGABYTE_MONTH)),
                    f"{held}: {link:,.0f} cores a link",
                ]
            )
    return f"""{table(header, rows)}

Assumed: ${CORE_HOUR} for an hour of a core, ${GIGABYTE_MONTH} for a gigabyte and month, cores
as quick as these, machines of 16 of them that read 10 Gbit/s. "Cores a link" is how many of
these cores such a link feeds."""


def dollars(value: float) -> str:
    """Cents, or two digits of what is less than ten of them."""
    return f"${value:,.2f}" if value >= 0.1 else f"${float(f'{value:.2g}'):f}".rstrip("0")


def size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def embed(path: Path, out: Path, *arguments: str, model: str = "mnist-vae") -> tuple[float, float]:
    """Seconds that the command says it took, and the most memory of its process in MiB."""
    command = [sys.executable, "-c", MEASURED, "embed", str(path), str(out), "--model", model]
    said, memory = run([*command, *arguments]).splitlines()[-2:]
    return float(said.split(" s,")[0]), int(memory) / 1024


def run(command: list[str]) -> str:
    """What a command prints."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


if __name__ == "__main__":
    main()
