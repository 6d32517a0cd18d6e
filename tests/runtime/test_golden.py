"""The golden vectors (tests/golden) and this host of the graphs."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import vae_onnx

FOLDER = Path(__file__).parents[1] / "golden"
MANIFEST = json.loads((FOLDER / "golden.json").read_text(encoding="utf-8"))
MODELS = {entry["name"]: entry for entry in MANIFEST["models"]}
TINY = {entry["name"]: entry for entry in MANIFEST["tiny"]}
DRAWINGS = {entry["name"]: entry for entry in MANIFEST["drawings"]}


def read(entry):
    """The tensors of a model or a drawing, by name."""
    return {
        name: np.fromfile(FOLDER / told["file"], np.dtype(told["dtype"]).newbyteorder("<")).reshape(
            told["shape"]
        )
        for name, told in entry["tensors"].items()
    }


def assert_agree(got, expected):
    """Within 1e-5, relative to the largest magnitude where that is above 1."""
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * scale)


def test_every_bundled_model_has_vectors_of_its_own_weights():
    for name in vae_onnx.models():
        model, told = vae_onnx.load(name), MODELS[name]
        assert told["fingerprint"] == model.metadata["fingerprint"], "`python -m export golden`"
        assert told["kind"] == model.kind
        assert told["latent_dim"] == model.latent_dim
        assert tuple(told["image_shape"]) == model.image_shape


def test_the_manifest_names_every_file_and_its_size():
    tensors = [
        tensor
        for entry in (*MODELS.values(), *TINY.values(), *DRAWINGS.values())
        for tensor in entry["tensors"].values()
    ]
    sizes = {tensor["file"]: math.prod(tensor["shape"]) for tensor in tensors}
    bytes_each = {tensor["file"]: np.dtype(tensor["dtype"]).itemsize for tensor in tensors}
    found = {
        path.relative_to(FOLDER).as_posix(): path.stat().st_size
        for path in FOLDER.rglob("*")
        if path.suffix in (".f32", ".u8")
    }
    assert found == {name: size * bytes_each[name] for name, size in sizes.items()}


@pytest.mark.parametrize("name", MODELS)
def test_the_graphs_agree(name):
    _check(vae_onnx.load(name), read(MODELS[name]))


@pytest.mark.parametrize("name", TINY)
def test_colours_maps_and_any_size_agree(name, graphs):
    model, told = vae_onnx.load(graphs / name), TINY[name]
    assert [model.kind, list(model.latent_shape), list(model.image_shape)] == [
        told[key] for key in ("kind", "latent_shape", "image_shape")
    ]
    _check(model, read(told))


def _check(model, golden):
    x, z = golden["x"], golden["z"]
    pictures = golden["x_recon"].transpose(0, 2, 3, 1)
    pictures = pictures[..., 0] if pictures.shape[-1] == 1 else pictures
    if model.kind == "vae":
        posterior = model.posterior(x)
        assert_agree(posterior.mu, golden["mu"])
        assert_agree(posterior.log_var, golden["log_var"])
    assert_agree(model.encode(x), z[: len(x)])
    assert_agree(model.decode(z), pictures)
    assert_agree(model.reconstruct(x), pictures[: len(x)])


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_drawing_agrees(name):
    golden = read(DRAWINGS[name])
    assert_agree(vae_onnx.drawing_to_x(golden["ink"]), golden["x"])


def test_models_of_digits_are_shown_the_drawings():
    drawn = np.concatenate([read(entry)["x"] for entry in DRAWINGS.values()])
    for name, entry in MODELS.items():
        if vae_onnx.load(name).metadata["dataset"] == "mnist":
            np.testing.assert_array_equal(read(entry)["x"][-len(drawn) :], drawn)
