"""What could end the process, tried in one of its own: imports, plugins, damaged graphs.

`ask` runs this module with a question in a fresh interpreter. Whatever libraries print there goes
to stderr: stdout holds the answer, one JSON object. A packed program has no interpreter that it
could start, but itself: there, the question is answered in this process.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, get_args

PACKAGES: Final = Path(__file__).parents[2]  # the folder in which vae_onnx is
TIMEOUT: Final = 120.0  # seconds; a GPU's provider compiles its kernels on the first call
ROWS: Final = 8
MOST: Final = 50  # decodes that are timed, within SECONDS
SECONDS: Final = 0.3

WITHIN: Final = "VAE_ONNX_TRIAL"  # in the environment: a trial must not start another one

Answer = dict[str, Any]


class TrialError(Exception):
    """The process gave no answer; the message says how it ended."""


def ask(question: str, *arguments: str, timeout: float = TIMEOUT) -> Answer:
    """Answer one of the questions below in a fresh interpreter.

    Raises:
        TrialError: It crashed, or took longer than `timeout` seconds; or this process is itself
            what somebody has started as an interpreter.
    """
    if packed():
        with contextlib.redirect_stdout(sys.stderr or io.StringIO()):
            return QUESTIONS[question](*arguments)
    if WITHIN in os.environ:
        raise TrialError(f"{sys.executable} does not start Python, but this program again")
    # -P: what lies in the current folder is no part of what is installed.
    command = [sys.executable, "-P", "-m", __name__, question, *arguments]
    # Behind PYTHONPATH, where it stands for those who import: what lies there comes first for them.
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(PACKAGES)]))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}
    environment[WITHIN] = question
    try:
        ended = subprocess.run(command, capture_output=True, timeout=timeout, env=environment)
    except subprocess.TimeoutExpired as error:
        raise TrialError(f"no answer within {timeout:g} seconds") from error
    try:
        answer: Answer = json.loads(ended.stdout)
    except ValueError as error:
        told = ended.stderr.decode(errors="replace")
        raise TrialError(_ending(ended.returncode, told)) from error
    return answer


def packed() -> bool:
    """Whether this program is packed, by PyInstaller, Nuitka and the like, or within another."""
    return bool(getattr(sys, "frozen", False) or "__compiled__" in globals() or not sys.executable)


def runtime() -> Answer:
    """Import numpy and onnxruntime; say what they bring, and how many threads there are."""
    answer: Answer = {"numpy": _imported("numpy"), "onnxruntime": _imported("onnxruntime")}
    if "error" in answer["numpy"]:
        return answer
    from vae_onnx.engine import threads

    answer["threads"] = {
        "threads": threads.available(),
        "cores": os.cpu_count() or 1,
        "affinity": threads.affinity(),
        "quota": threads.quota(),
    }
    if "error" in answer["onnxruntime"]:
        return answer
    import onnxruntime as ort

    from vae_onnx.engine import providers

    answer["providers"] = list(ort.get_available_providers())
    answer["devices"] = {
        name: {
            "provider": known.provider,
            "built_in": known.provider in answer["providers"],
            "plugin": providers.plugin(known.provider),
        }
        for name, known in providers.KNOWN.items()
    }
    return answer


def on_device(name: str, model: str) -> Answer:
    """Decode with a model on a device, and on the CPU beside it."""
    import numpy as np
    import onnxruntime as ort

    import vae_onnx
    from vae_onnx.engine import providers

    provider, stage = providers.KNOWN[name].provider, "load"
    try:
        if provider not in ort.get_available_providers():
            found = providers.plugin_devices(provider)
            stage = "hardware"
            if not found:
                return {"stage": stage, "error": "finds no hardware that it can use"}
        stage = "run"
        cpu, ours = (vae_onnx.load(model, device=each) for each in ("cpu", name))
        z = np.random.default_rng(0).standard_normal((ROWS, ours.latent_dim), np.float32)
        difference = np.abs(ours.decode(z) - cpu.decode(z)).max()
        return {
            "model": model,
            "placement": dict(Counter(ours.decoder.graph.placement.values())),
            "difference": float(difference) if np.isfinite(difference) else None,
            "milliseconds": _milliseconds(lambda: ours.decode(z[:1])),
        }
    except Exception as error:  # providers raise whatever they like
        return {"stage": stage, "error": _first_line(error.__cause__ or error)}


def opens(*names: str) -> Answer:
    """Open models and their variants on the CPU: name -> its folder, or what is wrong with it."""
    import vae_onnx
    from vae_onnx.autoencoder import Precision

    answer = {}
    for name in names:
        try:
            folder = vae_onnx.load(name, device="cpu").folder.resolve()
            for precision in get_args(Precision):
                if (folder / f"decoder.{precision}.onnx").exists():
                    vae_onnx.load(name, device="cpu", precision=precision)
            answer[name] = {"folder": str(folder)}
        except Exception as error:  # the doctor never fails on what it looks at
            answer[name] = {"error": _first_line(error)}
    return answer


QUESTIONS: Final[Mapping[str, Callable[..., Answer]]] = {
    question.__name__: question for question in (runtime, on_device, opens)
}


def _imported(module: str) -> dict[str, str]:
    try:
        imported = importlib.import_module(module)
        if module == "onnxruntime":
            # Where one of two onnxruntime packages was uninstalled, an empty module is left.
            imported.InferenceSession  # noqa: B018
        return {"version": imported.__version__}
    except Exception as error:  # what is half installed may raise whatever it likes
        return {"error": _first_line(error)}


def _milliseconds(work: Callable[[], object]) -> float:
    """Return the median time of the work."""
    times: list[float] = []
    while len(times) < MOST and sum(times) < SECONDS:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _ending(status: int, told: str) -> str:
    last = ([line.strip() for line in told.splitlines() if line.strip()] or ["nothing"])[-1]
    if status < 0:
        return f"the process was killed by {signal.Signals(-status).name}; it last said: {last}"
    return f"the process ended with status {status}; it last said: {last}"


def _main() -> None:
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever libraries print
    answer = QUESTIONS[sys.argv[1]](*sys.argv[2:])
    with os.fdopen(answers, "w") as file:
        json.dump(answer, file)


if __name__ == "__main__":
    _main()
