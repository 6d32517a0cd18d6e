"""What cannot be answered gets a message that says what is wrong, and harms nobody else."""

import json
import socket
import threading
import urllib.error
import urllib.request

import numpy as np
import pytest
import tritonclient.grpc
from tritonclient.utils import InferenceServerException

import vae_onnx

from . import load

X = np.zeros((2, 1, 28, 28), np.float32)
Z = np.zeros((1, 2), np.float32)


@pytest.fixture(scope="module")
def service():
    with load.serving("mnist-vae", "--workers", 1, "--max-mb", 8) as service:
        yield service


def post(service, path, body, **headers):
    """Status, and what is told."""
    request = urllib.request.Request(f"http://{service.http}{path}", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())["error"]


def body(**changes):
    tensor = {"name": "z", "shape": [1, 2], "datatype": "FP32", "data": [0, 0]} | changes
    return {"inputs": [{key: value for key, value in tensor.items() if value is not None}]}


INFER = "/v2/models/mnist-vae-decoder/infer"


def test_the_body_that_the_others_are_changed_from_is_taken(service):
    assert post(service, INFER, json.dumps(body()).encode())[0] == 200


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"", "the body must be JSON"),
        (b"{", "the body must be JSON"),
        (b"\xff\x00", "the body must be JSON"),
        ([], "the request must be a JSON object, got list"),
        ({}, "the request must have a list of inputs"),
        ({"inputs": []}, "takes one input, z, got none"),
        ({"inputs": [3]}, "an input must be a JSON object, got int"),
        ({"inputs": body()["inputs"] * 2}, "takes one input, z, got 'z', 'z'"),
        (body(name="x"), "takes one input, z, got 'x'"),
        (body(name="x\ny" * 100), "takes one input, z, got 'x\\nyx\\ny"),
        (body(name=None), "an input must have a name"),
        (body(datatype="FP64"), "must have the datatype FP32, got 'FP64'"),
        (body(datatype="UINT8"), "must have the datatype FP32, got 'UINT8'"),
        (body(shape="2"), "the shape of an input must be a list of integers"),
        (body(shape=[1, 2.5]), "the shape of an input must be a list of integers"),
        (body(shape=[-1, 2]), "with N >= 1, got (-1, 2)"),
        (body(shape=[0, 2**62, 2**62], data=[]), "z must have the shape (N, 2)"),
        (body(shape=[1] * 100), "z must have the shape (N, 2) with N >= 1, got 100 dimensions"),
        (body(shape=[3, 2]), "has 6 numbers, got 2"),
        (body(shape=[2], data=[0, 0]), "z must have the shape (N, 2) with N >= 1, got (2,); send"),
        (body(shape=[0, 2], data=[]), "with N >= 1, got (0, 2)"),
        (body(shape=[10**9, 2]), "the answer to 1,000,000,000 rows would be of 2,990,723 MB"),
        (body(data=[]), "has 2 numbers, got 0"),
        (body(data=None), "must have its numbers in `data`"),
        (body(data=["a", "b"]), "the data of z must be numbers"),
        (body(data=[True, False]), "the data of z must be numbers"),
        (body(data=["0", "1"]), "the data of z must be numbers"),
        (body(data=["long" * 10**6] + [""] * 10**4), "the data of z must be numbers"),
        (body(data={"0": 1}), "the data of z must be numbers"),
        (body(data=7), "has 2 numbers, got 1"),
        (body(data=[[0], [0, 0]]), "the data of z must be numbers"),
        (body(data=[1e39, 0]), "z must be finite in float32"),
        (body(data=[10**400, 0]), "the body must be JSON"),
        (body(parameters={"binary_data_size": 8}, data=None), "and 0 bytes lie behind"),
        (body(parameters={"shared_memory_region": "a"}), "is no extension of this service"),
        (body() | {"outputs": [{"name": "mu"}]}, "has the outputs x_recon, and none called 'mu'"),
        (body() | {"outputs": {}}, "the request must have a list of outputs"),
        (body() | {"id": 7}, "the id of a request must be a text"),
        (body() | {"parameters": {"binary_data_output": "yes"}}, "must be true or false"),
    ],
)
def test_bodies_that_are_refused(service, sent, told):
    content = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    status, message = post(service, INFER, content)
    assert status == 400
    assert told in message
    assert "Traceback" not in message


