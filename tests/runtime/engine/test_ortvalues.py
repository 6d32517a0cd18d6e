"""Values of onnxruntime go in and out where they lie. What holds on the CPU holds on a GPU."""

import numpy as np
import onnxruntime as ort
import pytest

import vae_onnx
from vae_onnx.engine import ortvalues

RUN = "run_with_iobinding"


class Tensor:
    """What another library's tensor looks like from outside."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_decoding_a_value_gives_what_decoding_gives(bundled):
    z = np.random.default_rng(0).standard_normal((7, bundled.latent_dim), np.float32)
    expected = bundled.decode(z)
    for value in (z, ort.OrtValue.ortvalue_from_numpy(z)):
        x_recon = bundled.decode_ortvalue(value)
        assert x_recon.device_name() == "cpu"
        pictures = np.moveaxis(x_recon.numpy(), 1, -1).reshape(expected.shape)
        np.testing.assert_array_equal(pictures, expected)
    again = bundled.encode_ortvalue(bundled.decode_ortvalue(z))
    np.testing.assert_array_equal(again.numpy(), bundled.encode(expected))


def test_dlpack(tiny_vae):
    z = np.ones((3, 2), np.float32)
    if not hasattr(ort.OrtValue, "from_dlpack"):
        with pytest.raises(vae_onnx.InputTypeError, match=r"does not read DLPack; update it"):
            tiny_vae.decode_ortvalue(Tensor(z))
        return
    x_recon = tiny_vae.decode_ortvalue(Tensor(z))
    shared = np.from_dlpack(x_recon)
    np.testing.assert_array_equal(shared[:, 0], tiny_vae.decode(z))
    assert shared.ctypes.data == x_recon.data_ptr()
    with pytest.raises(vae_onnx.InputError, match="contiguous"):
        tiny_vae.decode_ortvalue(Tensor(np.ones((2, 3), np.float32).T))


def test_a_value_is_complete_before_it_is_read(tiny_vae, monkeypatch):
    """On a GPU, kernels of PyTorch that make it run on a stream that onnxruntime does not know."""
    done = []
    for kind, name in ((ort.IOBinding, "synchronize_inputs"), (ort.InferenceSession, RUN)):
        call = getattr(kind, name)

        def noting(*arguments, name=name, call=call):
            done.append(name)
            return call(*arguments)

        monkeypatch.setattr(kind, name, noting)
    tiny_vae.decode_ortvalue(np.ones((3, 2), np.float32))
    assert done == ["synchronize_inputs", RUN]


def test_a_value_on_a_gpu_is_no_fault_of_a_graph_on_the_cpu(tiny_vae, monkeypatch):
    monkeypatch.setattr(ortvalues, "place", lambda _: ("cuda", 0))
    z = ort.OrtValue.ortvalue_from_numpy(np.ones((3, 2), np.float32))
    with pytest.raises(vae_onnx.InputError, match=r"z lies on cuda, .* load it with device='cuda'"):
        tiny_vae.decode_ortvalue(z)


@pytest.mark.parametrize(
    ("z", "error", "message"),
    [
        (np.zeros((3, 3), np.float32), vae_onnx.InputError, r"shape \(N, 2\) .* got \(3, 3\)"),
        (np.zeros((0, 2), np.float32), vae_onnx.InputError, "N >= 1"),
        (np.zeros(2, np.float32), vae_onnx.InputError, "shape"),
        (np.zeros((3, 2)), vae_onnx.InputTypeError, "float32, got float64"),
        (np.zeros((2, 3), np.float32).T, vae_onnx.InputError, "contiguous"),
        ([[0.0, 0.0]], vae_onnx.InputTypeError, "OrtValue or have __dlpack__"),
        (
            ort.OrtValue.ortvalue_from_numpy(np.zeros((1, 2), np.int64)),
            vae_onnx.InputTypeError,
            "int64",
        ),
    ],
)
def test_bad_values(tiny_vae, z, error, message):
    with pytest.raises(error, match=message):
        tiny_vae.decode_ortvalue(z)
