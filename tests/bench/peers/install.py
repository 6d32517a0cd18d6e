"""Make the environment of the peers that .venv does not have.

python tests/bench/peers/install.py build/peers

It lies over the environment of the Python that runs this, whose torch and numpy are those of the
peers as well. Whichever package cannot be had is left out: the table says so.
"""

import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from sysconfig import get_path

PROJECT = Path(__file__).parents[3] / "pyproject.toml"


def main() -> None:
    folder = Path(sys.argv[1])
    venv.create(folder, clear=True, with_pip=True)
    python = folder / "bin" / "python"
    ask = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    own = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    # Its .pth files too, of which one is vae_onnx's.
    line = f"import site; site.addsitedir({get_path('purelib')!r})\n"
    (Path(own) / "below.pth").write_text(line)
    packages = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["dependency-groups"]["peers"]
    for package in packages:
        subprocess.run([python, "-m", "pip", "install", "--quiet", package], check=False)


if __name__ == "__main__":
    main()
