import json
import math

import pytest
import torch

from export import checkpoint, evaluate
from export.config import Config
from export.errors import ConfigError
from export.loss import kld, recon
from export.model import build

MODELS = {kind: build(Config(kind=kind, hidden_dim=16)) for kind in ("vae", "ae")}


@pytest.mark.parametrize("kind", ["vae", "ae"])
def test_the_batch_size_does_not_matter(images, kind):
    x = images[1]
    expected = evaluate.per_image(MODELS[kind], x, draws=2, batch_size=len(x))
    for batch_size in (1, 7, 299, 1000):
        got = evaluate.per_image(MODELS[kind], x, draws=2, batch_size=batch_size)
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-4)


def test_more_draws_come_closer_to_the_expectation(images):
    x = images[1]
    one, many, exact = (
        evaluate.per_image(MODELS["vae"], x, draws)["recon"] for draws in (1, 16, 200)
    )
    assert (many - exact).abs().mean() < (one - exact).abs().mean() / 2


def test_losses_are_means_over_the_images(images):
    x = images[1]
    result = evaluate.losses(MODELS["ae"], x)
    with torch.no_grad():
        expected = recon(MODELS["ae"](x), x).mean().item()
    assert result == pytest.approx({"loss": expected, "recon": expected})


def test_evaluate_writes_what_it_returns(tiny_run, data_dir, test_split, capsys):
    run = tiny_run("vae")
    result = evaluate.evaluate(run, data_dir, draws=2)
    assert json.loads((run / "metrics.json").read_text()) == result
    assert list(result) == [
        "split", "images", "draws", "total", "recon", "kld", "standard_error"
    ]  # fmt: skip
    assert (result["split"], result["images"], result["draws"]) == ("test", 10_000, 2)
    assert result["total"] == pytest.approx(result["recon"] + result["kld"])

    model, _ = checkpoint.load_model(run)
    with torch.no_grad():
        expected = kld(*model.encoder(test_split.x)).mean().item()
    assert result["kld"] == pytest.approx(expected, rel=1e-5)
    totals = sum(evaluate.per_image(model, test_split.x, 2).values())
    assert result["standard_error"] == pytest.approx(totals.std().item() / math.sqrt(10_000))

    text = capsys.readouterr().out
    assert "fashion-mnist-vae on the 10,000 test images, 2 draws" in text
    for name in ("total", "recon", "kld"):
        assert f"{result[name]:.4f}" in text


def test_an_ae_has_no_draws_and_no_kld(tiny_run, data_dir):
    result = evaluate.evaluate(tiny_run("ae"), data_dir)
    assert result.keys() == {"split", "images", "total", "recon", "standard_error"}
    assert result["total"] == result["recon"]


def test_less_than_one_draw_is_refused(tiny_run):
    with pytest.raises(ConfigError, match="draws must be at least 1, got 0"):
        evaluate.evaluate(tiny_run("vae"), draws=0)


def test_a_run_without_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"python -m export train"):
        evaluate.evaluate(tmp_path)
