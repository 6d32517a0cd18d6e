"""The wall: the runtime needs numpy and onnxruntime, and nothing more."""

import importlib.metadata
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import vae_onnx


def run(code: str) -> str:
    """Run code in a fresh interpreter, away from the folder of the tests."""
    command = [sys.executable, "-I", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_nothing_else_is_imported():
    code = "import vae_onnx, sys; vae_onnx.load; print(*{m.partition('.')[0] for m in sys.modules})"
    loaded = set(run(code).split())
    assert {"vae_onnx", "numpy", "onnxruntime"} <= loaded
    others = {"torch", "onnx", "gradio", "PIL", "matplotlib", "huggingface_hub", "export", "demo"}
    assert loaded.isdisjoint(others)


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
