"""The wall: the runtime needs numpy and onnxruntime, and nothing more."""

import importlib.metadata
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

import vae_onnx

COLLECTIONS = {"pyarrow", "fsspec", "ray", "pandas", "datasets"}


def run(code: str) -> str:
    """Run code in a fresh interpreter, away from the folder of the tests."""
    command = [sys.executable, "-I", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_nothing_else_is_imported():
    code = "import vae_onnx, sys; vae_onnx.load; print(*{m.partition('.')[0] for m in sys.modules})"
    loaded = set(run(code).split())
    assert {"vae_onnx", "numpy", "onnxruntime"} <= loaded
    others = {"torch", "onnx", "gradio", "PIL", "matplotlib", "huggingface_hub", "export", "demo"}
    assert loaded.isdisjoint(others | COLLECTIONS)


def test_only_collections_import_what_they_need(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 28, 28), np.uint8))
    code = """
import sys
from vae_onnx.__main__ import main
assert main(sys.argv[1:]) == 0
print(*{m.partition('.')[0] for m in sys.modules}, file=sys.stderr)
"""
    x, out = str(tmp_path / "x.npy"), str(tmp_path / "out.npy")
    for arguments in (
        ["encode", "mnist-vae", x, "-o", out],
        ["decode", "mnist-vae", out, "-o", out],
        ["info"],
    ):
        command = [sys.executable, "-I", "-c", code, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert set(done.stderr.split()).isdisjoint(COLLECTIONS | {"torch", "onnx", "PIL"})
    command = [sys.executable, "-I", "-c", code, "embed", x, str(tmp_path / "out")]
    done = subprocess.run([*command, "--model", "mnist-vae"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.split())
    assert "pyarrow" in loaded
    assert loaded.isdisjoint({"ray", "torch", "onnx", "datasets"})


def test_collections_say_what_they_need():
    code = """
import sys
sys.modules["pyarrow"] = None
try:
    import vae_onnx.bulk
except ModuleNotFoundError as error:
    print(type(error).__name__, error)
"""
    told = run(code)
    assert told.startswith("PackageMissingError")
    assert "pip install 'vae-onnx[bulk]'" in told


def test_embedded_collections_are_for_those_who_name_them():
    """`pyarrow` and `faiss` load for commands on collections, and not for others."""
    code = """
import sys
import numpy as np
from vae_onnx.__main__ import main
np.save(sys.argv[1], np.zeros((1, 28, 28)))
main(["encode", "mnist-vae", sys.argv[1]])
print(*{m.partition('.')[0] for m in sys.modules})
"""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-I", "-c", code, str(Path(folder) / "x.npy")]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    z, loaded = told.splitlines()
    assert len(z.split("\t")) == 2
    assert {"pyarrow", "faiss", "pandas", "fsspec"}.isdisjoint(loaded.split())


def test_nothing_else_of_the_package_imports_the_door_for_torch():
    """And what it stands on, which needs onnx, is imported by the door and by `adopt` alone."""
    rooms = {"torch": ("torch",), "crossing": ("torch", "crossing", "__init__.py")}
    package = Path(vae_onnx.__file__).parent
    for room, allowed in rooms.items():
        importing = re.compile(rf"^\s*(from|import) vae_onnx\.{room}\b", re.MULTILINE)
        found = {
            path.relative_to(package).parts[0]
            for path in package.rglob("*.py")
            if importing.search(path.read_text(encoding="utf-8"))
        }
        assert found <= set(allowed)


@pytest.mark.parametrize("missing", ["torch", "onnx", "onnxscript"])
def test_the_door_for_torch_says_what_it_needs(missing):
    code = f"""
import sys
sys.modules[{missing!r}] = None
import vae_onnx
try:
    vae_onnx.torch
except vae_onnx.PackageMissingError as error:
    print(error)
"""
    assert "pip install 'vae-onnx[torch]'" in run(code)


def test_adopt_says_what_it_needs():
    code = """
import sys
sys.modules["onnx"] = None
import vae_onnx
try:
    vae_onnx.adopt
except vae_onnx.PackageMissingError as error:
    print(error)
"""
    assert "pip install onnx" in run(code)


def test_nothing_is_printed():
    assert run("import vae_onnx; vae_onnx.load('mnist-vae').decode([[0, 0]])") == ""


def test_the_wheel_asks_for_two_packages():
    requires = importlib.metadata.requires("vae-onnx") or []
    needed = [re.split(r"[^\w-]", line)[0] for line in requires if "extra ==" not in line]
    assert sorted(needed) == ["numpy", "onnxruntime"]


def test_the_version_is_the_installed_one():
    version = run("import vae_onnx; print(vae_onnx.__version__)").strip()
    assert version == importlib.metadata.version("vae-onnx")
