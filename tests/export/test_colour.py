"""A folder of colour pictures as people have them, all the way to graphs."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import vae_onnx
from export.__main__ import main
from export.training import record
from vae_onnx import contract, evaluation
from vae_onnx.__main__ import main as runtime
from vae_onnx.pictures import files, fitting
from vae_onnx.pictures.arrays import scale

from . import photographs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("pictures") / "discs"
    photographs.make(root, 60, largest=90)
    return root


OPTIONS = "--network conv --colour --image-size 16 --width 8 --latent-dim 3 --epochs 2 --lr 0.01"


@pytest.fixture(scope="module")
def made(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("all")
    dataset = ["--dataset", f"folder:{folder}", "--batch-size", "16", "--mirror", "--shift", "1"]
    assert main(["all", *OPTIONS.split(), *dataset, "--out", str(out), "--device", "cpu"]) == 0
    return out


@pytest.mark.parametrize("kind", ["vae", "ae"])
def test_all_makes_a_model_of_colour(made, kind):
    folder = made / "models" / f"discs-conv-{kind}-3d"
    model = vae_onnx.load(folder)
    assert (model.kind, model.image_shape, model.latent_shape) == (kind, (3, 16, 16), (3,))
    told = model.metadata
    assert told["likelihood"].startswith("Gaussian")
    assert 0 < float(told["sigma"]) < 1
    assert (told["ground"], told["fit"], told["dataset"]) == ("white", "crop", "folder:discs")
    pictures = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
    assert model.reconstruct(pictures).shape == (4, 16, 16, 3)
    metrics = record.read_metrics(made / kind)
    assert metrics["bits_per_dim"] > 0
    card = json.loads((folder / "card.json").read_text("utf-8"))
    assert card["metrics"]["bits_per_dim"] == pytest.approx(metrics["bits_per_dim"])
    about = (made / kind / "README.md").read_text("utf-8")
    assert "residual convolutions from 16x16 RGB pixels to a code of 3 and back" in about
    assert "one Gaussian of one deviation for all pixels" in about
    with Image.open(folder / "strip.png") as strip:
        assert strip.size[1] == 32


def test_all_goes_on_though_auto_has_become_a_precision(made, folder, capsys):
    options = [*OPTIONS.split(), "--dataset", f"folder:{folder}", "--batch-size", "16"]
    options += ["--mirror", "--shift", "1", "--out", str(made), "--device", "cpu", "--resume"]
    assert main(["all", *options]) == 0
    assert capsys.readouterr().out.count("is finished: all 2 epochs") == 2
    assert record.read_config(made / "vae").precision in ("float32", "bfloat16")


def test_a_map_of_codes_goes_all_the_way(folder, tmp_path):
    options = "--network conv --colour --image-size 16 --width 8 --latent-dim 2 --latent-side 4"
    out = tmp_path / "out"
    dataset = ["--dataset", f"folder:{folder}", "--epochs", "1", "--device", "cpu"]
    assert main(["all", *options.split(), *dataset, "--out", str(out)]) == 0
    model = out / "models" / "discs-conv-vae-2x4x4d"
    assert not (model / "latents.npz").exists()
    vae = vae_onnx.load(model)
    assert vae.latent_shape == (2, 4, 4)
    x = np.random.default_rng(0).random((3, 16, 16, 3), np.float32)
    assert vae.encode(x).shape == (3, 2, 4, 4)
    assert vae.sample(2, np.random.default_rng(0)).shape == (2, 16, 16, 3)
    quantized = ["quantize", str(model), "--dataset", f"folder:{folder}", "--precision", "float16"]
    assert main(quantized) == 0
    drawn = {path.name for path in (out / "figures").iterdir()}
    assert {"VAE_latent_space_2d.png", "VAE_interpolation.png"} <= drawn


def test_the_runtime_scores_such_a_model_as_the_training_side_does(made, folder):
    model = vae_onnx.load(made / "models" / "discs-conv-vae-3d")
    metrics = record.read_metrics(made / "vae")
    names = [*json.loads((made / "vae" / "data.json").read_text("utf-8"))["files"]["test"]]
    pictures = [files.read(folder / name, ground="white").rgb for name in names]
    x = scale(model.encoder.as_batch(np.stack([fitting.fitted(one, 16, 16) for one in pictures])))
    px = contract.likelihood(model.metadata)
    result = evaluation.evaluate(x, model.posterior(x), model.decoder.to_x_recon, px=px)
    for name in ("mse", "kld", "bits_per_dim"):
        assert result[name] == pytest.approx(metrics[name], rel=2e-2)


def test_figures_in_colour(made):
    drawn = {path.name for path in (made / "figures").iterdir()}
    assert {"reconstructions.png", "VAE_interpolation.png", "VAE_prior_samples.png"} <= drawn
    with Image.open(made / "figures" / "reconstructions.png") as picture:
        pixels = np.asarray(picture.convert("RGB"), int)
    red = (pixels[..., 0] - pixels[..., 2] > 100).mean()
    assert red > 0.001  # the discs that are


def test_it_goes_on_where_it_was_cut_off(made, folder, capsys):
    out = made / "vae"
    before = (out / "history.jsonl").read_text("utf-8")
    options = [*OPTIONS.split(), "--dataset", f"folder:{folder}", "--batch-size", "16"]
    options += ["--mirror", "--shift", "1", "--out", str(out), "--device", "cpu"]
    assert main(["train", *options, "--resume"]) == 0
    assert "is finished" in capsys.readouterr().out
    assert (out / "history.jsonl").read_text("utf-8") == before
    assert main(["train", *options, "--resume", "--width", "16"]) == 1
    assert "--width was 8, now 16" in capsys.readouterr().err


def test_a_conv_has_no_recipe_of_the_report(folder, tmp_path, capsys):
    options = ["--network", "conv", "--recipe", "report", "--out", str(tmp_path / "run")]
    assert main(["train", *options]) == 1
    assert "--network conv has the recipe best" in capsys.readouterr().err


def test_shorter_numbers(made, folder, tmp_path, capsys):
    model = tmp_path / "model"
    shutil.copytree(made / "models" / "discs-conv-vae-3d", model)
    options = ["quantize", str(model), "--dataset", f"folder:{folder}"]
    assert main([*options, "--dry-run"]) == 1
    assert "--page and --dry-run are of dense networks" in capsys.readouterr().err
    assert main([*options, "--precision", "float16"]) == 0
    short = vae_onnx.load(model, precision="float16")
    x = np.random.default_rng(0).random((3, 16, 16, 3), np.float32)
    np.testing.assert_allclose(short.reconstruct(x), vae_onnx.load(model).reconstruct(x), atol=0.02)


def test_the_licence_of_ones_own_pictures_is_ones_own_to_state(made, tmp_path):
    assert "licence" not in vae_onnx.load(made / "models" / "discs-conv-ae-3d").metadata
    options = ["onnx", str(made / "ae"), "--out", str(tmp_path / "ae"), "--licence", "CC-BY-4.0"]
    assert main(options) == 0
    assert vae_onnx.load(tmp_path / "ae").metadata["licence"] == "CC-BY-4.0"


def test_what_is_transparent_lies_on_the_ground_that_the_model_states(made, tmp_path, capsys):
    """By itself the reader would lay a light drawing on black."""
    model = made / "models" / "discs-conv-ae-3d"
    see_through = np.zeros((16, 24, 4), np.uint8)
    see_through[4:12, 4:12] = (250, 250, 230, 255)
    solid = np.full((16, 24, 3), 255, np.uint8)
    solid[4:12, 4:12] = (250, 250, 230)
    codes = []
    for name, pixels in (("see-through", see_through), ("solid", solid)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        for fit in ("crop", "pad"):
            picture, out = str(tmp_path / f"{name}.png"), tmp_path / f"{name}-{fit}.npy"
            assert runtime(["encode", str(model), picture, "--fit", fit, "-o", str(out)]) == 0
            codes.append(np.load(out))
    assert "What is transparent counts as white paper" in capsys.readouterr().err
    np.testing.assert_array_equal(codes[0], codes[2])
    np.testing.assert_array_equal(codes[1], codes[3])
    padded = fitting.fitted(solid, 16, 16, "pad", "white")
    np.testing.assert_allclose(codes[1], vae_onnx.load(model).encode(padded), rtol=1e-5)


def test_ink_that_is_turned_lies_on_the_ground_as_well(made, tmp_path):
    """--invert turns all of a picture, and so what lies where nothing is drawn, to the ground."""
    model = made / "models" / "discs-conv-ae-3d"
    drawn = np.zeros((16, 16, 4), np.uint8)
    drawn[4:12, 4:12] = (250, 20, 20, 255)
    Image.fromarray(drawn).save(tmp_path / "drawn.png")
    codes = {}
    for option in ("--invert", "--no-invert"):
        out = tmp_path / f"{option}.npy"
        picture = str(tmp_path / "drawn.png")
        assert runtime(["encode", str(model), picture, option, "-o", str(out)]) == 0
        codes[option] = np.load(out)
    white = np.full((16, 16, 3), 255, np.uint8)
    seen = {"--no-invert": (250, 20, 20), "--invert": (5, 235, 235)}
    for option, ink in seen.items():
        expected = white.copy()
        expected[4:12, 4:12] = ink
        expected = vae_onnx.load(model).encode(expected)
        np.testing.assert_allclose(codes[option], expected, rtol=1e-4, atol=1e-5)


def test_the_network_of_the_report_in_colour_is_measured_by_its_gaussian(folder, tmp_path):
    run, model = tmp_path / "run", tmp_path / "model"
    options = "--colour --image-size 16 --hidden-dim 8 --epochs 1 --batch-size 16 --device cpu"
    dataset = ["--dataset", f"folder:{folder}"]
    assert main(["train", *options.split(), *dataset, "--out", str(run)]) == 0
    assert main(["onnx", str(run), "--out", str(model)]) == 0
    quantized = ["quantize", str(model), *dataset, "--precision", "float16", "--limit", "100"]
    assert main(quantized) == 0
    card = json.loads((model / "card.json").read_text("utf-8"))
    before, after = card["metrics"], card["variants"]["float16"]["metrics"]
    assert after["bits_per_dim"] == pytest.approx(before["bits_per_dim"], abs=0.01)
    assert after["total"] == pytest.approx(before["total"], abs=5)
