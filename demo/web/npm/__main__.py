"""`python -m demo.web.npm --out build/npm-package`: write the package of npm, as npm uploads it."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import vae_onnx
from demo import tools
from demo.web import join
from vae_onnx import terminal

HERE = Path(__file__).parent
LICENCE = HERE.parents[2] / "LICENSE"
DRAWING = Path(vae_onnx.__file__).parent / "models" / "drawing.onnx"


@terminal.plain()
def main() -> int:
    """Write the package; 1 if that cannot be, with the reason on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.web.npm", description="Write the package of npm."
    )
    parser.add_argument("--out", type=Path, default=Path("build/npm-package"), help="folder")
    out = parser.parse_args().out
    try:
        print(pack(out))
    except (OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def pack(out: Path) -> Path:
    """Write vae-onnx-VERSION.tgz to a folder, in the place of an earlier one; returns its path.

    Raises:
        FileNotFoundError: There is no npm, and none to be had.
        RuntimeError: npm does not take the package.
    """
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.tgz"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        command = [tools.need("npm"), "pack", "--silent", "--pack-destination", str(out.resolve())]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, encoding="utf-8", check=False
        )
    if done.returncode:
        raise RuntimeError(f"npm pack: {done.stderr.strip()}")
    (packed,) = out.glob("*.tgz")
    return packed


def write(folder: Path) -> None:
    """Write what the package holds to an empty folder."""
    told = json.loads((HERE / "package.json").read_text(encoding="utf-8"))
    told = {"name": told.pop("name"), "version": vae_onnx.__version__, **told}
    if repository := os.environ.get("GITHUB_REPOSITORY"):  # which the provenance must find in it
        address = f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{repository}"
        told["repository"] = {"type": "git", "url": f"git+{address}.git"}
    text = json.dumps(told, indent=2) + "\n"
    (folder / "package.json").write_text(text, encoding="utf-8", newline="\n")
    join.write(folder)
    (folder / "models").mkdir()
    shutil.copy(DRAWING, folder / "models")
    for file in (HERE / "README.md", LICENCE):
        shutil.copy(file, folder)


if __name__ == "__main__":
    sys.exit(main())
