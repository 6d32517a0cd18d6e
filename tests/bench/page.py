"""Measure everything and write docs/benchmarks.md.

python tests/bench/page.py --out docs/benchmarks.md
"""

import argparse
from pathlib import Path

import convolutions
import demo_bench
import field
import hosts
import large
import nearest
import process
import runtime
import serving
import torch
import training
import web

from export.writing import write_text
from vae_onnx.command.bench import machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="Markdown file to write")
    out = parser.parse_args().out
    parts = (
        runtime,
        field,
        large,
        nearest,
        process,
        hosts,
        web,
        demo_bench,
        serving,
        training,
        convolutions,
    )
    sections = [part.section() for part in parts]
    title = "# Benchmarks\n\n`make bench` writes this page."
    page = "\n\n".join([title, *sections, f"{machine()} torch {torch.__version__}."])
    write_text(out, page)
    print(page)


if __name__ == "__main__":
    main()