@pytest.mark.parametrize(
    ("length", "told"),
    [
        ("x", "must be the length of the JSON"),
        ("-1", "must be the length of the JSON"),
        ("100000", "must be the length of the JSON"),
        ("3", "the body must be JSON"),
    ],
)
def test_a_wrong_length_of_the_json(service, length, told):
    header = {"Inference-Header-Content-Length": length}
    status, message = post(service, INFER, json.dumps(body()).encode(), **header)
    assert (status, told in message) == (400, True)


def test_a_client_that_stops_is_let_go(service):
    host, port = service.http.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=60) as client:
        client.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1".encode())
        assert post(service, INFER, json.dumps(body()).encode())[0] == 200
        assert client.recv(64).startswith(b"HTTP/1.1 408")


def test_fewer_bytes_than_are_told(service):
    told = json.dumps(body(data=None, parameters={"binary_data_size": 8})).encode()
    header = {"Inference-Header-Content-Length": str(len(told))}
    assert post(service, INFER, told + b"\0" * 8, **header)[0] == 200
    status, message = post(service, INFER, told + b"\0" * 7, **header)
    assert (status, "and 7 bytes lie behind" in message) == (400, True)


def test_what_is_not_there(service):
    content = json.dumps(body()).encode()
    for path in (
        "/v2/models/nothing/infer",
        "/v2/models/mnist-vae-decoder/versions/2/infer",
    ):
        status, message = post(service, path, content)
        assert (status, message.startswith("there is no")) == (404, True)
    assert post(service, "/v2/models/mnist-vae-decoder/versions/1/infer", content)[0] == 200


def test_nobody_takes_a_model_away(service):
    path = "/v2/repository/models/mnist-vae/unload"
    assert post(service, path, b"") == (
        400,
        "mnist-vae cannot be unloaded from outside: the models are fixed",
    )
    with load.connect(service, "grpc") as client:
        assert client.is_model_ready("mnist-vae")


def test_a_compressed_body(service):
    status, message = post(service, INFER, b"\x1f\x8b", **{"Content-Encoding": "gzip"})
    assert (status, "without a Content-Encoding" in message) == (415, True)


