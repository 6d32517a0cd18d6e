"""The runtime through its public API, as `vae-onnx bench` measures it, and the drawing graph."""

from functools import partial

import numpy as np

import vae_onnx
from export.markdown import table
from vae_onnx.command.bench import alternate, bench, milliseconds

MODEL = "mnist-vae"
BATCH_SIZES = (1, 16, 256, 10_000)
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

{table(header, rows)}"""
