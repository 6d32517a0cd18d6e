from dataclasses import replace

import pytest

from export.config import Config
from export.training import card, record


@pytest.mark.parametrize(("kind", "rows"), [("vae", 8), ("ae", 5)])
def test_the_card_of_an_evaluated_run_has_its_figures(tiny_run, kind, rows):
    run = tiny_run(kind)
    page = (run / card.CARD).read_text()
    metrics, best = record.read_metrics(run), record.best_epoch(record.read_history(run))
    assert page.startswith(f"# fashion-mnist-{kind}\n")
    assert "784-16-2-16-784" in page
    assert f" {metrics['total']:.2f} |" in page
    assert f" {metrics['mse']:.4f} |" in page
    assert page.count("\n| ") == rows + 2
    assert f"--hidden-dim 16 --epochs 3 --batch-size 64 --kind {kind} --out RUN" in page
    assert (
        f"epoch {best['epoch']}, of the lowest validation loss ({best['validation']['loss']:.2f}"
        in page
    )
    assert "trained on as well" not in page


def test_a_card_before_the_evaluation_says_how_to_come_by_figures():
    history = [
        {
            "epoch": 1,
            "lr": 1.0,
            "train": {"loss": 2.0},
            "validation": {"loss": 3.0},
            "seconds": 90.0,
            "best": True,
        }
    ]
    config = Config(dataset="folder:/home/me/My Photos", train_on="all", hidden_dim=4)
    page = card.text(config, history, None)
    assert "# my-photos-vae" in page
    assert "`python -m export evaluate RUN`" in page
    assert "--dataset 'folder:My Photos'" in page
    assert "/home" not in page
    assert "1 epoch, 1.5 minutes" in page
    assert "3.00 nats per image, on images that were trained on as well" in page
    assert "trained on as well" not in card.text(replace(config, train_on="train"), history, None)
