import json
import math
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from export.config import Config
from export.errors import ConfigError, DivergedError, RunError
from export.training import checkpoint, preparing, record, trainer
from export.training import run as training
from export.training.distributed import Group
from export.training.trainer import Trainer

ROOT = Path(__file__).parents[3]
CONFIG = Config(hidden_dim=16, epochs=4, batch_size=64)


def without_seconds(history):
    return [{**entry, "seconds": 0} for entry in history]


def assert_same_run(ours, theirs):
    assert without_seconds(record.read_history(ours)) == without_seconds(
        record.read_history(theirs)
    )
    for which in (checkpoint.BEST, checkpoint.LAST):
        a, b = (checkpoint.load(run / which) for run in (ours, theirs))
        assert a["epoch"] == b["epoch"]
        for name, weights in a["model"].items():
            assert torch.equal(weights, b["model"][name])


def validated(model, x):
    judge = Trainer(CONFIG, Group(x.device))
    judge.model.load_state_dict(model.state_dict())
    return judge.validate(x)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, images):
    out = tmp_path_factory.mktemp("uninterrupted") / "run"
    training.train(CONFIG, *images, out)
    return out


def test_training_learns_and_leaves_its_files(tmp_path, images, capsys):
    history = training.train(CONFIG, *images, tmp_path / "run")
    assert history[-1]["validation"]["loss"] < history[0]["validation"]["loss"] - 20
    assert history == record.read_history(tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "config.json",
        "history.jsonl",
        "best.pt",
        "last.pt",
        "curves.png",
        "README.md",
    }
    log = capsys.readouterr().out.splitlines()
    assert log[0].startswith("fashion-mnist-vae: 26,004 parameters, 500 training and 300 valid")
    first = history[0]["train"]
    assert log[1].startswith(
        f"epoch  1/4  train {first['loss']:.2f} (recon {first['recon']:.2f} + "
        f"kld {first['kld']:.2f})  validation "
    )
    assert log[1].endswith(" s")
    best = history[0]["validation"]["loss"]
    assert log[2] == f"             new best model saved (validation {best:.2f})"


def test_the_losses_of_an_ae_are_recon_alone(tmp_path, images, capsys):
    config = Config(kind="ae", hidden_dim=8, epochs=1)
    (entry,) = training.train(config, *images, tmp_path)
    assert entry["train"].keys() == entry["validation"].keys() == {"loss", "recon"}
    assert entry["validation"]["loss"] == pytest.approx(entry["validation"]["recon"], rel=1e-6)
    loss = entry["validation"]["loss"]
    assert f"  validation {loss:.2f}  " in capsys.readouterr().out


def test_the_history_agrees_with_the_checkpoints(uninterrupted, images):
    history = record.read_history(uninterrupted)
    last, _ = checkpoint.load_model(uninterrupted, "last")
    assert validated(last, images[1]) == pytest.approx(history[-1]["validation"])
    best, _ = checkpoint.load_model(uninterrupted, "best")
    expected = pytest.approx(record.best_epoch(history)["validation"])
    assert validated(best, images[1]) == expected


def test_a_run_is_reproducible_and_the_seed_matters(tmp_path, uninterrupted, images):
    training.train(CONFIG, *images, tmp_path / "same")
    assert_same_run(tmp_path / "same", uninterrupted)
    other = Config(**{**vars(CONFIG), "seed": 1})
    history = training.train(other, *images, tmp_path / "other")
    assert history[0]["train"] != record.read_history(uninterrupted)[0]["train"]


@pytest.mark.parametrize("epochs_before", [0, 1, 3])
def test_ctrl_c_and_resume_give_the_uninterrupted_run(
    tmp_path, uninterrupted, images, monkeypatch, epochs_before
):
    steps = math.ceil(len(images[0]) / CONFIG.batch_size)
    calls = iter(range(epochs_before * steps + 3))  # in the middle of an epoch

    def interrupted_weight(*args):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return kl_weight(*args)

    kl_weight = trainer.kl_weight  # computed at every step
    monkeypatch.setattr(trainer, "kl_weight", interrupted_weight)
    message = f"stopped after epoch {epochs_before}; go on with --resume"
    with pytest.raises(KeyboardInterrupt, match=message):
        training.train(CONFIG, *images, tmp_path / "run")
    monkeypatch.undo()
    training.train(CONFIG, *images, tmp_path / "run", resume=True)
    assert_same_run(tmp_path / "run", uninterrupted)


