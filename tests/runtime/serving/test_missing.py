"""Without the extra [serve], the command says what to install, and nothing else needs it."""

import subprocess
import sys

import pytest

import vae_onnx
from vae_onnx.serving import service
from vae_onnx.serving.options import Options

CODE = """
import sys
sys.modules["kserve"] = None
from vae_onnx.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def run(*arguments):
    command = [sys.executable, "-I", "-c", CODE, *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_serve_says_what_to_install():
    ended = run("serve", "mnist-vae")
    assert ended.returncode == 1
    assert ended.stderr == (
        "vae-onnx: error: kserve is needed to serve models: pip install 'vae-onnx[serve]'\n"
    )


def test_a_packed_program_starts_itself_no_second_time(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(service, "PACKAGES", ())
    with pytest.raises(vae_onnx.DeviceError, match="a packed program is no Python"):
        service.run(Options("mnist-vae"))


def test_the_other_commands_go_on():
    assert run("info").returncode == 0


def test_the_room_of_the_protocol_says_so_too():
    code = "import sys; sys.modules['kserve'] = None; import vae_onnx.serving._protocol"
    ended = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert ended.stderr.splitlines()[-1] == (
        "vae_onnx.errors.PackageMissingError: kserve is needed to serve models: "
        "pip install 'vae-onnx[serve]'"
    )


@pytest.mark.parametrize("module", ["layout", "options", "parts", "batching", "service"])
def test_what_needs_no_server_imports_none(module):
    code = f"import vae_onnx.serving.{module}, sys; print(*sys.modules)"
    command = [sys.executable, "-I", "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert f"vae_onnx.serving.{module}" in loaded
    assert not {"kserve", "fastapi", "grpc", "uvicorn", "pydantic"} & set(loaded)


def test_the_package_imports_nothing_of_it():
    code = "import vae_onnx, sys; vae_onnx.load; print(*sys.modules)"
    command = [sys.executable, "-I", "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "vae_onnx.loading" in loaded
    assert not [name for name in loaded if name.startswith("vae_onnx.serving")]
    assert vae_onnx.__version__
