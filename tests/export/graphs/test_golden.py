"""`python -m export golden` writes what is committed in tests/golden."""

import json
from pathlib import Path

import numpy as np
import pytest

import vae_onnx
from export import __main__ as command
from export.graphs import golden

COMMITTED = Path(__file__).parents[2] / "golden"
EMOJI = np.zeros((12, 32, 32, 3), np.uint8)
IMAGES = Path(__file__).parents[2] / "runtime" / "images.npz"


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "README.md"
    }


def test_the_command_writes_what_is_committed_and_the_same_bytes_again(tmp_path, capsys):
    for out in (tmp_path / "once", tmp_path / "again"):
        assert command.main(["golden", "--out", str(out), "--images", str(IMAGES)]) == 0
    assert f"{len(vae_onnx.models())} models and 9 drawings" in capsys.readouterr().out
    written, committed = contents(tmp_path / "once"), contents(COMMITTED)
    assert written == contents(tmp_path / "again")
    assert written.keys() == committed.keys()
    for name, content in written.items():
        if name.endswith(".f32"):  # another processor may sum in another order
            ours, theirs = np.frombuffer(content, "<f4"), np.frombuffer(committed[name], "<f4")
            scale = max(1.0, np.abs(theirs).max())
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * scale)
        else:
            assert content == committed[name]


def test_it_is_small_and_every_number_is_finite():
    assert sum(len(content) for content in contents(COMMITTED).values()) < 1.5e6
    for path in COMMITTED.rglob("*.f32"):
        assert np.isfinite(np.fromfile(path, "<f4")).all()


def test_the_manifest_is_one_line_a_tensor():
    lines = (COMMITTED / golden.MANIFEST).read_text().splitlines()
    tensors = [line for line in lines if '"file"' in line]
    assert len(tensors) == len(contents(COMMITTED)) - 1
    assert json.loads("{" + tensors[0].strip().rstrip(",") + "}")["ink"]["shape"] == [280, 280]


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        ({"mnist": np.zeros((12, 28, 28), np.uint8)}, "with images of emoji"),
        ({"emoji": EMOJI, "mnist": np.zeros((12, 28, 28), np.uint8)}, "images of fashion-mnist"),
        ({"emoji": EMOJI[:3]}, "N >= 12, got uint8 (3, 32, 32, 3)"),
        ({"emoji": EMOJI[..., 0]}, "uint8 (N, 32, 32, 3) with N >= 12, got uint8 (12, 32, 32)"),
    ],
)
def test_images_that_are_not_there_are_named(tmp_path, capsys, archive, message):
    np.savez(tmp_path / "images.npz", **archive)
    options = ["--out", str(tmp_path / "out"), "--images", str(tmp_path / "images.npz")]
    assert command.main(["golden", *options]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert not (tmp_path / "out" / golden.MANIFEST).exists()


def test_no_images_at_all(tmp_path, capsys):
    options = ["--out", str(tmp_path), "--images", str(tmp_path / "none.npz")]
    assert command.main(["golden", *options]) == 1
    assert "none.npz" in capsys.readouterr().err
