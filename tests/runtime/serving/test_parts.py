"""What is offered of a model, what a request may be, and what becomes of it."""

import numpy as np
import pytest

import vae_onnx
from vae_onnx.serving.layout import layout
from vae_onnx.serving.options import Options
from vae_onnx.serving.parts import parts

MEGABYTE = 2**20


@pytest.fixture(params=["vae", "ae", "colour", "map", "open", "mnist-vae", "emoji-vae"])
def model(request, graphs):
    folder = graphs / request.param
    return vae_onnx.load(folder if folder.is_dir() else request.param)


def parts_of(model, max_bytes=64 * MEGABYTE, name=None):
    return parts(model, layout(model, name), max_bytes)


def random_x(model, count, rng):
    shape = [4 * model.size_multiple if size < 0 else size for size in model.image_shape]
    return rng.random((count, *shape), np.float32)


def test_the_parts_give_what_the_model_gives(model):
    encoder, decoder, reconstruct = parts_of(model)
    x = random_x(model, 5, np.random.default_rng(0))
    z = model.encode(x)
    x_recon = model.decoder.to_x_recon(z)
    codes = encoder.run(encoder.check(x))
    np.testing.assert_array_equal(codes[0], z)
    if model.kind == "vae":
        np.testing.assert_array_equal(codes[1], model.posterior(x).log_var)
    np.testing.assert_array_equal(decoder.run(decoder.check(z))[0], x_recon)
    np.testing.assert_array_equal(reconstruct.run(reconstruct.check(x))[0], x_recon)


def test_what_is_offered_has_the_names_and_shapes_of_the_graphs(model):
    told = layout(model, "mine")
    assert [offered.name for offered in told] == ["mine-encoder", "mine-decoder", "mine"]
    codes = ["mu", "log_var"] if model.kind == "vae" else ["z"]
    assert [tensor.name for tensor in told.encoder.outputs] == codes
    assert told.code == codes[0]
    x, z = [-1, *model.image_shape], [-1, *model.latent_shape]
    assert told.encoder.input.shape == told.reconstruct.input.shape == x
    assert [tensor.shape for tensor in told.encoder.outputs] == [z] * len(codes)
    assert (told.decoder.input.name, told.decoder.input.shape) == ("z", z)
    assert [(t.name, t.shape) for t in told.reconstruct.outputs] == [("x_recon", x)]


@pytest.mark.parametrize("name", ["a/b", "", ".hidden", "ä", "a b", "a\n"])
def test_a_name_that_is_no_folder_is_refused(tiny_vae, name):
    if not name:
        assert layout(tiny_vae, name).reconstruct.name == layout(tiny_vae).reconstruct.name
        return
    with pytest.raises(vae_onnx.InputError, match="the name of a model that is served must be"):
        layout(tiny_vae, name)


def test_uint8_images_are_scaled_as_the_runtime_does():
    model = vae_onnx.load("mnist-vae")
    images = np.random.default_rng(0).integers(0, 256, (3, 1, 28, 28), dtype=np.uint8)
    encoder = parts_of(model)[0]
    np.testing.assert_array_equal(encoder.run(encoder.check(images))[0], model.encode(images))


X = np.zeros((2, 1, 28, 28), np.float32)


@pytest.mark.parametrize(
    ("part", "value", "told"),
    [
        (0, X[:, 0], r"x must have the shape \(N, 1, 28, 28\).*send x.reshape\(-1, 1, 28, 28\)"),
        (0, X[:0], r"with N >= 1, got \(0, 1, 28, 28\)"),
        (0, X[0, 0, 0, 0], r"got \(\)"),
        (0, X[..., :27], r"got \(2, 1, 28, 27\)"),
        (0, X.astype(np.float64), "x must be FP32 or UINT8, got float64"),
        (0, X + 2, r"float x must be in \[0, 1\], got \[2.0, 2.0\]"),
        (0, X - 1, r"must be in \[0, 1\]"),
        (0, X * np.nan, "x must be finite, got NaN or infinity"),
        (2, X + np.float32(np.inf), "x must be finite, got NaN or infinity"),
        (1, np.zeros((1, 3), np.float32), r"z must have the shape \(N, 2\) .*got \(1, 3\)"),
        (1, np.zeros((1, 2), np.uint8), "z must be FP32, got uint8"),
        (1, np.full((1, 2), np.nan, np.float32), "z must be finite"),
    ],
)
def test_what_a_part_refuses(part, value, told):
    with pytest.raises((vae_onnx.InputError, vae_onnx.InputTypeError), match=told):
        parts_of(vae_onnx.load("mnist-vae"))[part].check(value)


def test_height_and_width_must_be_multiples(graphs):
    model = vae_onnx.load(graphs / "open")
    shape = [size if size > 0 else model.size_multiple + 1 for size in model.image_shape]
    with pytest.raises(vae_onnx.InputError, match="must be multiples of"):
        parts_of(model)[0].check(np.zeros((1, *shape), np.float32))


def test_an_answer_that_would_be_too_large_is_refused():
    _, decoder, _ = parts_of(vae_onnx.load("mnist-vae"), max_bytes=MEGABYTE)
    fits = MEGABYTE // (784 * 4)
    assert decoder.check(np.zeros((fits, 2), np.float32)).shape == (fits, 2)
    with pytest.raises(vae_onnx.InputError, match=f"1 MB are the most; send {fits} rows at a time"):
        decoder.check(np.zeros((fits + 1, 2), np.float32))


def test_an_answer_of_open_size_that_would_be_too_large_is_refused(graphs):
    model = vae_onnx.load(graphs / "open")
    _, decoder, _ = parts_of(model, max_bytes=MEGABYTE)
    side = 2048 // model.size_multiple
    with pytest.raises(vae_onnx.InputError, match="start the service with a larger --max-mb"):
        decoder.check(np.zeros((1, model.latent_shape[0], side, side), np.float32))


def test_options_go_to_another_process_and_come_back():
    options = Options("mnist-vae", workers=3, threads=2, max_delay_ms=1.5)
    assert Options.from_json(options.to_json()) == options
    assert options.threads_each == 2
    assert Options("mnist-vae", workers=10_000).threads_each == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"http_port": 0}, "http_port must be at least 1, got 0"),
        ({"grpc_port": 70_000}, "grpc_port must be at most 65535"),
        ({"http_port": 9000, "grpc_port": 9000}, "a port each"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"max_batch": 0}, "max_batch must be at least 1"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"max_delay_ms": -1.0}, "max_delay_ms must be in"),
        ({"max_delay_ms": float("nan")}, "max_delay_ms must be in"),
    ],
)
def test_options_that_cannot_be(given, told):
    with pytest.raises(vae_onnx.InputError, match=told):
        Options("mnist-vae", **given)
