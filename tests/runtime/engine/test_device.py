"""A device that is asked for is had, or there is an error: never the CPU in silence."""

import subprocess
import sys
import time
import types
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime as ort
import pytest

import vae_onnx
from vae_onnx import DeviceError, DeviceWarning, InputError, InputTypeError
from vae_onnx.engine import device, providers

CPU = "CPUExecutionProvider"


def offer(name, library="/nowhere/libopenvino.so"):
    """Hardware, as a plugin offers it."""
    return types.SimpleNamespace(ep_name=name, ep_metadata={"library_path": library})


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Nothing has been said or registered yet."""
    monkeypatch.setattr(device, "_warned", set())
    providers._register.cache_clear()
    yield
    providers._register.cache_clear()


@pytest.fixture
def cuda_listed(monkeypatch):
    """An onnxruntime for CUDA on a machine where CUDA cannot be loaded: it is listed, no more."""
    listed = ["CUDAExecutionProvider", CPU]
    monkeypatch.setattr(ort, "get_available_providers", lambda: listed)
    monkeypatch.setattr(ort, "preload_dlls", lambda: print("Failed to load libcudart.so.13"))
    providers._preload.cache_clear()
    yield
    providers._preload.cache_clear()


@pytest.fixture
def plugin(monkeypatch):
    """A plugin for OpenVINO, its library and its hardware as a test sets them."""
    module = types.SimpleNamespace(get_library_path=lambda: "/nowhere/libopenvino.so")
    fake = types.SimpleNamespace(module=module, registered=[], devices=[], offered=[])

    def register(name, path):
        if (name, path) in fake.registered:
            raise RuntimeError(f"library is already registered under {name}")
        fake.registered.append((name, path))
        time.sleep(0.01)
        fake.offered = [offer(name) for name in fake.devices]

    monkeypatch.setattr(providers, "plugin", lambda _: "onnxruntime_ep_openvino")
    monkeypatch.setattr(providers.importlib, "import_module", lambda _: fake.module)
    monkeypatch.setattr(ort, "register_execution_provider_library", register)
    monkeypatch.setattr(ort, "get_ep_devices", lambda: fake.offered)
    return fake


def test_the_cpu_is_what_it_says(graphs):
    for asked in ("auto", "cpu"):
        model = vae_onnx.load(graphs / "vae", device=asked)
        assert model.device == "cpu"
        assert set(model.placement) == {"encoder", "decoder"}
        assert model.placement["decoder"]
        assert set(model.placement["decoder"].values()) == {CPU}


def test_every_node_of_a_bundled_model_has_a_place(bundled):
    for graph in (bundled.encoder.graph, bundled.decoder.graph):
        assert len(graph.placement) >= 4
        assert set(graph.placement.values()) == {CPU}


def test_nodes_without_a_name_go_by_their_operator(graphs):
    assert set(vae_onnx.load(graphs / "vae").placement["decoder"]) == {
        "Neg",
        "Concat",
        "Clip",
        "Reshape",
    }


def test_providers_are_spelled_as_onnxruntime_does(graphs):
    z = [[0.1, 0.2]]
    expected = vae_onnx.load(graphs / "vae").decode(z)
    for asked in ([CPU], ((CPU, {}),), [(CPU, {"use_arena": 1})]):
        model = vae_onnx.load(graphs / "vae", providers=asked, strict=True)
        np.testing.assert_array_equal(model.decode(z), expected)
        assert model.device == CPU


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"device": "gpu"}, InputError, "device must be auto, cpu, cuda, .* got 'gpu'"),
        ({"device": 0}, InputTypeError, "device must be a name, got int"),
        ({"providers": []}, InputError, "at least one"),
        ({"providers": CPU}, InputTypeError, "must be a list"),
        ({"providers": [3]}, InputTypeError, "a name or .name, options., got 3"),
        ({"providers": [(CPU,)]}, InputTypeError, "a name or"),
        ({"providers": [CPU], "device": "cpu"}, InputError, "not both"),
        ({"providers": ["FooExecutionProvider"]}, DeviceError, "FooExecutionProvider cannot be"),
        ({"device": "mlx"}, DeviceError, r"pip install 'vae-onnx\[mlx\]'"),
        ({"device": "cuda"}, DeviceError, "pip uninstall onnxruntime, then pip install 'onnxrun"),
        ({"precision": "int4"}, InputError, "one of float32, float16, int8, got 'int4'"),
    ],
)
def test_what_cannot_be_had_is_an_error(graphs, options, error, message):
    with pytest.raises(error, match=message):
        vae_onnx.load(graphs / "vae", **options)


def test_a_provider_that_takes_nothing_is_an_error(graphs):
    if "AzureExecutionProvider" not in ort.get_available_providers():
        pytest.fail("no provider to test with: this onnxruntime is not the one from PyPI")
    with pytest.raises(DeviceError, match=r"takes none of the . nodes of the graph"):
        vae_onnx.load(graphs / "vae", providers=["AzureExecutionProvider", CPU])


def test_strict_refuses_nodes_on_the_cpu(graphs, monkeypatch):
    first = {"exp": "AzureExecutionProvider", "gemm": CPU}
    monkeypatch.setattr(device, "placement", lambda _: first)
    asked = {"providers": ["AzureExecutionProvider"]}
    assert vae_onnx.load(graphs / "vae", **asked).placement["decoder"] == first
    with pytest.raises(DeviceError, match=r"strict: all 2 nodes .* leaves gemm to CPUExecution"):
        vae_onnx.load(graphs / "vae", **asked, strict=True)


def test_a_device_by_name_is_no_silent_cpu(graphs, cuda_listed, capfd):
    with pytest.raises(
        DeviceError, match=r"CUDAExecutionProvider is .* not start .*'use_tf32': '0'"
    ):
        vae_onnx.load(graphs / "vae", device="cuda")
    said = capfd.readouterr()
    assert said.out == ""
    assert "libcudart" in said.err


def test_auto_falls_back_and_says_so_once(graphs, cuda_listed):
    with pytest.warns(DeviceWarning, match="running on the cpu instead: CUDAExecutionProvider"):
        model = vae_onnx.load(graphs / "vae")
    assert model.device == "cpu"
    assert model.decode([[0, 0]]).shape == (1, 2, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert vae_onnx.load(graphs / "vae").device == "cpu"


def test_a_damaged_graph_is_not_the_device_s_fault(tmp_path, cuda_listed):
    (tmp_path / "decoder.onnx").write_bytes(b"nonsense")
    with pytest.raises(vae_onnx.GraphError, match="not a complete ONNX graph"):
        vae_onnx.Decoder(tmp_path / "decoder.onnx", device="cuda")


def test_a_plugin_without_hardware(plugin):
    plugin.devices = []
    with pytest.raises(DeviceError, match="onnxruntime_ep_openvino is installed and finds no hard"):
        device.pick("openvino")
    with pytest.raises(DeviceError, match="finds no hardware"):
        device.pick("openvino")
    assert plugin.registered == [("OpenVINOExecutionProvider", "/nowhere/libopenvino.so")]


def test_a_plugin_with_hardware(plugin):
    plugin.devices = ["CPUExecutionProvider", "OpenVINOExecutionProvider"]
    assert device.pick("openvino").provider == "OpenVINOExecutionProvider"
    assert device.is_available("openvino")


def test_a_plugin_is_registered_once_by_many_threads(plugin):
    plugin.devices = ["OpenVINOExecutionProvider"]
    with ThreadPoolExecutor(8) as users:
        picked = list(users.map(device.pick, ["openvino"] * 8))
    assert {each.name for each in picked} == {"openvino"}
    assert len(plugin.registered) == 1


def test_a_plugin_that_the_program_has_registered_itself(plugin):
    """Under any name: onnxruntime goes by that of the execution provider."""
    plugin.offered = [offer("OpenVINOExecutionProvider", "/mine/libopenvino.so")]
    assert device.pick("openvino").provider == "OpenVINOExecutionProvider"
    assert not plugin.registered


def test_a_plugin_that_the_program_has_registered_where_it_finds_no_hardware(plugin, monkeypatch):
    def refuse(name, _):
        raise RuntimeError(f"FAIL : EP library is already registered under {name}")

    monkeypatch.setattr(ort, "register_execution_provider_library", refuse)
    with pytest.raises(DeviceError, match="is installed and finds no hardware that it can use"):
        device.pick("openvino")


def test_a_plugin_that_onnxruntime_lists_as_if_it_were_built_in(plugin, monkeypatch):
    """As 1.32 does once it is registered; asked for by its name it would be refused."""
    plugin.offered = [offer("OpenVINOExecutionProvider")]
    listed = [CPU, "OpenVINOExecutionProvider"]
    monkeypatch.setattr(ort, "get_available_providers", lambda: listed)
    asked = types.SimpleNamespace()
    asked.add_provider_for_devices = lambda devices, options: setattr(asked, "devices", devices)
    providers.add_provider(asked, "OpenVINOExecutionProvider", {})
    assert asked.devices == plugin.offered
    plugin.offered = []
    asked.add_provider = lambda name, options: setattr(asked, "name", name)
    providers.add_provider(asked, "OpenVINOExecutionProvider", {})
    assert asked.name == "OpenVINOExecutionProvider"


def test_a_plugin_that_spells_its_library_otherwise(plugin):
    plugin.devices = ["OpenVINOExecutionProvider"]
    plugin.module = types.SimpleNamespace(library_path=lambda: "/other")
    assert device.is_available("openvino")
    assert plugin.registered == [("OpenVINOExecutionProvider", "/other")]


def test_a_broken_plugin_is_an_error(plugin):
    plugin.module = types.SimpleNamespace()
    with pytest.raises(DeviceError, match="the plugin onnxruntime_ep_openvino does not load"):
        device.pick("openvino")


def test_names_and_remedies():
    assert device.pick("cpu").on_cpu
    assert all(known.remedy and known.provider.endswith("Provider") for known in
               providers.KNOWN.values())  # fmt: skip
    assert len({known.provider for known in providers.KNOWN.values()}) == len(providers.KNOWN)


def test_nothing_on_stdout():
    code = """
