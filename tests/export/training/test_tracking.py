"""What a run shows while it trains."""

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from export.config import Config
from export.training import record, run, tracking, trainer

CONFIG = Config(hidden_dim=8, epochs=3, batch_size=64)


def scalars(out):
    """What TensorBoard shows of a run: tag -> list of (step, value)."""
    events = EventAccumulator(str(out / tracking.TENSORBOARD))
    events.Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


@pytest.mark.parametrize("kind", ["vae", "ae"])
def test_tensorboard_shows_the_history(tmp_path, images, kind):
    config = Config(hidden_dim=8, epochs=3, batch_size=64, kind=kind)
    history = run.train(config, *images, tmp_path, tensorboard=True)
    shown = scalars(tmp_path)
    names = {f"{name}/{part}" for part in ("train", "validation") for name in history[0][part]}
    assert set(shown) == names | {"lr"}
    for tag in names:
        name, part = tag.split("/")
        expected = [(entry["epoch"], pytest.approx(entry[part][name])) for entry in history]
        assert shown[tag] == expected


def test_a_resumed_run_goes_on_in_the_same_charts(tmp_path, images, monkeypatch):
    weights = iter([1.0] * 13)  # a step each: stops in the second epoch

    def kl_weight(*_args):
        try:
            return next(weights)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(trainer, "kl_weight", kl_weight)
    with pytest.raises(KeyboardInterrupt):
        run.train(CONFIG, *images, tmp_path, tensorboard=True)
    monkeypatch.undo()
    assert len(record.read_history(tmp_path)) == 1
    run.train(CONFIG, *images, tmp_path, resume=True, tensorboard=True)
    assert [step for step, _ in scalars(tmp_path)["loss/train"]] == [1, 2, 3]


def test_without_the_option_there_are_no_event_files(tmp_path, images):
    run.train(CONFIG, *images, tmp_path)
    assert not (tmp_path / tracking.TENSORBOARD).exists()


def test_the_curves_are_drawn_while_training(tmp_path, images, monkeypatch):
    drawn = []
    monkeypatch.setattr(tracking, "REDRAW_SECONDS", 0.0)
    original = tracking.curves.save
    monkeypatch.setattr(
        tracking.curves, "save", lambda path, figure: (drawn.append(path), original(path, figure))
    )
    run.train(CONFIG, *images, tmp_path)
    assert drawn == [tmp_path / tracking.CURVES] * 4  # after each epoch, and at the end
    with Image.open(tmp_path / tracking.CURVES) as picture:
        assert picture.width > 1000


def test_drawing_is_not_paid_at_every_epoch(tmp_path, images, monkeypatch):
    drawn = []
    monkeypatch.setattr(tracking.curves, "save", lambda path, figure: drawn.append(path))
    run.train(CONFIG, *images, tmp_path)
    assert len(drawn) == 1  # at the end
