"""Convolutional models in int8 and float16."""

import json

import numpy as np
import onnx
import openvino
import pytest
import torch
from PIL import Image
from torch import nn

import vae_onnx
import vae_onnx.torch
from vae_onnx import errors
from vae_onnx.__main__ import main
from vae_onnx.crossing.gates.roundtrip import psnr

from . import nets

HINTS = {"INFERENCE_PRECISION_HINT": "f32"}
SIDES = ("encoder", "decoder")


@pytest.fixture(scope="module")
def taef2(foreign, photographs, tmp_path_factory):
    """The folder of TAEF2, of any size, with its variants; and what it was before."""
    folder = tmp_path_factory.mktemp("shorter") / "taef2"
    encoder, decoder = nets.taef2_encoder(), nets.taef2_decoder()
    vae_onnx.torch.load_weights(encoder, foreign / "taef2_encoder.pth")
    vae_onnx.torch.load_weights(decoder, foreign / "taef2_decoder.pth")
    pictures = photographs(64)
    vae_onnx.torch.export(
        folder, encoder, decoder, pictures[::3], dynamic_size=True, progress=False
    )
    before = contents(folder)
    vae_onnx.quantize(folder, pictures, progress=False)
    return folder, before


@pytest.fixture
def small(tmp_path):
    """A model of four convolutions, and its pictures, of random weights."""
    torch.manual_seed(0)
    encoder = nn.Sequential(
        *(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU()),
        *(nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU(), nn.Conv2d(8, 4, 3, 1, 1)),
    )
    decoder = nn.Sequential(
        *(nn.Conv2d(4, 8, 3, 1, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU()),
        *(nn.Conv2d(8, 8, 3, 1, 1), nn.Upsample(scale_factor=2), nn.Conv2d(8, 3, 3, 1, 1)),
        nn.Sigmoid(),
    )
    pictures = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), np.uint8)
    with pytest.warns(errors.ExportWarning):
        vae_onnx.torch.export(
            tmp_path / "m", encoder, decoder, pictures, strict=False, progress=False
        )
    return tmp_path / "m", pictures


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def told(path):
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def test_a_trained_model_is_much_smaller_and_hardly_worse(taef2, photographs):
    folder, _ = taef2
    card = json.loads((folder / "card.json").read_text())
    flowers = photographs(128)
    x = flowers / np.float32(255)
    plain = psnr(x, vae_onnx.load(folder).reconstruct(flowers))
    for variant, share, loss in (("float16", 0.55, 0.01), ("int8", 0.3, 0.5)):
        model = vae_onnx.load(folder, precision=variant)
        assert psnr(x, model.reconstruct(flowers)) > plain - loss
        for side in SIDES:
            size = (folder / f"{side}.{variant}.onnx").stat().st_size
            assert size < share * (folder / f"{side}.onnx").stat().st_size
        measured = card["variants"][variant]
        assert -loss <= measured["psnr_change"] <= loss
        assert measured["time_ratio"]["decode"]["1"] > 0


def test_nothing_else_is_touched(taef2):
    folder, before = taef2
    after = contents(folder)
    assert after.keys() - before.keys() == {
        f"{s}.{v}.onnx" for s in SIDES for v in ("float16", "int8")
    }
    assert {name for name in before if after[name] != before[name]} == {"card.json"}
    assert {**json.loads(before["card.json"]), "variants": ...} == {
        **json.loads(after["card.json"]),
        "variants": ...,
    }


@pytest.mark.parametrize("variant", ["float16", "int8"])
@pytest.mark.parametrize("side", SIDES)
def test_the_contract_is_that_of_float32(taef2, side, variant):
    folder, _ = taef2
    own, short = (onnx.load(folder / f"{side}{suffix}.onnx") for suffix in ("", f".{variant}"))
    assert short.graph.input == own.graph.input
    assert short.graph.output == own.graph.output
    assert [(entry.domain, entry.version) for entry in short.opset_import] == [("", 18)]
    assert (short.ir_version, {node.domain for node in short.graph.node}) == (8, {""})
    given = told(folder / f"{side}.{variant}.onnx")
    assert given.pop("precision") == variant
    assert given == told(folder / f"{side}.onnx")


