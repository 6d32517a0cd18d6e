"""What `pip install` brings."""

import runpy
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import pytest

from vae_onnx import packing

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    subprocess.run([*command, str(REPOSITORY)], check=True, capture_output=True)
    (path,) = out.glob("*.whl")
    return path


def test_the_wheel_holds_the_runtime_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {Path(name).parts[0].partition("-")[0] for name in names} == {"vae_onnx"}
    assert "vae_onnx/py.typed" in names
    assert "vae_onnx/models/drawing.onnx" in names
    assert not [name for name in names if Path(name).name.startswith(".")]


def test_every_bundled_model_is_in_the_wheel(wheel):
    models = {path.relative_to(REPOSITORY) for path in REPOSITORY.glob("vae_onnx/models/*/*")}
    assert models <= {Path(name) for name in zipfile.ZipFile(wheel).namelist()}


def test_pyinstaller_finds_what_goes_along(wheel, monkeypatch):
    with zipfile.ZipFile(wheel) as archive:
        (entries,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        told = archive.read(entries).decode()
        assert "vae_onnx/packing/hook-vae_onnx.py" in archive.namelist()
    assert "[pyinstaller40]\nhook-dirs = vae_onnx.packing:hook_folders" in told
    asked = types.ModuleType("PyInstaller.utils.hooks")
    asked.collect_data_files = asked.collect_submodules = lambda package: [package]
    monkeypatch.setitem(sys.modules, "PyInstaller.utils.hooks", asked)
    (folder,) = packing.hook_folders()
    hook = runpy.run_path(str(Path(folder) / "hook-vae_onnx.py"))
    assert hook["datas"] == hook["hiddenimports"] == ["vae_onnx"]


def test_the_wheel_is_small(wheel):
    assert wheel.stat().st_size <= 22e6
