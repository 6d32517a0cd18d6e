"""`python -m demo`, and the folder as a Space."""

import json
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import demo
import vae_onnx
from demo.screenshot import serve

FOLDER = Path(demo.__file__).parent


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_import_loads_neither_torch_nor_matplotlib() -> None:
    result = run("-c", "import demo.app, sys; print(*{m.partition('.')[0] for m in sys.modules})")
    assert result.returncode == 0, result.stderr
    modules = set(result.stdout.split())
    assert {"gradio", "vae_onnx"} <= modules
    assert modules.isdisjoint({"torch", "matplotlib", "onnx", "playwright", "export"})


def test_taken_port_is_told_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run("-m", "demo", "--port", port)
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: cannot listen on 127.0.0.1, port {port}")
    assert "--port" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_folder_without_models_is_told(tmp_path: Path) -> None:
    result = run("-m", "demo", "--port", "7999", "--models", str(tmp_path))
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {tmp_path} must hold folders of models")


def test_models_of_ones_own_are_served(tmp_path: Path) -> None:
    for name in ("fashion-mnist-ae", "fashion-mnist-vae"):
        shutil.copytree(vae_onnx.load(name).folder, tmp_path / "mine" / name)
    command = (sys.executable, "-m", "demo", "--models", str(tmp_path / "mine"))
    with serve(None, *command) as url:
        told = json.load(urllib.request.urlopen(f"{url}/health"))
        assert told["models"][:2] == ["mine/fashion-mnist-ae", "mine/fashion-mnist-vae"]
        for path in ("maps/mine/fashion-mnist-vae.png", "models/mine/fashion-mnist-ae/card.json"):
            with urllib.request.urlopen(f"{url}/{path}") as response:
                assert response.status == 200


@pytest.mark.parametrize("device", ["toaster", "cuda"])
def test_a_device_that_is_not_there_is_told(device: str) -> None:
    result = run("-m", "demo", "--port", "7998", "--device", device)
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr


def test_sigterm_ends_it_and_its_temporary_folder(tmp_path: Path) -> None:
    command = ("env", f"TMPDIR={tmp_path}", sys.executable, "-m", "demo")
    with serve(None, *command):
        assert list(tmp_path.glob("vae-onnx-demo-*"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not list(tmp_path.glob("vae-onnx-demo-*"))


def test_foreign_host_is_told() -> None:
    result = run("-m", "demo", "--host", "192.0.2.1")
    assert result.returncode == 1
    assert result.stderr.startswith("error: cannot listen on 192.0.2.1")


@pytest.mark.parametrize("port", ["0", "65536", "seven"])
def test_impossible_port_is_a_usage_error(port: str) -> None:
    result = run("-m", "demo", "--port", port)
    assert result.returncode == 2
    assert "argument --port: expected 1 to 65535" in result.stderr


def test_folder_alone_is_a_space(tmp_path: Path) -> None:
    space = shutil.copytree(FOLDER, tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__"))
    with (
        serve(None, sys.executable, str(space / "space.py")) as url,
        urllib.request.urlopen(url) as response,
    ):
        assert "Two numbers are enough" in response.read().decode()


def test_space_is_configured() -> None:
    _, front_matter, _ = (FOLDER / "README.md").read_text().split("---\n", 2)
    options = dict(line.split(": ", 1) for line in front_matter.splitlines())
    assert options["sdk"] == "gradio"
    assert (FOLDER / options["app_file"]).is_file()
    assert options["python_version"] in ('"3.11"', '"3.12"')  # a Space's default is too old


def test_screenshot_is_taken(tmp_path: Path) -> None:
    out = tmp_path / "docs" / "demo.png"  # by a process of its own: Playwright runs once in one
    result = run("-m", "demo.screenshot", "--out", str(out), "--dark")
    assert result.returncode == 0, result.stderr
    assert out.read_bytes().startswith(b"\x89PNG")
