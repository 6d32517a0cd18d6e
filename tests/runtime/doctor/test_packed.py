"""The doctor within a program that holds Python: it must not start that program for Python."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import vae_onnx
from vae_onnx.doctor import trial

FROZEN = """
import subprocess, sys
sys.frozen = True
sys.executable = "/opt/app/app"  # which must not be started
from vae_onnx.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def frozen():
    """Run the command within a program that says it is packed."""

    def frozen(*arguments, setup=""):
        command = [sys.executable, "-c", setup + FROZEN, *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    return frozen


def test_a_packed_program_is_examined_in_its_own_process(frozen):
    done = frozen("doctor", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    checks = {check["id"]: check for check in told["checks"]}
    assert checks["packed"]["facts"] == {"executable": "/opt/app/app"}
    assert checks["onnxruntime"]["facts"]["packages"] == []
    assert checks["device.cpu"]["status"] == checks["model.mnist-vae"]["status"] == "ok"


def test_what_is_wrong_in_a_packed_program(frozen, tmp_path):
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('libonnxruntime.so.1: not found')")
    setup = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    finding = json.loads(frozen("doctor", "--json", setup=setup).stdout)["findings"][0]
    assert finding["id"] == "package-broken"
    assert finding["message"] == ("onnxruntime cannot be imported: libonnxruntime.so.1: not found.")
    assert finding["command"] == "pip install --force-reinstall onnxruntime"


def test_a_packed_program_without_models(frozen, tmp_path):
    setup = (
        "import pathlib, vae_onnx.store.bundled as bundled\n"
        f"bundled.FOLDER = pathlib.Path({str(tmp_path / 'models')!r})\n"
        "bundled._packed = lambda: bundled.FOLDER\n"
    )
    done = frozen("doctor", "--json", setup=setup)
    (finding,) = json.loads(done.stdout)["findings"]
    assert finding["id"] == "models-missing"
    assert "packed without those of vae_onnx" in finding["message"]
    assert finding["command"] == "pyinstaller --collect-data vae_onnx PROGRAM.py"


def test_a_program_that_does_not_say_it_is_packed_starts_itself_once(tmp_path):
    """As of a packer that nobody knows: sys.executable is the program, which calls the doctor."""
    started, app = tmp_path / "started", tmp_path / "app"
    app.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        f"sys.path.insert(0, {str(Path(vae_onnx.__file__).parents[1])!r})\n"
        f"sys.executable = {str(app)!r}\n"
        f"open({str(started)!r}, 'a').write('x')\n"
        "from vae_onnx import doctor\n"
        "sys.exit(doctor.main([]))\n"
    )
    app.chmod(0o755)
    done = subprocess.run([app], capture_output=True, text=True)
    assert started.read_text() == "xx"
    assert done.returncode == 1
    assert "onnxruntime is not installed" not in done.stdout


def test_within_a_trial_none_is_started(monkeypatch):
    monkeypatch.setitem(os.environ, trial.WITHIN, "runtime")
    with pytest.raises(trial.TrialError, match="does not start Python, but this program again"):
        trial.ask("runtime")
