"""The bundled graphs in a bare onnxruntime of any age: `make test-graphs` has the oldest one."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

MODELS = Path(__file__).parents[2] / "vae_onnx" / "models"


def run(path, value):
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: value}), strict=True))


@pytest.mark.parametrize(
    "path", sorted(MODELS.rglob("*.onnx")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_every_bundled_graph_opens(path):
    assert ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).get_outputs()


def test_the_graphs_agree(golden, assert_agree):
    codes = run(golden.folder / "encoder.onnx", golden.tensors["x"])
    assert codes.keys() == golden.codes.keys()
    for name, expected in golden.codes.items():
        assert_agree(codes[name], expected)
    decoded = run(golden.folder / "decoder.onnx", golden.tensors["z"])
    assert_agree(decoded["x_recon"], golden.tensors["x_recon"])


def test_the_drawing_agrees(drawing, assert_agree):
    assert_agree(run(MODELS / "drawing.onnx", drawing["ink"])["x"], drawing["x"])


def test_int8_shows_the_same_pictures(shortened):
    codes = run(shortened.folder / "encoder.int8.onnx", shortened.tensors["x"])
    z = codes["mu" if shortened.kind == "vae" else "z"]
    expected = shortened.tensors["z"][: len(z)]
    assert np.abs(z - expected).mean() < 0.02 * np.abs(expected).mean()
    pictures = run(shortened.folder / "decoder.int8.onnx", shortened.tensors["z"])["x_recon"]
    assert np.abs(pictures - shortened.tensors["x_recon"]).mean() < 0.005
