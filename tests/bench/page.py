"""Measure everything and write docs/benchmarks.md.

python tests/bench/page.py --out docs/benchmarks.md
"""

import argparse
import os
import platform
from pathlib import Path

import hosts
import numpy as np
import onnxruntime as ort
import runtime
import torch
import training

import vae_onnx
from export.files import write_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="Markdown file to write")
    out = parser.parse_args().out
    title = "# Benchmarks\n\n`make bench` writes this page."
    page = "\n\n".join(
        [title, runtime.section(), hosts.hosts_section(), training.section(), machine()]
    )
    write_text(out, page)
    print(page)


def machine() -> str:
    versions = {
        "Python": platform.python_version(),
        "vae_onnx": vae_onnx.__version__,
        "onnxruntime": ort.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores. {told}."


if __name__ == "__main__":
    main()
