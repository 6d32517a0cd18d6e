"""A public client asks every kind of model, by gRPC and by HTTP, binary and in JSON."""

import json
import urllib.request

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http

import vae_onnx

from . import load


@pytest.fixture(scope="module")
def served(any_model):
    """A model and its service, of one worker."""
    with load.serving(any_model.folder, "--workers", 1, "--name", "model") as service:
        yield any_model, service


@pytest.fixture(params=["grpc", "http", "json"])
def ask(request, served):
    """Ask a model of the service: name, tensor, names of outputs -> arrays."""
    _, service = served
    kind = tritonclient.grpc if request.param == "grpc" else tritonclient.http
    how = {} if request.param == "grpc" else {"binary_data": request.param == "http"}

    def ask(name, port, value, *wanted, request_id=""):
        datatype = "UINT8" if value.dtype == np.uint8 else "FP32"
        tensor = kind.InferInput(port, value.shape, datatype)
        tensor.set_data_from_numpy(value, **how)
        outputs = [kind.InferRequestedOutput(output, **how) for output in wanted] or None
        return client.infer(name, [tensor], outputs=outputs, request_id=request_id)

    with load.connect(service, "grpc" if request.param == "grpc" else "http") as client:
        yield ask


def pictures(model, count, seed=0):
    shape = [4 * model.size_multiple if size < 0 else size for size in model.image_shape]
    return np.random.default_rng(seed).random((count, *shape), np.float32)


@pytest.mark.parametrize("count", [1, 5])
def test_each_model_answers_as_the_runtime_does(served, ask, count):
    model, _ = served
    x = pictures(model, count)
    z = model.encode(x)
    codes = {"z": z}
    if model.kind == "vae":
        posterior = model.posterior(x)
        codes = {"mu": posterior.mu, "log_var": posterior.log_var}
    answer = ask("model-encoder", "x", x, *codes)
    for name, expected in codes.items():
        assert load.close_to(answer.as_numpy(name), expected)
    x_recon = model.decoder.to_x_recon(z)
    assert load.close_to(ask("model-decoder", "z", z, "x_recon").as_numpy("x_recon"), x_recon)
    assert load.close_to(ask("model", "x", x, "x_recon").as_numpy("x_recon"), x_recon)


def test_uint8_images(served, ask):
    model, _ = served
    images = np.rint(pictures(model, 3) * 255).astype(np.uint8)
    expected = model.decoder.to_x_recon(model.encode(images))
    assert load.close_to(ask("model", "x", images, "x_recon").as_numpy("x_recon"), expected)


def test_pictures_of_several_sizes(served, ask):
    """Of one size where the model takes no other; each request is a batch of its own."""
    model, _ = served
    for times in (1, 3, 2):
        shape = [
            size if size > 0 else (place + times) * model.size_multiple
            for place, size in enumerate(model.image_shape)
        ]
        x = np.random.default_rng(times).random((2, *shape)).astype(np.float32)
        expected = model.decoder.to_x_recon(model.encode(x))
        assert load.close_to(ask("model", "x", x, "x_recon").as_numpy("x_recon"), expected)


def test_the_id_comes_back_and_outputs_may_go_unnamed(served, ask):
    model, _ = served
    answer = ask("model-encoder", "x", pictures(model, 1), request_id="mine")
    told = answer.get_response()
    told = told if isinstance(told, dict) else {"id": told.id, "model_name": told.model_name}
    assert told["id"] == "mine"
    assert told["model_name"] == "model-encoder"
    for name in ("mu", "log_var") if model.kind == "vae" else ("z",):
        assert answer.as_numpy(name).shape == (1, *model.encode(pictures(model, 1)).shape[1:])


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_metadata_are_those_of_the_graphs(served, protocol):
    model, service = served
    how = {"as_json": True} if protocol == "grpc" else {}
    with load.connect(service, protocol) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        told = client.get_server_metadata(**how)
        assert (told["name"], told["version"]) == ("vae-onnx", vae_onnx.__version__)
        assert told["extensions"] == ["binary_tensor_data"]
        graphs = {"model-encoder": model.encoder.graph, "model-decoder": model.decoder.graph}
        for name, graph in graphs.items():
            assert client.is_model_ready(name)
            told = client.get_model_metadata(name, **how)
            assert (told["name"], told["versions"]) == (name, ["1"])
            assert described(told["inputs"]) == meant(graph.inputs)
            assert described(told["outputs"]) == meant(graph.outputs)
        told = client.get_model_metadata("model", "1", **how)
        assert described(told["inputs"]) == meant(model.encoder.graph.inputs)
        assert described(told["outputs"]) == meant(model.decoder.graph.outputs)


def described(ports):
    return {
        port["name"]: (port["datatype"], [int(size) for size in port["shape"]]) for port in ports
    }


def meant(ports):
    return {
        name: ("FP32", [size if isinstance(size, int) else -1 for size in port.shape])
        for name, port in ports.items()
    }


def test_plain_json_without_any_client(served):
    model, service = served
    x = pictures(model, 2)
    told = {"name": "x", "shape": x.shape, "datatype": "FP32", "data": x.tolist()}
    body = json.dumps({"id": "7", "inputs": [told]}).encode()
    with urllib.request.urlopen(f"http://{service.http}/v2/models/model/infer", body) as answer:
        assert answer.headers["Content-Type"] == "application/json"
        told = json.load(answer)
    (output,) = told.pop("outputs")
    assert told == {"model_name": "model", "model_version": "1", "id": "7"}
    found = np.array(output["data"], np.float32).reshape(output["shape"])
    assert load.close_to(found, model.decoder.to_x_recon(model.encode(x)))


def test_the_metrics_count_what_was_computed(served):
    model, service = served
    with load.connect(service, "grpc") as client:
        load.ask(client, "grpc", "model", "x", pictures(model, 3), ["x_recon"])
    told = load.metrics(service).splitlines()
    for name in ("vae_onnx_batch_rows_count", "request_predict_seconds_count"):
        (line,) = [line for line in told if line.startswith(f'{name}{{model_name="model"}}')]
        assert float(line.split()[-1]) >= 1
