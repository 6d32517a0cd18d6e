"""What a variant costs in nats and gains in time, beside float32."""

import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort

from export.choices import DRAWS
from export.errors import UserError
from export.graphs.parity import BATCH_SIZES
from export.lowprecision.opening import Model
from vae_onnx import Decoder, Encoder, Posterior, contract, evaluation
from vae_onnx.distributions import BERNOULLI
from vae_onnx.engine.graph import Array
from vae_onnx.evaluation import Settings

SEED: Final = 0
ROWS: Final = (1, 10_000)  # that are timed at once


ROUNDS: Final = 11


SECONDS: Final = 0.05  # the least that one measurement lasts


class QualityError(UserError, RuntimeError):
    """A variant loses more than is allowed, or does not compute what it should."""


def losses(model: Model, encoder: Encoder, decoder: Decoder) -> dict[str, Any]:
    """Return the losses on the complete test set, with the noise of the card's own metrics."""
    codes: Posterior | Array
    codes = encoder.posterior(model.test) if encoder.kind == "vae" else encoder.encode(model.test)
    draws = model.card["metrics"].get("draws", DRAWS)
    settings = Settings(draws=draws, seed=model.card["metrics"].get("seed", SEED))
    px = contract.likelihood(model.graphs.metadata) or BERNOULLI
    return evaluation.losses(model.test, codes, lambda z: decoder.graph(z)[0], settings, px)


def check_batches(model: Model, encoder: Encoder, decoder: Decoder) -> None:
    """See that a row of a batch comes out as it does alone, up to a rounding here and there.

    Raises:
        QualityError: it does not.
    """
    repeats = -(-max(BATCH_SIZES) // len(model.test))  # a small test set is shown more than once
    x = np.concatenate([model.test] * repeats)[: max(BATCH_SIZES)]
    for graph, batch in ((encoder.graph, x), (decoder.graph, encoder.encode(x))):
        whole = graph(batch)
        for size in BATCH_SIZES:
            for part, expected in zip(graph(batch[:size]), whole, strict=True):
                difference = np.abs(part - expected[:size]).mean()
                if not difference <= 1e-4 * max(1.0, np.abs(expected).max()):
                    raise QualityError(
                        f"{graph.path.name} of {model.card['name']} differs by {difference:.2e} "
                        f"in a batch of {size} from a larger one; nothing was written"
                    )


def time_ratios(model: Model, encoder: Encoder, decoder: Decoder) -> dict[str, dict[str, float]]:
    """How long a variant takes, in times of float32: encode and decode, for each of `ROWS`.

    Medians of both in turns, one thread each.
    """
    theirs = (
        Encoder(model.folder / "encoder.onnx", threads=1),
        Decoder(model.folder / "decoder.onnx", threads=1),
    )
    ratios: dict[str, dict[str, float]] = {"encode": {}, "decode": {}}
    for rows in ROWS:
        x = np.resize(model.test, (rows, *model.graphs.image_shape))
        z = theirs[0].encode(x)
        out = theirs[1].decode(z) if rows > 1 else None  # for a single row it only costs

        def encode(side: Encoder, x: Array = x) -> object:
            return side.encode(x)

        def decode(side: Decoder, z: Array = z, out: Array | None = out) -> object:
            return side.decode(z, out)

        ratios["encode"][str(rows)] = in_turns(partial(encode, encoder), partial(encode, theirs[0]))
        ratios["decode"][str(rows)] = in_turns(partial(decode, decoder), partial(decode, theirs[1]))
    return ratios


def in_turns(ours: Callable[[], object], theirs: Callable[[], object]) -> float:
    """Ratio of the median times of two calls, measured in turns."""
    repeats = max(1, round(SECONDS / min(_seconds(ours, 2), _seconds(theirs, 2))))
    times = [(_seconds(ours, repeats), _seconds(theirs, repeats)) for _ in range(ROUNDS)]
    first, second = (statistics.median(each) for each in zip(*times, strict=True))
    return float(round(first / second, 2))


def _seconds(call: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def machine() -> str:
    """Describe what the times were measured on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        told = dict(line.partition(":")[::2] for line in lines if ":" in line)
        told = {key.strip(): value.strip() for key, value in told.items()}
    except OSError:  # not Linux
        told = {}
    name = told.get("model name") or platform.processor() or platform.machine()
    wanted = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "asimddp", "i8mm")
    flags = (told.get("flags") or told.get("Features") or "").split()
    features = ", ".join(flag for flag in wanted if flag in flags)
    return (
        f"{name}{f' ({features})' if features else ''}, {platform.system()} {platform.machine()}, "
        f"onnxruntime {ort.__version__}, one thread."
    )
