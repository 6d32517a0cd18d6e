import json

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy

from export.choices import NOISE_SEED
from export.config import Config
from export.data.datasets import Split
from export.errors import ConfigError
from export.graphs import model_folder
from export.networks.building import build
from export.report import evaluate
from export.training import checkpoint, objective
from export.training.run import train
from vae_onnx import evaluation, likelihood
from vae_onnx.__main__ import main as vae_onnx_command

MODELS = {kind: build(Config(kind=kind, hidden_dim=16)) for kind in ("vae", "ae")}


@pytest.fixture
def small(splits):
    """A few real images with their classes."""
    validation = splits[1]
    return Split(validation.pixels[:300], validation.labels[:300], validation.class_names)


@pytest.mark.parametrize("kind", ["vae", "ae"])
def test_the_batch_size_does_not_matter(small, kind, monkeypatch):
    expected = evaluate.metrics(MODELS[kind], small, draws=2)
    for batch_size in (1, 7, 299, 1000):
        monkeypatch.setattr(evaluate, "BATCH", batch_size)
        monkeypatch.setattr(likelihood, "ROWS", batch_size)
        monkeypatch.setattr(likelihood, "DRAWN", batch_size)
        monkeypatch.setattr(evaluation, "ROWS", batch_size)
        got = evaluate.metrics(MODELS[kind], small, draws=2)
        assert got.keys() == expected.keys()
        for name in expected.keys() - {"split"}:
            assert got[name] == pytest.approx(expected[name], rel=1e-6), name


def test_more_draws_come_closer_to_the_expectation(small):
    codes, decode = evaluate.encode(MODELS["vae"], small), evaluate.decoder(MODELS["vae"])
    one, many, exact = (
        likelihood.elbo(small.x.numpy(), codes, decode, np.random.default_rng(seed), draws).recon
        for seed, draws in enumerate((1, 16, 200))
    )
    assert np.abs(many - exact).mean() < np.abs(one - exact).mean() / 2


def test_the_metrics_are_the_losses_of_training(small):
    """What the runtime computes from pictures is what torch computes from logits."""
    with torch.no_grad():
        terms = objective.recon(MODELS["ae"](small.x), small.x)
    assert evaluate.metrics(MODELS["ae"], small) == pytest.approx(
        {
            "split": "test",
            "images": 300,
            "total": terms.mean().item(),
            "recon": terms.mean().item(),
            "standard_error": terms.std().item() / 300**0.5,
            "floor": binary_cross_entropy(small.x, small.x, reduction="sum").item() / 300,
        },
        abs=1e-4,
    )
    eps = np.random.default_rng(NOISE_SEED).standard_normal((300, 1, 2), np.float32)
    with torch.no_grad():
        logits, mu, log_var = MODELS["vae"](small.x, torch.from_numpy(eps[:, 0]))
    got = evaluate.metrics(MODELS["vae"], small, draws=1)
    assert got["recon"] == pytest.approx(objective.recon(logits, small.x).mean().item(), abs=1e-4)
    assert got["kld"] == pytest.approx(objective.kld(mu, log_var).mean().item(), abs=1e-5)
    total = -objective.elbo(logits, small.x, mu, log_var)
    assert got["standard_error"] == pytest.approx(total.std().item() / 300**0.5, abs=1e-4)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, images, data_dir, tiny_run):
    """Run folders, that of the VAE without a plane to integrate over, which takes its time."""
    run = tmp_path_factory.mktemp("three") / "fashion-mnist" / "vae"
    train(Config(kind="vae", latent_dim=3, hidden_dim=8, epochs=1), *images, run)
    return {"vae": run, "ae": tiny_run("ae")}


def test_evaluate_writes_what_it_returns(evaluated, data_dir, test_split, capsys):
    run = evaluated["vae"]
    result = evaluate.evaluate(run, data_dir, draws=2, k=5)
    assert json.loads((run / "metrics.json").read_text()) == result
    assert list(result)[:8] == [
        "split", "images", "draws", "seed", "total", "recon", "kld", "standard_error"
    ]  # fmt: skip
    assert (result["split"], result["images"], result["draws"]) == ("test", 10_000, 2)
    assert result["total"] == pytest.approx(result["recon"] + result["kld"])
    assert result["elbo"] < result["log_px_importance"]
    assert result["floor"] == pytest.approx(189.9, abs=0.05)  # of Fashion-MNIST's test images

    model, _ = checkpoint.load_model(run)
    got = {key: result[key] for key in evaluate.metrics(model, test_split, draws=2)}
    assert got == evaluate.metrics(model, test_split, draws=2), "what the card will say"

    text = capsys.readouterr().out
    assert "fashion-mnist-vae-3d, test set, on 10,000 images, 2 draws" in text
    for name in ("total", "recon", "kld", "log_px_importance", "knn_accuracy", "psnr"):
        assert f"{result[name]:.4f}" in text


@pytest.mark.parametrize("kind", ["vae", "ae"])
def test_the_graphs_alone_give_the_same(evaluated, data_dir, tmp_path, kind):
    """`python -m export evaluate` and `vae-onnx evaluate` on the whole test set."""
    run = evaluated[kind]
    evaluate.evaluate(run, data_dir, draws=2, k=5)
    model_folder.export_run(run, tmp_path / "model", data_dir)
    idx = data_dir / "FashionMNIST" / "raw" / "t10k-images-idx3-ubyte"
    out = tmp_path / "out.json"
    options = ["--draws", "2", "--k", "5", "-o", str(out)]
    assert vae_onnx_command(["evaluate", str(tmp_path / "model"), str(idx), *options]) == 0
    ours, theirs = json.loads(out.read_text()), json.loads((run / "metrics.json").read_text())
    assert ours.keys() - theirs.keys() == {"model", "data"}
    assert {key: ours.get(key) for key in theirs} == pytest.approx(
        theirs | {"split": None}, abs=1e-3
    )


def test_an_ae_has_no_draws_and_no_kld(tiny_run, data_dir):
    result = evaluate.evaluate(tiny_run("ae"), data_dir)
    assert result.keys() == {
        "split", "images", "total", "recon", "standard_error", "floor",
        "knn_accuracy", "knn_neighbours", "mse", "psnr",
    }  # fmt: skip
    assert result["total"] == result["recon"]


@pytest.mark.parametrize(("name", "value"), [("draws", 0), ("k", 0), ("seed", -1)])
def test_settings_that_cannot_be_run_are_refused(tiny_run, name, value):
    with pytest.raises(ConfigError, match=rf"{name} must be at least \d, got {value}"):
        evaluate.evaluate(tiny_run("vae"), **{name: value})


def test_a_run_without_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"python -m export train"):
        evaluate.evaluate(tmp_path)
