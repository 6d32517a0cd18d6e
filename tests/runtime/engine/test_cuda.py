"""What is promised of CUDA, on a machine with an NVIDIA GPU and `onnxruntime-gpu`."""

import json
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime as ort
import pytest

import vae_onnx
from vae_onnx.doctor import cuda as driver

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
TOLERANCE = 1e-4  # between a float32 product of cuBLAS and one of the CPU, of numbers around 1


def _missing():
    if driver.driver_cuda() is None:
        return "there is no NVIDIA driver"
    if CUDA not in ort.get_available_providers():
        return f"onnxruntime {ort.__version__} has no {CUDA}; install onnxruntime-gpu in its place"
    return ""


pytestmark = [pytest.mark.gpu, pytest.mark.skipif(_missing() != "", reason=_missing())]


@pytest.fixture(scope="module", params=vae_onnx.models())
def pair(request):
    """A bundled model on the GPU, and on the CPU."""
    return (
        vae_onnx.load(request.param, device="cuda", strict=True),
        vae_onnx.load(request.param, device="cpu"),
    )


@pytest.fixture(scope="module")
def model():
    return vae_onnx.load("mnist-vae-16d", device="cuda")


@pytest.fixture(scope="module")
def expected():
    return vae_onnx.load("mnist-vae-16d", device="cpu")


def codes(rows, latent_dim=16):
    return np.random.default_rng(rows).standard_normal((rows, latent_dim), np.float32)


def assert_close(ours, theirs):
    """Equal but for rounding: of codes, which may be large, relative to the largest."""
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE * max(1, np.abs(theirs).max()))


def test_all_nodes_run_there_and_agree_with_the_cpu(pair, images):
    ours, theirs = pair
    assert ours.device == "cuda"
    for part in ours.placement.values():
        assert len(part) >= 4
        assert set(part.values()) == {CUDA}
    shown = images["mnist" if ours.metadata["name"].startswith("mnist") else "fashion-mnist"]
    for rows in (1, 7, 100):
        assert_close(ours.encode(shown[:rows]), theirs.encode(shown[:rows]))
        z = theirs.encode(shown[:rows])
        assert_close(ours.decode(z), theirs.decode(z))
    if ours.kind == "vae":
        assert_close(ours.posterior(shown).log_var, theirs.posterior(shown).log_var)


def test_auto_takes_the_gpu():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert vae_onnx.load("mnist-vae").device == "cuda"


@pytest.mark.parametrize("rows", [8192, 8193, 100_000])
def test_many_rows(model, expected, rows):
    z = codes(rows)
    pictures = model.decode(z)
    assert_close(pictures, expected.decode(z))
    buffer = np.full_like(pictures, np.nan)
    assert model.decode(z, out=buffer) is buffer
    np.testing.assert_array_equal(buffer, pictures)
    shown = (pictures * 255).astype(np.uint8)
    assert_close(model.encode(shown), expected.encode(shown))
    some = list(model.decode_iter(z[:9000], rows=4000))
    assert_close(np.concatenate(some), pictures[:9000])


def test_a_value_on_the_gpu_is_neither_moved_nor_copied(model, expected):
    z = codes(1000)
    value = ort.OrtValue.ortvalue_from_numpy(z, "cuda", 0)
    x_recon = model.decode_ortvalue(value)
    assert (x_recon.device_name(), x_recon.shape()) == ("cuda", [1000, 1, 28, 28])
    assert_close(x_recon.numpy()[:, 0], expected.decode(z))
    again = model.encode_ortvalue(x_recon)
    assert again.device_name() == "cuda"
    assert_close(again.numpy(), expected.encode(expected.decode(z)))


def test_a_value_in_the_cpu_s_memory_comes_back_there(model, expected):
    z = codes(3)
    x_recon = model.decode_ortvalue(z)
    assert x_recon.device_name() == "cpu"
    assert_close(x_recon.numpy()[:, 0], expected.decode(z))


def test_a_value_on_the_gpu_is_refused_by_a_model_on_the_cpu(expected):
    value = ort.OrtValue.ortvalue_from_numpy(codes(3), "cuda", 0)
    with pytest.raises(vae_onnx.InputError, match="z lies on cuda, and the model runs on the CPU"):
        expected.decode_ortvalue(value)


def test_tf32_is_off_unless_it_is_asked_for(model, expected):
    rough = vae_onnx.load("mnist-vae-16d", providers=[(CUDA, {"use_tf32": 1})])
    z = codes(1000)
    exact = expected.decode(z)
    off, on = (np.abs(each.decode(z) - exact).max() for each in (model, rough))
    assert off < TOLERANCE
    assert off <= on < 0.05  # equal on GPUs before Ampere, which have no TF32


def test_int8_runs_and_agrees_with_the_cpu(images):
    """The provider leaves whole numbers to the CPU: `placement` tells, and `strict` refuses."""
    ours = vae_onnx.load("mnist-vae", device="cuda", precision="int8")
    theirs = vae_onnx.load("mnist-vae", device="cpu", precision="int8")
    assert {CUDA} <= set(ours.placement["decoder"].values()) <= {CUDA, CPU}
    z = theirs.encode(images["mnist"])
    # A step of a hidden unit, of 181, may fall to the other side where one is rounded.
    np.testing.assert_allclose(ours.encode(images["mnist"]), z, atol=0.05)
    np.testing.assert_allclose(ours.decode(z), theirs.decode(z), atol=0.05)
    if CPU in ours.placement["decoder"].values():
        with pytest.raises(vae_onnx.DeviceError, match=r"strict: all .* leaves .* to CPUExecution"):
            vae_onnx.load("mnist-vae", device="cuda", precision="int8", strict=True)


def test_many_threads_share_a_model(model):
    batches = [codes(rows) for rows in (1, 2, 3, 17, 64, 300, 1000, 9000)]
    alone = [model.decode(z) for z in batches]

    def work(turn):
        number = turn % len(batches)
        assert_close(model.decode(batches[number]), alone[number])

    with ThreadPoolExecutor(8) as users:
        assert len(list(users.map(work, range(160)))) == 160


def test_close(images):
    with vae_onnx.load("mnist-vae", device="cuda") as model:
        value = model.encode_ortvalue(images["mnist"][:, None].astype(np.float32) / 255)
        pictures = model.decode_ortvalue(value)
        before = pictures.numpy()
    with pytest.raises(vae_onnx.ClosedError, match="was closed"):
        model.decode([[0, 0]])
    np.testing.assert_array_equal(pictures.numpy(), before)  # a result outlives its model


@pytest.mark.parametrize("options", [{"bogus": 1}, {"device_id": 99}])
def test_options_that_cannot_be_had(options):
    with pytest.raises(vae_onnx.DeviceError, match="does not start on this machine with the opti"):
        vae_onnx.load("mnist-vae", providers=[(CUDA, options)])


def test_nothing_on_stdout():
    code = 'import vae_onnx; vae_onnx.load("mnist-vae", device="cuda").decode([[0, 0]])'
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""


def test_the_doctor_finds_it_well():
    command = [sys.executable, "-m", "vae_onnx", "doctor", "--json"]
    told = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
    checks = {check["id"]: check for check in told["checks"]}
    for name in ("cuda", "device.cuda"):
        assert checks[name]["status"] == "ok", checks[name]
    assert checks["device.cuda"]["facts"]["placement"].keys() == {CUDA}


def test_the_command_runs_on_it():
    command = [sys.executable, "-W", "error", "-m", "vae_onnx", "bench", "--device", "cuda"]
    command += ["--batch-sizes", "1", "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "device cuda" in done.stdout, done.stderr