def test_a_new_best_model_drops_the_metrics_of_the_old_one(tmp_path, images):
    out = tmp_path / "run"
    training.train(replace(CONFIG, epochs=1), *images, out)
    record.write_metrics(out, {"total": 1.0})
    record.write_config(out, CONFIG)
    history = training.train(CONFIG, *images, out, resume=True)
    assert any(entry["best"] for entry in history[1:])
    with pytest.raises(FileNotFoundError, match=r"metrics.json is missing; .*evaluate"):
        record.read_metrics(out)


@pytest.mark.parametrize("lost", ["history.jsonl", "last.pt"])
def test_resume_after_a_kill_between_two_files(tmp_path, uninterrupted, images, monkeypatch, lost):
    """The files of an epoch are best, last, history, in this order."""

    class KilledError(Exception):
        pass

    def write_or_die(write):
        def wrapped(path, content):
            name = record.HISTORY if isinstance(content, list) else path.name
            if name == lost and len(content if name == record.HISTORY else content["history"]) == 2:
                raise KilledError
            write(path, content)

        return wrapped

    monkeypatch.setattr(training.checkpoint, "save", write_or_die(checkpoint.save))
    monkeypatch.setattr(training.record, "write_history", write_or_die(record.write_history))
    with pytest.raises(KilledError):
        training.train(CONFIG, *images, tmp_path / "run")
    monkeypatch.undo()
    training.train(CONFIG, *images, tmp_path / "run", resume=True)
    assert_same_run(tmp_path / "run", uninterrupted)


def test_a_finished_run_is_resumed_to_itself(uninterrupted, images, capsys):
    before = {path.name: path.read_bytes() for path in uninterrupted.iterdir()}
    history = training.train(CONFIG, *images, uninterrupted, resume=True)
    assert history == record.read_history(uninterrupted)
    assert "is finished: all 4 epochs are trained" in capsys.readouterr().out
    assert before == {path.name: path.read_bytes() for path in uninterrupted.iterdir()}