def test_too_much_at_once(service):
    rows = np.zeros((9 * 2**20 // 3136 + 1, 1, 28, 28), np.float32)
    with load.connect(service, "http") as client, pytest.raises(InferenceServerException) as error:
        load.ask(client, "http", "mnist-vae-encoder", "x", rows, ["mu"])
    assert error.value.status() == "413"
    assert "send fewer rows at a time" in error.value.message()
    with load.connect(service, "grpc") as client, pytest.raises(InferenceServerException) as error:
        load.ask(client, "grpc", "mnist-vae-encoder", "x", rows, ["mu"])
    assert error.value.status() == "StatusCode.RESOURCE_EXHAUSTED"
    status, message = post(service, INFER, b" " * (33 * 2**20))
    assert (status, "a request may have 32 MB" in message) == (413, True)


REFUSED = [
    ("mnist-vae", "x", X + 2, "float x must be in [0, 1], got [2.0, 2.0]"),
    ("mnist-vae", "x", X * np.nan, "x must be finite, got NaN or infinity"),
    ("mnist-vae", "x", X[:, 0], "x must have the shape (N, 1, 28, 28)"),
    ("mnist-vae-encoder", "x", X[:0], "with N >= 1"),
    ("mnist-vae-decoder", "z", np.full((1, 2), np.inf, np.float32), "z must be finite"),
    ("mnist-vae-decoder", "z", np.zeros((5000, 2), np.float32), "send 2,674 rows at a time"),
    ("mnist-vae-decoder", "z", np.zeros((1, 2), np.uint8), "must have the datatype FP32"),
    ("mnist-vae-decoder", "x", X, "takes one input, z, got 'x'"),
]


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize(("name", "port", "value", "told"), REFUSED)
def test_tensors_that_are_refused(service, protocol, name, port, value, told):
    with (
        load.connect(service, protocol) as client,
        pytest.raises(InferenceServerException) as error,
    ):
        load.ask(client, protocol, name, port, value, ["x_recon"] * ("encoder" not in name))
    assert error.value.status() == {"grpc": "StatusCode.INVALID_ARGUMENT", "http": "400"}[protocol]
    assert told in error.value.message()


@pytest.mark.parametrize("data", [[0.5] * 784, [256] * 784, [-1] * 784, ["7"] * 784])
def test_numbers_that_are_no_uint8(service, data):
    tensor = {"name": "x", "shape": [1, 1, 28, 28], "datatype": "UINT8", "data": data}
    content = json.dumps({"inputs": [tensor]}).encode()
    status, message = post(service, "/v2/models/mnist-vae/infer", content)
    assert (status, "in [0, 255]" in message) == (400, True)


def test_the_message_is_the_one_of_the_runtime(service):
    """Which says what came, what is taken, and what to pass instead."""
    image = np.full((1, 1, 28, 28), 255, np.float32)
    with load.connect(service, "grpc") as client, pytest.raises(InferenceServerException) as error:
        load.ask(client, "grpc", "mnist-vae", "x", image, ["x_recon"])
    with pytest.raises(vae_onnx.InputError) as ours:
        vae_onnx.load("mnist-vae").encode(image)
    assert error.value.message() == str(ours.value).replace("images", "x")


@pytest.mark.parametrize(
    ("name", "version", "status"),
    [
        ("nothing", "", "StatusCode.NOT_FOUND"),
        ("mnist-vae", "2", "StatusCode.NOT_FOUND"),
    ],
)
def test_what_is_not_there_by_grpc(service, name, version, status):
    tensor = tritonclient.grpc.InferInput("x", X.shape, "FP32")
    tensor.set_data_from_numpy(X)
    with load.connect(service, "grpc") as client:
        for asked in (
            lambda: client.infer(name, [tensor], model_version=version),
            lambda: client.get_model_metadata(name, version),
            lambda: client.is_model_ready(name, version),
        ):
            with pytest.raises(InferenceServerException, match="there is no") as error:
                asked()
            assert error.value.status() == status


def test_typed_contents_instead_of_bytes(service):
    """The other way of gRPC to send numbers, which tritonclient has not."""
    messages, services = tritonclient.grpc.service_pb2, tritonclient.grpc.service_pb2_grpc
    import grpc

    with grpc.insecure_channel(service.grpc) as channel:
        stub = services.GRPCInferenceServiceStub(channel)
        request = messages.ModelInferRequest(model_name="mnist-vae-decoder")
        tensor = request.inputs.add(name="z", datatype="FP32", shape=[1, 2])
        tensor.contents.fp32_contents.extend([0.5, -1])
        answer = stub.ModelInfer(request)
        assert not answer.raw_output_contents
        found = np.array(answer.outputs[0].contents.fp32_contents, np.float32)
        model = vae_onnx.load("mnist-vae")
        assert load.close_to(found.reshape(28, 28), model.decode([[0.5, -1]])[0])
        for change in (
            lambda: request.raw_input_contents.append(b"\0" * 8),  # both ways at once
            lambda: (
                request.inputs[0].ClearField("contents")
                or request.raw_input_contents.append(b"\0" * 8)
            ),  # and then one too many
        ):
            change()
            with pytest.raises(grpc.RpcError, match="must have its numbers once") as error:
                stub.ModelInfer(request)
            assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_neighbours_of_what_is_refused_get_their_answers(service):
    """Every second request is wrong in some way, all of them at the same time."""
    expected = load.Expected(vae_onnx.load("mnist-vae"), 400)
    outcomes = []

    def good(number):
        rng = np.random.default_rng(number)
        with load.connect(service, "grpc") as client:
            for _ in range(15):
                name, port, value, right = expected.draw(rng)
                found = load.ask(client, "grpc", name, port, value, right)
                outcomes.append(all(load.close_to(found[key], right[key]) for key in right))

    def bad(number):
        with load.connect(service, "grpc") as client:
            for turn in range(15):
                name, port, value, told = REFUSED[(number + turn) % len(REFUSED)]
                try:
                    load.ask(client, "grpc", name, port, value, [])
                    outcomes.append(False)
                except InferenceServerException as error:
                    outcomes.append(told in error.message())

    threads = [threading.Thread(target=kind, args=(n,)) for n in range(8) for kind in (good, bad)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [True] * 16 * 15


def test_a_refusal_takes_one_line_of_the_log(service):
    before = len(service.log)
    assert post(service, INFER, b"{")[0] == 400
    assert not [line for line in service.log[before:] if "Traceback" in line]
    assert not [line for line in service.log if "Traceback" in line]
