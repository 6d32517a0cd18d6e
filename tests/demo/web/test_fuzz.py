"""Mutated graphs in vae.js: a model, or an error of its own."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_mutated_graphs_are_taken_or_refused(example: Path) -> None:
    script = ROOT / "tests" / "fuzz" / "graphs.mjs"
    command = [
        "node",
        script,
        example / "vae.js",
        ROOT / "tests" / "runtime" / "graphs",
        "3000",
        "3",
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(ran.stdout)
    assert told["found"] == []
    assert told["taken"] > 50
