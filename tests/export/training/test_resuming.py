"""A finished run that is to be trained longer."""

from dataclasses import replace

import pytest
import torch

from export.config import Config
from export.errors import ConfigError
from export.training import checkpoint, record
from export.training import run as training
from export.training.trainer import Trainer

CONFIG = Config(hidden_dim=16, epochs=4, batch_size=64)


def test_a_run_trained_longer_keeps_its_best_model_and_metrics(tmp_path, images, monkeypatch):
    config = replace(CONFIG, schedule="constant", epochs=2)
    training.train(config, *images, tmp_path)
    metrics = {"total": 1.0, "recon": 1.0, "images": 10, "standard_error": 0.1}
    record.write_metrics(tmp_path, metrics)
    best, _ = checkpoint.load_model(tmp_path)
    validate = Trainer.validate
    monkeypatch.setattr(
        Trainer,
        "validate",
        lambda *args: {name: value + 1e3 for name, value in validate(*args).items()},
    )
    longer = replace(config, epochs=3)
    history = training.train(longer, *images, tmp_path, resume=True)
    assert [entry["best"] for entry in history] == [True, True, False]
    kept, told = checkpoint.load_model(tmp_path)
    for ours, theirs in zip(kept.parameters(), best.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert told == longer
    assert record.read_metrics(tmp_path) == metrics


def test_a_run_whose_learning_rate_falls_to_zero_is_not_trained_longer(tmp_path, images):
    run, longer = tmp_path / "run", replace(CONFIG, epochs=6)
    training.train(CONFIG, *images, run)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    with pytest.raises(ConfigError, match=r"falls to zero over --epochs 4.*--epochs 6 into ano"):
        training.train(longer, *images, run, resume=True)
    assert before == {path.name: path.read_bytes() for path in run.iterdir()}
    assert len(training.train(longer, *images, tmp_path / "another")) == 6


def test_a_run_that_has_trained_nothing_yet_may_have_any_number_of_epochs(tmp_path, images):
    record.write_config(tmp_path, CONFIG)
    shorter = replace(CONFIG, epochs=1)
    assert len(training.train(shorter, *images, tmp_path, resume=True)) == 1
    assert record.read_config(tmp_path) == shorter
