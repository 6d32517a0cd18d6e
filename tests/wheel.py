"""`python tests/wheel.py [PYTHON...]`: the runtime's tests against the wheel in dist/.

For each interpreter, a version ("3.12") or a path, an environment of its own in build/ gets the
wheel, and the tests of the source archive run there, away from its sources. Without any, that is
for all versions that are found here. Options of pytest go behind `--`. It needs neither make nor
a shell, and is the same on Linux, macOS and Windows.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
SHOWN = """
import sys, numpy, onnxruntime, vae_onnx
print(sys.version.split()[0], vae_onnx.__file__, numpy.__version__, onnxruntime.__version__)
"""
TORCH = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is not None)"


def main() -> int:
    """Run them all; 1 if a test failed, or an interpreter that was named is not here."""
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    named, options = sys.argv[1:split], sys.argv[split + 1 :]
    results = {}
    for name in named or VERSIONS:
        python = find(name)
        if python is None:
            results[name] = "not here"
            continue
        results[name] = "passed" if test(python, options) == 0 else "FAILED"
    for name, result in results.items():
        print(f"Python {name}: {result}")
    bad = {"FAILED", "not here"} if named else {"FAILED"}
    return int(bool(bad & {*results.values()}) or "passed" not in results.values())


def find(name: str) -> str | None:
    """Where an interpreter is: on PATH, by Windows' launcher, or where pyenv and uv put theirs."""
    if found := shutil.which(name) or shutil.which(f"python{name}"):
        return found
    told = ["-c", "import sys; print(sys.executable)"]
    for command in (["py", f"-{name}", *told], ["uv", "python", "find", name]):
        if shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return done.stdout.strip()
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return next((str(path) for path in versions.glob(f"{name}.*/bin/python")), None)


def test(python: str, options: list[str]) -> int:
    """Make the environment, and run the tests in it; returns pytest's exit status."""
    (wheel,), (source,) = (ROOT / "dist").glob("*.whl"), (ROOT / "dist").glob("*.tar.gz")
    version = run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture=True)
    home = ROOT / "build" / f"python{version.strip()}"
    shutil.rmtree(home, ignore_errors=True)
    run([python, "-m", "venv", str(home)])
    own = str(home / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    pip = [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--upgrade", "pip>=25.1"])
    tests = unpack(source, home / "source")
    run([*pip, str(wheel), "--group", f"{tests / 'pyproject.toml'}:runtime-test"])
    run([own, "-I", "-c", TORCH])
    run([own, "-I", "-c", SHOWN])
    command = [own, "-m", "pytest", "-p", "no:cacheprovider", "tests/runtime", *options]
    return subprocess.run(command, cwd=tests, check=False).returncode


def unpack(source: Path, folder: Path) -> Path:
    """Unpack the source archive without the package, which is not to be imported from there."""
    with tarfile.open(source) as archive:
        archive.extractall(folder, filter="data")
    (tests,) = folder.iterdir()
    shutil.rmtree(tests / "vae_onnx")
    return tests


def run(command: list[str], *, capture: bool = False) -> str:
    """Run a command that must not fail; returns what it printed, if that is asked for."""
    pipe = subprocess.PIPE if capture else None
    return subprocess.run(command, stdout=pipe, text=True, check=True).stdout or ""


if __name__ == "__main__":
    sys.exit(main())
