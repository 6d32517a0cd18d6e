"""The wall: the runtime needs numpy and onnxruntime, and nothing more."""

import importlib.metadata
import re
import subprocess
import sys


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


def test_nothing_is_printed():
    assert run("import vae_onnx; vae_onnx.load('mnist-vae').decode([[0, 0]])") == ""


def test_the_wheel_asks_for_two_packages():
    requires = importlib.metadata.requires("vae-onnx") or []
    needed = [re.split(r"[^\w-]", line)[0] for line in requires if "extra ==" not in line]
    assert sorted(needed) == ["numpy", "onnxruntime"]


def test_the_version_is_the_installed_one():
    version = run("import vae_onnx; print(vae_onnx.__version__)").strip()
    assert version == importlib.metadata.version("vae-onnx")
