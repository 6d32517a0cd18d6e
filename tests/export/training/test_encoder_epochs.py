"""A training whose last epochs are the encoder's alone."""

import json
from dataclasses import replace

import pytest
import torch

from export.config import Config
from export.errors import ConfigError
from export.training import card, checkpoint, record, trainer
from export.training import run as training
from export.training.distributed import Group
from export.training.trainer import Trainer, learning_rate

ALONE = Group(torch.device("cpu"))
CONFIG = Config(hidden_dim=16, epochs=4, encoder_epochs=2, bend=0.5, batch_size=64)
CONV = Config(
    dataset="folder:x", network="conv", width=8, image_size=16, colour=True, moves=0, lr=1e-3,
    epochs=4, encoder_epochs=2, batch_size=64,
)  # fmt: skip


def weights(trainer):
    return {name: each.clone() for name, each in trainer.model.state_dict().items()}


def without_seconds(history):
    return [{**entry, "seconds": 0} for entry in history]


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        replace(CONFIG, kind="ae", bend=1.0),
        replace(CONFIG, moves=0, bend=0.0, k=2),
        CONV,
        replace(CONV, bend=1.0),
    ],
    ids=["vae", "ae, bent", "two samples", "conv", "conv, bent"],
)
def test_the_decoder_stays_to_the_bit_and_the_encoder_learns_on(config):
    x = torch.rand(200, 3 * 16 * 16 if config.network == "conv" else 784)
    trained = Trainer(config, ALONE)
    met = [weights(trained)]
    for epoch in range(1, 5):
        losses = trained.train_epoch(x, epoch)
        met.append(weights(trained))
    for before, after, learns in zip(met, met[1:], [True, True, False, False], strict=False):
        for name in before:
            same = torch.equal(before[name], after[name])
            assert same == (not learns and not name.startswith("encoder.")), name
    assert ("log_sigma" in met[0]) == (config.network == "conv")
    assert losses.keys() == trained.validate(x).keys()


def test_the_epochs_before_are_those_of_a_shorter_training(images):
    ours, theirs = (
        Trainer(CONFIG, ALONE),
        Trainer(replace(CONFIG, epochs=2, encoder_epochs=0, bend=0.0), ALONE),
    )
    for epoch in (1, 2):
        assert ours.train_epoch(images[0], epoch) == theirs.train_epoch(images[0], epoch)
    for name, each in weights(ours).items():
        assert torch.equal(each, weights(theirs)[name])


def test_the_learning_rate_rises_and_falls_once_more():
    config = Config(epochs=10, encoder_epochs=4, lr=1.0)
    rates = [learning_rate(config, step, 100) for step in range(1000)]
    assert rates[:600] == [
        learning_rate(Config(epochs=6, lr=1.0), step, 100) for step in range(600)
    ]
    assert rates[600:] == [
        learning_rate(Config(epochs=4, lr=1.0), step, 100) for step in range(400)
    ]


@pytest.mark.parametrize("epochs_before", [1, 2, 3])
def test_resumed_it_is_the_uninterrupted_run(tmp_path, images, monkeypatch, epochs_before):
    training.train(CONFIG, *images, tmp_path / "whole")
    steps = iter(range(epochs_before * 8 + 3))  # in the middle of an epoch
    kl_weight = trainer.kl_weight

    def interrupted(*args):
        if next(steps, None) is None:
            raise KeyboardInterrupt
        return kl_weight(*args)

    monkeypatch.setattr(trainer, "kl_weight", interrupted)
    with pytest.raises(KeyboardInterrupt, match=f"stopped after epoch {epochs_before};"):
        training.train(CONFIG, *images, tmp_path / "run")
    monkeypatch.undo()
    training.train(CONFIG, *images, tmp_path / "run", resume=True)
    ours, theirs = (checkpoint.load(tmp_path / name / "last.pt") for name in ("run", "whole"))
    for name, each in theirs["model"].items():
        assert torch.equal(ours["model"][name], each)
    assert without_seconds(ours["history"]) == without_seconds(theirs["history"])


@pytest.mark.parametrize(
    ("train_on", "best", "chosen"),
    [("all", [True, True, True, True], 4), ("train", [True, True, False, False], 2)],
)
def test_the_best_epoch_is_one_of_the_last_ones(
    tmp_path, images, monkeypatch, train_on, best, chosen
):
    """Where images are trained on that may be known best at the end of the decoder's training."""
    losses = iter([9.0, 5.0, 8.0, 7.0])
    monkeypatch.setattr(
        Trainer, "validate", lambda *_: {"loss": next(losses), "recon": 1, "kld": 1}
    )
    history = training.train(replace(CONFIG, train_on=train_on), *images, tmp_path)
    assert [entry["best"] for entry in history] == best
    kept = checkpoint.load(tmp_path / "best.pt")["epoch"]
    assert record.best_epoch(history)["epoch"] == kept == chosen
    page = (tmp_path / card.CARD).read_text()
    assert f"the weights are those of epoch {chosen}" in page
    assert ("of the encoder's own epochs" in page) == (train_on == "all")
    assert "--epochs 4 --encoder-epochs 2" in page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder_epochs": -1}, "encoder_epochs must be an integer of at least 0, got -1"),
        ({"encoder_epochs": 200}, "encoder_epochs must be less than the 200 epochs, .* got 200"),
        ({"bend": 1.0}, "bend is of the encoder's own epochs; add --encoder-epochs"),
        ({"bend": -1.0, "encoder_epochs": 5}, "bend must be a finite number of at least 0"),
        ({"encoder_epochs": 5, "schedule": "constant"}, "a constant schedule has no last one"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Config(**options)


def test_a_run_that_knew_no_such_epochs_had_none(tmp_path):
    record.write_config(tmp_path, Config())
    path = tmp_path / record.CONFIG
    told = json.loads(path.read_text())
    for name in ("encoder_epochs", "bend", "x_lr_factor", "z_init", "x_init"):
        del told[name]
    path.write_text(json.dumps(told))
    assert record.read_config(tmp_path) == Config(x_lr_factor=1.0)
