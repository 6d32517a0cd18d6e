"""Large pictures and convolutions: one picture and many, beside bare sessions and torch.

python tests/bench/large.py prints its section of docs/benchmarks.md alone.
"""

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import strangers
import torch
from torch import nn

import vae_onnx
import vae_onnx.torch
from export.markdown import table
from vae_onnx.command.bench import alternate
from vae_onnx.engine import threads
from vae_onnx.errors import ExportWarning

MANY = 64  # pictures
ROUNDS = 5

Call = Callable[[], object]


class Convolutions(nn.Module):
    """An autoencoder of 64x64 pictures: four convolutions there and four back, 128 codes."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        widths = (3, width, width, 2 * width, 2 * width)
        down = [
            layer
            for a, b in itertools.pairwise(widths)
            for layer in (nn.Conv2d(a, b, 4, 2, 1), nn.ReLU())
        ]
        up = [
            layer
            for a, b in itertools.pairwise(reversed(widths))
            for layer in (nn.ConvTranspose2d(a, b, 4, 2, 1), nn.ReLU())
        ]
        flat = widths[-1] * 4 * 4
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(flat, 128))
        unflatten = nn.Linear(128, flat), nn.Unflatten(1, (widths[-1], 4, 4))
        self.decoder = nn.Sequential(*unflatten, *up[:-1], nn.Sigmoid())


def tiny() -> nn.Module:
    return strangers.tiny()[0]


MODELS = {
    "convolutions, 64x64": (Convolutions, 64, {}, lambda model, z: model.decoder(z)),
    "AutoencoderTiny, 256x256": (
        *(tiny, 256, strangers.ANY_SIZE),
        lambda model, z: model.decode(z).sample,
    ),
}

MEMORY = {
    "vae_onnx": "import vae_onnx\nvae_onnx.load({folder!r}).decode(np.repeat(z, {many}, axis=0))",
    "bare onnxruntime, two": """
import onnxruntime as ort
session = ort.InferenceSession({decoder!r}, providers=["CPUExecutionProvider"])
session.run(None, {{"z": np.repeat(z, 2, axis=0)}})""",
}


def section() -> str:
    torch.set_num_threads(threads.available())
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for name, (build, size, options, decode) in MODELS.items():
            torch.manual_seed(0)
            model, folder = build().eval(), Path(place) / name.split(",")[0]
            export(model, folder, size, options)
            for count in (1, MANY):
                rows += compare(f"{name}, {count}", folder, partial(decode, model), size, count)
        memory = memory_text(folder)
    header = [
        *("decode", "best bare session", "torch"),
        *("vae_onnx", "/ bare", "/ torch", "`spin=True`", "/ bare", "/ torch"),
    ]
    return f"""## Large pictures

Decoders of random weights on {threads.available()} threads each, in turns. The best of four bare
sessions is taken: one thread or two, with onnxruntime's own spinning, all pictures in one call or
one after another. That spinning keeps a core busy for 45 ms after each call; ours sleeps then,
unless `load(..., spin=True)`.

{table(header, rows)}

{memory}"""


def export(model: nn.Module, folder: Path, size: int, options: Any) -> None:
    pictures = np.random.default_rng(0).random((4, 64, 64, 3), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExportWarning)
        vae_onnx.torch.export(folder, model, pictures, **options, strict=False, progress=False)


def compare(
    what: str, folder: Path, decode: Callable[[Any], Any], size: int, count: int
) -> list[list[str]]:
    model, awake = vae_onnx.load(folder), vae_onnx.load(folder, spin=True)
    x = np.random.default_rng(0).random((1, size, size, 3), np.float32)
    z = np.repeat(model.encode(x), count, axis=0)
    tensor = torch.from_numpy(z)
    bare = {
        f"{number} thread{'s' * (number > 1)}, {how}": call
        for number in (1, 2)
        for how, call in sessions(folder, z, number).items()
    }
    calls = {
        "ours": partial(model.decode, z),
        "spin": partial(awake.decode, z),
        "torch": lambda: decode(tensor),
        **bare,
    }
    with torch.inference_mode():
        timings = alternate(calls, ROUNDS)
    times = {name: timing.p50 for name, timing in timings.items()}
    best = min(bare, key=lambda name: times[name])
    theirs, torches = times[best], times["torch"]
    told = [f"{milliseconds(theirs)} ({best})", milliseconds(torches)]
    for name in ("ours", "spin"):
        ours = times[name]
        told += [milliseconds(ours), f"{ours / theirs:.2f}", f"{ours / torches:.2f}"]
    return [[what, *told]]


def sessions(folder: Path, z: np.ndarray, number: int) -> dict[str, Call]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = number
    path = folder / "decoder.onnx"
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    calls: dict[str, Call] = {"one call": lambda: session.run(None, {"z": z})}
    if len(z) > 1:
        rows = np.split(z, len(z))
        calls["row by row"] = lambda: [session.run(None, {"z": row}) for row in rows]
    return calls


def memory_text(folder: Path) -> str:
    values = {"folder": str(folder), "decoder": str(folder / "decoder.onnx"), "many": MANY}
    start = "import numpy as np\nz = np.zeros((1, 4, 64, 64), np.float32)\n"
    tell = "\nprint(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"
    ours, bare = (
        statistics.median(run(start + code.format(**values) + tell) for _ in range(3))
        for code in MEMORY.values()
    )
    output = MANY * 3 * 512 * 512 * 4 / 2**20
    return f"""{MANY} pictures of 512x512 take {ours:,.0f} MiB, {output:,.0f} of them the pictures
themselves; a bare session takes {bare:,.0f} MiB for two. Without the pictures that is
{(ours - output) / bare:.2f} of it."""


def run(code: str) -> float:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout) / 1024


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.1f} ms"


if __name__ == "__main__":
    print(section())
