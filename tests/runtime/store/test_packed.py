"""The package where it has been packed into something: a zip file, or a program."""

import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import vae_onnx
from vae_onnx.store import bundled

PACKAGE = Path(vae_onnx.__file__).parent
USE = """
import copy, sys, numpy as np, vae_onnx
model = copy.deepcopy(vae_onnx.load("mnist-vae"))
model.save(sys.argv[1])
np.save(sys.argv[2], model.decode([[0, 1]]))
assert vae_onnx.drawing_to_x(np.ones((5, 5), np.uint8)).shape == (1, 1, 28, 28)
print(vae_onnx.__file__, *vae_onnx.models())
print(model.folder)
"""
ABSENT = """
import vae_onnx
try:
    vae_onnx.load("mnist-vae")
except vae_onnx.FileMissingError as error:
    print(error)
"""
COMMAND = "import sys; from vae_onnx.__main__ import main; sys.exit(main())"


@pytest.fixture
def pack(tmp_path):
    """Make a zip file that `python` runs, of the package and a main program."""

    def pack(main, models=True):
        path = tmp_path / "app.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("__main__.py", main)
            for each in sorted(PACKAGE.rglob("*")):
                inside = each.relative_to(PACKAGE.parent)
                if "__pycache__" not in each.parts and (models or "models" not in inside.parts[1]):
                    archive.write(each, inside)
        return path

    return pack


def run(*command, **environment):
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        env=kept | environment,
        cwd="/",
    )


def test_a_zip_file_has_its_models(pack, tmp_path):
    app = pack(USE)
    done = run(app, tmp_path / "saved", tmp_path / "out.npy")
    assert done.stderr == ""
    where, *names = done.stdout.splitlines()[0].split()
    assert Path(where).is_relative_to(app)
    assert tuple(names) == vae_onnx.models()
    model = vae_onnx.load("mnist-vae")
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), model.decode([[0, 1]]))
    assert vae_onnx.load(tmp_path / "saved").metadata == model.metadata
    assert not Path(done.stdout.splitlines()[1]).exists()  # went with the process


def test_the_doctor_in_a_zip_file(pack):
    done = run(pack(COMMAND), "doctor", "--json")
    told = json.loads(done.stdout)
    assert [finding["id"] for finding in told["findings"]] == []
    checks = {check["id"]: check for check in told["checks"]}
    assert checks["model.mnist-vae"]["value"] == "4 of 4 files as in card.json"
    assert "device.cpu" in checks


def test_a_zip_file_without_models_is_named(pack):
    app = pack(ABSENT, models=False)
    told = run(app).stdout
    assert f"none is bundled, since {app} holds vae_onnx without the folder vae_onnx/models" in told
    assert "bundled: ;" not in told
    with zipfile.ZipFile(app, "a") as archive:  # put that in, too
        for each in sorted(PACKAGE.glob("models/mnist-vae/*")):
            archive.write(each, each.relative_to(PACKAGE.parent))
    assert run(app).stdout == ""


def test_a_pickle_finds_the_models_of_a_zip_file(pack, tmp_path):
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(vae_onnx.load("mnist-ae")))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).kind)"
    done = run(pack(code), tmp_path / "model.pickle")
    assert (done.stdout, done.stderr) == ("ae\n", "")


def test_a_program_that_was_packed_without_models(monkeypatch, tmp_path):
    monkeypatch.setattr(bundled, "FOLDER", tmp_path / "models")
    monkeypatch.setattr(bundled, "_packed", lambda: tmp_path / "models")
    with pytest.raises(vae_onnx.FileMissingError, match=r"is missing: install vae_onnx again"):
        vae_onnx.load("mnist-vae")
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(vae_onnx.FileMissingError, match=r"PyInstaller by --collect-data vae_onnx"):
        vae_onnx.load("mnist-vae")
    with pytest.raises(vae_onnx.FileMissingError, match=r"drawing.onnx is missing"):
        vae_onnx.Encoder(bundled.file(bundled.DRAWING))