def test_nothing_is_overwritten(tmp_path, images):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"--resume, or choose another --out"):
        training.train(CONFIG, *images, tmp_path)
    with pytest.raises(RunError, match=r"no run to resume; choose another --out"):
        training.train(CONFIG, *images, tmp_path, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_resuming_with_other_options_lists_them(uninterrupted, images):
    other = Config(hidden_dim=16, epochs=5, batch_size=64, lr=0.5)
    with pytest.raises(ConfigError) as caught:
        training.train(other, *images, uninterrupted, resume=True)
    assert "(--epochs was 4, now 5; --lr was 0.008, now 0.5)" in str(caught.value)


def test_a_run_of_a_constant_learning_rate_is_trained_longer(tmp_path, images, capsys):
    config = replace(CONFIG, schedule="constant", kl_warmup=3, lr=1e-3)
    training.train(config, *images, tmp_path / "whole")
    out = tmp_path / "run"
    training.train(replace(config, epochs=2), *images, out)
    training.train(replace(config, epochs=2), *images, out, resume=True)
    assert "all 2 epochs are trained; --epochs MORE trains on" in capsys.readouterr().out
    training.train(config, *images, out, resume=True)
    assert_same_run(out, tmp_path / "whole")
    assert record.read_config(out) == checkpoint.load_model(out)[1] == config
    with pytest.raises(ConfigError, match="4 epochs are trained already, more than --epochs 3"):
        training.train(replace(config, epochs=3), *images, out, resume=True)


@pytest.mark.parametrize("key", ["optimizer", "history"])
def test_resuming_from_a_checkpoint_without_state(tmp_path, images, key):
    training.train(CONFIG, *images, tmp_path)
    state = checkpoint.load(tmp_path / checkpoint.LAST)
    del state[key]
    checkpoint.save(tmp_path / checkpoint.LAST, state)
    with pytest.raises(RunError, match="cannot be resumed from"):
        training.train(CONFIG, *images, tmp_path, resume=True)


def test_a_loss_that_is_no_number_stops_and_keeps_the_epochs_before(tmp_path, images):
    calls = iter(range(10))
    x_train, x_validation = (x.clone() for x in images)

    validate = Trainer.validate

    def validate_then_spoil(*args):
        if next(calls) == 1:  # after the validation of epoch 2
            x_train[7] = math.nan
        return validate(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "validate", validate_then_spoil)
        with pytest.raises(
            DivergedError, match=r"training loss of epoch 3 is nan at step \d of \d.*smaller --lr"
        ):
            training.train(CONFIG, x_train, x_validation, tmp_path)
    assert len(record.read_history(tmp_path)) == 2
    model, _ = checkpoint.load_model(tmp_path, "last")
    assert all(weights.isfinite().all() for weights in model.parameters())


def test_a_folder_that_cannot_be_written(tmp_path, images):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        training.train(CONFIG, *images, tmp_path / "file" / "run")


@pytest.mark.parametrize(
    "options", [{"k": 3}, {"objective": "iwae", "k": 5}, {"beta": 0.5}, {"free_bits": 0.5}]
)
def test_every_objective_trains(tmp_path, images, options):
    config = replace(CONFIG, **options)
    history = training.train(config, *images, tmp_path / "run")
    assert history[-1]["validation"]["loss"] < history[0]["validation"]["loss"]
    assert record.read_config(tmp_path / "run") == config


def test_a_killed_and_a_stopped_process_go_on_to_the_same_numbers(tmp_path, data_dir, splits):
    """One run on the whole data set, killed in its second epoch and stopped in its third."""
    config = Config(hidden_dim=4, epochs=5, batch_size=2000)
    training.train(config, *(split.x for split in splits), tmp_path / "whole")

    run = tmp_path / "run"
    command = [sys.executable, "-W", "error", "-m", "export", "train", *config.flags().split()]
    command += ["--device", "cpu", "--data-dir", str(data_dir.absolute()), "--out", str(run)]

    def start(*options):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([*command, *options], cwd=ROOT, preexec_fn=hear, **pipes)

    def hear():
        """A shell's background jobs, as these tests may be, are born deaf to it."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def signal_after(epoch, process, number):
        for line in process.stdout:
            if line.startswith(f"epoch  {epoch}/"):
                process.send_signal(number)
                break
        _, errors = process.communicate()
        return process.returncode, errors

    assert signal_after(1, start(), signal.SIGKILL) == (-signal.SIGKILL, "")
    code, errors = signal_after(2, start("--resume"), signal.SIGINT)
    assert code == 130
    stopped_after = len(record.read_history(run))
    assert stopped_after < config.epochs
    assert errors == f"stopped after epoch {stopped_after}; go on with --resume\n"

    training.train(config, *(split.x for split in splits), run, resume=True)
    assert_same_run(run, tmp_path / "whole")


def test_all_images_to_train_on_are_those_kept_for_validation_too(data_dir):
    alone = Group(torch.device("cpu"))
    train_only, validation = (x.pixels for x in preparing.load(CONFIG, data_dir, alone)[:2])
    config = replace(CONFIG, train_on="all")
    everything, judged = (x.pixels for x in preparing.load(config, data_dir, alone)[:2])
    assert (len(train_only), len(everything)) == (50_000, 60_000)
    assert torch.equal(everything, torch.cat([train_only, validation]))
    assert torch.equal(judged, validation)


def test_a_config_of_another_version_is_refused(tmp_path, uninterrupted):
    values = json.loads((uninterrupted / "config.json").read_text())
    del values["moves"], values["k"]
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(RunError, match=r"config.json is not a config.*: it lacks moves, k"):
        record.read_config(tmp_path)


def test_a_finished_run_gets_its_card_though_it_was_cut_off_before(tmp_path, images, uninterrupted):
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    card = (run / "README.md").read_text()
    (run / "README.md").unlink()
    training.train(CONFIG, *images, run, resume=True)
    assert (run / "README.md").read_text() == card