import vae_onnx
model = vae_onnx.load("mnist-vae", device="cpu")
model.decode([[0, 0]])
try:
    vae_onnx.load("mnist-vae", device="cuda")
except vae_onnx.DeviceError:
    pass
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""


def test_close(graphs):
    with vae_onnx.load(graphs / "vae") as model:
        assert model.decode([[0, 0]]).shape == (1, 2, 2)
    for call in (
        lambda: model.decode([[0, 0]]),
        lambda: model.decode(np.zeros((1000, 2))),
        lambda: model.encode(np.zeros((1, 2, 2), np.uint8)),
        lambda: model.decode_ortvalue(np.zeros((1, 2), np.float32)),
        lambda: model.placement,
    ):
        with pytest.raises(vae_onnx.ClosedError, match=r"coder.onnx was closed; load the model"):
            call()
    model.close()


@pytest.mark.openvino
class TestOpenVINO:
    """In an environment with `onnxruntime-openvino` (make test-openvino)."""

    @pytest.mark.parametrize("name", vae_onnx.models())
    def test_it_runs_all_nodes_and_agrees(self, name, images):
        model = vae_onnx.load(name, device="openvino", strict=True)
        expected = vae_onnx.load(name, device="cpu")
        assert model.device == "openvino"
        for part in model.placement.values():
            assert set(part.values()) == {"OpenVINOExecutionProvider"}
        shown = images[expected.metadata["dataset"]]
        np.testing.assert_allclose(model.encode(shown), expected.encode(shown), atol=5e-5)
        z = expected.encode(shown)
        np.testing.assert_allclose(model.decode(z), expected.decode(z), atol=1e-5)
        many = np.resize(z, (9000, model.latent_dim))
        np.testing.assert_allclose(model.decode(many), expected.decode(many), atol=1e-5)

    def test_options_that_it_does_not_know(self):
        asked = [("OpenVINOExecutionProvider", {"bogus": 1})]
        with pytest.raises(DeviceError, match=r"does not start .* bogus"):
            vae_onnx.load("mnist-vae", providers=asked)
