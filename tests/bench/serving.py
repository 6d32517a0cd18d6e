"""`vae-onnx serve` under load, and with a worker killed in the middle of it.

python tests/bench/serving.py prints its section of docs/benchmarks.md alone; `make serve-env` makes
the environment that it needs, build/serve.
"""

import json
import os
import subprocess
from pathlib import Path

from tqdm import tqdm

from export.markdown import table

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "build" / "serve" / "bin" / "python"
LOAD = ROOT / "tests" / "serving" / "load.py"
CLIENTS = 64
REQUESTS = 10_000
CASES = {
    "1 worker": ["--workers", "1", "--no-kill"],
    "2 workers": ["--workers", "2", "--no-kill"],
    "2 workers, one killed": ["--workers", "2"],
}
HEADER = ["", "right", "wrong", "lost", "tries broken", "requests/s", "images/s", "p50", "p99"]


def section() -> str:
    """Return the section.

    Raises:
        AssertionError: An answer is wrong or lost.
    """
    results = {name: measure(case) for name, case in tqdm(CASES.items(), disable=None)}
    rows = results["2 workers"]["batch_rows"]
    return f"""## The service

`vae-onnx serve mnist-vae`, {CLIENTS} clients of `tritonclient`, half by gRPC and half by HTTP,
{REQUESTS:,} requests of 1 to 300 rows to its three models, each answer compared with the runtime's
own. Clients and service share this machine. In the last row one of the two processes is killed
(`kill -9`) after two fifths; whose connection breaks asks again. With 2 workers a batch has
{rows:.0f} rows on average.

{table(HEADER, [row(name, result) for name, result in results.items()])}"""


def measure(options):
    """One load, in the environment that has server and client."""
    command = [PYTHON, LOAD, "--clients", str(CLIENTS), "--requests", str(REQUESTS), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["right"], result["wrong"], result["lost"]) == (REQUESTS, 0, 0), result
    return result


def row(name, result):
    seconds = result["seconds"]
    return [
        name,
        f"{result['right']:,}",
        str(result["wrong"]),
        str(result["lost"]),
        str(result["retried"]),
        f"{result['requests'] / seconds:,.0f}",
        f"{result['rows'] / seconds:,.0f}",
        f"{result['p50_ms']:.0f} ms",
        f"{result['p99_ms']:.0f} ms",
    ]


if __name__ == "__main__":
    print(section())