@pytest.mark.parametrize("variant", ["float16", "int8"])
def test_every_engine_computes_the_same_at_every_batch(small, variant):
    folder, pictures = small
    vae_onnx.quantize(folder, pictures, variant, limit=10, progress=False)
    model = vae_onnx.load(folder, precision=variant)
    z = model.encode(pictures)
    other = openvino.compile_model(folder / f"decoder.{variant}.onnx", "CPU", HINTS)
    (expected,) = other({"z": z}).values()
    got = model.decoder.to_x_recon(z)
    assert np.abs(got - expected).mean() < 1e-3  # a sum at the edge of a step goes either way
    alone = np.concatenate([model.decoder.to_x_recon(row[np.newaxis]) for row in z])
    np.testing.assert_allclose(alone, got, atol=1e-5)


def test_what_costs_too_much_is_refused(foreign, photographs, tmp_path):
    """The ten codes of this one need all their digits."""
    model = nets.Burgess(3, large=True)
    vae_onnx.torch.load_weights(model, foreign / "disentangling-vae-celeba.pt")
    pictures = photographs(64)
    folder = vae_onnx.torch.export(tmp_path / "m", model, pictures, progress=False)
    before = contents(folder)
    told = r"int8: -\d\.\d+ dB.*allowed are 0.5 dB, nothing was written"
    with pytest.raises(errors.ReconstructionError, match=told):
        vae_onnx.quantize(folder, pictures, progress=False)
    assert contents(folder) == before


def test_dense_layers_of_which_none_is_left(tmp_path, digits):
    with pytest.warns(errors.ExportWarning):
        folder = vae_onnx.torch.export(
            tmp_path / "m", nets.Report(), digits[:8], strict=False, progress=False
        )
    with pytest.raises(errors.ExporterError, match=r"2 convolutions and products.*take float16"):
        vae_onnx.quantize(folder, digits, "int8", progress=False)
    vae_onnx.quantize(folder, digits, "float16", progress=False)
    model, short = vae_onnx.load(folder), vae_onnx.load(folder, precision="float16")
    np.testing.assert_allclose(short.encode(digits), model.encode(digits), atol=1e-2)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"precision": "int4"}, errors.InputError, "float16, int8"),
        ({"precision": []}, errors.InputError, "float16, int8"),
        ({"precision": 8}, errors.InputTypeError, "a text or a list"),
        ({"limit": -1}, errors.InputError, "at least 0"),
        ({"limit": float("nan")}, errors.InputError, "at least 0"),
        ({"limit": "much"}, errors.InputError, "a number of dB"),
        ({"pictures": np.zeros((3, 16, 16, 3), np.uint8)}, errors.InputError, "4 or more"),
        ({"pictures": np.zeros((4, 8, 8, 3), np.uint8)}, errors.InputError, "got shape"),
        ({"folder": "nowhere"}, errors.FileMissingError, "nowhere"),
    ],
)
def test_what_cannot_be_done(small, options, kind, message):
    folder, pictures = small
    before = contents(folder)
    options = {"folder": folder, "pictures": pictures} | options
    with pytest.raises(kind, match=message):
        vae_onnx.quantize(**options, progress=False)
    assert contents(folder) == before


def test_the_command(small, tmp_path, capsys):
    folder, pictures = small
    paths = [str(tmp_path / f"{number}.png") for number in range(len(pictures))]
    for path, picture in zip(paths, pictures, strict=True):
        Image.fromarray(picture).save(path)
    options = ["--precision", "int8", "--limit", "10"]
    assert main(["quantize", str(folder), *paths, *options]) == 0
    output = capsys.readouterr()
    assert output.out == f"{folder}\n"
    assert "quantize: int8: " in output.err
    assert vae_onnx.load(folder, precision="int8").latent_shape == (4, 8, 8)
