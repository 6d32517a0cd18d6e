"""`drawing_to_x`; what the graph computes is compared with Pillow in tests/export."""

import numpy as np
import pytest

import vae_onnx


def test_a_drawing_is_centred_and_scaled():
    ink = np.zeros((280, 200), np.uint8)
    ink[10:90, 5:15] = 255  # an upright stroke in a corner
    x = vae_onnx.drawing_to_x(ink)
    assert x.shape == (1, 1, 28, 28)
    assert x.dtype == np.float32
    rows = np.flatnonzero(x[0, 0].any(axis=1))
    assert rows.max() - rows.min() + 1 == 20
    assert abs(np.average(np.arange(28), weights=x[0, 0].sum(axis=1)) - 13.5) <= 1
    assert abs(np.average(np.arange(28), weights=x[0, 0].sum(axis=0)) - 13.5) <= 1
    assert x.max() == 1


def test_an_empty_drawing_gives_zeros():
    assert not vae_onnx.drawing_to_x(np.zeros((50, 60), np.uint8)).any()


def test_models_take_it_as_it_is():
    ink = np.zeros((100, 100), np.uint8)
    ink[20:80, 45:55] = 255
    model = vae_onnx.load("mnist-vae")
    assert model.reconstruct(vae_onnx.drawing_to_x(ink)).shape == (1, 28, 28)


@pytest.mark.parametrize(
    ("ink", "error", "message"),
    [
        (np.zeros((4, 4)), TypeError, "uint8, 0 paper to 255 ink, got float64"),
        (np.zeros((4, 4, 3), np.uint8), ValueError, r"got shape \(4, 4, 3\)"),
        (np.zeros((0, 4), np.uint8), ValueError, r"got shape \(0, 4\)"),
        (np.zeros((), np.uint8), ValueError, r"got shape \(\)"),
        ([["a"]], TypeError, "got <U1"),
    ],
)
def test_bad_ink_is_named(ink, error, message):
    with pytest.raises(error, match=message):
        vae_onnx.drawing_to_x(ink)
